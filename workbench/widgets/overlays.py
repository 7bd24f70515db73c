"""`overlays`: the distributions of a view's features as small pictures side by side, what moved most first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.widgets.markdown import fenced
from workbench.widgets.overlay import COLUMNS, STYLE, Overlay, key
from workbench.widgets.wording import escaped, plain

if TYPE_CHECKING:
    from rich.console import Group

    from workbench.compare import DriftReport
    from workbench.widgets.figure import Figure

MOST = 12
"""How many features are drawn."""

_GRID = (
    ".wb-overlays{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,280px),1fr));"
    "gap:18px 32px;margin:10px 0 6px}"
    ".wb-overlay .wb-name{font:600 12.5px/1.4 var(--jp-code-font-family,ui-monospace,Menlo,Consolas,monospace);"
    "overflow-wrap:anywhere}"
)


@dataclass(frozen=True, slots=True)
class Overlays:
    """Overlays of the same two sides in a grid that wraps.

    Parameters
    ----------
    drawn
        At least one.
    left
        How many features are not drawn.
    """

    drawn: tuple[Overlay, ...]
    left: int = 0

    @property
    def title(self) -> str:
        """What is drawn."""
        return "Distributions"

    def html(self) -> str:
        """Return the grid under one key."""
        cells = "".join(
            f"<div class='wb-overlay'><p class='wb-name'><b>{escaped(one.title)}</b></p>{one.inner_html()}</div>"
            for one in self.drawn
        )
        return (
            f"<style>{STYLE}{_GRID}</style>{key(self.drawn[0].labels)}"
            f"<div class='wb-overlays'>{cells}</div>{f'<p class=wb-key>{self._rest}</p>' if self.left else ''}"
        )

    def text(self) -> str:
        """Return one below the other."""
        drawn = "\n\n".join(f"{one.title}\n{one.text()}" for one in self.drawn)
        return f"{self._key}\n\n{drawn}{f'{chr(10)}{chr(10)}{self._rest}' if self.left else ''}"

    def markdown(self) -> str:
        """Return them as a block of text."""
        return fenced("text", self.text())

    def __rich__(self) -> Group:
        """Return as many beside each other as the terminal has room for."""
        from rich.columns import Columns
        from rich.console import Group
        from rich.text import Text

        cells = [Text("\n").join([Text(one.title, style="bold"), one.__rich__(), Text()]) for one in self.drawn]
        grid = Columns(cells, width=COLUMNS, padding=(0, 3))
        return Group(Text(self._key, style="dim"), grid, *([Text(self._rest, style="dim")] if self.left else []))

    @property
    def _key(self) -> str:
        one, two = (plain(label, limit=80) for label in self.drawn[0].labels)
        return f"{one} → {two}; █ both, - the first has more, + the second"

    @property
    def _rest(self) -> str:
        return f"and {self.left:,} more feature{'' if self.left == 1 else 's'} that moved less"


def overlays(report: DriftReport, *, most: int = MOST) -> tuple[Figure, ...]:
    """Return one figure with the distributions of at most `most` features, what moved most first.

    Parameters
    ----------
    report
        What moved between two sets of rows.
    most
        How many features to draw; of the others there is the number.

    Returns
    -------
    tuple of Figure
        Empty where nothing was measured.
    """
    ordered = sorted((one for one in report.features if one.bins), key=lambda one: -one.excess)
    if not ordered:
        return ()
    drawn = tuple(Overlay(one, report.labels) for one in ordered[:most])
    return (Overlays(drawn, len(ordered) - len(drawn)),)
