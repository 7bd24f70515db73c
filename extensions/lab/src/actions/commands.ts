/** The commands: of the palette, the shortcuts, the launcher, the cell's toolbar and the panel's buttons. */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import { InputDialog } from '@jupyterlab/apputils';
import type { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import { type INotebookTracker, NotebookActions, NotebookPanel } from '@jupyterlab/notebook';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import type { Action } from '../api/answers';
import { isFeatureCell, viewIn } from '../cells/text';
import type { Documents } from '../documents/documents';
import { workbenchIcon } from '../icons';
import type { Services } from '../services';
import { askFields } from './form';
import type { Kind } from './menu';
import { Commands } from './names';
import { showProblem } from './problem';

interface Around {
  app: JupyterFrontEnd;
  services: Services;
  notebooks: INotebookTracker;
  browser: IDefaultFileBrowser | null;
  documents: Documents;
}

/** Add all commands, and return the ids of those that the palette lists. */
export function addCommands(around: Around): string[] {
  const listed = [...addProjectCommands(around), ...addViewCommands(around), ...addCellCommands(around)];
  const notify = () => listed.forEach(id => around.app.commands.notifyCommandChanged(id));
  around.services.model.changed.connect(notify);
  around.notebooks.activeCellChanged.connect((_, cell) => {
    notify();
    cell?.model.contentChanged.connect(notify);
  });
  return listed;
}

function addProjectCommands({ app, services, browser, notebooks }: Around): string[] {
  const { commands } = app;
  const { model, trans } = services;
  const attempt = (act: () => Promise<unknown>) => act().catch(error => showProblem(trans, error));
  const folder = () => browser?.model.path ?? '';

  commands.addCommand(Commands.openPanel, {
    label: trans.__('Show the Workbench Panel'),
    caption: trans.__('Project, branch, features, runs and what is published'),
    icon: workbenchIcon,
    execute: () => app.shell.activateById('workbench-panel')
  });
  commands.addCommand(Commands.refresh, {
    label: trans.__('Load the Workbench Panel Anew'),
    execute: () => model.refresh()
  });
  commands.addCommand(Commands.createProject, {
    label: args => (args.isLauncher ? trans.__('New Project') : trans.__('Create a Feature Project…')),
    caption: trans.__('Create a project, from data files if there are some, or open the one that is there'),
    icon: workbenchIcon,
    execute: args => attempt(() => createProject(String(args.cwd ?? folder()), services, app, chosenFiles(browser)))
  });
  commands.addCommand(Commands.newExperiment, {
    label: trans.__('New Experiment Branch…'),
    caption: trans.__('A branch with an objective and a hypothesis'),
    isEnabled: () => model.place !== null,
    execute: () => attempt(() => askExperiment(services))
  });
  commands.addCommand(Commands.newNotebook, {
    label: args => (args.isLauncher ? trans.__('Experiment') : trans.__('New Experiment Notebook…')),
    caption: trans.__('A notebook on a new experiment branch'),
    icon: workbenchIcon,
    execute: args => attempt(() => experimentNotebook(String(args.cwd ?? folder()), services, app))
  });
  commands.addCommand(Commands.switchBranch, {
    label: trans.__('Switch the Notebook to a Branch…'),
    isEnabled: () => model.place !== null,
    execute: () =>
      attempt(async () => {
        const names = model.state.branches.value ?? [];
        const current = Math.max(0, names.indexOf(model.state.project.value?.branch ?? ''));
        const chosen = await InputDialog.getItem({ title: trans.__('Switch to branch'), items: names, current });
        if (chosen.button.accept && chosen.value) {
          await model.chooseBranch(chosen.value);
        }
        notebooks.currentWidget?.content.activate();
      })
  });
  commands.addCommand(Commands.openMlflow, {
    label: trans.__('Open the Experiment in MLflow'),
    isEnabled: () => Boolean(mlflowLink(services)),
    execute: args => {
      const view = args.view as string | undefined;
      const run = view && model.state.runs.value?.runs.find(each => each.view === view && each.link);
      window.open((run && run.link) || mlflowLink(services) || undefined, '_blank', 'noopener');
    }
  });
  return [
    Commands.openPanel,
    Commands.refresh,
    Commands.createProject,
    Commands.newExperiment,
    Commands.newNotebook,
    Commands.switchBranch,
    Commands.openMlflow
  ];
}

function mlflowLink({ model }: Services): string | null {
  const { project, runs } = model.state;
  return project.value?.mlflow_link ?? runs.value?.runs.find(run => run.link)?.link ?? null;
}

function addViewCommands({ app, services, notebooks, documents }: Around): string[] {
  const { commands } = app;
  const { model, trans } = services;
  const viewFor = (args: ReadonlyPartialJSONObject) =>
    (args.view as string | undefined) ?? viewInCell(notebooks) ?? model.state.selection?.view ?? null;

  function add(id: string, label: string, action: Action): void {
    commands.addCommand(id, {
      label,
      isEnabled: args => model.place !== null && viewFor(args) !== null,
      execute: args => {
        const view = viewFor(args);
        return view && documents.openJob({ action, view, given: {} });
      }
    });
  }

  add(Commands.check, trans.__('Check the View'), 'check');
  add(Commands.diff, trans.__('Show the Difference from Main'), 'diff');
  add(Commands.promote, trans.__('Plan the Promotion of the View…'), 'plan');
  commands.addCommand(Commands.drift, {
    label: trans.__('Show the Drift of the View…'),
    isEnabled: args => model.place !== null && viewFor(args) !== null,
    execute: async args => {
      const view = viewFor(args);
      const given = await askFields({
        title: trans.__('Drift of %1', view ?? ''),
        about: trans.__('Two periods that are compared, such as 2013-01..2013-03 and 2013-04.'),
        fields: [
          { name: 'reference', label: trans.__('Reference period'), isRequired: true },
          { name: 'current', label: trans.__('Current period'), isRequired: true }
        ],
        accept: trans.__('Compare'),
        cancel: trans.__('Cancel')
      });
      return view && given && documents.openJob({ action: 'drift', view, given });
    }
  });
  commands.addCommand(Commands.rollback, {
    label: trans.__('Roll the View Back to a Version…'),
    isEnabled: args => model.place !== null && viewFor(args) !== null,
    execute: async args => {
      const view = viewFor(args);
      const published = model.state.catalog.value?.views.find(each => each.name === view);
      const items = published?.versions.filter(version => version !== published.version) ?? [];
      if (!view || items.length === 0) {
        return showProblem(trans, new Error(trans.__('There is no other version to go back to.')));
      }
      const chosen = await InputDialog.getItem({
        title: trans.__('Roll %1 back from %2 to', view, published?.version ?? ''),
        items,
        okLabel: trans.__('Roll back')
      });
      return chosen.button.accept && documents.openJob({ action: 'rollback', view, given: { to: chosen.value } });
    }
  });
  commands.addCommand(Commands.lineage, {
    label: trans.__('Show the Lineage of the View'),
    isEnabled: args => model.place !== null && viewFor(args) !== null,
    execute: args => {
      const view = viewFor(args);
      return view && documents.openLineage(view);
    }
  });
  commands.addCommand(Commands.openFile, {
    label: trans.__('Open the File of the View'),
    isEnabled: args => pathOf(services, viewFor(args)) !== null,
    execute: args => commands.execute('docmanager:open', { path: pathOf(services, viewFor(args)) })
  });
  return [
    Commands.check,
    Commands.diff,
    Commands.drift,
    Commands.promote,
    Commands.rollback,
    Commands.lineage,
    Commands.openFile
  ];
}

function addCellCommands({ app, services, notebooks, documents }: Around): string[] {
  const { commands } = app;
  const { client, model, trans } = services;
  const kinds: Record<Kind, string> = {
    feature: trans.__('Feature'),
    windowed: trans.__('Windowed Aggregate'),
    as_of: trans.__('As-of Value of Another View'),
    ratio: trans.__('Ratio of Two Windows'),
    lag: trans.__('Lag'),
    static: trans.__('Static Attribute'),
    on_view: trans.__('On Top of Another View'),
    retrieval: trans.__('Retrieval'),
    training_set: trans.__('Training Set')
  };
  commands.addCommand(Commands.insert, {
    label: args => (args.kind ? kinds[args.kind as Kind] : trans.__('Insert a %1 Cell', '%%feature')),
    isEnabled: () => model.place !== null && notebooks.currentWidget !== null,
    execute: async args => {
      const { place } = model;
      const panel = notebooks.currentWidget;
      if (!place || !panel) {
        return showProblem(trans, new Error(trans.__('Open a notebook first: the cell goes below its active one.')));
      }
      try {
        const kind = (args.kind as string | undefined) ?? 'feature';
        const source = await client.snippet(place, kind, (args.view as string | undefined) ?? null);
        insertCell(panel, source.trimEnd());
      } catch (error) {
        return showProblem(trans, error);
      }
    }
  });
  const isOnFeatureCell = () => isFeatureCell(notebooks.activeCell?.model.sharedModel.getSource() ?? '');
  commands.addCommand('workbench:check-cell', {
    label: trans.__('Check'),
    caption: trans.__('Check this view with all probes'),
    isVisible: isOnFeatureCell,
    isEnabled: () => viewInCell(notebooks) !== null && model.place !== null,
    execute: () => openFor('check')
  });
  commands.addCommand('workbench:diff-cell', {
    label: trans.__('Diff'),
    caption: trans.__('Show how this view differs from main'),
    isVisible: isOnFeatureCell,
    isEnabled: () => viewInCell(notebooks) !== null && model.place !== null,
    execute: () => openFor('diff')
  });
  function openFor(action: Action) {
    const view = viewInCell(notebooks);
    return view && documents.openJob({ action, view, given: {} });
  }
  return [Commands.insert, 'workbench:check-cell', 'workbench:diff-cell'];
}

function viewInCell(notebooks: INotebookTracker): string | null {
  return viewIn(notebooks.activeCell?.model.sharedModel.getSource() ?? '');
}

function pathOf({ model }: Services, view: string | null): string | null {
  return model.state.features.value?.views.find(each => each.name === view)?.path ?? null;
}

function chosenFiles(browser: IDefaultFileBrowser | null): string[] {
  const data = /\.(parquet|csv|tsv|jsonl?|ndjson|xlsx)$/i;
  return [...(browser?.selectedItems() ?? [])].map(item => item.path).filter(path => data.test(path));
}

function insertCell(panel: NotebookPanel, source: string): void {
  const notebook = panel.content;
  const active = notebook.activeCell?.model;
  if (active?.type !== 'code' || active.sharedModel.getSource().trim()) {
    NotebookActions.insertBelow(notebook);
  }
  notebook.activeCell?.model.sharedModel.setSource(source);
  notebook.mode = 'edit';
  panel.activate();
}

async function createProject(cwd: string, services: Services, app: JupyterFrontEnd, files: string[]): Promise<void> {
  const { model, trans } = services;
  const found = await askFields({
    title: trans.__('Create a feature project'),
    about: trans.__('In %1. It becomes a git repository with a workbench.toml.', cwd || '/'),
    fields: [
      { name: 'name', label: trans.__('Name of the folder'), hint: trans.__('Empty: this folder itself') },
      {
        name: 'files',
        label: trans.__('Data files'),
        value: files.join(', '),
        hint: trans.__('Optional, separated by commas: they are looked at, and declared as sources')
      }
    ],
    accept: trans.__('Create'),
    cancel: trans.__('Cancel')
  });
  if (!found) {
    return;
  }
  const given = found.files.split(',').map(file => file.trim()).filter(Boolean);
  const path = [cwd, found.name].filter(Boolean).join('/');
  const project = await model.createProject({ path, ...(given.length > 0 && { files: given }) });
  app.shell.activateById('workbench-panel');
  if (project.path !== null) {
    await app.commands.execute('filebrowser:go-to-path', { path: project.path, dontShowBrowser: true });
  }
  if (project.notebook) {
    await app.commands.execute('docmanager:open', { path: project.notebook });
  }
}

/** Ask for an experiment and start it; return its branch, or null where the user cancelled. */
async function askExperiment({ model, trans }: Services): Promise<string | null> {
  const found = await askFields({
    title: trans.__('New experiment'),
    about: trans.__('A branch that cannot hurt what is published.'),
    fields: [
      { name: 'name', label: trans.__('Branch'), value: 'exp/', isRequired: true },
      { name: 'objective', label: trans.__('Objective'), hint: trans.__('What is to be predicted or decided') },
      { name: 'hypothesis', label: trans.__('Hypothesis'), hint: trans.__('Why this should help') },
      { name: 'metrics', label: trans.__('Metrics'), hint: trans.__('Separated by commas, such as rmse') }
    ],
    accept: trans.__('Start'),
    cancel: trans.__('Cancel')
  });
  if (!found) {
    return null;
  }
  const metrics = found.metrics.split(',').map(metric => metric.trim()).filter(Boolean);
  await model.chooseBranch(found.name, {
    ...(found.objective && { objective: found.objective }),
    ...(found.hypothesis && { hypothesis: found.hypothesis }),
    ...(metrics.length > 0 && { metrics })
  });
  return found.name;
}

async function experimentNotebook(cwd: string, services: Services, app: JupyterFrontEnd): Promise<void> {
  const { model } = services;
  if (!model.place) {
    await app.commands.execute(Commands.createProject, { cwd });
    if (!model.place) {
      return;
    }
  }
  const branch = await askExperiment(services);
  if (!branch) {
    return;
  }
  const created = await app.commands.execute('docmanager:new-untitled', { path: cwd, type: 'notebook' });
  const name = branch.split('/').pop() ?? branch;
  const path = [cwd, `${name}.ipynb`].filter(Boolean).join('/');
  const renamed = await app.serviceManager.contents.rename(created.path, path).catch(() => created);
  const panel = await app.commands.execute('docmanager:open', {
    path: renamed.path,
    factory: 'Notebook',
    kernel: { name: app.serviceManager.kernelspecs.specs?.default ?? 'python3' }
  });
  if (panel instanceof NotebookPanel || panel?.content) {
    await panel.context.ready;
    panel.content.model.sharedModel.insertCell(0, {
      cell_type: 'code',
      source: `%load_ext workbench\n%feature branch ${branch}`
    });
  }
}
