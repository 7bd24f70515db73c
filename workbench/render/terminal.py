"""`FittedGrid`: columns in a terminal, as wide as that is; `render_text`: what is printed there as plain text."""

from __future__ import annotations

from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from rich.console import Console, ConsoleOptions
    from rich.text import Text

GAP = 2
"""Columns of a terminal between those of a table."""


@dataclass(frozen=True, slots=True)
class FittedGrid:
    """Cells under heads in a terminal, as wide as it is; words, units and dates are broken only where no line is wide.

    Parameters
    ----------
    heads, rows
        What is drawn; a row may lack cells at its end.
    right
        The places of columns that stand to the right.
    whole
        Those that are not broken even between words.
    gap
        Between two columns.
    """

    heads: Sequence[Text]
    rows: Sequence[Sequence[Text]]
    right: Collection[int] = ()
    whole: Collection[int] = ()
    gap: int = GAP

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> Iterator[Any]:
        """Yield the grid."""
        from rich.table import Table as Grid

        natural, least = [], []
        for place, head in enumerate(self.heads):
            cells = [head, *(row[place] for row in self.rows if place < len(row))]
            natural.append(max(cell.cell_len if "\n" not in cell.plain else _longest(cell, "\n") for cell in cells))
            least.append(natural[-1] if place in self.whole else max(_longest(cell, None) for cell in cells))
        widths = fit_widths(natural, least, options.max_width - self.gap * (len(natural) - 1))
        grid = Grid(box=None, padding=(0, self.gap, 0, 0), pad_edge=False)
        for place, (head, width) in enumerate(zip(self.heads, widths, strict=True)):
            grid.add_column(head, overflow="fold", width=width, justify="right" if place in self.right else "left")
        for row in self.rows:
            grid.add_row(*row)
        yield grid


def fit_widths(natural: Sequence[int], least: Sequence[int], width: int) -> list[int]:
    """Return how wide columns are drawn: what they need, or else the widest are cut to one width, words kept whole.

    Examples
    --------
    >>> fit_widths([10, 40, 60], [5, 12, 14], 80), fit_widths([10, 90], [5, 70], 60)
    ([10, 35, 35], [10, 50])
    """
    for floors in (least, [0] * len(least)):
        for cap in range(max(natural, default=0), 0, -1):
            widths = [max(floor, min(each, cap)) for each, floor in zip(natural, floors, strict=True)]
            if sum(widths) <= width:
                left = width - sum(widths)
                for place, each in enumerate(natural):
                    more = min(left, each - widths[place])
                    widths[place] += more
                    left -= more
                return widths
    return [1] * len(natural)


def _longest(cell: Text, separator: str | None) -> int:
    from rich.cells import cell_len

    return max((cell_len(part) for part in cell.plain.split(separator)), default=0)


def render_text(renderable: Any, *, width: int = 80) -> str:
    """Return what rich would print, as plain text without colours."""
    from rich.console import Console

    out = StringIO()
    Console(
        file=out, width=width, color_system=None, force_terminal=False, force_jupyter=False, legacy_windows=False
    ).print(renderable)
    return "\n".join(line.rstrip() for line in out.getvalue().rstrip("\n").split("\n"))
