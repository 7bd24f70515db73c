/** Which views and features a search finds. */

import type { FeatureInfo, ViewInfo } from '../api/answers';
import { stateWord } from './StateBadge';
import type { TranslationBundle } from '@jupyterlab/translation';

interface Found {
  view: ViewInfo;
  features: FeatureInfo[];
}

/** Return the views in which every word is found: in name, owner, entities, unit, description or state. */
export function find(views: readonly ViewInfo[], text: string, trans: TranslationBundle): Found[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) {
    return views.map(view => ({ view, features: view.features }));
  }
  const found: Found[] = [];
  for (const view of views) {
    const states = view.states.map(state => stateWord(trans, state));
    const own = [view.name, view.owner, view.description, ...view.entities, ...states].join('\n').toLowerCase();
    const left = words.filter(word => !own.includes(word));
    const features = view.features.filter(feature => {
      const said = [feature.name, feature.unit, feature.dtype, feature.description].join('\n').toLowerCase();
      return left.every(word => said.includes(word));
    });
    if (left.length === 0) {
      const named = features.filter(feature => words.some(word => feature.name.toLowerCase().includes(word)));
      found.push({ view, features: named.length > 0 ? named : view.features });
    } else if (features.length > 0) {
      found.push({ view, features });
    }
  }
  return found;
}
