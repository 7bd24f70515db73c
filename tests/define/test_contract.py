from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest

from workbench.define import Contract, Feature, FeatureModel, FeatureView, LazyFrame, feature_view
from workbench.dtypes import UTC
from workbench.errors import FeatureNotFound


def view(model: Any, **options: Any) -> FeatureView:
    def busy(flights: pl.LazyFrame) -> pl.LazyFrame:
        return flights

    busy.__annotations__["return"] = LazyFrame[model]
    return feature_view(**{"entities": "key", "event_time": "at", **options})(busy)


def contract(annotation: Any = float, field: Any = None) -> Contract:
    attributes: dict[str, Any] = {"__annotations__": {"key": str, "at": UTC, "value": annotation}}
    if field is not None:
        attributes["value"] = field
    return view(type("Model", (FeatureModel,), attributes)).contract


class Everything(FeatureModel):
    key: str
    at: UTC
    known_at: UTC = Feature(nullable=True)
    delay: float = Feature(
        unit="min", tolerance=0.01, ge=-90, lt=1500.5, nullable=True, default=0.0, description="Late.", deprecated="No."
    )
    day: date = Feature(gt=date(2013, 1, 1))
    kind: pl.Enum(["a", "b"]) = Feature(isin=["b", "a"], unique=True)  # type: ignore[valid-type]
    wait: timedelta = Feature(le=timedelta(hours=1))


def test_it_says_all_that_the_model_says() -> None:
    found = view(Everything, created="known_at").contract
    assert [(column.name, column.role) for column in found.columns] == [
        ("key", "entity"),
        ("at", "event_time"),
        ("known_at", "created"),
        *((name, "feature") for name in ("delay", "day", "kind", "wait")),
    ]
    delay = found["delay"]
    assert (delay.unit, delay.tolerance, delay.ge, delay.lt, delay.gt, delay.le) == (
        "minute",
        0.01,
        -90,
        1500.5,
        None,
        None,
    )
    assert (delay.nullable, delay.default, delay.description, delay.deprecated) == (True, 0.0, "Late.", "No.")
    assert (found["kind"].isin, found["kind"].unique, found["kind"].dtype) == (("b", "a"), True, pl.Enum(["a", "b"]))
    assert found["day"].gt == date(2013, 1, 1)
    assert found.schema["at"] == pl.Datetime("us", "UTC")
    assert [column.name for column in found.features] == ["delay", "day", "kind", "wait"]


def test_it_survives_json() -> None:
    found = view(Everything, created="known_at").contract
    back = Contract.from_dict(json.loads(json.dumps(found.to_dict())))
    assert back == found
    assert back.hash == found.hash


def test_dtypes_are_instances() -> None:
    assert all(isinstance(column.dtype, pl.DataType) for column in view(Everything).contract.columns)


def test_prose_does_not_change_the_hash() -> None:
    plain = contract(field=Feature(ge=0))
    assert contract(field=Feature(ge=0, description="Late.", deprecated="Use another.")).hash == plain.hash


def test_spelling_does_not_change_the_hash() -> None:
    assert contract(field=Feature(unit="min")).hash == contract(field=Feature(unit="minutes")).hash
    assert contract(str, Feature(isin=["a", "b"])).hash == contract(str, Feature(isin=["b", "a"])).hash


@pytest.mark.parametrize(
    "options",
    [
        {"unit": "minute"},
        {"tolerance": 0.01},
        {"ge": 0},
        {"gt": 0},
        {"le": 0},
        {"lt": 0},
        {"isin": [1.0]},
        {"nullable": True},
        {"unique": True},
        {"default": 0.0},
    ],
    ids=str,
)
def test_what_bears_on_values_changes_the_hash(options: dict[str, Any]) -> None:
    assert contract(field=Feature(**options)).hash != contract(field=Feature()).hash


def test_dtype_and_role_change_the_hash() -> None:
    hashes = {contract(kind).hash for kind in (float, int, pl.Float32, pl.Int32)}
    assert len(hashes) == 4
    assert view(Everything, created="known_at").contract.hash != view(Everything).contract.hash


def test_panderas_own_checks_are_part_of_it() -> None:
    def checked(least: float) -> Contract:
        class Checked(FeatureModel):
            key: str = pa.Field(str_matches="^[A-Z]")
            at: UTC
            value: float = pa.Field(ge=least)

            @pa.check("value")  # type: ignore[untyped-decorator]  # pandera's
            def even(self, data: Any) -> Any:
                return data.lazyframe.select(pl.col(data.key) % 2 == 0)

        return view(Checked).contract

    found = checked(1.0)
    assert found["value"].ge == 1.0
    assert found["key"].rules == ("str_matches(pattern='^[A-Z]')",)
    assert "% 2 == 0" in found["value"].rules[0]
    assert found.hash == checked(1.0).hash != checked(2.0).hash


def test_rules_over_whole_frames_are_part_of_it() -> None:
    class Together(FeatureModel):
        key: str
        at: UTC
        value: float

        class Config:
            unique = ["key", "at"]  # noqa: RUF012  # pandera's own form

    assert view(Together).contract.rules == ("unique(at, key)",)


def test_an_unknown_column_is_an_error_with_a_suggestion() -> None:
    with pytest.raises(FeatureNotFound, match="did you mean 'value'"):
        contract()["valeu"]


def test_a_record_of_a_later_version_is_read() -> None:
    record = contract().to_dict()
    columns: Any = record["columns"]
    columns[0]["colour"] = "red"
    assert Contract.from_dict(record) == contract()
