/** The widget of the side bar. */

import { ReactWidget } from '@jupyterlab/ui-components';

import { workbenchIcon } from './icons';
import { Panel } from './panel/Panel';
import { type Services, ServicesProvider } from './services';

export class PanelWidget extends ReactWidget {
  constructor(private readonly services: Services) {
    super();
    this.id = 'workbench-panel';
    this.addClass('wb-Side');
    this.title.icon = workbenchIcon;
    this.title.caption = services.trans.__('Feature Workbench');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', services.trans.__('Feature Workbench'));
  }

  protected render() {
    return (
      <ServicesProvider value={this.services}>
        <Panel />
      </ServicesProvider>
    );
  }
}
