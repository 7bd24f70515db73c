"""The columns that a column depends on are all named, those that matter to none are not, and doubt is said."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from workbench.compute import InputData, column_inputs, column_lineage
from workbench.compute.column_lineage import ColumnLineage
from workbench.define import FeatureModel, FeatureView, LazyFrame, feature_view, windowed
from workbench.dtypes import UTC as TIME
from workbench.errors import FeatureNotFound
from workbench.records import from_json, to_json

START = datetime(2024, 1, 1, tzinfo=UTC)
FLIGHTS = pl.DataFrame(
    {
        "carrier": ["AA", "UA", "AA"],
        "at": [START, START, START],
        "origin": ["JFK", "EWR", "LGA"],
        "delay": [3.0, 5.0, None],
        "distance": [100.0, 200.0, 300.0],
        "unused": [1, 2, 3],
    },
    schema_overrides={"at": pl.Datetime("us", "UTC")},
)
WEATHER = pl.DataFrame(
    {"origin": ["JFK"], "at": [START], "wind": [7.0], "rain": [0.0]},
    schema_overrides={"at": pl.Datetime("us", "UTC")},
)
Rows = Callable[[pl.LazyFrame, pl.LazyFrame], pl.LazyFrame]


class Two(FeatureModel):
    carrier: str
    at: TIME
    a: float
    b: float


def two(rows: Rows) -> FeatureView:
    @feature_view(entities="carrier", event_time="at")
    def view(flights: pl.LazyFrame, weather: pl.LazyFrame) -> LazyFrame[Two]:
        return rows(flights, weather)

    return view


def prepared(view: FeatureView) -> Any:
    frames = {"flights": FLIGHTS.lazy(), "weather": WEATHER.lazy()}
    inputs = tuple(InputData(name, frame, f"digest of {name}", "source") for name, frame in frames.items())
    return SimpleNamespace(view=view, inputs=inputs)


def of(rows: Rows, column: str) -> dict[str, set[str] | None]:
    found = column_inputs(prepared(two(rows)), column)
    return {name: None if columns is None else set(columns) for name, columns in found.items()}


def renamed(flights: pl.LazyFrame, _: pl.LazyFrame) -> pl.LazyFrame:
    return flights.select("carrier", "at", a="delay", b=pl.col("delay") - pl.col("distance"))


def joined(flights: pl.LazyFrame, weather: pl.LazyFrame) -> pl.LazyFrame:
    return flights.join(weather, on=["origin", "at"], how="left").select("carrier", "at", a="distance", b="wind")


def test_a_column_depends_on_what_its_values_are_made_of() -> None:
    assert of(renamed, "a") == {"flights": {"delay"}}
    assert of(renamed, "b") == {"flights": {"delay", "distance"}}


def test_what_decides_which_rows_there_are_counts_too() -> None:
    def filtered(flights: pl.LazyFrame, weather: pl.LazyFrame) -> pl.LazyFrame:
        return renamed(flights.filter(pl.col("origin") != "EWR"), weather)

    assert of(filtered, "a") == {"flights": {"delay", "origin"}}
    assert of(joined, "b") == {"flights": {"origin", "at"}, "weather": {"origin", "at", "wind"}}
    assert of(joined, "a") == {"flights": {"origin", "at", "distance"}, "weather": {"origin", "at"}}


def test_windows_groups_and_sorts_are_followed() -> None:
    def rolling(flights: pl.LazyFrame, _: pl.LazyFrame) -> pl.LazyFrame:
        windows = windowed(flights, by="carrier", time="at", windows=["7d"], a=pl.col("delay").mean(), b=pl.len())
        return windows.select("carrier", "at", a="a_7d", b=pl.col("b_7d").cast(float))

    assert of(rolling, "a") == {"flights": {"carrier", "at", "delay"}}
    assert of(rolling, "b") == {"flights": {"carrier", "at"}}


def test_an_input_that_is_joined_with_itself_is_one_input() -> None:
    def usual(flights: pl.LazyFrame, _: pl.LazyFrame) -> pl.LazyFrame:
        means = flights.group_by("carrier").agg(a=pl.col("delay").mean())
        return flights.join(means, on="carrier").select("carrier", "at", "a", b="distance")

    assert of(usual, "a") == {"flights": {"carrier", "delay"}}
    assert of(usual, "b") == {"flights": {"carrier", "distance"}}


def test_a_python_function_is_taken_to_need_what_reaches_it() -> None:
    def mapped(flights: pl.LazyFrame, weather: pl.LazyFrame) -> pl.LazyFrame:
        few = renamed(flights, weather)
        return few.map_batches(lambda rows: rows.with_columns(a=pl.col("b")), schema=few.collect_schema())

    assert of(mapped, "a") == {"flights": {"carrier", "at", "delay", "distance"}}


def test_what_is_collected_while_the_query_is_built_counts_for_every_column() -> None:
    def centred(flights: pl.LazyFrame, weather: pl.LazyFrame) -> pl.LazyFrame:
        usual = weather.filter(pl.col("rain") < 1).select(pl.col("wind").mean()).collect().item()
        return renamed(flights, weather).with_columns(a=pl.col("a") - usual)

    assert of(centred, "a") == {"flights": {"delay"}, "weather": {"wind", "rain"}}
    assert of(centred, "b") == {"flights": {"delay", "distance"}, "weather": {"wind", "rain"}}


def test_a_whole_input_that_is_collected_counts_with_all_its_columns() -> None:
    def eager(flights: pl.LazyFrame, weather: pl.LazyFrame) -> pl.LazyFrame:
        return renamed(flights.collect().lazy(), weather)

    assert of(eager, "a") == {"flights": set(FLIGHTS.columns)}


def test_a_function_that_looks_at_the_rows_sees_the_real_ones() -> None:
    seen = []

    def looking(flights: pl.LazyFrame, weather: pl.LazyFrame) -> pl.LazyFrame:
        seen.append(flights.filter(pl.col("delay") > 4).select("origin").head(1).collect().item())
        return renamed(flights, weather)

    of(looking, "a")
    assert seen == ["EWR"]


def test_a_plan_that_reads_something_else_is_all_columns_with_the_reason() -> None:
    def elsewhere(flights: pl.LazyFrame, weather: pl.LazyFrame) -> pl.LazyFrame:
        other = pl.defer(lambda: FLIGHTS, schema=FLIGHTS.schema)
        return renamed(other, weather)

    lineage = column_lineage((task := prepared(two(elsewhere))).view, task.inputs)
    assert lineage.columns["a"] == {"flights": None, "weather": None}
    assert lineage.reason == "UnreadablePlan: the plan reads something that is not an input"


def test_a_view_that_does_not_build_is_all_columns_with_the_reason() -> None:
    def broken(_: pl.LazyFrame, __: pl.LazyFrame) -> pl.LazyFrame:
        raise ZeroDivisionError("no luck\nat all")

    lineage = column_lineage((task := prepared(two(broken))).view, task.inputs)
    assert lineage.columns["b"] == {"flights": None, "weather": None}
    assert lineage.reason == "ZeroDivisionError: no luck"


def test_without_polars_private_plans_it_is_all_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pl.LazyFrame, "_ldf", SimpleNamespace(), raising=False)
    task = prepared(two(renamed))
    monkeypatch.setattr(pl.LazyFrame, "collect_schema", lambda _: FLIGHTS.schema)
    lineage = column_lineage(task.view, task.inputs)
    assert lineage.columns["a"] == {"flights": None, "weather": None}
    assert lineage.reason


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(FeatureNotFound, match="'c'"):
        of(renamed, "c")


def test_a_lineage_comes_back_from_json() -> None:
    lineage = column_lineage((task := prepared(two(joined))).view, task.inputs)
    assert from_json(to_json(lineage), ColumnLineage) == lineage
    assert list(lineage.columns) == ["carrier", "at", "a", "b"]
