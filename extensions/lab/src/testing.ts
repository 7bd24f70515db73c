/** Answers for the tests of the components. */

import type { FeatureInfo, ProjectInfo, ViewAnswer, ViewInfo } from './api/answers';

/** A view; each feature is `name:unit`. */
export function aView(name: string, given: Partial<ViewInfo> = {}, features: string[] = []): ViewInfo {
  const state = given.state ?? 'computed';
  return {
    name,
    kind: 'stored',
    entities: ['carrier'],
    event_time: 'landed_at',
    owner: null,
    description: '',
    state,
    states: [state],
    why: '',
    version: null,
    path: `features/${name}.py`,
    features: features.map(aFeature),
    ...given
  };
}

function aFeature(text: string): FeatureInfo {
  const [name, unit] = text.split(':');
  return { name, dtype: 'Float64', unit: unit ?? null, description: null };
}

export function aProject(given: Partial<ProjectInfo> = {}): ProjectInfo {
  return {
    id: 'p1',
    name: 'delays',
    path: 'delays',
    branch: 'exp/carry-over',
    chosen_by: 'notebook',
    protected: ['main'],
    objective: 'Predict arrival delay',
    hypothesis: null,
    mlflow_link: null,
    notebook: null,
    ...given
  };
}

export function anAnswer(name: string): ViewAnswer {
  return {
    name,
    kind: 'stored',
    version: null,
    branch: 'exp/carry-over',
    description: '',
    owner: null,
    definition: '',
    path: null,
    contract: [],
    profile: null,
    lineage: { nodes: [], edges: [] },
    versions: [],
    checks: []
  };
}
