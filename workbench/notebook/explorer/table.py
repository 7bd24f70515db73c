"""A page of rows as HTML, every value escaped; what differs is set bold after an arrow."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from workbench.diff import pair_of

if TYPE_CHECKING:
    from workbench.notebook.explorer.rows import RowPage

FEATURES = 8
"""The number of features that have columns, the chosen one first; a note counts the others."""

_LONGEST = 60


def table(page: RowPage, labels: tuple[str, str], *, order: Sequence[str], tolerances: dict[str, float | None]) -> str:
    """Return a page as an HTML table."""
    shown = [name for name in order if name in page.columns][:FEATURES]
    if page.rows.is_empty():
        return "<p class='wb-none'>There are no such rows.</p>"
    keys = page.rows.columns[: page.keys]
    wide = 2 if page.beside else 1
    head = "".join(f"<th scope='col' rowspan='{wide}'>{_text(key)}</th>" for key in keys)
    head += "".join(f"<th scope='colgroup' class='wb-first' colspan='{wide}'>{_text(name)}</th>" for name in shown)
    head = f"<tr>{head}</tr>"
    if page.beside:
        sides = f"<th scope='col' class='wb-first'>{_text(labels[0])}</th><th scope='col'>{_text(labels[1])}</th>"
        head += f"<tr>{sides * len(shown)}</tr>"
    values = [_columns(page, name, tolerances.get(name)) for name in shown]
    columns = [page.rows[key].to_list() for key in keys]
    body = []
    for place in range(page.rows.height):
        cells = [f"<td>{_cell(column[place])}</td>" for column in columns]
        cells += [_pair(*(column[place] for column in pair)) for pair in values]
        body.append(f"<tr>{''.join(cells)}</tr>")
    left = len(page.columns) - len(shown)
    more = f"<p class='wb-none'>{left:,} more features are not shown.</p>" if left > 0 else ""
    frame = f"<div class='wb-rows' tabindex='0' role='group' aria-label='rows'><table><thead>{head}</thead>"
    return f"{frame}<tbody>{''.join(body)}</tbody></table></div>{more}"


def _columns(page: RowPage, name: str, tolerance: float | None) -> list[list[Any]]:
    """Return the values of a feature; of rows set side by side both sides', and where they differ."""
    wide = 2 if page.beside else 1
    start = page.keys + wide * page.columns.index(name)
    found = page.rows.get_columns()[start : start + wide]
    values = [column.to_list() for column in found]
    if not page.beside:
        return values
    pair = pair_of(name, name, (found[0].dtype, found[1].dtype), tolerance=tolerance)
    where = None if pair is None else pair.differs(*found)
    return [*values, [pair is None] * page.rows.height if where is None else where.to_list()]


def _pair(first: Any, second: Any = None, *differs: bool) -> str:
    left, right = f"<td class='wb-first'>{_cell(first)}</td>", _cell(second)
    if not differs:
        return left
    if not differs[0]:
        return f"{left}<td class='wb-same'>{right}</td>"
    return f"{left}<td class='wb-other'><span aria-hidden='true'>→ </span><b>{right}</b></td>"


def _cell(value: Any) -> str:
    if value is None:
        return "<i>null</i>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else f"{value:.6g}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, datetime):
        return _text(value.replace(tzinfo=None).isoformat(sep=" ", timespec="auto"))
    text = str(value)
    return _text(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…")


def _text(value: object) -> str:
    return html.escape(str(value), quote=True)
