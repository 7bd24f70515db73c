/** Which contents path and kernel are in front: those of the notebook, else the folder that the file browser shows. */

import type { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import { type INotebookTracker, NotebookActions, type NotebookPanel } from '@jupyterlab/notebook';

import type { Model } from './model';

export function followFront(model: Model, notebooks: INotebookTracker, browser: IDefaultFileBrowser | null): void {
  let watched: NotebookPanel | null = null;
  let kernel = '';

  function look(): void {
    const panel = notebooks.currentWidget;
    if (panel !== watched) {
      watched?.sessionContext?.kernelChanged.disconnect(look);
      watched?.context?.pathChanged.disconnect(look);
      watched = panel;
      kernel = '';
      panel?.sessionContext.kernelChanged.connect(look);
      panel?.context.pathChanged.connect(look);
    }
    const path = panel ? panel.context.path : (browser?.model.path ?? '');
    // the branch that a notebook chose is its branch after its kernel has ended, too
    kernel = panel?.sessionContext.session?.kernel?.id ?? kernel;
    void model.follow({ path, kernel });
  }

  NotebookActions.executed.connect((_, { notebook }) => {
    if (notebook === notebooks.currentWidget?.content) {
      void model.followKernel();
    }
  });
  notebooks.currentChanged.connect(look);
  browser?.model.pathChanged.connect(look);
  look();
}
