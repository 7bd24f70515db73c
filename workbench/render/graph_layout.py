"""Where boxes stand in a layered drawing: left to right along the links, few crossings, short lines.

The usual three steps (Sugiyama, Tagawa and Toda, 1981): a layer for each box by its longest path from the left; an
order within each layer by the mean place of its neighbours, swept to and fro; and heights as near to the neighbours' as
the order allows, which is an isotonic regression. A link over several layers passes through a gap in each of them;
links that leave one box share their gaps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

SWEEPS = 6
_GAP_SIZE = 6.0
"""Height that a passing link takes in a layer."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A layout.

    Parameters
    ----------
    corners
        Left and upper edge of each box.
    passes
        By link: left and right end, and height, of its way through each layer between its ends, left to right.
    width, height
        Of the whole.
    """

    corners: Mapping[str, tuple[float, float]]
    passes: Mapping[tuple[str, str], tuple[tuple[float, float, float], ...]]
    width: float
    height: float


@dataclass(slots=True)
class _Columns:
    """Boxes and gaps by layer, with who is linked to whom in the next one."""

    layers: list[list[str]]
    before: dict[str, list[str]]
    after: dict[str, list[str]]
    chains: dict[tuple[str, str], list[str]]


def place(
    sizes: Mapping[str, tuple[float, float]],
    links: Iterable[tuple[str, str]],
    *,
    across: float = 72.0,
    down: float = 14.0,
) -> Placed:
    """Return where boxes stand."""
    pairs = list(dict.fromkeys(pair for pair in links if pair[0] != pair[1] and set(pair) <= sizes.keys()))
    layer = _layers(list(sizes), pairs)
    pairs = [pair for pair in pairs if layer[pair[0]] < layer[pair[1]]]
    columns = _with_gaps(sizes, pairs, layer)
    _order(columns)
    heights = {name: sizes[name][1] if name in sizes else _GAP_SIZE for each in columns.layers for name in each}
    top = _tops(columns, heights, down)
    corners: dict[str, tuple[float, float]] = {}
    ways: dict[str, tuple[float, float, float]] = {}
    left = 0.0
    for names in columns.layers:
        width = max((sizes[name][0] for name in names if name in sizes), default=0.0)
        for name in names:
            corners[name] = (left, top[name])
            ways[name] = (left, left + width, top[name] + heights[name] / 2)
        left += width + across
    return Placed(
        corners={name: corners[name] for name in sizes},
        passes={pair: tuple(ways[gap] for gap in gaps) for pair, gaps in columns.chains.items()},
        width=max(left - across, 0.0),
        height=max((top[name] + heights[name] for name in top), default=0.0),
    )


def _layers(names: Sequence[str], pairs: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Return each box's layer: one more than the last of those that lead to it."""
    waits = dict.fromkeys(names, 0)
    leads: dict[str, list[str]] = {name: [] for name in names}
    for start, end in pairs:
        waits[end] += 1
        leads[start].append(end)
    layer = dict.fromkeys(names, 0)
    ready = [name for name in names if not waits[name]]
    for name in ready:  # grows while it is walked
        for other in leads[name]:
            layer[other] = max(layer[other], layer[name] + 1)
            waits[other] -= 1
            if not waits[other]:
                ready.append(other)
    return layer


def _with_gaps(
    sizes: Mapping[str, tuple[float, float]], pairs: Sequence[tuple[str, str]], layer: Mapping[str, int]
) -> _Columns:
    layers: list[list[str]] = [[] for _ in range(max(layer.values(), default=-1) + 1)]
    for name in sizes:
        layers[layer[name]].append(name)
    columns = _Columns(layers, {name: [] for name in sizes}, {name: [] for name in sizes}, {})
    for start, end in pairs:
        gaps = [f"{start}\0{place}" for place in range(layer[start] + 1, layer[end])]
        columns.chains[start, end] = gaps
        path = [start, *gaps, end]
        for depth, gap in enumerate(gaps, start=layer[start] + 1):
            if gap not in columns.before:
                columns.before[gap], columns.after[gap] = [], []
                layers[depth].append(gap)
        for one, other in pairwise(path):
            if other not in columns.after[one]:
                columns.after[one].append(other)
                columns.before[other].append(one)
    return columns


def _order(columns: _Columns) -> None:
    """Order each layer by the mean place of the neighbours, from the left and from the right in turn."""
    for sweep in range(SWEEPS):
        rightwards = sweep % 2 == 0
        neighbours = columns.before if rightwards else columns.after
        order = range(1, len(columns.layers)) if rightwards else range(len(columns.layers) - 2, -1, -1)
        for depth in order:
            other = columns.layers[depth - 1 if rightwards else depth + 1]
            places = {name: place for place, name in enumerate(other)}
            own = {name: place for place, name in enumerate(columns.layers[depth])}
            scale = len(other) / max(len(own), 1)
            want = {name: _mean([places[n] for n in neighbours[name]], own[name] * scale) for name in own}
            columns.layers[depth].sort(key=want.__getitem__)


def _tops(columns: _Columns, heights: Mapping[str, float], down: float) -> dict[str, float]:
    """Return each box's upper edge: as near to the middle of its neighbours as its layer's order allows."""
    top: dict[str, float] = {}
    for names in columns.layers:
        at = 0.0
        for name in names:
            top[name] = at
            at += heights[name] + down
    for sweep in range(SWEEPS):
        layers = columns.layers if sweep % 2 else columns.layers[::-1]
        for names in layers:
            wanted = []
            for name in names:
                near = [*columns.before[name], *columns.after[name]]
                middles = [top[other] + heights[other] / 2 for other in near]
                wanted.append(_mean(middles, top[name] + heights[name] / 2) - heights[name] / 2)
            top.update(zip(names, _apart(wanted, [heights[name] + down for name in names]), strict=True))
    least = min(top.values(), default=0.0)
    return {name: at - least for name, at in top.items()}


def _apart(wanted: Sequence[float], sizes: Sequence[float]) -> list[float]:
    """Return the places nearest to `wanted` at which boxes of these sizes keep their order without overlapping.

    Examples
    --------
    >>> _apart([0.0, 0.0, 50.0], [10.0, 10.0, 10.0])
    [-5.0, 5.0, 50.0]
    """
    offsets, at = [], 0.0
    for size in sizes:
        offsets.append(at)
        at += size
    blocks: list[tuple[float, int]] = []  # mean of what is left after the offsets, and how many share it
    for want, offset in zip(wanted, offsets, strict=True):
        mean, count = want - offset, 1
        while blocks and blocks[-1][0] > mean:
            other, others = blocks.pop()
            mean = (mean * count + other * others) / (count + others)
            count += others
        blocks.append((mean, count))
    shifts = [mean for mean, count in blocks for _ in range(count)]
    return [shift + offset for shift, offset in zip(shifts, offsets, strict=True)]


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
