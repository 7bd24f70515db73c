"""The picture of two distributions: the reference filled, the current rows outlined, so that no hue is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.widgets.bars import Scale, bars, has_histogram
from workbench.widgets.wording import escaped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.compare import FeatureDrift, Histogram
    from workbench.widgets.bars import Bar

WIDTH = 300
REFERENCE, CURRENT = "#0072b2", "#d55e00"
"""Okabe and Ito's blue and vermilion: three to one against white and against black."""

STYLE = (
    f".wb-one{{fill:light-dark({REFERENCE},#56b4e9)}}"
    "[data-jp-theme-light=false] .wb-one,.vscode-dark .wb-one{fill:#56b4e9}"
)
"""Half of the blue is too little on black, so that dark themes get Okabe and Ito's sky blue."""

_FILL = f"class='wb-one' fill='{REFERENCE}' fill-opacity='.5'"
_LINE = f"fill='none' stroke='{CURRENT}' stroke-width='1.6' stroke-linejoin='round'"
_PLOT, _TAIL, _GAP = 84, 9, 5
_ROW, _FROM, _TO, _LETTERS = 15, 102, 214, 16
LEAST_SCALE = 0.1
"""A share of the rows that bars reach no farther than alone: a thousandth is to look like little."""


HIGHEST_TAIL = 2
"""What lies beyond the bins is drawn at most so many times as high as the highest bin: it has no width to compare, its
share is written, and it would press the bins flat."""


def overlay_svg(drift: FeatureDrift, labels: tuple[str, str]) -> str:
    """Return both distributions as an inline SVG of at most some 6 kB; empty where there is nothing to draw.

    Parameters
    ----------
    drift
        One feature's.
    labels
        What its two sides are called.
    """
    rows = bars(drift)
    parts, height = [], 0.0
    if has_histogram(drift) and drift.histograms is not None:
        parts.append(_histograms(drift, drift.histograms))
        height = _PLOT + 19
    if rows:
        parts.append(_bars(rows, height))
        height += _ROW * len(rows) + 1
    if not parts:
        return ""
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{height:.0f}' "
        f"viewBox='0 -2 {WIDTH} {height:.0f}' role='img' aria-label='{_words(drift, labels, rows)}' "
        f"font-size='10.5' fill='currentColor'>{''.join(parts)}</svg>"
    )


def swatch(side: int) -> str:
    """Return the mark of one side for a key: 0 is filled, 1 is outlined."""
    drawn = f"d='M1 2h14v8h-14z' {_FILL}" if side == 0 else f"d='M1 11V6h5V2h5v5h4v4' {_LINE}"
    return f"<svg width='16' height='12' viewBox='0 0 16 12' aria-hidden='true'><path {drawn}/></svg>"


def _histograms(drift: FeatureDrift, pair: tuple[Histogram, Histogram]) -> str:
    wholes = max(1, drift.reference.rows), max(1, drift.current.rows)
    sides = [_Side(each, whole) for each, whole in zip(pair, wholes, strict=True)]
    highest = max(max(side.counts) for side in sides) or 1.0
    top = max(highest, min(HIGHEST_TAIL * highest, max(max(side.below, side.above) for side in sides)))
    left = _TAIL + _GAP if pair[0].below or pair[1].below else 0
    right = WIDTH - (_TAIL + _GAP if pair[0].above or pair[1].above else 0)
    filled, line = (side.path(top, left, right) for side in sides)
    ends = Scale.of(drift).ends(pair[0])
    return (
        f"<path d='{filled}' {_FILL}/><path d='M0 {_PLOT}.5H{WIDTH}' stroke='currentColor' stroke-opacity='.3'/>"
        f"<path d='{line}' {_LINE}/><g fill-opacity='.7'>"
        f"<text x='0' y='{_PLOT + 13}'>{'‹ ' if left else ''}{escaped(ends[0])}</text>"  # noqa: RUF001
        f"<text x='{WIDTH}' y='{_PLOT + 13}' text-anchor='end'>{escaped(ends[1])}{' ›' if right < WIDTH else ''}</text>"  # noqa: RUF001
        "</g>"
    )


class _Side:
    """One side's histogram as shares of its rows."""

    def __init__(self, histogram: Histogram, rows: int) -> None:
        self.counts = [count / rows for count in histogram.counts]
        self.below, self.above = histogram.below / rows, histogram.above / rows

    def path(self, top: float, left: float, right: float) -> str:
        """Return steps from `left` to `right`, and the tails apart from them."""
        step = (right - left) / len(self.counts)
        parts = [_step(0, _TAIL, self.below, top)] if self.below else []
        parts.append(f"M{_short(left)} {_PLOT}")
        for place, share in enumerate(self.counts):
            parts.append(f"V{_height(share, top)}H{_short(left + step * (place + 1))}")
        parts.append(f"V{_PLOT}")
        parts += [_step(WIDTH - _TAIL, _TAIL, self.above, top)] if self.above else []
        return "".join(parts)


def _step(left: float, width: float, share: float, top: float) -> str:
    return f"M{_short(left)} {_PLOT}V{_height(share, top)}h{_short(width)}V{_PLOT}"


def _height(share: float, top: float) -> str:
    return _short(_PLOT - max(1.0, min(1.0, share / top) * (_PLOT - 2))) if share else f"{_PLOT}"


def _bars(rows: Sequence[Bar], start: float) -> str:
    top = max(LEAST_SCALE, *(share for bar in rows for share in bar.shares))
    filled, line, words = [], [], []
    for place, bar in enumerate(rows):
        y = start + _ROW * place
        wide = [max(1.0, share / top * (_TO - _FROM)) if share else 0.0 for share in bar.shares]
        filled += [f"M{_FROM} {_short(y + 2)}h{_short(wide[0])}v10H{_FROM}z"] if wide[0] else []
        line += [f"M{_FROM} {_short(y + 2)}h{_short(wide[1])}v10H{_FROM}z"] if wide[1] else []
        words.append(
            f"<text y='{_short(y + 11)}'>{escaped(bar.label, limit=_LETTERS)}"
            f"{f'<title>{escaped(bar.label)}</title>' if len(bar.label) > _LETTERS else ''}</text>"
            f"<text x='{WIDTH}' y='{_short(y + 11)}' text-anchor='end' fill-opacity='.7'>{escaped(bar.said)}</text>"
        )
    return f"<path d='{''.join(filled)}' {_FILL}/><path d='{''.join(line)}' {_LINE}/>{''.join(words)}"


def _words(drift: FeatureDrift, labels: tuple[str, str], rows: Sequence[Bar]) -> str:
    """Return what the picture shows, for those who do not see it."""
    said = f"{drift.name}: {labels[0]} filled, {labels[1]} outlined"
    if has_histogram(drift) and drift.histograms is not None:
        said += ", histograms from {} to {}".format(*Scale.of(drift).ends(drift.histograms[0]))
    shares = "; ".join(f"{escaped(bar.label, limit=20)} {bar.said}" for bar in rows[:8])
    return f"{escaped(said)}{'; ' if shares else ''}{shares}"


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
