from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.define.loader import topological
from workbench.errors import DefinitionCycle


@given(st.dictionaries(st.integers(0, 20), st.sets(st.integers(0, 20))))
def test_each_comes_once_and_after_what_it_uses(edges: dict[int, set[int]]) -> None:
    uses = {str(name): [str(used) for used in used_by if used < name] for name, used_by in edges.items()}
    order = topological(uses, lambda name: uses.get(name, []))
    assert len(order) == len(set(order))
    assert set(uses) <= set(order)
    for name, used in uses.items():
        assert all(order.index(other) < order.index(name) for other in used)


def test_a_circle_is_named_from_where_it_closes() -> None:
    uses = {"a": ["b"], "b": ["c"], "c": ["d"], "d": ["b"]}
    with pytest.raises(DefinitionCycle, match="b -> c -> d -> b"):
        topological(["a"], uses.__getitem__)


def test_a_view_that_uses_itself_is_a_circle() -> None:
    with pytest.raises(DefinitionCycle, match="a -> a"):
        topological(["a"], lambda name: [name])


def test_a_long_chain_is_no_reason_to_fail() -> None:
    order = topological(["5000"], lambda name: [str(int(name) - 1)] if name != "0" else [])
    assert order == [str(place) for place in range(5001)]
