/** The views and features of the branch. */

import { type ReactNode, useMemo, useState } from 'react';

import type { FeatureInfo, ViewInfo } from '../api/answers';
import { Commands } from '../actions/names';
import { useModel, useServices } from '../services';
import { EmptyNotice, ProblemNotice } from './Notice';
import { find } from './search';
import { StateBadge } from './StateBadge';
import { Tree, type TreeRow } from './Tree';

const VIEW_HEIGHT = 46;
const FEATURE_HEIGHT = 26;

export function Features() {
  const { model, commands, trans } = useServices();
  const { features } = useModel();
  const [text, setText] = useState('');
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const views = features.value?.views;
  const rows = useMemo(
    () => (views ? rowsOf(find(views, text, trans), text ? new Set() : closed) : []),
    [views, text, closed]
  );

  if (!views) {
    return features.problem ? (
      <ProblemNotice problem={features.problem} onRetry={() => void model.refresh()} />
    ) : (
      <p className="wb-Busy">{trans.__('Loading features…')}</p>
    );
  }
  const name = (row: TreeRow) => row.key.split(':')[0];
  return (
    <>
      {features.problem && <ProblemNotice problem={features.problem} onRetry={() => void model.refresh()} />}
      {views.length > 0 && (
        <input
          type="search"
          className="wb-Search"
          value={text}
          placeholder={trans.__('Search')}
          title={trans.__('By name, owner, entity, unit, description or state')}
          aria-label={trans.__('Search features')}
          onChange={event => setText(event.target.value)}
        />
      )}
      {views.length === 0 && (
        <EmptyNotice title={trans.__('No features on this branch yet')}>
          <p>{trans.__('Write a function below %1 in a notebook cell, and run it.', '%%feature')}</p>
          <InsertButton>{trans.__('Insert a %1 cell', '%%feature')}</InsertButton>
        </EmptyNotice>
      )}
      {views.length > 0 && rows.length === 0 && (
        <EmptyNotice title={trans.__('No feature matches "%1"', text)}>
          <button className="jp-Button wb-Button" onClick={() => setText('')}>
            {trans.__('Show all')}
          </button>
        </EmptyNotice>
      )}
      {rows.length > 0 && (
        <Tree
          label={trans.__('Features')}
          rows={rows}
          onOpen={(row, isOpen) => setClosed(toggled(closed, name(row), !isOpen))}
          onChoose={row => model.select({ view: name(row), version: null })}
          onDouble={row => void commands.execute(Commands.lineage, { view: name(row) })}
        />
      )}
    </>
  );
}

function InsertButton({ children }: { children: ReactNode }) {
  const { commands } = useServices();
  return (
    <button className="jp-Button wb-Button" onClick={() => void commands.execute(Commands.insert, { kind: 'feature' })}>
      {children}
    </button>
  );
}

function toggled(set: ReadonlySet<string>, key: string, isIn: boolean): ReadonlySet<string> {
  const found = new Set(set);
  if (isIn) {
    found.add(key);
  } else {
    found.delete(key);
  }
  return found;
}

function rowsOf(found: ReturnType<typeof find>, closed: ReadonlySet<string>): TreeRow[] {
  const rows: TreeRow[] = [];
  found.forEach(({ view, features }, index) => {
    const isOpen = !closed.has(view.name);
    rows.push({
      key: view.name,
      level: 1,
      label: view.name,
      height: VIEW_HEIGHT,
      isOpen,
      position: index + 1,
      of: found.length,
      draw: () => <ViewRow view={view} isOpen={isOpen} />
    });
    if (isOpen) {
      features.forEach((feature, place) =>
        rows.push({
          key: `${view.name}:${feature.name}`,
          level: 2,
          label: feature.name,
          height: FEATURE_HEIGHT,
          position: place + 1,
          of: features.length,
          draw: () => <FeatureRow feature={feature} />
        })
      );
    }
  });
  return rows;
}

function ViewRow({ view, isOpen }: { view: ViewInfo; isOpen: boolean }) {
  const facts = [view.entities.join(', '), view.owner, view.version].filter(Boolean);
  return (
    <>
      <span className={`wb-Twisty${isOpen ? ' wb-mod-open' : ''}`} aria-hidden="true" />
      <span className="wb-RowMain">
        <span className="wb-RowTop">
          <span className="wb-Name" title={view.description || view.name}>
            {view.name}
          </span>
          <StateBadge state={view.state} why={view.why} />
        </span>
        <span className="wb-Dim wb-Clip" title={facts.join(' · ')}>
          {facts.join(' · ')}
        </span>
      </span>
    </>
  );
}

function FeatureRow({ feature }: { feature: FeatureInfo }) {
  return (
    <>
      <span className="wb-Clip wb-Mono" title={feature.description || feature.name}>
        {feature.name}
      </span>
      <span className="wb-Dim">{[feature.dtype, feature.unit].filter(Boolean).join(' · ')}</span>
    </>
  );
}
