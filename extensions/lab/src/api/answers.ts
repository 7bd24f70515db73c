/** What the server answers below `workbench/api/`; the structs of `workbench/lab/answers.py` are its other half. */

export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  remedy: string;
}

export interface ProjectInfo {
  id: string;
  name: string;
  path: string | null;
  branch: string | null;
  chosen_by: 'notebook' | 'command line' | 'checkout';
  protected: string[];
  objective: string | null;
  hypothesis: string | null;
  mlflow_link: string | null;
  notebook: string | null;
}

export interface OtherProject {
  id: string;
  name: string;
  path: string | null;
}

export interface ProjectList {
  project: ProjectInfo | null;
  others: OtherProject[];
  problem: Problem | null;
}

export interface FeatureInfo {
  name: string;
  dtype: string;
  unit: string | null;
  description: string | null;
}

export type ViewState = 'failing' | 'alert' | 'stale' | 'differs' | 'not_computed' | 'new' | 'promoted' | 'computed';

export interface ViewInfo {
  name: string;
  kind: 'stored' | 'on_demand';
  entities: string[];
  event_time: string | null;
  owner: string | null;
  description: string;
  state: ViewState;
  states: ViewState[];
  why: string;
  version: string | null;
  path: string | null;
  features: FeatureInfo[];
}

export interface FeatureAnswer {
  branch: string | null;
  views: ViewInfo[];
  total: number;
}

export interface RunInfo {
  id: string;
  name: string;
  kind: 'view' | 'training set' | 'model';
  view: string;
  status: string;
  started: string;
  seconds: number;
  metrics: Record<string, number>;
  link: string | null;
}

export interface RunAnswer {
  runs: RunInfo[];
  problem: Problem | null;
}

export interface CatalogView {
  name: string;
  version: string | null;
  status: string;
  versions: string[];
  owner: string | null;
  entities: string[];
  description: string;
  freshness: string;
  published: string | null;
  published_by: string | null;
  readers: { kind: string; name: string }[];
  features: FeatureInfo[];
}

export interface CatalogAnswer {
  views: CatalogView[];
  problems: string[];
}

export interface ContractColumn {
  column: string;
  role: 'entity' | 'event_time' | 'created' | 'feature';
  dtype: string;
  unit: string | null;
  nullable: boolean;
  rules: string[];
  description: string | null;
}

export interface GraphNode {
  id: string;
  kind: string;
  label: string;
}

export interface LineageInfo {
  nodes: GraphNode[];
  edges: [string, string][];
}

export interface CheckInfo {
  name: string;
  outcome: 'pass' | 'fail' | 'not checked';
  detail: string;
  remedy: string;
}

export interface VersionInfo {
  number: string;
  status: string;
  category: string;
  published: string;
  published_by: string;
  branch: string;
}

interface ProfileColumn {
  name: string;
  dtype: string;
  figure: string;
  facts: Record<string, string>;
}

export interface ProfileInfo {
  rows: number;
  columns: ProfileColumn[];
}

export interface ViewAnswer {
  name: string;
  kind: 'stored' | 'on_demand';
  version: string | null;
  branch: string | null;
  description: string;
  owner: string | null;
  definition: string;
  path: string | null;
  contract: ContractColumn[];
  profile: ProfileInfo | null;
  lineage: LineageInfo;
  versions: VersionInfo[];
  checks: CheckInfo[];
}

export type Action = 'diff' | 'drift' | 'check' | 'plan' | 'promote' | 'rollback';

interface JobStep {
  step: string;
  text: string;
}

interface JobResult {
  mime: Record<string, unknown>;
  refused: boolean;
  passed: boolean | null;
  plan: string | null;
  acceptable: string[];
}

export interface Job {
  id: string;
  action: string;
  view: string | null;
  state: 'running' | 'done' | 'failed' | 'cancelled';
  progress: JobStep[];
  result: JobResult | null;
  problem: Problem | null;
}

export type Changed = 'branches' | 'features' | 'catalog' | 'runs';

export interface Completion {
  text: string;
  kind: string;
  detail: string;
  replaces: number;
}

export interface Diagnostic {
  line: number;
  column: number;
  end_line: number;
  end_column: number;
  severity: 'error' | 'warning' | 'information';
  message: string;
  remedy: string;
}

export interface Inspection {
  completions: Completion[];
  hover: { text: string } | null;
  diagnostics: Diagnostic[];
}
