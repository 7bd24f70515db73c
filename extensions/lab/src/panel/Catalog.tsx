/** What is published, with its versions, freshness and readers. */

import { useMemo, useState } from 'react';

import type { CatalogView } from '../api/answers';
import { useModel, useServices } from '../services';
import { EmptyNotice, ProblemNotice } from './Notice';
import { Tree, type TreeRow } from './Tree';

const HEIGHT = 84;

export function Catalog() {
  const { model, trans } = useServices();
  const { catalog } = useModel();
  const [text, setText] = useState('');
  const views = catalog.value?.views;
  const rows = useMemo(() => rowsOf(views ?? [], text), [views, text]);
  if (!views) {
    return catalog.problem ? (
      <ProblemNotice problem={catalog.problem} onRetry={() => void model.refresh()} />
    ) : (
      <p className="wb-Busy">{trans.__('Loading the catalogue…')}</p>
    );
  }
  return (
    <>
      {catalog.problem && <ProblemNotice problem={catalog.problem} onRetry={() => void model.refresh()} />}
      {catalog.value?.problems.map(problem => (
        <p key={problem} className="wb-Notice wb-Notice-problem">
          {problem}
        </p>
      ))}
      {views.length === 0 && (
        <EmptyNotice title={trans.__('Nothing is published yet')}>
          <p>{trans.__('Open a view of your branch and promote it.')}</p>
        </EmptyNotice>
      )}
      {views.length > 0 && (
        <input
          type="search"
          className="wb-Search"
          value={text}
          placeholder={trans.__('Search')}
          aria-label={trans.__('Search the catalogue')}
          onChange={event => setText(event.target.value)}
        />
      )}
      {views.length > 0 && rows.length === 0 && <EmptyNotice title={trans.__('Nothing published matches "%1"', text)} />}
      {rows.length > 0 && (
        <Tree
          label={trans.__('Published views')}
          rows={rows}
          onOpen={() => undefined}
          onChoose={row => {
            const version = views.find(view => view.name === row.key)?.version ?? null;
            model.select({ view: row.key, version });
          }}
        />
      )}
    </>
  );
}

function rowsOf(views: readonly CatalogView[], text: string): TreeRow[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const found = views.filter(view => {
    const features = view.features.flatMap(feature => [feature.name, feature.unit]);
    const said = [view.name, view.owner, view.description, ...view.entities, ...features].join('\n').toLowerCase();
    return words.every(word => said.includes(word));
  });
  return found.map((view, index) => ({
    key: view.name,
    level: 1,
    label: view.name,
    height: HEIGHT,
    position: index + 1,
    of: found.length,
    draw: () => <Published view={view} />
  }));
}

function Published({ view }: { view: CatalogView }) {
  const { format, trans } = useServices();
  const readers = view.readers.map(reader => reader.name).join(', ');
  const versions = trans._n('%1 version', '%1 versions', view.versions.length);
  const facts = [view.entities.join(', '), view.owner, versions].filter(Boolean).join(' · ');
  const when = trans.__('published %1', format.time(view.published));
  return (
    <span className="wb-RowMain">
      <span className="wb-RowTop">
        <span className="wb-Name" title={view.description || view.name}>
          {view.name}
        </span>
        <span className="wb-State">{[view.version, view.status].filter(Boolean).join(' · ')}</span>
      </span>
      <span className="wb-Dim wb-Clip" title={facts}>
        {facts}
      </span>
      <span className="wb-Dim wb-Clip" title={view.freshness || when}>
        {[view.freshness, view.published && when].filter(Boolean).join(' · ')}
      </span>
      <span className="wb-Dim wb-Clip" title={readers}>
        {readers ? trans.__('read by %1', readers) : trans.__('no readers recorded')}
      </span>
    </span>
  );
}
