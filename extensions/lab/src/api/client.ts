/** The typed client of the routes below `workbench/api/`. */

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import type {
  Action,
  CatalogAnswer,
  Changed,
  FeatureAnswer,
  Inspection,
  Job,
  Problem,
  ProjectInfo,
  ProjectList,
  RunAnswer,
  ViewAnswer
} from './answers';
import { events } from './events';

/** Where a request is about: a project, and the branch of a kernel's notebook. */
export interface Place {
  project: string;
  branch?: string | null;
  kernel?: string;
}

/** An error that the server described: what is wrong, and what to do about it. */
export class Refusal extends Error {
  constructor(readonly problem: Problem) {
    super(problem.title);
  }
}

/** Return what an error says, as the server's problems do. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Refusal) {
    return error.problem;
  }
  const detail = error instanceof Error ? error.message : String(error);
  return { type: 'unreachable', title: 'The Jupyter server does not answer.', status: 0, detail, remedy: '' };
}

type Words = Record<string, string | null | undefined>;

export class Client {
  constructor(private readonly settings: ServerConnection.ISettings) {}

  /** The project around a path; following, the one that the kernel works in. */
  projects(path: string, kernel: string, isFollowing: boolean): Promise<ProjectList> {
    return this.get('projects', { path, kernel, follow: isFollowing ? 'kernel' : null });
  }

  createProject(body: { path: string; files?: string[] }): Promise<ProjectInfo> {
    return this.send('projects', body);
  }

  async branches(place: Place): Promise<string[]> {
    return (await this.get<{ branches: string[] }>('branches', { ...place })).branches;
  }

  chooseBranch(body: {
    project: string;
    kernel: string;
    name: string;
    objective?: string;
    hypothesis?: string;
    metrics?: string[];
  }): Promise<ProjectInfo> {
    return this.send('branches', body);
  }

  features(place: Place): Promise<FeatureAnswer> {
    return this.get('features', { ...place });
  }

  runs(place: Place): Promise<RunAnswer> {
    return this.get('runs', { ...place });
  }

  catalog(place: Place): Promise<CatalogAnswer> {
    return this.get('catalog', { ...place });
  }

  view(place: Place, name: string, version: string | null): Promise<ViewAnswer> {
    return this.get(`views/${encodeURIComponent(name)}`, { ...place, version });
  }

  async snippet(place: Place, kind: string, view: string | null): Promise<string> {
    return (await this.get<{ source: string }>(`snippets/${kind}`, { ...place, of: view })).source;
  }

  startJob(place: Place, action: Action, view: string | null, given: Record<string, unknown>): Promise<Job> {
    return this.send('jobs', { ...place, action, view, arguments: given });
  }

  async cancelJob(id: string): Promise<void> {
    await this.ask(`jobs/${encodeURIComponent(id)}`, { method: 'DELETE' });
  }

  /** Yield the states of a job until it ends. */
  async *job(id: string, signal: AbortSignal): AsyncGenerator<Job> {
    const response = await this.ask(`jobs/${encodeURIComponent(id)}/events`, { method: 'GET', signal });
    for await (const text of events(response)) {
      yield JSON.parse(text) as Job;
    }
  }

  /** Yield what changed in a project, until the connection ends. */
  async *changes(project: string, signal: AbortSignal): AsyncGenerator<Changed[]> {
    const response = await this.ask('events' + query({ project }), { method: 'GET', signal });
    for await (const text of events(response)) {
      yield (JSON.parse(text) as { changed: Changed[] }).changed;
    }
  }

  inspect(body: {
    project: string;
    kernel: string;
    source: string;
    line: number;
    column: number;
  }): Promise<Inspection> {
    return this.send('inspect', body);
  }

  private async get<T>(route: string, words: Words): Promise<T> {
    return (await (await this.ask(route + query(words), { method: 'GET' })).json()) as T;
  }

  private async send<T>(route: string, body: object): Promise<T> {
    return (await (await this.ask(route, { method: 'POST', body: JSON.stringify(body) })).json()) as T;
  }

  private async ask(route: string, request: RequestInit): Promise<Response> {
    const url = URLExt.join(this.settings.baseUrl, 'workbench/api/') + route;
    const response = await ServerConnection.makeRequest(url, request, this.settings);
    if (!response.ok) {
      throw new Refusal(await problemIn(response));
    }
    return response;
  }
}

async function problemIn(response: Response): Promise<Problem> {
  const text = await response.text();
  try {
    const found = JSON.parse(text) as Partial<Problem>;
    if (typeof found.title === 'string') {
      return { type: '', detail: '', remedy: '', status: response.status, ...found, title: found.title };
    }
  } catch {
    // what a proxy answers may be anything
  }
  const isMissing = response.status === 404;
  return {
    type: isMissing ? 'no-server-extension' : 'server-error',
    title: isMissing ? "The workbench's part of the Jupyter server is not there." : 'The Jupyter server refused.',
    status: response.status,
    detail: `${response.status} ${response.statusText}`,
    remedy: isMissing ? 'Run "jupyter server extension list": it must show workbench.lab as enabled and OK.' : ''
  };
}

function query(words: Words): string {
  const given = Object.entries(words).filter(([, value]) => value !== null && value !== undefined);
  return URLExt.objectToQueryString(Object.fromEntries(given) as Record<string, string>);
}
