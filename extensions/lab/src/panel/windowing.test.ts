import { expect, test } from 'vitest';

import { tops, visible } from './windowing';

test('rows in sight are drawn, with a margin, and no others', () => {
  const places = tops(new Array(2000).fill(25));
  expect(visible(places, 0, 500, 100)).toEqual([0, 25]);
  expect(visible(places, 10_000, 500, 100)).toEqual([396, 425]);
  expect(visible(places, 49_500, 500, 100)).toEqual([1976, 2000]);
});

test('rows of different heights are found by their tops', () => {
  const places = tops([46, 26, 26, 46]);
  expect(places).toEqual([0, 46, 72, 98, 144]);
  expect(visible(places, 46, 30, 0)).toEqual([1, 3]);
});

test('an empty list draws nothing', () => {
  expect(visible(tops([]), 0, 500, 100)).toEqual([0, 0]);
});
