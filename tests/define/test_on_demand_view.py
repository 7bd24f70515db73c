"""`on_demand`: what it declares, what it refuses, and what a file's text alone says of it."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from workbench import UTC, Feature, FeatureModel, LazyFrame, on_demand
from workbench.define import Contract, OnDemandInput, OnDemandView, input_columns, parse_cell
from workbench.define.contract import ColumnContract
from workbench.errors import CellError, DefinitionError, FeatureNotFound, InvalidName, MissingSchema


class Ratio(FeatureModel):
    ratio: float = Feature(unit="dimensionless", nullable=True)


def declared(**options: Any) -> OnDemandView:
    @on_demand(**{"inputs": ["spend:total"], "request": {"amount": float}, **options})
    def ratio(rows: pl.LazyFrame, *, least: float = 1.0) -> LazyFrame[Ratio]:
        """How large an amount is."""
        return rows.select(ratio=pl.col("amount") / pl.max_horizontal("total", least))

    return ratio


def test_a_view_knows_what_it_reads_and_can_be_called() -> None:
    view = declared(request={"amount": float, "at": UTC | None, "kind": pl.Enum(["in", "out"])}, owner="risk")
    assert view.reads == (OnDemandInput("spend", None, "total"),)
    assert [(each.name, each.dtype, each.nullable) for each in view.request] == [
        ("amount", pl.Float64(), False),
        ("at", pl.Datetime("us", "UTC"), True),
        ("kind", pl.Enum(["in", "out"]), False),
    ]
    assert view.description == "How large an amount is."
    assert view.parameters == {"least": 1.0}
    assert view.contract.names == ("ratio",)
    assert [column.role for column in view.contract.columns] == ["feature"]
    assert view(pl.LazyFrame({"amount": [6.0], "total": [3.0]})).collect().item() == 2.0
    assert view.to_dict()["reads"] == [{"ref": "spend:total", "column": None}]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"inputs": [], "request": {}}, "neither inputs nor a request"),
        ({"inputs": "spend"}, "does not list features"),
        ({"inputs": ["spend:total", "spend:total"]}, "twice"),
        ({"inputs": ["spend as s"]}, "does not name a stored feature"),
        ({"inputs": {"total": "spend"}}, "does not name a stored feature"),
        ({"inputs": ["ratio:x"]}, "reads itself"),
        ({"request": ["amount"]}, "does not name values"),
        ({"request": {"amount": list[float]}}, "cannot give"),
        ({"request": {"amount": "number"}}, "amount"),
        ({"request": {"ratio": float}}, "and a feature, too"),
        ({"owner": 3}, "not text"),
    ],
)
def test_what_is_wrong_is_said_with_a_remedy(options: dict[str, Any], said: str) -> None:
    with pytest.raises(DefinitionError, match=said) as raised:
        declared(**options)
    assert raised.value.remedy


def test_a_name_that_could_not_be_a_column_is_refused() -> None:
    with pytest.raises(InvalidName):
        declared(request={"Amount; drop": float})


def test_it_takes_one_frame_and_names_its_model() -> None:
    with pytest.raises(DefinitionError, match="takes 2 frames"):

        @on_demand(request={"amount": float})
        def two(rows: pl.LazyFrame, more: pl.LazyFrame) -> LazyFrame[Ratio]:
            return rows

    with pytest.raises(MissingSchema):

        @on_demand(request={"amount": float})
        def none(rows: pl.LazyFrame) -> pl.LazyFrame:
            return rows

    with pytest.raises(DefinitionError, match="needs to be called"):
        on_demand(lambda rows: rows)


def columns(view: OnDemandView) -> list[str]:
    contract = Contract(
        (ColumnContract("user", pl.String(), "entity"), ColumnContract("total", pl.Float64(), "feature"))
    )
    return [each.column for each in input_columns(view.name, view.reads, view.request, lambda _: contract)]


def test_input_columns_are_features_by_their_name_or_the_one_given() -> None:
    assert columns(declared(inputs=["spend"])) == ["total"]
    assert columns(declared(inputs={"spent": "spend:total", "before": "spend@1:total"})) == ["spent", "before"]
    with pytest.raises(DefinitionError, match="both give a column 'total'"):
        columns(declared(inputs=["spend", "spend@1"]))
    with pytest.raises(DefinitionError, match="the request and spend:total both"):
        columns(declared(request={"total": float}))
    with pytest.raises(FeatureNotFound, match="spend:totl"):
        columns(declared(inputs=["spend:totl"]))


CELL = """
class Ratio(FeatureModel):
    ratio: float

@on_demand(inputs={"spent": "spend:total"}, request={"amount": float})
def ratio(rows: pl.LazyFrame) -> LazyFrame[Ratio]:
    return rows.select(ratio=pl.col("amount"))
"""


def test_a_cell_holds_one_view_of_either_kind() -> None:
    cell = parse_cell(CELL)
    assert (cell.view, cell.decorator) == ("ratio", "on_demand")
    assert "from workbench import FeatureModel, LazyFrame, on_demand" in cell.module
    other = CELL.replace("on_demand(", 'feature_view(event_time="at", ').replace("ratio(", "other(")
    with pytest.raises(CellError, match="holds 2 feature views: 'ratio', 'other'"):
        parse_cell(CELL + other)
    with pytest.raises(CellError, match="on_demand decorates a plain function, not the class"):
        parse_cell('@on_demand(request={"a": int})\nclass Ratio: ...')
