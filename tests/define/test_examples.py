"""`example`: rows as people write them, and what is none."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from workbench.define import Example, example, feature_view
from workbench.errors import DefinitionError


def test_rows_are_dictionaries_columns_or_a_frame() -> None:
    wanted = ({"a": 1, "b": 2}, {"a": 3, "b": 4})
    rows: Any
    for rows in (list(wanted), wanted, {"a": [1, 3], "b": (2, 4)}):
        assert example(given={"x": rows}, expect=rows).expect == wanted
    for rows in (pl.DataFrame(wanted), pl.LazyFrame(wanted)):
        found = example(given={}, expect=rows).expect
        assert isinstance(found, pl.DataFrame)
        assert found.to_dicts() == list(wanted)


def test_an_example_knows_its_name_and_its_line() -> None:
    one = example(given={}, expect=[], name="nothing")
    assert repr(one) == "<Example nothing>"
    assert repr(example(given={}, expect=[])) == f"<Example in line {one.line + 2}>"


@pytest.mark.parametrize("rows", [None, 3, "abc", [1], {"a": 1}, {"a": [1], "b": [1, 2]}, [{"a": 1}, 2]])
def test_what_holds_no_rows_is_refused(rows: Any) -> None:
    with pytest.raises(DefinitionError, match=r"given\['x'\] does not hold rows"):
        example(given={"x": rows}, expect=[])
    with pytest.raises(DefinitionError, match="expect does not hold rows"):
        example(given={}, expect=rows)


def test_given_names_inputs() -> None:
    with pytest.raises(DefinitionError, match="does not name inputs"):
        example(given=[{"a": 1}], expect=[])  # type: ignore[arg-type]


def test_a_view_takes_examples_and_nothing_else_for_them() -> None:
    one = example(given={}, expect=[])
    assert isinstance(one, Example)
    for wrong in (one, [1], "text"):
        with pytest.raises(DefinitionError, match="is not a list of examples"):
            feature_view(event_time="at", examples=wrong)  # type: ignore[arg-type]
