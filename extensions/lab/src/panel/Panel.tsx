/** The side bar: the project and branch in front, and what is in them. */

import { useEffect, useRef, useState } from 'react';

import { useModel, useServices } from '../services';
import { Catalog } from './Catalog';
import { Details } from './Details';
import { Features } from './Features';
import { Header } from './Header';
import { ProblemNotice } from './Notice';
import { NoProject } from './NoProject';
import { Runs } from './Runs';
import { Tabs } from './Tabs';

export function Panel() {
  const { model, format, trans } = useServices();
  const { project, features, runs, catalog, selection } = useModel();
  const [tab, setTab] = useState('features');
  const lists = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // the list gets back the focus that a view took with it when it was closed
    if (!selection && document.activeElement === document.body) {
      lists.current?.querySelector<HTMLElement>('[role=tree]')?.focus();
    }
  }, [selection]);
  if (!project.value) {
    return (
      <div className="wb-Panel">
        {project.problem && <ProblemNotice problem={project.problem} onRetry={() => void model.refresh()} />}
        {project.isLoading && !project.problem && <p className="wb-Busy">{trans.__('Looking for a project…')}</p>}
        {!project.isLoading && <NoProject />}
      </div>
    );
  }
  const count = (value: number | undefined) => (value === undefined ? undefined : format.count(value));
  return (
    <div className="wb-Panel">
      <Header project={project.value} />
      {project.problem && <ProblemNotice problem={project.problem} onRetry={() => void model.refresh()} />}
      {selection && <Details key={`${selection.view}@${selection.version ?? ''}`} selection={selection} />}
      <div className="wb-Lists" ref={lists} hidden={selection !== null}>
        <Tabs
          label={trans.__('Lists')}
          current={tab}
          onChange={setTab}
          tabs={[
            { name: 'features', title: trans.__('Features'), count: count(features.value?.total) },
            { name: 'runs', title: trans.__('Runs'), count: count(runs.value?.runs.length) },
            { name: 'catalog', title: trans.__('Published'), count: count(catalog.value?.views.length) }
          ]}
        >
          {tab === 'features' && <Features />}
          {tab === 'runs' && <Runs />}
          {tab === 'catalog' && <Catalog />}
        </Tabs>
      </div>
    </div>
  );
}
