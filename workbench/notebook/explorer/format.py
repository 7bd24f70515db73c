"""Words and small marks of the interactive view."""

from __future__ import annotations

import html
from datetime import UTC, datetime
from math import floor, log10
from typing import TYPE_CHECKING

from workbench.notebook.explorer.style import BLUE, ORANGE

if TYPE_CHECKING:
    from workbench.notebook.explorer.kinds import Kind
    from workbench.notebook.explorer.selection import Where

_DAY = 86_400
_LONG = 1e9
_MOST_DIGITS = 6


def edge(value: float, kind: Kind, *, step: float) -> str:
    """Return the edge of a bin as text; `step`, the width of the bins, says how many digits tell edges apart.

    Examples
    --------
    >>> edge(0.30000000000000004, "number", step=0.1), edge(-0.5, "number", step=20.0)
    ('0.30', '-0.5')
    >>> edge(1356998400.0, "time", step=86400.0)
    '2013-01-01'
    """
    if kind == "time":
        try:
            moment = datetime.fromtimestamp(value, UTC)
        except (ValueError, OverflowError, OSError):
            return f"{value:.6g}"
        return f"{moment:%Y-%m-%d}" if step >= _DAY else f"{moment:%Y-%m-%d %H:%M:%S}"
    if float(value).is_integer() and float(step).is_integer() and abs(value) < _LONG:
        return f"{value:,.0f}"
    if (2 * value).is_integer() and float(2 * step).is_integer() and abs(value) < _LONG:
        return f"{value:,.1f}"  # between two whole numbers
    digits = 1 - floor(log10(step)) if step > 0 else 0
    if max(abs(value), step) >= _LONG or digits > _MOST_DIGITS:
        return f"{value:.6g}"
    return f"{value:,.{max(digits, 0)}f}"


def place(where: Where) -> str:
    """Return which rows are looked at, in words."""
    parts = [f"{column}={value}" for column, value in where.entity.items()] or ["all entities"]
    return ", ".join([*parts, str(where.period) if where.period else "the whole period"])


def key(labels: tuple[str, str], rows: tuple[int, int]) -> str:
    """Return what tells the two sides apart where values are spread, and how many rows each has."""
    said = [f"{label} ({count:,} rows)" for label, count in zip(labels, rows, strict=True)]
    return _key(
        (f"<rect x='1' y='2' width='20' height='10' fill='{BLUE}' fill-opacity='.55' stroke='{BLUE}'/>", said[0]),
        (f"<rect x='2' y='2' width='18' height='10' fill='none' stroke='{ORANGE}' stroke-width='2'/>", said[1]),
    )


def line_key(labels: tuple[str, str]) -> str:
    """Return what tells the two sides apart over time."""
    path, point = "<path d='M0 7H26' fill='none' stroke-width='2' stroke=", "fill='none' stroke-width='1.5' stroke="
    return _key(
        (f"{path}'{BLUE}'/><circle cx='13' cy='7' r='3' {point}'{BLUE}'/>", labels[0]),
        (
            f"{path}'{ORANGE}' stroke-dasharray='6 3'/><rect x='10' y='4' width='6' height='6' {point}'{ORANGE}'/>",
            labels[1],
        ),
    )


def _key(*entries: tuple[str, str]) -> str:
    said = [
        f"<span><svg width='26' height='14' aria-hidden='true'>{mark}</svg>{html.escape(text)}</span>"
        for mark, text in entries
    ]
    return f"<span class='wb-key'>{''.join(said)}</span>"
