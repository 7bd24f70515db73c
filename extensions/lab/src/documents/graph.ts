/** Where the boxes of a lineage stand: in columns, each after all that it is made from. */

import type { GraphNode, LineageInfo } from '../api/answers';

interface Placed {
  node: GraphNode;
  x: number;
  y: number;
}

export interface Drawing {
  boxes: Placed[];
  lines: { from: Placed; to: Placed }[];
  width: number;
  height: number;
}

export const BOX = { width: 200, height: 44, across: 70, down: 16 };

/** Place every node; what is in a circle stands where it was met first. */
export function layout(lineage: LineageInfo): Drawing {
  const before = new Map<string, string[]>(lineage.nodes.map(node => [node.id, []]));
  for (const [start, end] of lineage.edges) {
    if (before.has(start)) {
      before.get(end)?.push(start);
    }
  }
  const columns = new Map<string, number>();
  const column = (id: string, met: ReadonlySet<string>): number => {
    const known = columns.get(id);
    if (known !== undefined) {
      return known;
    }
    const inner = new Set(met).add(id);
    const found = (before.get(id) ?? []).filter(start => !inner.has(start)).map(start => column(start, inner) + 1);
    const at = Math.max(0, ...found);
    columns.set(id, at);
    return at;
  };
  const filled: number[] = [];
  const placed = new Map<string, Placed>();
  for (const node of lineage.nodes) {
    const at = column(node.id, new Set());
    const row = filled[at] ?? 0;
    filled[at] = row + 1;
    placed.set(node.id, { node, x: at * (BOX.width + BOX.across), y: row * (BOX.height + BOX.down) });
  }
  const lines = lineage.edges.flatMap(([start, end]) => {
    const from = placed.get(start);
    const to = placed.get(end);
    return from && to ? [{ from, to }] : [];
  });
  return {
    boxes: [...placed.values()],
    lines,
    width: Math.max(1, filled.length) * (BOX.width + BOX.across) - BOX.across,
    height: Math.max(1, ...filled) * (BOX.height + BOX.down) - BOX.down
  };
}
