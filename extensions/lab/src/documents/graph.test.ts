import { expect, test } from 'vitest';

import { BOX, layout } from './graph';

const node = (id: string) => ({ id, kind: 'view', label: id });

test('a box stands to the right of all that it is made from', () => {
  const nodes = ['end', 'middle', 'start', 'other'].map(node);
  const drawing = layout({ nodes, edges: [['start', 'middle'], ['middle', 'end'], ['start', 'end'], ['other', 'end']] });
  const x = Object.fromEntries(drawing.boxes.map(box => [box.node.id, box.x / (BOX.width + BOX.across)]));
  expect(x).toEqual({ start: 0, other: 0, middle: 1, end: 2 });
  expect(new Set(drawing.boxes.map(box => `${box.x},${box.y}`)).size).toBe(4);
  expect(drawing.lines).toHaveLength(4);
});

test('a circle and an edge to nowhere end', () => {
  const drawing = layout({ nodes: [node('a'), node('b')], edges: [['a', 'b'], ['b', 'a'], ['b', 'gone']] });
  expect(drawing.boxes).toHaveLength(2);
  expect(drawing.lines).toHaveLength(2);
});
