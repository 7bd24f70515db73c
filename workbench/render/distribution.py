"""Distributions of features over each other: the reference filled, the current rows outlined: no hue is needed."""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.measures import MEASURES
from workbench.render.format import amount, escape_html, figure, plain
from workbench.render.markdown import fence_code, quote_markdown
from workbench.render.sparkline import fit_bars, ramp
from workbench.render.table import DARK
from workbench.shares import percent
from workbench.times import duration_in_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Group
    from rich.text import Text

    from workbench.drift import DriftReport, FeatureDrift
    from workbench.profile import Bin, Histogram
    from workbench.render.figure import Figure

MOST_BARS = 12
"""Categories with a bar each; of more, those with the most rows or the most change."""

_RARE = 0.001
_AMISS = ("below", "above", "new", "null", "nan", "infinite")
"""What bins of a histogram do not show."""

_SAID = {"nan": "NaN", "other": "all others", "new": "new values"}


@dataclass(frozen=True, slots=True)
class Bar:
    """The rows that have one value, or one kind of value.

    Attributes
    ----------
    label
        What they have.
    reference, current
        Rows of each side.
    wholes
        All rows of each side.
    """

    label: str
    reference: int
    current: int
    wholes: tuple[int, int]

    @property
    def shares(self) -> tuple[float, float]:
        """Each side's rows as a share of all that it has."""
        one, two = self.wholes
        return self.reference / max(1, one), self.current / max(1, two)

    @property
    def said(self) -> str:
        """Both shares in percent, the unit once."""
        one, two = percent(self.reference, self.wholes[0]), percent(self.current, self.wholes[1])
        return f"{one.removesuffix('%') if two.endswith('%') else one} → {two}"


@dataclass(frozen=True, slots=True)
class Scale:
    """What the numbers of a feature's drift mean."""

    kind: str
    dtype: str

    @classmethod
    def of(cls, drift: FeatureDrift) -> Scale:
        """Return the scale that a feature is measured on."""
        dtype = drift.current.dtype if drift.reference.dtype == "Null" else drift.reference.dtype
        if drift.kind != "temporal":
            return cls("number", dtype)
        return cls("time" if dtype.startswith("Date") else "duration", dtype)

    def amount(self, value: float, *, near: float | None = None) -> str:
        """Return a value as it is written."""
        return amount(value, self, near=near)

    def ends(self, histogram: Histogram) -> tuple[str, str]:
        """Return the lowest and highest value that the bins hold; whole numbers have edges between them."""
        low, high = histogram.edges[0], histogram.edges[-1]
        whole = self.dtype.startswith(("Int", "UInt"))
        first, last = (float(math.ceil(low)), float(math.floor(high))) if whole else (low, high)
        return self.amount(first, near=high - low), self.amount(last, near=high - low)

    def distance(self, value: float) -> str:
        """Return a distance between two values as it is written."""
        return figure(value, digits=3) if self.kind == "number" else duration_in_words(value)


def has_histogram(drift: FeatureDrift) -> bool:
    """Return whether both sides are counted in equal bins, and in more than one."""
    return drift.histograms is not None and len(drift.histograms[0].counts) > 1


def bars(drift: FeatureDrift) -> tuple[Bar, ...]:
    """Return what to draw as bars of their own, in the order of the bins.

    Beside a histogram these are nulls, NaN, infinities, and what lies out of the reference's range where that is a
    thousandth of the rows or more; without one all bins, the least of more than `MOST_BARS` categories added up.
    """
    wholes = drift.reference.rows, drift.current.rows
    scale = Scale.of(drift)

    def bar(one: Bin) -> Bar:
        return Bar(_label(one, scale), one.reference, one.current, wholes)

    if has_histogram(drift):
        shown = [one for one in drift.bins if one.kind in _AMISS]
        return tuple(bar(one) for one in shown if one.kind not in {"below", "above"} or _is_notable(bar(one)))
    named = [one for one in drift.bins if one.kind == "value" and one.low is None]
    if len(named) <= MOST_BARS:
        return tuple(bar(one) for one in drift.bins)
    kept = sorted(named, key=lambda one: _weight(bar(one)), reverse=True)[:MOST_BARS]
    rest = [one for one in drift.bins if one.kind == "other" or (one in named and one not in kept)]
    tail = [one for one in drift.bins if one not in named and one.kind != "other"]
    return (*(bar(one) for one in named if one in kept), _sum(rest, wholes), *map(bar, tail))


def _label(one: Bin, scale: Scale) -> str:
    low, high = one.low, one.high
    if one.kind == "value":
        return plain(one.label, limit=80) if low is None else scale.amount(low)
    if one.kind == "values" and low is not None and high is not None:
        return f"{scale.amount(low, near=high - low)} – {scale.amount(high, near=high - low)}"  # noqa: RUF001
    if one.kind == "below" and high is not None:
        return f"below {scale.amount(high)}"
    if one.kind == "above" and low is not None:
        return f"above {scale.amount(low)}"
    return _SAID.get(one.kind, one.label)


def _sum(rest: Sequence[Bin], wholes: tuple[int, int]) -> Bar:
    return Bar("all others", sum(one.reference for one in rest), sum(one.current for one in rest), wholes)


def _is_notable(bar: Bar) -> bool:
    return max(bar.shares) >= _RARE


def _weight(bar: Bar) -> float:
    one, two = bar.shares
    return max(one, two) + abs(one - two)


WIDTH = 300
REFERENCE, CURRENT = "#0072b2", "#d55e00"
"""Okabe and Ito's blue and vermilion: three to one against white and against black."""

HUES = (
    f".wb-one{{fill:light-dark({REFERENCE},#56b4e9)}}[data-jp-theme-light=false] .wb-one{{fill:#56b4e9}}"
    f".wb-overlay{DARK}"
)
"""Half of the blue is too little on black, so that dark themes get Okabe and Ito's sky blue."""

_FILL = f"class='wb-one' fill='{REFERENCE}' fill-opacity='.5'"
_LINE = f"fill='none' stroke='{CURRENT}' stroke-width='1.6' stroke-linejoin='round'"
_PLOT, _TAIL, _GAP = 84, 9, 5
_ROW, _FROM, _TO, _LETTERS = 15, 102, 214, 16
_IN_A_LINE = 16
LEAST_SCALE = 0.1
"""A share of the rows that bars reach no further than alone: a thousandth is to look like little."""


HIGHEST_TAIL = 2
"""What lies beyond the bins is drawn at most so many times as high as the highest bin: it has no width to compare, its
share is written, and it would press the bins flat."""


def overlay_svg(drift: FeatureDrift, labels: tuple[str, str]) -> str:
    """Return both distributions as an inline SVG of at most some 6 kB; empty where there is nothing to draw.

    Letters between its shapes are not drawn: they are what is left, in order, where a page takes the drawing away.
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
    arrow = "→ " if side else ""  # not drawn, see `overlay_svg`
    return f"<svg width='16' height='12' viewBox='0 0 16 12' aria-hidden='true'>{arrow}<path {drawn}/></svg>"


def _histograms(drift: FeatureDrift, pair: tuple[Histogram, Histogram]) -> str:
    wholes = max(1, drift.reference.rows), max(1, drift.current.rows)
    sides = [_Side(each, whole) for each, whole in zip(pair, wholes, strict=True)]
    highest = max(max(side.counts) for side in sides) or 1.0
    top = max(highest, min(HIGHEST_TAIL * highest, max(max(side.below, side.above) for side in sides)))
    left = _TAIL + _GAP if pair[0].below or pair[1].below else 0
    right = WIDTH - (_TAIL + _GAP if pair[0].above or pair[1].above else 0)
    filled, line = (side.path(top, left, right) for side in sides)
    ends = Scale.of(drift).ends(pair[0])
    lines = " → ".join(ramp([fit_bars(side.counts, _IN_A_LINE) for side in sides])).replace(" ", _HELD)
    return (
        f"{lines} · <path d='{filled}' {_FILL}/>"
        f"<path d='M0 {_PLOT}.5H{WIDTH}' stroke='currentColor' stroke-opacity='.3'/>"
        f"<path d='{line}' {_LINE}/><g fill-opacity='.7'>"
        f"<text x='0' y='{_PLOT + 13}'>{'‹ ' if left else ''}{escape_html(ends[0])}</text> to "  # noqa: RUF001
        f"<text x='{WIDTH}' y='{_PLOT + 13}' text-anchor='end'>"
        f"{escape_html(ends[1])}{' ›' if right < WIDTH else ''}</text>"  # noqa: RUF001
        "</g> · "
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
        for place, part in enumerate(self.counts):
            parts.append(f"V{_height(part, top)}H{_short(left + step * (place + 1))}")
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
            f"<text y='{_short(y + 11)}'>{escape_html(bar.label, limit=_LETTERS)}"
            f"{f'<title> ({escape_html(bar.label)})</title>' if len(bar.label) > _LETTERS else ''}</text> "
            f"<text x='{WIDTH}' y='{_short(y + 11)}' text-anchor='end' fill-opacity='.7'>{escape_html(bar.said)}</text>"
        )
    return f"<path d='{''.join(filled)}' {_FILL}/><path d='{''.join(line)}' {_LINE}/>{' · '.join(words)}"


def _words(drift: FeatureDrift, labels: tuple[str, str], rows: Sequence[Bar]) -> str:
    """Return what the picture shows, for those who do not see it."""
    said = f"{drift.name}: {labels[0]} filled, {labels[1]} outlined"
    if has_histogram(drift) and drift.histograms is not None:
        said += ", histograms from {} to {}".format(*Scale.of(drift).ends(drift.histograms[0]))
    shares = "; ".join(f"{escape_html(bar.label, limit=20)} {bar.said}" for bar in rows[:8])
    return f"{escape_html(said)}{'; ' if shares else ''}{shares}"


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


STYLE = (
    ".wb-overlay{min-width:0}"
    ".wb-overlay svg{display:block;width:100%;max-width:400px;height:auto;margin:4px 0}"
    ".wb-overlay p,.wb-key{margin:0!important;line-height:1.4}"
    ".wb-overlay .wb-dim,.wb-key{color:var(--jp-ui-font-color2,color-mix(in srgb,currentColor 65%,transparent));"
    "font-size:12px}"
    ".wb-overlay .wb-measures{font-variant-numeric:tabular-nums}"
    ".wb-key span{margin-right:16px;white-space:nowrap}"
    ".wb-key svg{vertical-align:-1px}"
) + HUES

COLUMNS = 46
"""The width of the text form."""

_TRACK = 12
_HELD = "\u00a0"
"""A space at which no line breaks."""


@dataclass(frozen=True, slots=True)
class Overlay:
    """Both distributions of one feature, the measures between them, and what they say in a sentence.

    Parameters
    ----------
    drift
        How far the feature moved.
    labels
        What the reference and the current rows are called.
    """

    drift: FeatureDrift
    labels: tuple[str, str]

    @property
    def title(self) -> str:
        """The feature, its unit, and the segment where it is of one."""
        of = ", ".join(f"{key}={value}" for key, value in self.drift.segment)
        unit = self.drift.unit if self.drift.unit and self.drift.kind != "temporal" else None
        return plain(f"{self.drift.name}{f' ({unit})' if unit else ''}{f', {of}' if of else ''}")

    @property
    def sentence(self) -> str:
        """What happened, without the name that the title has."""
        of = ", ".join(f"{key}={value}" for key, value in self.drift.segment)
        named = f"{self.drift.name} ({of}) " if of else f"{self.drift.name} "
        said = plain(self.drift.sentence.removeprefix(named), limit=400)
        return said[:1].upper() + said[1:]

    def html(self) -> str:
        """Return the picture with its key, measures and sentence."""
        return f"<div class='wb-overlay'><style>{STYLE}</style>{key(self.labels)}{self.inner_html()}</div>"

    def inner_html(self) -> str:
        """Return the picture, measures and sentence alone, for a place that has style, key and title already."""
        measures = " · ".join(f"{name}{_HELD}{value}" for name, value in self._measures())
        return (
            f"{overlay_svg(self.drift, self.labels)}<p>{escape_html(self.sentence, limit=400)}</p>"
            f"<p class='wb-dim wb-measures'>{measures}</p>"
        )

    def text(self) -> str:
        """Return the picture in block characters, with measures and sentence."""
        return "\n".join(line for line, _ in self._lines())

    def markdown(self) -> str:
        """Return the sentence, and the picture in block characters."""
        return f"{quote_markdown(self.drift.sentence)}\n\n{fence_code('text', self.text())}"

    def __rich__(self) -> Text:
        """Return the text form, the two sides in their colours."""
        from rich.text import Text

        return Text("\n").join([Text(line, style=style) for line, style in self._lines()])

    def _blocks(self, pair: tuple[Histogram, Histogram]) -> list[str]:
        """Return each side's shares as blocks, what lies beyond the bins apart from them as in the picture."""
        wholes = max(1, self.drift.reference.rows), max(1, self.drift.current.rows)
        below, above = (any(getattr(each, end) for each in pair) for end in ("below", "above"))
        inside = [
            [n / rows for n in fit_bars(each.counts, COLUMNS - 19)] for each, rows in zip(pair, wholes, strict=True)
        ]
        most = HIGHEST_TAIL * max(max(side) for side in inside)
        sides = []
        for each, shares, rows in zip(pair, inside, wholes, strict=True):
            first = [min(most, each.below / rows), 0.0] if below else []
            last = [0.0, min(most, each.above / rows)] if above else []
            sides.append([*first, *shares, *last])
        return ramp(sides)

    def _measures(self) -> list[tuple[str, str]]:
        drift = self.drift
        found = []
        for name, measure in MEASURES.items():
            value = drift.measures.get(name)
            if value is None:
                continue
            said = f"{figure(value, digits=2)}{drift.give_or_take(name)}"
            if measure.in_unit:
                scaled = drift.measures.get(measure.decisive)
                off = drift.give_or_take(measure.decisive)
                deviations = f" ({figure(scaled, digits=2)}{off} sd)" if scaled else ""
                said = Scale.of(drift).distance(value) + deviations
            found.append((measure.short, said.replace(" ", _HELD)))
        return found

    def _lines(self) -> Iterator[tuple[str, str]]:
        """Yield lines and their styles."""
        drift = self.drift
        if has_histogram(drift) and drift.histograms is not None:
            drawn = self._blocks(drift.histograms)
            for label, line, style in zip(self.labels, drawn, ("blue", "dark_orange"), strict=True):
                yield f"{plain(label, limit=13):<14} {line}", style
            low, high = Scale.of(drift).ends(drift.histograms[0])
            yield f"{'':<15}{low}{high:>{max(1, len(drawn[0]) - len(low))}}", "dim"
        rows = bars(drift)
        top = max((LEAST_SCALE, *(share for bar in rows for share in bar.shares)))
        for bar in rows:
            yield f"{plain(bar.label, limit=14):<14} {_track(bar.shares, top)} {bar.said:>{COLUMNS - 16 - _TRACK}}", ""
        yield from ((line, "") for line in textwrap.wrap(self.sentence, COLUMNS))
        measures = " · ".join(f"{name}{_HELD}{value}" for name, value in self._measures())
        yield from ((line, "dim") for line in textwrap.wrap(measures, COLUMNS))


def key(labels: tuple[str, str]) -> str:
    """Return which mark is which side."""
    said = "".join(f"<span>{swatch(side)} {escape_html(label, limit=80)}</span> " for side, label in enumerate(labels))
    return f"<p class='wb-key'>{said}</p>"


def _track(shares: tuple[float, float], top: float) -> str:
    """Return what both sides have as blocks, and then what one has more: ``-`` the reference, ``+`` the current."""
    one, two = (round(_TRACK * share / top) if top else 0 for share in shares)
    more = "+" if two > one else "-"
    return f"{'█' * min(one, two)}{more * abs(one - two)}".ljust(_TRACK)


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
            f"<div class='wb-overlay'><p class='wb-name'><b>{escape_html(one.title)}</b></p>{one.inner_html()}</div>"
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
        return fence_code("text", self.text())

    def __rich__(self) -> Group:
        """Return as many side by side as fit the terminal."""
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


def overlays(report: DriftReport, *, most: int = MOST, skip: int = 0) -> tuple[Figure, ...]:
    """Return one figure with the distributions of at most `most` features, what moved most first, without the first."""
    ordered = sorted((one for one in report.features if one.bins), key=lambda one: -one.excess)[skip:]
    if not ordered:
        return ()
    drawn = tuple(Overlay(one, report.labels) for one in ordered[:most])
    return (Overlays(drawn, len(ordered) - len(drawn)),)
