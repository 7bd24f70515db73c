/** The item of the status bar: the branch, and the gravest state on it. */

import { Commands } from './actions/names';
import type { ViewState } from './api/answers';
import { stateWord } from './panel/StateBadge';
import { type Services, useModel, useServices } from './services';
import { ServicesWidget } from './ServicesWidget';

export class StatusItem extends ServicesWidget {
  constructor(services: Services) {
    super(services, 'wb-Status', <Status />);
  }
}

const GRAVE: ViewState[] = ['failing', 'alert', 'stale', 'differs', 'not_computed'];

function Status() {
  const { commands, format, trans } = useServices();
  const { project, features } = useModel();
  if (!project.value) {
    return null;
  }
  const views = features.value?.views ?? [];
  const grave = GRAVE.map(state => ({ state, count: views.filter(view => view.state === state).length }));
  const worst = grave.find(each => each.count > 0);
  const said = worst ? `${format.count(worst.count)} ${stateWord(trans, worst.state)}` : '';
  const title = trans.__('Feature Workbench: %1. Click to switch the branch', project.value.branch ?? '');
  return (
    <button className="wb-StatusButton" title={title} onClick={() => void commands.execute(Commands.switchBranch)}>
      {project.value.branch}
      {said && ` · ${said}`}
    </button>
  );
}
