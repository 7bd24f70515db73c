/** The lineage of a view as a graph in the main area; a box leads to its view. */

import { useLayoutEffect, useRef } from 'react';

import type { GraphNode, ViewAnswer } from '../api/answers';
import { ProblemNotice } from '../panel/Notice';
import { useModel, useServices, useView } from '../services';
import { BOX, layout } from './graph';

const LONGEST = 24;

export function LineageDocument({ view }: { view: string }) {
  const { model, trans } = useServices();
  const { value, problem } = useView(view, null);
  return (
    <article className="wb-Job">
      <header className="wb-JobTop">
        <h1>{trans.__('Lineage: %1', view)}</h1>
      </header>
      {problem && <ProblemNotice problem={problem} onRetry={() => void model.refresh()} />}
      {!value && !problem && <p className="wb-Busy">{trans.__('Loading…')}</p>}
      {value && <Graph answer={value} />}
    </article>
  );
}

function Graph({ answer }: { answer: ViewAnswer }) {
  const { model, trans } = useServices();
  const { features, catalog } = useModel();
  const linked = new Set(answer.lineage.edges.flat());
  const nodes = answer.lineage.nodes.filter(node => linked.has(node.id) || node.kind !== 'feature');
  const drawing = layout({ ...answer.lineage, nodes });
  const viewOf = (node: GraphNode) => {
    const name = node.label.split('@')[0];
    const known = [...(features.value?.views ?? []), ...(catalog.value?.views ?? [])].some(each => each.name === name);
    return known && node.kind !== 'source' ? name : null;
  };
  const half = BOX.height / 2;
  const place = useRef<HTMLDivElement>(null);
  const own = drawing.boxes.find(({ node }) => node.label === answer.name)?.x;
  useLayoutEffect(() => {
    // a graph that is wider than its place begins with the view that it is about
    if (place.current && own !== undefined) {
      place.current.scrollLeft = own + (BOX.width - place.current.clientWidth) / 2;
    }
  }, [own]);
  return (
    <div className="wb-GraphBox" ref={place} tabIndex={0} role="region" aria-label={trans.__('Graph')}>
      <svg
        className="wb-Graph"
        role="group"
        aria-label={trans.__('Lineage of %1', answer.name)}
        width={drawing.width + 20}
        height={drawing.height + 20}
        viewBox={`-10 -10 ${drawing.width + 20} ${drawing.height + 20}`}
      >
        {drawing.lines.map(({ from, to }) => {
          const start = from.x + BOX.width;
          const middle = (start + to.x) / 2;
          return (
            <path
              key={`${from.node.id} ${to.node.id}`}
              className="wb-GraphLine"
              d={`M${start} ${from.y + half}C${middle} ${from.y + half} ${middle} ${to.y + half} ${to.x} ${to.y + half}`}
            />
          );
        })}
        {drawing.boxes.map(({ node, x, y }) => {
          const view = viewOf(node);
          const isOwn = node.label.split('@')[0] === answer.name;
          const open = () => view && model.select({ view, version: null });
          return (
            <g
              key={node.id}
              className={`wb-GraphNode${isOwn ? ' wb-mod-own' : ''}`}
              transform={`translate(${x} ${y})`}
              role={view ? 'button' : 'img'}
              tabIndex={view ? 0 : undefined}
              aria-label={`${node.kind} ${node.label}`}
              onClick={open}
              onKeyDown={event => (event.key === 'Enter' || event.key === ' ') && open()}
            >
              <title>{node.label}</title>
              <rect width={BOX.width} height={BOX.height} rx={4} />
              <text className="wb-GraphKind" x={10} y={16}>
                {node.kind}
              </text>
              <text x={10} y={34}>
                {node.label.length > LONGEST ? `${node.label.slice(0, LONGEST - 1)}…` : node.label}
              </text>
            </g>
          );
        })}
      </svg>
    </div>
  );
}
