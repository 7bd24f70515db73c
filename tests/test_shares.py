from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workbench.shares import percent


@given(st.integers(0, 10**9), st.integers(1, 10**9))
def test_a_share_never_hides_a_row(part: int, whole: int) -> None:
    shown = percent(min(part, whole), whole)
    assert (shown == "0%") == (min(part, whole) == 0)
    assert (shown == "100%") == (part >= whole)
