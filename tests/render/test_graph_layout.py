"""Boxes stand to the right of what leads to them, never on each other, and links pass beside boxes."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from workbench.render.graph_layout import Placed, place

GRAPHS = st.integers(1, 9).flatmap(
    lambda count: st.tuples(
        st.lists(st.tuples(st.integers(20, 90), st.integers(10, 60)), min_size=count, max_size=count),
        st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=14),
    )
)
Sizes = dict[str, tuple[float, float]]


def overlapping(placed: Placed, sizes: Sizes) -> list[tuple[str, str]]:
    found = []
    boxes = [(name, *placed.corners[name], *sizes[name]) for name in sizes]
    for i, (one, x1, y1, w1, h1) in enumerate(boxes):
        for other, x2, y2, w2, h2 in boxes[i + 1 :]:
            if x1 < x2 + w2 and x2 < x1 + w1 and y1 < y2 + h2 - 1e-6 and y2 < y1 + h1 - 1e-6:
                found.append((one, other))
    return found


@given(GRAPHS)
def test_no_boxes_overlap_links_go_right_and_pass_beside_boxes(
    graph: tuple[list[tuple[int, int]], list[tuple[int, int]]],
) -> None:
    sizes: Sizes = {str(name): (float(width), float(height)) for name, (width, height) in enumerate(graph[0])}
    links = [(str(min(pair)), str(max(pair))) for pair in graph[1]]
    placed = place(sizes, links)
    assert overlapping(placed, sizes) == []
    for start, end in links:
        if start != end:
            assert placed.corners[start][0] + sizes[start][0] < placed.corners[end][0]
    for ways in placed.passes.values():
        assert all(one[1] < other[0] for one, other in pairwise(ways))
        for left, right, height in ways:
            for name, (width, tall) in sizes.items():
                x, y = placed.corners[name]
                assert not (left < x + width and x < right and y < height < y + tall)
    assert all(y >= 0 and y + sizes[name][1] <= placed.height + 1e-6 for name, (_, y) in placed.corners.items())


def test_nothing_is_an_empty_layout_and_circles_are_not_followed() -> None:
    assert place({}, []).corners == {}
    sizes: Sizes = {"a": (10.0, 10.0), "b": (10.0, 10.0)}
    assert overlapping(place(sizes, [("a", "b"), ("b", "a"), ("a", "a"), ("a", "gone")]), sizes) == []


def test_a_long_chain_and_a_wide_layer_are_placed() -> None:
    chain: Sizes = {str(name): (10.0, 10.0) for name in range(1500)}
    placed = place(chain, [(str(name), str(name + 1)) for name in range(1499)])
    assert len({y for _, y in placed.corners.values()}) == 1
    wide = place(chain, [("0", str(name)) for name in range(1, 1500)])
    assert len({x for x, _ in wide.corners.values()}) == 2


def test_a_tree_is_drawn_without_a_crossing() -> None:
    sizes: Sizes = dict.fromkeys(("a", "b", "b2", "a2", "a1", "b1"), (10.0, 10.0))
    placed = place(sizes, [("a", "a1"), ("a", "a2"), ("b", "b1"), ("b", "b2")])
    left = placed.corners["a"][1] < placed.corners["b"][1]
    right = [placed.corners[name][1] < placed.corners[other][1] for name in ("a1", "a2") for other in ("b1", "b2")]
    assert set(right) == {left}
