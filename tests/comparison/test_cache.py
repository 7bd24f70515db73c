"""What is remembered of two sides is what comparing them found, and is for these sides and settings alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.comparison import Limits, cached_compare
from workbench.compute.digest import digest_frame
from workbench.diff import Side, diff_views
from workbench.drift import contract_of_frame

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.drift import DriftReport

START = datetime(2024, 1, 1, tzinfo=UTC)
VALUES: Mapping[str, tuple[pl.DataType, Any]] = {
    "number": (pl.Float64(), st.floats(width=64) | st.none()),
    "small": (pl.Float32(), st.floats(width=32)),
    "count": (pl.UInt64(), st.integers(0, 2**64 - 1)),
    "word": (pl.String(), st.text(max_size=3) | st.none()),
    "kind": (pl.Enum(["a", "b"]), st.sampled_from(["a", "b"])),
    "flag": (pl.Boolean(), st.booleans() | st.none()),
    "day": (pl.Date(), st.dates(date(1900, 1, 1), date(2100, 1, 1))),
    "wait": (pl.Duration("us"), st.timedeltas(timedelta(-9), timedelta(9))),
    "price": (pl.Decimal(20, 2), st.decimals(-1000, 1000, places=2)),
    "some": (pl.List(pl.Float64()), st.lists(st.floats(width=64), max_size=2)),
}


def side(rows: Mapping[str, list[Any]], *, label: str, view_id: str) -> Side:
    """Return rows of a user, an hour apart, as a computed view."""
    count = len(next(iter(rows.values())))
    keys = {"user": ["u"] * count, "at": [START + timedelta(hours=row) for row in range(count)]}
    schema: dict[str, Any] = {"user": pl.String(), "at": pl.Datetime("us", "UTC")}
    frame = pl.DataFrame({**keys, **rows}, schema=schema | {name: VALUES[name][0] for name in rows}).lazy()
    contract = contract_of_frame(frame, event_time="at", entities=["user"])
    return Side(label, frame, contract, view_id=view_id, digest=digest_frame(frame, keys=["user", "at"]))


def unreadable(found: Side) -> Side:
    """Return the side with rows that cannot be read."""

    def refuse(_: pl.DataFrame) -> pl.DataFrame:
        raise ZeroDivisionError("unreadable")

    schema = found.frame.collect_schema()
    return replace(found, frame=pl.LazyFrame(schema=schema).map_batches(refuse, schema=schema))


def numbers(*, view_id: str = "b" * 64, label: str = "exp/a", shift: float = 0.5) -> Side:
    return side({"number": [row % 7 + shift for row in range(60)]}, label=label, view_id=view_id)


BEFORE = numbers(view_id="a" * 64, label="main 1.0", shift=0.0)
AFTER = numbers()


@given(st.data())
def test_a_remembered_difference_is_the_difference(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    names = data.draw(st.sets(st.sampled_from(sorted(VALUES)), min_size=1, max_size=3))
    count = data.draw(st.integers(1, 4))
    rows = st.fixed_dictionaries({name: st.lists(VALUES[name][1], min_size=count, max_size=count) for name in names})
    left, right = (side(data.draw(rows), label=label, view_id=label * 64) for label in "ab")
    facts = tmp_path_factory.mktemp("facts")
    found = diff_views(left, right, compared=cached_compare(facts))
    renamed = replace(right, label="exp/new"), diff_views(left, replace(right, label="exp/new"))
    again = diff_views(left, unreadable(renamed[0]) if found.columns else right, compared=cached_compare(facts))
    assert repr(again.columns) == repr(renamed[1].columns)
    assert again.rows == found.rows
    for column in again.columns:
        right_rows = renamed[1].column(column.name).worst
        assert (column.worst is None) == (right_rows is None)
        assert column.worst is None or (right_rows is not None and column.worst.equals(right_rows))


def test_a_difference_is_remembered_for_its_sides_alone(tmp_path: Path) -> None:
    compared = cached_compare(tmp_path)
    first = diff_views(BEFORE, AFTER, compared=compared)
    assert first.rows.changed == 60
    assert diff_views(unreadable(BEFORE), unreadable(AFTER), compared=compared).columns == first.columns
    strict = replace(AFTER, contract=replace_tolerance(AFTER, 9.0))
    assert diff_views(BEFORE, strict, compared=compared).rows.changed == 0
    assert diff_views(BEFORE, numbers(shift=0.0), compared=compared).rows.changed == 0
    for other in (strict, numbers(shift=1.5), replace(AFTER, digest=None), replace(AFTER, view_id="c" * 64)):
        with pytest.raises(Exception, match="unreadable"):
            diff_views(BEFORE, replace(unreadable(other), view_id=other.view_id + "x"), compared=compared)


def test_a_damaged_record_is_made_again(tmp_path: Path) -> None:
    compared = cached_compare(tmp_path)
    first = diff_views(BEFORE, AFTER, compared=compared)
    (path,) = tmp_path.rglob("diff-*.json")
    whole = path.read_text()
    for damaged in ("", "{}", whole[:-9], whole.replace('"worst": {"number": "', '"worst": {"number": "!')):
        path.write_text(damaged)
        assert diff_views(BEFORE, AFTER, compared=compared).columns == first.columns
        assert path.read_text() == whole


def measured(facts: Path, right: Side = AFTER, *, left: Side = BEFORE, **limits: Any) -> DriftReport:
    found = Limits(**({"measure": "psi", "budget": None, "budgets": {}} | limits))
    return found.measure_drift((left, right), ["number"], facts=facts)


def test_drift_is_remembered_for_its_sides_measure_and_budgets(tmp_path: Path) -> None:
    first = measured(tmp_path)
    assert first.drifted
    assert measured(tmp_path, unreadable(AFTER), left=unreadable(BEFORE)) == first
    said = measured(tmp_path, unreadable(replace(AFTER, label="exp/new")), budgets={"other": 1.0})
    assert said == replace(first, labels=("main 1.0", "exp/new"))
    for limits in ({"measure": "ks"}, {"budget": 9.0}, {"budgets": {"number": 9.0}}):
        with pytest.raises(Exception, match="unreadable"):
            measured(tmp_path, unreadable(AFTER), **limits)
    assert not measured(tmp_path, budgets={"number": 99.0}).drifted
    with pytest.raises(Exception, match="unreadable"):
        measured(tmp_path, unreadable(numbers(shift=1.5)))


@given(st.data())
def test_verdicts_are_those_of_drift_whoever_counted_the_rows(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    names = data.draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=3, unique=True))
    counts = [data.draw(st.integers(1, 6)) for _ in "ab"]
    left, right = (
        side({name: data.draw(st.lists(VALUES[name][1], min_size=n, max_size=n)) for name in names}, label=x, view_id=x)
        for n, x in zip(counts, "ab", strict=True)
    )
    budgets = data.draw(st.sampled_from([(None, {}), (0.2, {}), (None, {names[0]: 0.1})]))
    limits = Limits("psi", *budgets)
    whole = limits.measure_drift((left, right), names)
    facts = tmp_path_factory.mktemp("facts")
    if data.draw(st.booleans()):
        diff_views(left, right, compared=cached_compare(facts, pairs=True))
    found = limits.judge_drift((left, right), names, facts=facts)
    for one, other in zip(found.features, whole.features, strict=True):
        assert (one.name, one.verdict, one.sentence) == (other.name, other.verdict, other.sentence)
        assert repr(one.paired) == repr(other.paired)
    assert found.headline == whole.headline
    again = limits.judge_drift((unreadable(left), unreadable(right)), names, facts=facts)
    assert repr(again) == repr(found)


def test_verdicts_on_the_same_rows_read_nothing_that_a_comparison_read(tmp_path: Path) -> None:
    diff_views(BEFORE, AFTER, compared=cached_compare(tmp_path, pairs=True))
    sides = unreadable(BEFORE), unreadable(AFTER)
    (found,) = Limits("psi", None, {}).judge_drift(sides, ["number"], facts=tmp_path).features
    assert found.drifted
    assert found.psi is None
    assert found.reference.mean == pytest.approx(2.9, abs=0.2)
    with pytest.raises(Exception, match="unreadable"):
        Limits("psi", 0.1, {}).judge_drift(sides, ["number"], facts=tmp_path)
    known = measured(tmp_path)
    assert Limits("psi", None, {}).judge_drift(sides, ["number"], facts=tmp_path).features == known.features


def test_drift_of_any_kind_of_column_is_read_back_as_it_was(tmp_path: Path) -> None:
    count = 90
    rows: dict[str, list[Any]] = {
        "number": [float("nan"), float("inf"), None, *(float(row * row) for row in range(count - 3))],
        "word": [f"w{row % 9}" for row in range(count)],
        "flag": [row % 3 == 0 for row in range(count)],
        "day": [date(2024, 1, 1) + timedelta(days=row) for row in range(count)],
        "price": [Decimal(row) / 4 for row in range(count)],
        "some": [[1.0]] * count,
    }
    moved = rows | {"word": [f"v{row % 4}" for row in range(count)], "number": [1e300] * count}
    left, right = side(rows, label="a", view_id="a" * 64), side(moved, label="b", view_id="b" * 64)
    limits = Limits("psi", None, {})
    first = limits.measure_drift((left, right), [*rows], by=["user"], facts=tmp_path)
    again = limits.measure_drift((unreadable(left), unreadable(right)), [*rows], by=["user"], facts=tmp_path)
    assert repr(again) == repr(first)
    assert again.to_dict() == first.to_dict() or repr(again.to_dict()) == repr(first.to_dict())


def replace_tolerance(found: Side, tolerance: float) -> Any:
    columns = tuple(
        replace(column, tolerance=tolerance) if column.name == "number" else column for column in found.contract.columns
    )
    return replace(found.contract, columns=columns)
