import { expect, test } from 'vitest';

import { Format } from './format';

test('numbers are written as the language does', () => {
  expect(new Format('en').count(2000)).toBe('2,000');
  expect(new Format('de_DE').count(2000)).toBe('2.000');
  expect(new Format('en').number(0.123456)).toBe('0.1235');
});

test('a time names its zone, and what is none is empty', () => {
  expect(new Format('en').time('2026-11-01T12:00:00Z')).toMatch(/2026.*(UTC|GMT|[A-Z]{3,})/);
  expect(new Format('en').time('soon')).toBe('');
  expect(new Format('en').time(null)).toBe('');
});
