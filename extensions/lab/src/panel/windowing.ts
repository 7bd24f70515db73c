/** Which rows of a long list are drawn. */

/** Return the top of each row, and the height of all as the last number. */
export function tops(heights: readonly number[]): number[] {
  const found = [0];
  for (const height of heights) {
    found.push(found[found.length - 1] + height);
  }
  return found;
}

/** Return the first row that is drawn and the one after the last, with `margin` pixels more at both ends. */
export function visible(tops: readonly number[], scroll: number, height: number, margin: number): [number, number] {
  const rows = tops.length - 1;
  const first = Math.max(0, after(tops, scroll - margin) - 1);
  return [Math.min(first, rows), Math.min(rows, after(tops, scroll + height + margin))];
}

/** Return how many tops are at or before `position`. */
function after(tops: readonly number[], position: number): number {
  let low = 0;
  let high = tops.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (tops[middle] <= position) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}
