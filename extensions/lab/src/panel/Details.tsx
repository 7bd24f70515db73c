/** All that is known of one view, and what can be done with it. */

import { caretLeftIcon } from '@jupyterlab/ui-components';
import { type ReactNode, useEffect, useRef } from 'react';

import { Commands } from '../actions/names';
import type { CheckInfo, ContractColumn, LineageInfo, ProfileInfo, VersionInfo, ViewAnswer } from '../api/answers';
import { Figure } from '../Html';
import type { Selection } from '../model';
import { useModel, useServices, useView } from '../services';
import { ProblemNotice } from './Notice';
import { StateBadge } from './StateBadge';

export function Details({ selection }: { selection: Selection }) {
  const { model, trans } = useServices();
  const { features } = useModel();
  const back = useRef<HTMLButtonElement>(null);
  const { value, problem } = useView(selection.view, selection.version);
  const listed = features.value?.views.find(view => view.name === selection.view);
  useEffect(() => back.current?.focus(), []);

  return (
    <section
      className="wb-Details wb-Scroll"
      aria-label={selection.view}
      onKeyDown={event => {
        if (event.key === 'Escape') {
          model.select(null);
        }
      }}
    >
      <div className="wb-DetailsTop">
        <button
          ref={back}
          className="wb-IconButton"
          title={trans.__('Back to the list')}
          aria-label={trans.__('Back to the list')}
          onClick={() => model.select(null)}
        >
          <caretLeftIcon.react tag="span" />
        </button>
        <h2 className="wb-Name">
          {selection.view}
          {selection.version && `@${selection.version}`}
        </h2>
        {listed && !selection.version && <StateBadge state={listed.state} why={listed.why} />}
      </div>
      {listed?.why && !selection.version && <p className="wb-Why">{listed.why}</p>}
      <Actions view={selection.view} hasPath={Boolean(value?.path)} versions={value?.versions ?? []} />
      {problem && <ProblemNotice problem={problem} />}
      {!value && !problem && <p className="wb-Busy">{trans.__('Loading %1…', selection.view)}</p>}
      {value && <Parts view={value} />}
    </section>
  );
}

function Actions({ view, hasPath, versions }: { view: string; hasPath: boolean; versions: VersionInfo[] }) {
  const { commands, trans } = useServices();
  const actions: [string, string, Record<string, string>][] = [
    [Commands.check, trans.__('Check'), {}],
    [Commands.diff, trans.__('Diff'), {}],
    [Commands.drift, trans.__('Drift'), {}],
    [Commands.lineage, trans.__('Lineage'), {}],
    [Commands.promote, trans.__('Promote…'), {}]
  ];
  if (versions.length > 1) {
    actions.push([Commands.rollback, trans.__('Roll back…'), {}]);
  }
  actions.push(
    [Commands.insert, trans.__('Insert retrieval'), { kind: 'retrieval' }],
    [Commands.insert, trans.__('Insert training set'), { kind: 'training_set' }]
  );
  if (hasPath) {
    actions.push([Commands.openFile, trans.__('Open file'), {}]);
  }
  actions.push([Commands.openMlflow, trans.__('Open in MLflow'), {}]);
  return (
    <div className="wb-Actions" role="group" aria-label={trans.__('Actions')}>
      {actions.map(([command, title, given]) => (
        <button
          key={title}
          className={`wb-Button jp-Button${command === Commands.promote ? ' wb-mod-main' : ''}`}
          onClick={() => void commands.execute(command, { view, ...given })}
        >
          {title}
        </button>
      ))}
    </div>
  );
}

function Parts({ view }: { view: ViewAnswer }) {
  const { trans } = useServices();
  const failing = view.checks.filter(check => check.outcome !== 'pass').length;
  return (
    <>
      {view.description && <p className="wb-About">{view.description}</p>}
      <Part title={trans.__('Checks')} isOpen={failing > 0} count={view.checks.length}>
        <Checks checks={view.checks} />
      </Part>
      <Part title={trans.__('Contract')} isOpen count={view.contract.length}>
        <Contract columns={view.contract} />
      </Part>
      {view.profile && (
        <Part title={trans.__('Profile')} isOpen>
          <Profile profile={view.profile} />
        </Part>
      )}
      <Part title={trans.__('Lineage')}>
        <Lineage name={view.name} lineage={view.lineage} />
      </Part>
      <Part title={trans.__('Definition')}>
        <pre className="wb-Code" tabIndex={0} aria-label={trans.__('Definition')}>
          {view.definition}
        </pre>
      </Part>
      <Part title={trans.__('Versions')} count={view.versions.length}>
        <Versions versions={view.versions} />
      </Part>
    </>
  );
}

function Part(props: { title: string; isOpen?: boolean; count?: number; children: ReactNode }) {
  const { format } = useServices();
  return (
    <details className="wb-Part" open={props.isOpen}>
      <summary>
        {props.title}
        {props.count !== undefined && <span className="wb-Count">{format.count(props.count)}</span>}
      </summary>
      {props.children}
    </details>
  );
}

function Checks({ checks }: { checks: CheckInfo[] }) {
  const { trans } = useServices();
  const rank = { fail: 0, 'not checked': 1, pass: 2 };
  const words = { pass: trans.__('pass'), fail: trans.__('fail'), 'not checked': trans.__('not checked') };
  const signs = { pass: '✓', fail: '✗', 'not checked': '?' };
  if (checks.length === 0) {
    return <p className="wb-Dim">{trans.__('Not checked on this branch yet.')}</p>;
  }
  return (
    <ul className="wb-List">
      {[...checks]
        .sort((one, other) => rank[one.outcome] - rank[other.outcome])
        .map(check => (
          <li key={check.name} className={`wb-Check wb-Check-${check.outcome.replace(' ', '-')}`}>
            <span className="wb-Outcome">
              <span aria-hidden="true">{signs[check.outcome]}</span> {words[check.outcome]}
            </span>{' '}
            <strong>{check.name}</strong> {check.detail}
            {check.remedy && <span className="wb-Dim"> {check.remedy}</span>}
          </li>
        ))}
    </ul>
  );
}

function Contract({ columns }: { columns: ContractColumn[] }) {
  const { trans } = useServices();
  const roles = {
    entity: trans.__('entity'),
    event_time: trans.__('event time'),
    created: trans.__('known since'),
    feature: ''
  };
  return (
    <ul className="wb-List">
      {columns.map(column => (
        <li key={column.column} className="wb-Column">
          <span className="wb-Mono">{column.column}</span>{' '}
          <span className="wb-Dim">
            {[
              roles[column.role],
              column.dtype,
              column.unit,
              column.nullable ? trans.__('nullable') : '',
              ...column.rules
            ]
              .filter(Boolean)
              .join(' · ')}
          </span>
          {column.description && <span className="wb-Dim wb-Block">{column.description}</span>}
        </li>
      ))}
    </ul>
  );
}

function Profile({ profile }: { profile: ProfileInfo }) {
  const { format, trans } = useServices();
  return (
    <>
      <p className="wb-Dim">{trans._n('%2 row', '%2 rows', profile.rows, format.count(profile.rows))}</p>
      <ul className="wb-List">
        {profile.columns.map(column => (
          <li key={column.name} className="wb-Column">
            <span className="wb-Mono">{column.name}</span> <span className="wb-Dim">{column.dtype}</span>
            {column.figure && <Figure html={column.figure} />}
            <dl className="wb-Facts">
              {Object.entries(column.facts).map(([title, value]) => (
                <div key={title}>
                  <dt>{title}</dt>
                  <dd>{value}</dd>
                </div>
              ))}
            </dl>
          </li>
        ))}
      </ul>
    </>
  );
}

function Lineage({ name, lineage }: { name: string; lineage: LineageInfo }) {
  const { trans } = useServices();
  const own = new Set(lineage.nodes.filter(node => node.label === name || node.label.startsWith(`${name}@`)).map(node => node.id));
  const label = (id: string) => lineage.nodes.find(node => node.id === id);
  // a view and its versions are one thing here: what leads from one to the other is no input of it
  const edges = lineage.edges.filter(([start, end]) => own.has(start) !== own.has(end));
  const from = [...new Set(edges.filter(([, end]) => own.has(end)).map(([start]) => label(start)))];
  const into = [...new Set(edges.filter(([start]) => own.has(start)).map(([, end]) => label(end)))];
  const list = (title: string, nodes: typeof from) => (
    <>
      <dt>{title}</dt>
      {nodes.length === 0 && <dd className="wb-Dim">{trans.__('nothing')}</dd>}
      {nodes.map(
        node =>
          node && (
            <dd key={node.id}>
              <span className="wb-Mono">{node.label}</span> <span className="wb-Dim">{node.kind}</span>
            </dd>
          )
      )}
    </>
  );
  return (
    <dl className="wb-Lineage">
      {list(trans.__('Made from'), from)}
      {list(trans.__('Goes into'), into)}
    </dl>
  );
}

function Versions({ versions }: { versions: VersionInfo[] }) {
  const { format, trans } = useServices();
  if (versions.length === 0) {
    return <p className="wb-Dim">{trans.__('Not published yet.')}</p>;
  }
  return (
    <ul className="wb-List">
      {versions.map(version => (
        <li key={version.number} className="wb-Column">
          <strong>{version.number}</strong> {version.status}
          <span className="wb-Dim wb-Block">
            {[version.category, format.time(version.published), version.published_by, version.branch]
              .filter(Boolean)
              .join(' · ')}
          </span>
        </li>
      ))}
    </ul>
  );
}
