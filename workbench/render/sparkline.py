"""Sparklines: a histogram or the commonest categories, as a small SVG or as a line of block characters."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from workbench.render.format import amount, escape_html
from workbench.shares import percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.profile import FeatureProfile, Histogram

WIDTH, HEIGHT = 1680, 300
"""Units of the drawing: a tenth of a pixel, so that whole numbers will do."""

_TAIL, _GAP = 50.0, 20.0
_SHADES = (0.95, 0.7, 0.5, 0.35)
BLOCKS = "▁▂▃▄▅▆▇█"
ASCII = "_.-=+*%#"
"""Eight heights, with all letters and without."""


def sparkline(feature: FeatureProfile) -> str:
    """Return the distribution of `feature` as an inline SVG; empty where there is nothing to draw.

    It has a title for pointers and screen readers, takes its colours from the classes ``wb-bar`` and
    ``wb-tail``, and has at most one shape a bin whatever the rows. Tails outside a histogram's edges stand apart.
    A histogram is followed by the same as a line of characters, of the class ``wb-line``, which a style is to hide
    after an SVG: so that it shows where drawings are taken away.
    """
    if _is_constant(feature):
        return ""
    if feature.histogram is not None and len(feature.histogram.counts) > 1:
        return _svg(describe_sparkline(feature), _bars(feature.histogram), blocks(feature))
    if feature.categories:
        return _svg(describe_sparkline(feature), _segments(feature))
    return ""


def instead(feature: FeatureProfile) -> str:
    """Return what stands in place of a drawing where there is none."""
    if feature.nulls == feature.rows:
        return "no values"
    if feature.categories:
        return f"always {feature.categories[0][0]}"
    if feature.min is not None and feature.min == feature.max:
        return f"always {amount(feature.min, feature)}"
    return feature.size or "not summarised"


def _is_constant(feature: FeatureProfile) -> bool:
    return len(feature.categories) == 1 or (feature.min is not None and feature.min == feature.max)


def describe_sparkline(feature: FeatureProfile) -> str:
    """Return in words what the sparkline shows."""
    if feature.histogram is not None:
        return _histogram_in_words(feature, feature.histogram)
    total = _total_count(feature)
    parts = [f"{value} {percent(count, total)}" for value, count in feature.categories[:4]]
    rest = (feature.distinct or 0) - len(parts)
    return f"{feature.name}: {', '.join(parts)}" + (f", {rest:,} more values" if rest > 0 else "")


def blocks(feature: FeatureProfile, *, width: int = 16, ascii_only: bool = False) -> str:
    """Return the histogram of `feature` as `width` block characters; empty where it has none."""
    if feature.histogram is None or len(feature.histogram.counts) < 2:
        return ""
    counts = _merge_bars(feature.histogram.counts, width)
    ramp, top = ASCII if ascii_only else BLOCKS, max(counts)
    return "".join(" " if not count else ramp[min(7, int(8 * count / top))] for count in counts)


def ramp(sides: Sequence[Sequence[float]]) -> list[str]:
    """Return the heights of several sides as lines of block characters, all on one scale; zero is a space."""
    top = max((height for side in sides for height in side), default=0.0)
    return ["".join(" " if not each else BLOCKS[min(7, int(8 * each / top))] for each in side) for side in sides]


def fit_bars(counts: Sequence[float], width: int) -> list[float]:
    """Return counts made into at most `width`: few are drawn several times each, neighbours of many are one."""
    wide = [count for count in counts for _ in range(width // len(counts) or 1)]
    return _merge_bars(wide, width)


def _svg(label: str, shapes: str, line: str = "") -> str:
    # of spaces, HTML keeps those that do not break
    text = f'<samp class="wb-line">{line.replace(" ", "&nbsp;")}</samp>' if line else ""
    return (
        f'<div role="img" title="{escape_html(label)}"><svg class="wb-spark" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'preserveAspectRatio="none" aria-hidden="true">{shapes}</svg>{text}</div>'
    )


def _bars(histogram: Histogram) -> str:
    counts = histogram.counts
    top = max(*counts, 1)
    left = _TAIL + _GAP if histogram.below else 0.0
    right = WIDTH - (_TAIL + _GAP if histogram.above else 0.0)
    step = (right - left) / len(counts)
    gap = 0.0 if len(counts) == 1 else min(_GAP / 2, step / 5)
    path = "".join(_bar(left + step * place, step - gap, count, top) for place, count in enumerate(counts))
    tails = _bar(0, _TAIL, histogram.below, top) + _bar(WIDTH - _TAIL, _TAIL, histogram.above, top)
    return f'<path class="wb-bar" d="{path}"/>' + (f'<path class="wb-tail" d="{tails}"/>' if tails else "")


def _bar(x: float, width: float, count: int, top: int) -> str:
    if not count:
        return ""
    height = max(12, round(min(1.0, count / top) * HEIGHT))
    return f"M{round(x)} {HEIGHT}v-{height}h{round(width)}v{height}z"


def _segments(feature: FeatureProfile) -> str:
    total, x, shapes = _total_count(feature), 0.0, []
    for (_, count), opacity in zip(feature.categories, _SHADES, strict=False):
        width = WIDTH * count / total
        wide = max(8, round(width - _GAP / 2))
        shapes.append(f'<path class="wb-bar" opacity="{opacity}" d="M{round(x)} 80h{wide}v140h-{wide}z"/>')
        x += width
    if WIDTH - x > 5:
        shapes.append(f'<path class="wb-tail" d="M{round(x)} 80H{WIDTH}v140H{round(x)}z"/>')
    return "".join(shapes)


def _total_count(feature: FeatureProfile) -> int:
    return max(1, feature.sampled or feature.rows - feature.nulls)


def _histogram_in_words(feature: FeatureProfile, histogram: Histogram) -> str:
    low, high = ends(feature, histogram)
    if low == high:
        return f"{feature.name} is always {amount(low, feature)}"
    total = histogram.below + sum(histogram.counts) + histogram.above
    words = [f"{feature.name}: histogram from {amount(low, feature)} to {amount(high, feature)}"]
    words += [f"{percent(histogram.below, total)} below"] if histogram.below else []
    words += [f"{percent(histogram.above, total)} above"] if histogram.above else []
    words += [f"from a sample of {feature.sampled:,} values"] if feature.sampled else []
    return ", ".join(words)


def ends(feature: FeatureProfile, histogram: Histogram) -> tuple[float, float]:
    """Return the lowest and highest value that the bins can hold: whole numbers have edges between them."""
    low, high = histogram.edges[0], histogram.edges[-1]
    if feature.dtype.startswith(("Int", "UInt")):
        low, high = math.ceil(low), math.floor(high)
    lowest, highest = (low if feature.min is None else feature.min), (high if feature.max is None else feature.max)
    return float(max(low, lowest)), float(min(high, highest))


def _merge_bars(counts: Sequence[float], width: int) -> list[float]:
    if len(counts) <= width:
        return list(counts)
    edges = [round(place * len(counts) / width) for place in range(width + 1)]
    # The mean, not the sum: neighbours that take one bin more would look taller.
    return [sum(counts[a:b]) / (b - a) for a, b in pairwise(edges)]
