// @vitest-environment jsdom

import { nullTranslator } from '@jupyterlab/translation';
import { expect, test } from 'vitest';

import { aView } from '../testing';
import { find } from './search';

const trans = nullTranslator.load('');
const views = [
  aView('carrier_delay', { owner: 'delay-team', entities: ['carrier'], state: 'stale' }, ['delay_mean_7d:minute', 'flights_7d:count']),
  aView('origin_weather', { owner: 'met', entities: ['origin'] }, ['wind_mean:m/s'])
];
const names = (text: string) => find(views, text, trans).map(found => [found.view.name, ...found.features.map(each => each.name)]);

test('no words find everything', () => {
  expect(names('  ')).toHaveLength(2);
});

test.each([
  ['delay-team', ['carrier_delay', 'delay_mean_7d', 'flights_7d']],
  ['ORIGIN', ['origin_weather', 'wind_mean']],
  ['minute', ['carrier_delay', 'delay_mean_7d']],
  ['stale', ['carrier_delay', 'delay_mean_7d', 'flights_7d']],
  ['carrier flights', ['carrier_delay', 'flights_7d']]
])('%s is found', (text, found) => {
  expect(names(text)).toEqual([found]);
});

test('every word must be found', () => {
  expect(names('wind minute')).toEqual([]);
});
