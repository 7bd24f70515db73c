/** The item of the status bar: the branch, and the gravest state on it. */

import { ReactWidget } from '@jupyterlab/ui-components';

import { Commands } from './actions/names';
import type { ViewState } from './api/answers';
import { stateWord } from './panel/StateBadge';
import { type Services, ServicesProvider, useModel, useServices } from './services';

export class StatusItem extends ReactWidget {
  constructor(private readonly services: Services) {
    super();
    this.addClass('wb-Status');
  }

  protected render() {
    return (
      <ServicesProvider value={this.services}>
        <Status />
      </ServicesProvider>
    );
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
