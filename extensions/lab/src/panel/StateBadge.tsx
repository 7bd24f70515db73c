/** The state of a view, as a word and a sign beside it. */

import type { TranslationBundle } from '@jupyterlab/translation';

import type { ViewState } from '../api/answers';
import { useServices } from '../services';

const SIGNS: Record<ViewState, string> = {
  failing: '✗',
  alert: '!',
  stale: '↻',
  differs: '≠',
  not_computed: '○',
  new: '+',
  computed: '●',
  promoted: '✓'
};

export function stateWord(trans: TranslationBundle, state: ViewState): string {
  const words: Record<ViewState, string> = {
    failing: trans.__('failing'),
    alert: trans.__('alert'),
    stale: trans.__('stale'),
    differs: trans.__('differs from main'),
    not_computed: trans.__('not computed'),
    new: trans.__('new'),
    computed: trans.__('computed'),
    promoted: trans.__('promoted')
  };
  return words[state];
}

export function StateBadge({ state, why }: { state: ViewState; why?: string }) {
  const { trans } = useServices();
  return (
    <span className={`wb-State wb-State-${state}`} title={why || undefined}>
      <span aria-hidden="true">{SIGNS[state]}</span> {stateWord(trans, state)}
    </span>
  );
}
