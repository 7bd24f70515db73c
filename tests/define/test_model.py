from __future__ import annotations

import datetime as dt
import pickle
from datetime import date
from typing import Any, ClassVar, Optional, get_args

import polars as pl
import pytest
from pandera.errors import SchemaErrors

from workbench.define import Feature, FeatureModel, LazyFrame
from workbench.dtypes import UTC
from workbench.errors import DefinitionError, InvalidName


def model(annotation: Any, field: Any = None, *, name: str = "delay") -> type[FeatureModel]:
    attributes = {"__annotations__": {name: annotation}, **({} if field is None else {name: field})}
    return type("Model", (FeatureModel,), attributes)


class Delay(FeatureModel):
    carrier: str
    landed_at: UTC
    delay: float = Feature(unit="minute", ge=-90, nullable=True, description="How late.")


def test_columns_keep_their_order_and_dtypes() -> None:
    columns = Delay.to_schema().columns
    assert {name: str(column.dtype) for name, column in columns.items()} == {
        "carrier": "String",
        "landed_at": "Datetime(time_unit='us', time_zone='UTC')",
        "delay": "Float64",
    }


def test_it_is_a_pandera_model_that_validates() -> None:
    moment = dt.datetime(2013, 1, 1, tzinfo=dt.UTC)
    rows = pl.DataFrame({"carrier": ["UA", "AA"], "landed_at": [moment] * 2, "delay": [None, -91.0]})
    rows = rows.cast({"landed_at": pl.Datetime("us", "UTC")})
    with pytest.raises(SchemaErrors) as caught:
        Delay.validate(rows, lazy=True)
    assert caught.value.failure_cases["failure_case"].to_list() == ["-91.0"]


def test_failure_reports_are_bounded() -> None:
    moment = dt.datetime(2013, 1, 1, tzinfo=dt.UTC)
    rows = pl.DataFrame(
        {"carrier": ["UA"] * 500, "landed_at": [moment] * 500, "delay": [-91.0 - row for row in range(500)]},
        schema_overrides={"landed_at": pl.Datetime("us", "UTC")},
    )
    with pytest.raises(SchemaErrors) as caught:
        Delay.validate(rows, lazy=True)
    assert caught.value.failure_cases.height == 20


def test_a_model_may_be_local_with_annotations_kept_as_text() -> None:
    kind = pl.Date

    class Local(FeatureModel):
        at: UTC
        day: kind  # type: ignore[valid-type]  # a variable, to see whether it is found

    assert str(Local.to_schema().columns["day"].dtype) == "Date"


def test_a_column_may_be_named_as_its_type() -> None:
    class Day(FeatureModel):
        date: date = Feature(ge=dt.date(2013, 1, 1))

    assert str(Day.to_schema().columns["date"].dtype) == "Date"


def test_a_column_named_as_its_type_is_explained_where_python_cannot_tell() -> None:
    with pytest.raises(DefinitionError, match="name of its own type"):
        model(Feature(), Feature())


def test_an_optional_annotation_is_nullable_but_not_absent() -> None:
    column = model(float | None).to_schema().columns["delay"]
    assert column.nullable
    assert column.required


@pytest.mark.parametrize("annotation", [UTC | None, None | UTC, Optional[UTC], pl.Int32 | None])  # noqa: UP045
def test_a_moment_may_be_optional_as_other_types_may(annotation: Any) -> None:
    column = model(annotation).to_schema().columns["delay"]
    assert column.nullable
    assert column.dtype.type in (pl.Datetime("us", "UTC"), pl.Int32)


def test_a_moment_is_a_dtype_of_polars_own() -> None:
    annotation: Any = UTC  # a datetime to a type checker
    moment = pl.Datetime("us", "UTC")
    assert annotation == moment
    assert moment == annotation
    assert {moment: 1}[annotation] == 1
    assert pl.Series([0]).cast(annotation).dtype == pl.Series([None], dtype=annotation).dtype == moment
    assert pickle.loads(pickle.dumps(annotation)) == moment
    assert type(model(UTC).to_schema().columns["delay"].dtype.type) is pl.Datetime


@pytest.mark.parametrize("annotation", [pl.Int128, pl.Int128()])
def test_integers_that_the_checks_do_not_know_are_refused(annotation: Any) -> None:
    with pytest.raises(DefinitionError, match="Column 'delay': Int128 is not a column type") as caught:
        model(annotation)
    assert "pl.Decimal(38, 0)" in caught.value.remedy


@pytest.mark.parametrize(
    ("dtype", "fits"),
    [
        (float, True),
        (int, True),
        (pl.Decimal(10, 2), True),
        (list[float], True),
        (pl.Struct({"a": pl.Float64, "b": pl.String}), True),
        (pl.Array(pl.Int8, 3), True),
        (UTC, False),
        (dt.timedelta, False),
        (pl.List(pl.Duration("us")), False),
        (pl.Struct({"a": pl.String}), False),
        (str, False),
    ],
)
def test_what_holds_numbers_may_have_a_tolerance(dtype: Any, *, fits: bool) -> None:
    if fits:
        assert model(dtype, Feature(tolerance=0.1))
        return
    with pytest.raises(DefinitionError, match="has no tolerance") as caught:
        model(dtype, Feature(tolerance=0.1))
    assert ("number of seconds" in caught.value.remedy) == (dtype in (UTC, dt.timedelta))


def test_models_inherit_columns() -> None:
    class More(Delay):
        flights: int

    assert list(More.to_schema().columns) == ["carrier", "landed_at", "delay", "flights"]


def test_a_model_holds_columns_only() -> None:
    with pytest.raises(DefinitionError, match=r"Named\.title is not a column"):
        type("Named", (FeatureModel,), {"__annotations__": {"title": ClassVar[str]}, "title": "x"})
    with pytest.raises(DefinitionError, match=r"Named\.limit is not a column"):
        type("Named", (FeatureModel,), {"limit": 3})


def test_the_annotation_costs_nothing_and_remembers_the_model() -> None:
    assert get_args(LazyFrame[Delay]) == (Delay,)


def test_an_unsupported_annotation_names_the_column() -> None:
    with pytest.raises(DefinitionError, match="Column 'delay': object is not a column type"):
        model(object)


def test_a_name_that_is_not_defined_is_explained() -> None:
    with pytest.raises(DefinitionError, match=r"(?s)Model cannot be read.*'Nowhere'.*Define or import"):
        model("Nowhere")


@pytest.mark.parametrize("name", ["Delay", "_delay", "delay__é", "a" * 64])
def test_a_column_has_a_valid_name(name: str) -> None:
    with pytest.raises(InvalidName, match="column"):
        model(float, name=name)


def test_a_plain_value_is_pointed_to_feature() -> None:
    with pytest.raises(DefinitionError, match=r"has the value 3\.0"):
        model(float, 3.0)


def test_a_field_without_a_type_is_refused() -> None:
    with pytest.raises(DefinitionError, match="Column 'delay' of Model has no type"):
        type("Model", (FeatureModel,), {"delay": Feature()})


@pytest.mark.parametrize("options", [{"ge": 2, "le": 1}, {"gt": 1, "le": 1}, {"ge": 1, "lt": 1}, {"ge": "a", "le": 1}])
def test_bounds_that_leave_nothing_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(DefinitionError, match="no value between"):
        Feature(**options)


@pytest.mark.parametrize("tolerance", [-1, float("nan"), float("inf"), "1", True])
def test_a_tolerance_is_a_size(tolerance: Any) -> None:
    with pytest.raises(DefinitionError, match="is not a size"):
        Feature(tolerance=tolerance)


def test_a_misspelt_unit_names_the_right_one() -> None:
    with pytest.raises(DefinitionError, match=r"(?s)minutez.*did you mean 'minute'"):
        Feature(unit="minutez")


@pytest.mark.parametrize(
    ("annotation", "options"),
    [
        (str, {"ge": 1}),
        (float, {"isin": ["a"]}),
        (bool, {"ge": True, "tolerance": 1}),
        (UTC, {"ge": dt.datetime(2013, 1, 1)}),  # noqa: DTZ001  # the missing zone is the point
        (list[int], {"default": 1}),
        (str, {"tolerance": 0.1}),
        (int, {"default": "none"}),
    ],
)
def test_options_must_suit_the_dtype(annotation: Any, options: dict[str, Any]) -> None:
    with pytest.raises(DefinitionError, match="Column 'delay'") as caught:
        model(annotation, Feature(**options))
    assert caught.value.remedy


@pytest.mark.parametrize("isin", ["abc", [], 3])
def test_isin_lists_values(isin: Any) -> None:
    with pytest.raises(DefinitionError, match="isin="):
        Feature(isin=isin)


@pytest.mark.parametrize("option", ["description", "deprecated"])
def test_prose_is_text(option: str) -> None:
    with pytest.raises(DefinitionError, match=f"{option}=3"):
        Feature(**{option: 3})  # type: ignore[arg-type]  # the wrong type is the point


def test_bounds_of_zero_are_bounds() -> None:
    checks = model(float, Feature(ge=0)).to_schema().columns["delay"].checks
    assert [check.name for check in checks] == ["greater_than_or_equal_to"]
