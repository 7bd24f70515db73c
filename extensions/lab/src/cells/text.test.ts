import { expect, test } from 'vitest';

import { isFeatureCell, isOurs, viewIn } from './text';

const CELL = `%%feature
class Spend(FeatureModel):
    user: str

@feature_view(entities="user", event_time="ordered_at")
def spend(orders: pl.LazyFrame) -> LazyFrame[Spend]:
    return orders
`;

test('the view of a cell is the function below its decorator', () => {
  expect(viewIn(CELL)).toBe('spend');
  expect(viewIn(CELL.replace('%%feature', ''))).toBeNull();
  expect(viewIn('%%feature\nx = 1')).toBeNull();
});

test('a cell is ours by its first line or a line of it', () => {
  expect(isFeatureCell('\n%%feature --dry-run\n')).toBe(true);
  expect(isFeatureCell('%%features\n')).toBe(false);
  expect(isOurs('import x\n%feature status')).toBe(true);
  expect(isOurs('x = "%feature"')).toBe(false);
});
