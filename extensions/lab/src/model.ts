/** What the panel, the status bar and the documents show: one state, loaded in parts, that follows the notebook in front. */

import { Signal, type ISignal } from '@lumino/signaling';

import type {
  CatalogAnswer,
  Changed,
  FeatureAnswer,
  OtherProject,
  Problem,
  ProjectInfo,
  RunAnswer
} from './api/answers';
import { type Client, type Place, problemOf } from './api/client';

/** A part of the state: what was loaded last, why the newest attempt failed, and whether one is under way. */
export interface Part<T> {
  value: T | null;
  problem: Problem | null;
  isLoading: boolean;
}

/** The contents path that is in front, and the kernel of its notebook. */
interface Front {
  path: string;
  kernel: string;
}

export interface Selection {
  view: string;
  version: string | null;
}

export interface State {
  front: Front;
  project: Part<ProjectInfo>;
  others: OtherProject[];
  branches: Part<string[]>;
  features: Part<FeatureAnswer>;
  runs: Part<RunAnswer>;
  catalog: Part<CatalogAnswer>;
  selection: Selection | null;
  /** Grows with each change that was told; what shows one view loads it anew then. */
  revision: number;
}

const EMPTY = { value: null, problem: null, isLoading: false };
const PARTS: readonly Changed[] = ['branches', 'features', 'runs', 'catalog'];
const RETRY = { first: 1000, most: 30000 };

export class Model {
  constructor(private readonly client: Client) {}

  get state(): State {
    return this._state;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Where requests are about; null while there is no project. */
  get place(): Place | null {
    const project = this._state.project.value;
    return project && { project: project.id, branch: project.branch, kernel: this._state.front.kernel };
  }

  /** Follow another notebook or folder. */
  async follow(front: Front): Promise<void> {
    const last = this._state.front;
    if (this._isFollowing && last.path === front.path && last.kernel === front.kernel) {
      return;
    }
    this._isFollowing = true;
    this.set({ front });
    await this.locate(front.path, true);
    this._home = this._state.project.value?.id;
    await this._choosing?.catch(() => undefined);
    const early = this._early;
    if (early && front.kernel && early.path === front.path) {
      this._early = null;
      await this.chooseBranch(early.branch).catch(() => undefined); // the branch that is shown then says it
    }
  }

  /** Follow the kernel to the project that it works in: a cell may have made one, or have gone to another. */
  async followKernel(): Promise<void> {
    this._isMoving = true;
    if (this._isLooking) {
      return;
    }
    this._isLooking = true;
    while (this._isMoving) {
      this._isMoving = false;
      const turn = this._turn;
      const { path, kernel } = this._state.front;
      // what is shown says what is wrong with the server
      const found = await this.client.projects(path, kernel, true).catch(() => null);
      if (found && turn === this._turn) {
        this.set({ others: found.others });
        if (found.project?.id !== this._home) {
          this._home = found.project?.id;
          this._where = { path, isFollowing: true };
          this.enter(found.project, found.problem);
        }
      }
    }
    this._isLooking = false;
  }

  /** Show the project at a path, whatever is in front. */
  async locate(path: string, isFollowing = false): Promise<void> {
    this._where = { path, isFollowing };
    const turn = ++this._turn;
    this.set({ project: { ...this._state.project, isLoading: true } });
    try {
      const found = await this.client.projects(path, this._state.front.kernel, isFollowing);
      if (turn === this._turn) {
        this.set({ others: found.others });
        this.enter(found.project, found.problem);
      }
    } catch (error) {
      if (turn === this._turn) {
        this.set({ project: { ...this._state.project, problem: problemOf(error), isLoading: false } });
      }
    }
  }

  /** Load everything anew. */
  async refresh(): Promise<void> {
    await this.locate(this._where.path, this._where.isFollowing);
  }

  async createProject(body: { path: string; files?: string[] }): Promise<ProjectInfo> {
    const project = await this.client.createProject(body);
    this._where = { path: body.path, isFollowing: false };
    this.enter(project, null);
    return project;
  }

  /** Switch this notebook to a branch, or start an experiment. */
  async chooseBranch(
    name: string,
    experiment: { objective?: string; hypothesis?: string; metrics?: string[] } = {}
  ): Promise<void> {
    const place = this.place;
    if (place) {
      const { path, kernel } = this._state.front;
      this._early = kernel ? null : { path, branch: name };
      this._choosing = this.client.chooseBranch({ project: place.project, kernel, name, ...experiment });
      const project = await this._choosing;
      this._turn++; // what was asked before says the branch before
      this.enter(project, null);
    }
  }

  select(selection: Selection | null): void {
    this.set({ selection });
  }

  dispose(): void {
    this._watch?.abort();
    Signal.clearData(this);
  }

  private enter(project: ProjectInfo | null, problem: Problem | null): void {
    const last = this._state.project.value;
    const isSame = last?.id === project?.id;
    const isSameBranch = isSame && last?.branch === project?.branch;
    this.set({ project: { value: project, problem, isLoading: false } });
    if (!isSame) {
      this.set({ branches: EMPTY, features: EMPTY, runs: EMPTY, catalog: EMPTY, selection: null });
      this._watch?.abort();
      this._watch = null;
    } else if (!isSameBranch) {
      this.set({ features: EMPTY, runs: EMPTY });
    }
    if (project) {
      void this.load(PARTS);
      if (!this._watch) {
        this._watch = new AbortController();
        void this.watch(project.id, this._watch.signal);
      }
    }
  }

  private async load(parts: readonly Changed[]): Promise<void> {
    const place = this.place;
    if (!place) {
      return;
    }
    this.set({ revision: this._state.revision + 1 });
    await Promise.all(parts.map(part => this.loadPart(part, place)));
  }

  private async loadPart(part: Changed, place: Place): Promise<void> {
    const turn = (this._turns[part] = (this._turns[part] ?? 0) + 1);
    const isLast = () => turn === this._turns[part] && place.project === this.place?.project;
    this.set({ [part]: { ...this._state[part], isLoading: true } });
    try {
      const value = await this.client[part](place);
      if (isLast()) {
        this.set({ [part]: { value, problem: null, isLoading: false } });
      }
    } catch (error) {
      if (isLast()) {
        this.set({ [part]: { ...this._state[part], problem: problemOf(error), isLoading: false } });
      }
    }
  }

  /** Load what changed, as long as the project is shown; a lost connection is made again. */
  private async watch(project: string, signal: AbortSignal): Promise<void> {
    let wait = RETRY.first;
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        let isFirst = true;
        for await (const changed of this.client.changes(project, signal)) {
          wait = RETRY.first;
          // who was away does not know what changed meanwhile
          await this.told(isFirst && attempt > 0 ? [...PARTS] : changed);
          isFirst = false;
        }
      } catch {
        // the parts say what is wrong when they are loaded
      }
      if (!signal.aborted) {
        await new Promise(resolve => setTimeout(resolve, wait));
        wait = Math.min(2 * wait, RETRY.most);
      }
    }
  }

  private async told(changed: Changed[]): Promise<void> {
    const before = this._state.project.value;
    if (changed.includes('branches') && before) {
      const turn = this._turn;
      const { path, isFollowing } = this._where;
      const found = await this.client.projects(path, this._state.front.kernel, isFollowing);
      if (turn === this._turn && found.project?.id === before.id) {
        if (found.project.branch !== before.branch) {
          this.enter(found.project, null);
          return;
        }
        this.set({ project: { value: found.project, problem: null, isLoading: false } });
      }
    }
    if (changed.length > 0) {
      await this.load(changed);
    }
  }

  private set(change: Partial<State>): void {
    this._state = { ...this._state, ...change };
    this._changed.emit();
  }

  private _state: State = {
    front: { path: '', kernel: '' },
    project: { ...EMPTY, isLoading: true },
    others: [],
    branches: EMPTY,
    features: EMPTY,
    runs: EMPTY,
    catalog: EMPTY,
    selection: null,
    revision: 0
  };
  private readonly _changed = new Signal<this, void>(this);
  private _isFollowing = false;
  /** Where the project that is shown was found. */
  private _where = { path: '', isFollowing: false };
  /** The project that the notebook in front is in; another one may be shown, which somebody chose. */
  private _home: string | undefined;
  private _isMoving = false;
  private _isLooking = false;
  /** A branch that was chosen while the notebook's kernel was still starting; it is told of it then. */
  private _early: { path: string; branch: string } | null = null;
  private _choosing: Promise<ProjectInfo> | null = null;
  private _turn = 0;
  private _turns: Partial<Record<Changed, number>> = {};
  private _watch: AbortController | null = null;
}
