/** The icon of the workbench. */

import { LabIcon } from '@jupyterlab/ui-components';

export const workbenchIcon = new LabIcon({
  name: 'feature-workbench:workbench',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="16"><g class="jp-icon3" fill="none" stroke="#616161" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"><circle cx="6" cy="5.5" r="2.2"/><circle cx="6" cy="18.5" r="2.2"/><circle cx="18" cy="8.5" r="2.2"/><path d="M6 8v8M18 11c0 4-6 3.500-10.500 6"/></g></svg>`
});
