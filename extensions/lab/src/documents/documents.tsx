/** The documents in the main area: one of each lineage and of each action on a view, movable beside the notebook. */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import { MainAreaWidget } from '@jupyterlab/apputils';
import type { Widget } from '@lumino/widgets';
import type { ReactElement } from 'react';

import { workbenchIcon } from '../icons';
import type { Services } from '../services';
import { ServicesWidget } from '../ServicesWidget';
import { JobDocument, type Subject, titleOf } from './JobDocument';
import { LineageDocument } from './LineageDocument';

export class Documents {
  constructor(
    private readonly app: JupyterFrontEnd,
    private readonly services: Services
  ) {}

  openLineage(view: string): void {
    const title = this.services.trans.__('Lineage: %1', view);
    this.open(`workbench-lineage-${view}`, title, <LineageDocument view={view} />);
  }

  /** Open what an action says; one that was asked for again is asked again. */
  openJob(subject: Subject): void {
    const id = `workbench-${subject.action}-${subject.view}`;
    this._open.get(id)?.dispose();
    this.open(id, titleOf(this.services.trans, subject), <JobDocument subject={subject} />);
  }

  private open(id: string, title: string, content: ReactElement): void {
    let widget = this._open.get(id);
    if (!widget) {
      const shown = new ServicesWidget(this.services, 'wb-Document', content);
      shown.node.tabIndex = -1;
      widget = new MainAreaWidget({ content: shown });
      Object.assign(widget, { id });
      Object.assign(widget.title, { label: title, icon: workbenchIcon, closable: true });
      this._open.set(id, widget);
      widget.disposed.connect(() => this._open.delete(id));
      const ref = [...this._open.keys()].find(other => other !== id);
      this.app.shell.add(widget, 'main', ref ? { mode: 'tab-after', ref } : { mode: 'split-right' });
    }
    this.app.shell.activateById(id);
  }

  private readonly _open = new Map<string, Widget>();
}
