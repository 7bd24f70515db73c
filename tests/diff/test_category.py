from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from workbench.define import ColumnContract, Contract
from workbench.diff import Side, diff_views


def side(values: Mapping[str, list[Any]], *, keys: tuple[str, ...] = ("k",), **promise: Any) -> Side:
    frame = pl.DataFrame(values)
    columns = (
        ColumnContract(name, dtype, "entity")
        if name in keys
        else ColumnContract(name, dtype, "feature", **(promise if name == "x" else {}))
        for name, dtype in frame.schema.items()
    )
    return Side("main", frame.lazy(), Contract(tuple(columns)), {"x.py": "one\n"}, "code", "said")


PLAIN: dict[str, list[Any]] = {"k": [1, 2], "x": [1.0, 2.0]}
BEFORE = side(PLAIN)


@pytest.mark.parametrize(
    ("after", "category", "why"),
    [
        (BEFORE, "none", ()),
        (replace(BEFORE, metadata_hash="other"), "metadata", ("what is said about it differs",)),
        (replace(BEFORE, text={"x.py": "two\n"}), "metadata", ("comments or layout differ",)),
        (replace(BEFORE, code_hash="other"), "refactor", ("the code differs, the values do not",)),
        (replace(side({**PLAIN, "x": [1.0, 2.0 + 1e-13]}), code_hash="other"), "refactor", None),
        (side({**PLAIN, "y": [1, 2]}), "additive", ("y is new",)),
        (side(PLAIN, ge=0), "additive", ("x: ge 0 is new",)),
        (side({**PLAIN, "x": [1.0, 4.0]}), "value", ("x: 50% of values differ, by 2 on average and 2 at most",)),
        (side({**PLAIN, "x": [1.0, 4.0], "y": [1, 2]}), "value", None),
        (side({"k": [1, 2, 3], "x": [1.0, 2.0, 3.0]}), "value", ("1 row is new",)),
        (side({"k": [1], "x": [1.0]}), "value", ("1 row is gone",)),
        (side({"k": [1, 2]}), "breaking", ("x is gone",)),
        (side({"k": [1, 2], "y": [1.0, 2.0]}), "breaking", ("x is called y now",)),
        (
            side({"k": [1, 2], "x": [1, 2]}),
            "breaking",
            ("x: dtype Float64 -> Int64", "x has another dtype, so that its values were not compared"),
        ),
        (side(PLAIN, unit="min"), "breaking", ("x: unit min is new",)),
        (side(PLAIN, rules=("small [2e]\n",)), "additive", ("x: rule small is new",)),
        (side(PLAIN, nullable=True), "breaking", ("x: nullable no -> yes",)),
        (side({"k": [1, 2], "j": [1, 2], "x": [1.0, 2.0]}, keys=("k", "j")), "breaking", None),
    ],
)
def test_a_change_is_of_the_heaviest_kind_that_contract_or_data_show(
    after: Side, category: str, why: tuple[str, ...] | None
) -> None:
    diff = diff_views(BEFORE, after)
    assert diff.category == category
    assert why is None or diff.why == why


def test_a_side_that_is_not_there_is_new_or_removed() -> None:
    assert (diff_views(None, BEFORE).category, diff_views(None, BEFORE).why) == ("new", ("a new view",))
    assert (diff_views(BEFORE, None).category, diff_views(BEFORE, None).why) == ("removed", ("the view is gone",))


def test_the_files_that_differ_are_told_line_by_line() -> None:
    diff = diff_views(BEFORE, replace(BEFORE, text={"x.py": "two\n", "y.py": "new\n"}))
    assert [(file.path, file.status) for file in diff.code.files] == [("x.py", "changed"), ("y.py", "added")]
    assert diff.code.files[0].lines == ("@@ -1 +1 @@", "-one", "+two")
