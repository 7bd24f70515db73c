/** What an action says of a view, in the main area: progress while it runs, then its report; promotion asks in between. */

import { Dialog, showDialog } from '@jupyterlab/apputils';
import { useCallback, useEffect, useRef, useState } from 'react';

import type { Action, Job } from '../api/answers';
import { type Client, type Place, problemOf } from '../api/client';
import { Html } from '../Html';
import { ProblemNotice } from '../panel/Notice';
import { type Services, useServices } from '../services';

export interface Subject {
  action: Action;
  view: string;
  given: Record<string, unknown>;
}

/** Start a job and tell each of its states, until it ends. */
async function follow(
  client: Client,
  place: Place,
  subject: Subject,
  tell: (job: Job) => void,
  signal: AbortSignal
): Promise<void> {
  const view = 'plan' in subject.given ? null : subject.view; // a plan says itself what it is about
  const job = await client.startJob(place, subject.action, view, subject.given);
  tell(job);
  for await (const state of client.job(job.id, signal)) {
    tell(state);
  }
}

export function JobDocument({ subject }: { subject: Subject }) {
  const { model, client, trans } = useServices();
  const [shown, setShown] = useState<Subject>(subject);
  const [job, setJob] = useState<Job | null>(null);
  const [error, setError] = useState<unknown>(null);
  const running = useRef<AbortController | null>(null);

  const start = useCallback(async (next: Subject) => {
    running.current?.abort();
    const control = (running.current = new AbortController());
    setShown(next);
    setJob(null);
    setError(null);
    try {
      const place = model.place;
      if (!place) {
        throw new Error(trans.__('No project is open.'));
      }
      await follow(client, place, next, setJob, control.signal);
    } catch (problem) {
      if (!control.signal.aborted) {
        setError(problem);
      }
    }
  }, []);

  useEffect(() => {
    void start(subject);
    return () => running.current?.abort();
  }, []);

  const isRunning = !error && (job === null || job.state === 'running');
  const html = job?.result?.mime['text/html'];
  const plan = shown.action === 'plan' && job?.state === 'done' ? job.result : null;
  const mayPublish = plan !== null && !plan.refused && plan.passed !== false;

  async function publish(): Promise<void> {
    const answer = await showDialog({
      title: trans.__('Promote %1?', shown.view),
      body: trans.__('This publishes it: training sets and models read the new version from then on.'),
      buttons: [
        Dialog.cancelButton({ label: trans.__('Cancel') }),
        Dialog.okButton({ label: trans.__('Promote') })
      ]
    });
    if (answer.button.accept) {
      const given = plan?.plan ? { plan: plan.plan } : {};
      await start({ action: 'promote', view: shown.view, given });
    }
  }

  return (
    <article className="wb-Job" aria-busy={isRunning}>
      <header className="wb-JobTop">
        <h1>{titleOf(trans, shown)}</h1>
        {isRunning && job && (
          <button className="jp-Button wb-Button" onClick={() => void client.cancelJob(job.id)}>
            {trans.__('Cancel')}
          </button>
        )}
        {!isRunning && (
          <button className="jp-Button wb-Button" onClick={() => void start(subject)}>
            {shown.action === 'promote' ? trans.__('Plan again') : trans.__('Run again')}
          </button>
        )}
        {plan && (
          <button
            className="jp-Button jp-mod-styled jp-mod-accept"
            disabled={!mayPublish}
            title={mayPublish ? undefined : trans.__('A gate refuses; see below.')}
            onClick={() => void publish()}
          >
            {trans.__('Promote')}
          </button>
        )}
      </header>
      <div role="status" aria-live="polite">
        {isRunning && <Progress job={job} />}
        {job?.state === 'cancelled' && <p>{cancelledText(trans, shown)}</p>}
        {job?.result?.refused && <p className="wb-Refused">{trans.__('Refused: the first gates below say why.')}</p>}
      </div>
      {error !== null && <ProblemNotice problem={problemOf(error)} onRetry={() => void start(shown)} />}
      {job?.problem && <ProblemNotice problem={job.problem} />}
      {plan && plan.acceptable.length > 0 && (
        <Acceptance
          names={plan.acceptable}
          onPlan={reasons => {
            const before = (shown.given.accept ?? {}) as Record<string, string>;
            void start({ ...shown, given: { ...shown.given, accept: { ...before, ...reasons } } });
          }}
        />
      )}
      {typeof html === 'string' && <Html html={html} label={titleOf(trans, shown)} />}
    </article>
  );
}

/** What is in the way and may be accepted by name: a reason for each, with which it is planned again. */
function Acceptance({ names, onPlan }: { names: string[]; onPlan: (reasons: Record<string, string>) => void }) {
  const { trans } = useServices();
  const [reasons, setReasons] = useState<Record<string, string>>({});
  const given = Object.fromEntries(
    names.map(name => [name, (reasons[name] ?? '').trim()] as const).filter(([, reason]) => reason)
  );
  return (
    <details className="wb-Accept">
      <summary>{trans.__('Accept what is intended (%1)', names.length)}</summary>
      <form
        onSubmit={event => {
          event.preventDefault();
          onPlan(given);
        }}
      >
        <p>{trans.__('Each reason is recorded with what is published. What has none stays in the way.')}</p>
        {names.map(name => (
          <label key={name}>
            <code>{name}</code>
            <input
              className="jp-mod-styled"
              value={reasons[name] ?? ''}
              placeholder={trans.__('Why it is intended')}
              aria-label={trans.__('Why %1 is intended', name)}
              onChange={event => setReasons({ ...reasons, [name]: event.target.value })}
            />
          </label>
        ))}
        <button type="submit" className="jp-Button wb-Button" disabled={Object.keys(given).length === 0}>
          {trans.__('Plan with these reasons')}
        </button>
      </form>
    </details>
  );
}

function Progress({ job }: { job: Job | null }) {
  const { trans } = useServices();
  const step = job?.progress[job.progress.length - 1];
  return (
    <div className="wb-Progress">
      <progress aria-label={trans.__('Progress')} />
      <span>{step ? step.text || step.step : trans.__('Starting…')}</span>
    </div>
  );
}

/** Whoever cancels may be too late: a promotion publishes by one commit, after which it does more. */
function cancelledText(trans: Services['trans'], { action, view }: Subject): string {
  return action === 'promote' || action === 'rollback'
    ? trans.__('Cancelled. Whether it was published before, the versions of %1 say.', view)
    : trans.__('Cancelled. Nothing was changed.');
}

export function titleOf(trans: Services['trans'], { action, view }: Subject): string {
  const titles: Record<Action, string> = {
    check: trans.__('Check: %1', view),
    diff: trans.__('Difference: %1', view),
    drift: trans.__('Drift: %1', view),
    plan: trans.__('Promote: %1', view),
    promote: trans.__('Promote: %1', view),
    rollback: trans.__('Roll back: %1', view)
  };
  return titles[action];
}
