from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from workbench.render.markdown import fence_code, quote_markdown


@given(st.text(alphabet="`~ab\n ", max_size=60))
def test_nothing_inside_closes_a_fence(text: str) -> None:
    first, *inside, last = fence_code("text", text).split("\n")
    assert first == f"{last}text"
    assert "\n".join(inside) == text
    assert not [line for line in inside if re.fullmatch(rf"\s*{last}`*\s*", line)]


@given(st.text(max_size=80))
def test_a_quoted_value_is_one_line_without_tags_mentions_or_issues(text: str) -> None:
    said = quote_markdown(text)
    assert "\n" not in said
    assert not re.search(r"<|@|#(?!\d+;)", said)
