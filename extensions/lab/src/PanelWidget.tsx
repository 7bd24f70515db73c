/** The widget of the side bar. */

import { workbenchIcon } from './icons';
import { Panel } from './panel/Panel';
import type { Services } from './services';
import { ServicesWidget } from './ServicesWidget';

export class PanelWidget extends ServicesWidget {
  constructor(services: Services) {
    super(services, 'wb-Side', <Panel />);
    this.id = 'workbench-panel';
    this.title.icon = workbenchIcon;
    this.title.caption = services.trans.__('Feature Workbench');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', services.trans.__('Feature Workbench'));
  }
}
