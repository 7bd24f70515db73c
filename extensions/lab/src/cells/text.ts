/** What the text of a cell is to the workbench. */

const CELL = /^\s*%%feature\b/;
const LINE = /^\s*%feature\b/m;
const DEFINED = /@feature_view\b[\s\S]*?\ndef\s+([A-Za-z_]\w*)\s*\(/;

/** Say whether a cell is a `%%feature` cell. */
export function isFeatureCell(source: string): boolean {
  return CELL.test(source);
}

/** Say whether the server has something to say of a cell: a `%%feature` cell, or one with a `%feature` line. */
export function isOurs(source: string): boolean {
  return CELL.test(source) || LINE.test(source);
}

/** Return the name of the view that a cell defines. */
export function viewIn(source: string): string | null {
  return isFeatureCell(source) ? (DEFINED.exec(source)?.[1] ?? null) : null;
}
