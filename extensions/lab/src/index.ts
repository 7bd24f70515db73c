/** Feature Workbench in JupyterLab and Notebook: the plugins. */

import { ILabShell, ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { EditorExtensionRegistry, IEditorExtensionRegistry } from '@jupyterlab/codemirror';
import { ICompletionProviderManager } from '@jupyterlab/completer';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import { ILauncher } from '@jupyterlab/launcher';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { Token } from '@lumino/coreutils';

import { addCommands } from './actions/commands';
import { Commands } from './actions/names';
import { Client } from './api/client';
import { FeatureCompletion } from './cells/completion';
import { editorHelp } from './cells/editor';
import { Documents } from './documents/documents';
import { Format } from './format';
import { followFront } from './front';
import { Model } from './model';
import { PanelWidget } from './PanelWidget';
import type { Services } from './services';
import { StatusItem } from './status';

const DOMAIN = 'feature_workbench_lab';

const IWorkbench = new Token<Services>('feature-workbench-lab:IWorkbench', 'What the workbench knows in Lab.');

const workbench: JupyterFrontEndPlugin<Services> = {
  id: 'feature-workbench-lab:plugin',
  description: 'The panel of the workbench, its commands and documents.',
  autoStart: true,
  provides: IWorkbench,
  requires: [INotebookTracker],
  optional: [ITranslator, ILabShell, ILayoutRestorer, ICommandPalette, ILauncher, IDefaultFileBrowser, IStatusBar],
  activate: (
    app: JupyterFrontEnd,
    notebooks: INotebookTracker,
    translator: ITranslator | null,
    labShell: ILabShell | null,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    launcher: ILauncher | null,
    browser: IDefaultFileBrowser | null,
    statusBar: IStatusBar | null
  ) => {
    const language = translator ?? nullTranslator;
    const client = new Client(app.serviceManager.serverSettings);
    const model = new Model(client);
    const services: Services = {
      model,
      client,
      commands: app.commands,
      trans: language.load(DOMAIN),
      format: new Format(language.languageCode)
    };
    const { trans } = services;
    const listed = addCommands({ app, services, notebooks, browser, documents: new Documents(app, services) });
    const category = trans.__('Feature Workbench');
    listed.forEach(command => palette?.addItem({ command, category }));

    const panel = new PanelWidget(services);
    app.shell.add(panel, 'left', { rank: 350 });
    restorer?.add(panel, 'workbench-panel');

    for (const [rank, command] of [Commands.createProject, Commands.newNotebook].entries()) {
      launcher?.add({ command, category, rank, args: { isLauncher: true } });
    }
    if (labShell) {
      statusBar?.registerStatusItem('feature-workbench-lab:status', {
        item: new StatusItem(services),
        align: 'left',
        rank: 40
      });
    }
    void app.restored.then(() => followFront(model, notebooks, browser));
    return services;
  }
};

const cells: JupyterFrontEndPlugin<void> = {
  id: 'feature-workbench-lab:cells',
  description: 'Completion, hover help and squiggles in %%feature cells and %feature lines.',
  autoStart: true,
  requires: [IWorkbench],
  optional: [ICompletionProviderManager, IEditorExtensionRegistry, IRenderMimeRegistry],
  activate: (
    _app: JupyterFrontEnd,
    { client, model }: Services,
    completion: ICompletionProviderManager | null,
    editors: IEditorExtensionRegistry | null,
    rendermime: IRenderMimeRegistry | null
  ) => {
    completion?.registerProvider(new FeatureCompletion(client, model));
    if (rendermime) {
      editors?.addExtension({
        name: 'feature-workbench',
        factory: ({ model: editor }) => {
          // a cell learns its language when the kernel is there, after its editor
          const isPython = () => editor.mimeType.includes('python');
          return EditorExtensionRegistry.createImmutableExtension(editorHelp(client, model, rendermime, isPython));
        }
      });
    }
  }
};

export default [workbench, cells];
