"""A page of rows as HTML, every value escaped; what differs is set bold after an arrow."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.explore.rows import Page

FEATURES = 8
"""Features that have columns, the chosen one first; the others are told of."""

_NOISE = 1e-12  # what the difference itself takes for equal: see compare
_LONGEST = 60


def table(page: Page, labels: tuple[str, str], *, order: Sequence[str], tolerances: dict[str, float]) -> str:
    """Return a page as an HTML table.

    Parameters
    ----------
    page
        The rows.
    labels
        What the sides are called.
    order
        Features in the order of their columns, the chosen one first; only the first eight are shown.
    tolerances
        Up to which values of a feature are equal.
    """
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
    values = [_columns(page, name) for name in shown]
    columns = [page.rows[key].to_list() for key in keys]
    body = []
    for place in range(page.rows.height):
        cells = [f"<td>{_cell(column[place])}</td>" for column in columns]
        for name, pair in zip(shown, values, strict=True):
            cells.append(_pair(*(column[place] for column in pair), tolerance=tolerances.get(name, 0.0)))
        body.append(f"<tr>{''.join(cells)}</tr>")
    left = len(page.columns) - len(shown)
    more = f"<p class='wb-none'>{left:,} more features are not shown.</p>" if left > 0 else ""
    frame = f"<div class='wb-rows' tabindex='0' role='region' aria-label='rows'><table><thead>{head}</thead>"
    return f"{frame}<tbody>{''.join(body)}</tbody></table></div>{more}"


def _columns(page: Page, name: str) -> list[list[Any]]:
    wide = 2 if page.beside else 1
    start = page.keys + wide * page.columns.index(name)
    return [page.rows[column].to_list() for column in page.rows.columns[start : start + wide]]


def _pair(first: Any, *second: Any, tolerance: float) -> str:
    if not second:
        return f"<td class='wb-first'>{_cell(first)}</td>"
    left, right = f"<td class='wb-first'>{_cell(first)}</td>", _cell(second[0])
    if same(first, second[0], tolerance):
        return f"{left}<td class='wb-same'>{right}</td>"
    return f"{left}<td class='wb-other'><span aria-hidden='true'>→ </span><b>{right}</b></td>"


def same(left: Any, right: Any, tolerance: float) -> bool:
    """Whether two values are equal, as a difference takes them: null and NaN equal themselves."""
    if isinstance(left, float) and isinstance(right, float | int) and not isinstance(right, bool):
        if math.isnan(left) or math.isnan(right):
            return math.isnan(left) and math.isnan(right)
        if math.isfinite(left) and math.isfinite(right):
            return abs(left - right) <= tolerance + _NOISE * max(abs(left), abs(right))
    return bool(left == right)


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
