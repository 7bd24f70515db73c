"""`Table`: rows under column names, of plain values and of small drawings such as `ShareBar`."""

from __future__ import annotations

import html
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from workbench.render.format import print_value
from workbench.render.markdown import quote_markdown, table_row
from workbench.render.terminal import FittedGrid, render_text
from workbench.shares import percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Group
    from rich.text import Text

Tone = Literal["good", "warn", "bad", "dim"]
COLOURS: dict[Tone, tuple[str, str]] = {
    "good": ("var(--jp-success-color1,light-dark(#2e8540,#5cb874))", "green"),
    "warn": ("var(--jp-warn-color1,light-dark(#8f4e00,#e0a04a))", "yellow"),
    "bad": ("var(--jp-error-color1,light-dark(#c4302b,#f4837d))", "bold red"),
    "dim": ("var(--jp-ui-font-color2,color-mix(in srgb,currentColor 70%,transparent))", "dim"),
}
"""Of each tone, its colour on a page and in a terminal."""
DARK = ":is(.vscode-high-contrast:not(.vscode-high-contrast-light) *,.vscode-dark *){color-scheme:dark}"
"""What follows a class in its style: VS Code says by a class alone that its theme is dark."""
MOST_ROWS = 50
"""How many rows are drawn at first, unless a table says otherwise."""
MOST_FOLDED = 200
"""How many more a page holds, folded: more is for frames."""


class Drawn:
    """A value that is drawn in its cell; where nothing can be drawn, its text stands there.

    A class and no protocol: what users put in their rows is never asked for HTML.
    """

    __slots__ = ()

    def html(self) -> str:
        """Return it as inline HTML, escaped."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class ShareBar(Drawn):
    """A share from 0 to 1 as a number and a bar."""

    share: float

    def html(self) -> str:
        """Return the number after its bar; the frame is the whole."""
        width = 0.0 if self.share <= 0 else max(1.0, min(1.0, self.share) * 60)
        return (
            "<span style='white-space:nowrap'><svg width='62' height='10' viewBox='-1 0 62 10' aria-hidden='true'>"
            "<path d='M0 .5h60v9h-60z' fill='none' stroke='currentColor' stroke-opacity='.25'/>"
            f"<path d='M0 1h{width:.1f}v8h-{width:.1f}z' fill='#0072b2'/></svg> {self}</span>"
        )

    def __str__(self) -> str:
        return percent(self.share)


@dataclass(frozen=True, slots=True)
class Mark(Drawn):
    """A few words in the colour of what they mean, on one line; the words say it without the colour as well."""

    words: str
    tone: Tone

    def html(self) -> str:
        """Return the words in their colour."""
        style = f"white-space:nowrap;color:{COLOURS[self.tone][0]}"
        return f"<span style='{style}'>{html.escape(self.words, quote=True)}</span>"

    def __str__(self) -> str:
        return self.words

    def __rich__(self) -> Text:
        """Return the words in a terminal's colour."""
        from rich.text import Text

        return Text(self.words, style=COLOURS[self.tone][1], no_wrap=True)


def _printed(value: object) -> Text:
    from rich.text import Text

    return value.__rich__() if isinstance(value, Mark) else Text(print_value(value))


LONGEST_NAME = 32
"""Characters of the first column that a narrow terminal does not fold."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a report.

    Parameters
    ----------
    title
        The heading above it.
    columns
        Their names.
    rows
        Printable values, `Drawn` ones among them. A row of one value, among rows of several, is a heading of those
        below it.
    most
        How many rows are drawn at first, what is left being counted and on a page folded below them; None for all.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    most: int | None = MOST_ROWS

    def html(self, *, everything: bool = False) -> str:
        """Return the table as HTML, numbers to the right, with the rows after the first ones folded."""
        shown = len(self._shown)
        rest = self.rows[shown : shown + MOST_FOLDED]
        left = _more(len(self.rows) - shown - len(rest))
        parts = [
            self._grid(self._shown),
            f"<details{' open' if everything else ''}><summary>{self._left}</summary>{self._grid(rest)}"
            if rest
            else "",
            f"<p class='wb-left'>{left}: --json has them all.</p>" if left else "",
            "</details>" if rest else "",
        ]
        return "".join(parts)

    def _grid(self, rows: Sequence[tuple[object, ...]]) -> str:
        numbers = self._numbers()
        named = " class=wb-named" if self._has_names else ""
        parts = [f"<div class='wb-wide'><table{named}><tr>{_cells('th', self.columns, numbers)}</tr>"]
        parts += [
            f"<tr><th scope='rowgroup' colspan='{len(self.columns)}' class=wb-group>{_cell(row[0])}</th></tr>"
            if self._is_heading(row)
            else f"<tr>{_cells('td', row, numbers)}</tr>"
            for row in rows
        ]
        return "".join([*parts, "</table></div>"])

    def _is_heading(self, row: tuple[object, ...]) -> bool:
        return len(row) == 1 < len(self.columns)

    def text(self) -> str:
        """Return the table as plain text."""
        return render_text(self, width=100)

    def markdown(self) -> str:
        """Return the table in GitHub's Markdown."""
        rules = ["---:" if place in self._numbers() else "---" for place in range(len(self.columns))]
        lines = [table_row([quote_markdown(name) for name in self.columns]), table_row(rules)]
        blank = [""] * (len(self.columns) - 1)
        lines += [
            table_row(
                [f"**{quote_markdown(row[0])}**", *blank] if self._is_heading(row) else list(map(quote_markdown, row))
            )
            for row in self._shown
        ]
        return "\n".join([*lines, *(["", self._left] if self._left else [])])

    def __rich__(self) -> Group:
        """Return the table for a terminal."""
        from rich.console import Group
        from rich.text import Text

        numbers = self._numbers()
        cells = [[_printed(value) for value in row] for row in self._shown]
        for row in cells:
            if len(row) == 1 < len(self.columns):
                row[0].stylize("bold")
        whole = {0} if self._has_names else set[int]()
        grid = FittedGrid([Text(name, style="dim") for name in self.columns], cells, right=numbers, whole=whole)
        return Group(grid, *([Text(self._left, style="dim")] if self._left else []))

    @property
    def _has_names(self) -> bool:
        """Whether what the lines are about, in their first cells, is short enough to be read in one piece."""
        names = (len(print_value(row[0])) for row in self._shown if not self._is_heading(row))
        return 0 < max(names, default=0) <= LONGEST_NAME

    @property
    def _shown(self) -> tuple[tuple[object, ...], ...]:
        return self.rows if self.most is None else self.rows[: self.most]

    def without_empty_columns(self) -> Table:
        """Return the table without the columns that no row has anything in; one with headings of rows is left whole."""
        if any(map(self._is_heading, self.rows)):
            return self
        kept = [place for place in range(len(self.columns)) if any(row[place] not in (None, "") for row in self.rows)]
        return replace(
            self,
            columns=tuple(self.columns[place] for place in kept),
            rows=tuple(tuple(row[place] for place in kept) for row in self.rows),
        )

    @property
    def is_cut(self) -> bool:
        """Whether rows are left out at first."""
        return len(self._shown) < len(self.rows)

    @property
    def _left(self) -> str:
        return _more(len(self.rows) - len(self._shown))

    def _numbers(self) -> set[int]:
        """Return the places of the columns that hold numbers alone, or nothing."""
        found = set()
        for place in range(len(self.columns)):
            held = [row[place] for row in self.rows if place < len(row) and row[place] is not None]
            if held and all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in held):
                found.add(place)
        return found


def _more(count: int) -> str:
    return f"and {count:,} more row{'' if count == 1 else 's'}" if count else ""


def _cells(tag: str, values: Sequence[object], numbers: set[int]) -> str:
    scope = " scope='col'" if tag == "th" else ""
    return "".join(
        f"<{tag}{scope}{' class=wb-num' if place in numbers else ''}>{_cell(value)}</{tag}>"
        for place, value in enumerate(values)
    )


def _cell(value: object) -> str:
    return value.html() if isinstance(value, Drawn) else html.escape(print_value(value), quote=True)
