/** The newest runs of the branch. */

import type { RunInfo } from '../api/answers';
import { useModel, useServices } from '../services';
import { EmptyNotice, ProblemNotice } from './Notice';

const METRICS = 4;

export function Runs() {
  const { model, trans } = useServices();
  const { runs } = useModel();
  const problem = runs.problem ?? runs.value?.problem;
  return (
    <div className="wb-Scroll">
      {problem && <ProblemNotice problem={problem} onRetry={() => void model.refresh()} />}
      {!runs.value && !problem && <p className="wb-Busy">{trans.__('Loading runs…')}</p>}
      {runs.value?.runs.length === 0 && (
        <EmptyNotice title={trans.__('No runs on this branch yet')}>
          <p>{trans.__('Each %1 cell that is run, each training set and each model leaves one here.', '%%feature')}</p>
        </EmptyNotice>
      )}
      <ul className="wb-List">
        {runs.value?.runs.map(run => (
          <Run key={run.id} run={run} />
        ))}
      </ul>
    </div>
  );
}

function Run({ run }: { run: RunInfo }) {
  const { format, trans } = useServices();
  const metrics = Object.entries(run.metrics).slice(0, METRICS);
  return (
    <li className="wb-Item">
      <span className="wb-RowTop">
        <span className="wb-Name" title={run.name}>
          {run.name}
        </span>
        <span className={`wb-State wb-Run-${run.status.toLowerCase()}`}>{statusWord(trans, run.status)}</span>
      </span>
      <span className="wb-Dim">{[run.kind, format.time(run.started)].filter(Boolean).join(' · ')}</span>
      {metrics.length > 0 && (
        <dl className="wb-Facts">
          {metrics.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{format.number(value)}</dd>
            </div>
          ))}
        </dl>
      )}
      {run.link && (
        <a href={run.link} target="_blank" rel="noopener noreferrer">
          {trans.__('Open in MLflow')}
          <span className="wb-Hidden"> {run.name}</span>
        </a>
      )}
    </li>
  );
}

function statusWord(trans: ReturnType<typeof useServices>['trans'], status: string): string {
  const words: Record<string, string> = {
    FINISHED: trans.__('finished'),
    FAILED: trans.__('failed'),
    RUNNING: trans.__('running'),
    QUEUED: trans.__('queued'),
    KILLED: trans.__('killed'),
    SCHEDULED: trans.__('scheduled')
  };
  return words[status] ?? status.toLowerCase();
}
