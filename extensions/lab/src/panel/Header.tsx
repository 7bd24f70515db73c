/** The project and the branch in front. */

import { addIcon, refreshIcon } from '@jupyterlab/ui-components';
import { useId, useState } from 'react';

import { Commands } from '../actions/names';
import { openInsertMenu } from '../actions/menu';
import type { Problem, ProjectInfo } from '../api/answers';
import { problemOf } from '../api/client';
import { useModel, useServices } from '../services';
import { ProblemNotice } from './Notice';

export function Header({ project }: { project: ProjectInfo }) {
  const { model, commands, trans } = useServices();
  const { branches } = useModel();
  const [problem, setProblem] = useState<Problem | null>(null);
  const [isSwitching, setIsSwitching] = useState(false);
  const id = useId();
  const names = [...(branches.value ?? [])];
  const current = project.branch ?? '';
  if (!names.includes(current)) {
    names.unshift(current);
  }
  const said = [project.objective, project.hypothesis].filter(Boolean);

  async function choose(name: string): Promise<void> {
    setIsSwitching(true);
    try {
      await model.chooseBranch(name);
      setProblem(null);
    } catch (error) {
      setProblem(problemOf(error));
    } finally {
      setIsSwitching(false);
    }
  }

  return (
    <div className="wb-Header">
      <div className="wb-HeaderTop">
        <h1 title={project.path ?? project.name}>{project.name}</h1>
        <button
          className="wb-IconButton"
          title={trans.__('Insert a cell')}
          aria-label={trans.__('Insert a cell')}
          aria-haspopup="menu"
          onClick={event => openInsertMenu(commands, event.currentTarget, model.state.selection?.view ?? null)}
        >
          {trans.__('Insert')} <span aria-hidden="true">▾</span>
        </button>
        <button
          className="wb-IconButton"
          title={trans.__('Load anew')}
          aria-label={trans.__('Load anew')}
          onClick={() => void model.refresh()}
        >
          <refreshIcon.react tag="span" />
        </button>
      </div>
      <div className="wb-Branch">
        <label htmlFor={id}>{trans.__('Branch')}</label>
        <select
          id={id}
          value={current}
          disabled={isSwitching}
          title={chosenBy(trans, project)}
          onChange={event => void choose(event.target.value)}
        >
          {names.map(name => (
            <option key={name} value={name}>
              {project.protected.includes(name) ? trans.__('%1 (protected)', name) : name || trans.__('(no branch)')}
            </option>
          ))}
        </select>
        <button
          className="wb-IconButton"
          title={trans.__('New experiment…')}
          aria-label={trans.__('New experiment…')}
          onClick={() => void commands.execute(Commands.newExperiment)}
        >
          <addIcon.react tag="span" />
        </button>
      </div>
      {said.length > 0 && (
        <p className="wb-Objective wb-Dim" title={said.join('\n')}>
          {said.join(' — ')}
        </p>
      )}
      {problem && <ProblemNotice problem={problem} />}
    </div>
  );
}

function chosenBy(trans: ReturnType<typeof useServices>['trans'], project: ProjectInfo): string {
  const said = {
    notebook: trans.__('The branch that this notebook is on'),
    'command line': trans.__('The branch that the command line is on'),
    checkout: trans.__('The branch that is checked out')
  };
  return said[project.chosen_by];
}
