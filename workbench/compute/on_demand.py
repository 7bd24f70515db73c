"""Computing an on-demand view: the one function that training, checks and serving call, on whatever rows they have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import polars as pl

from workbench.compute.plan import InputData, build, engine_error
from workbench.errors import ContractViolation, JoinError

if TYPE_CHECKING:
    from workbench.define import ColumnContract, Contract, InputColumn, OnDemandView, RequestField

_SHOWN = 3


def compute_on_demand(view: OnDemandView, rows: pl.DataFrame, *, whole: bool = True) -> pl.DataFrame:
    """Return the features of an on-demand view, a row for each of `rows`."""
    contract = view.contract
    if rows.is_empty():
        return pl.DataFrame(schema=contract.schema)
    frame = build(view, [InputData(view.inputs[0], rows.lazy(), "", "source")])
    try:
        found = frame.collect()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise engine_error(view.name, error) from error
    _require_shape(view.name, contract, found, rows.height)
    if whole:
        require_contract(view.name, contract, found)
    return found


def require_contract(view: str, contract: Contract, found: pl.DataFrame) -> None:
    """Raise `ContractViolation` where a value breaks the contract."""
    broken = [said for column in contract.columns for said in _broken(column, found[column.name])]
    if broken:
        raise ContractViolation(
            f"On-demand view {view!r} gives values that its contract does not allow.",
            lines=[f"  {said}" for said in broken],
            remedy="Handle such rows in the view, or let its FeatureModel allow what it gives.",
        )


def input_frame(columns: Sequence[InputColumn], request: Sequence[RequestField]) -> pl.Schema:
    """Return the schema of the rows that an on-demand view's function gets: stored features, then the request."""
    return pl.Schema({each.column: each.dtype for each in columns} | {each.name: each.dtype for each in request})


def request_column(values: pl.Series, field: RequestField, *, view: str, where: str) -> pl.Series:
    """Return the values of a request as the dtype that the view declares.

    Values are cast where they stay what they are: whole numbers to wider ones or to floats that hold them, floats to
    floats, texts to an enum, times to the unit and zone declared (UTC where they state none).
    """
    name, dtype = field.name, field.dtype
    found = values.rename(name) if values.dtype == dtype else _cast(values, field, view=view, where=where)
    if not field.nullable and found.null_count():
        raise JoinError(
            f"{name!r} of {where} is null in {found.null_count():,} of {found.len():,} rows, and on-demand view "
            f"{view!r} does not allow null.",
            remedy=f"Fill or drop these rows, or declare that null is allowed: {name}: ... | None in its request.",
        )
    return found


def _cast(values: pl.Series, field: RequestField, *, view: str, where: str) -> pl.Series:
    given, dtype = values.dtype, field.dtype
    if given != pl.Null and not _is_kind(given, dtype):
        raise JoinError(
            f"{field.name!r} of {where} is {given}, and on-demand view {view!r} takes {dtype}.",
            remedy=f"Give values that are {dtype}.",
        )
    if isinstance(dtype, pl.Datetime) and isinstance(given, pl.Datetime):
        if dtype.time_zone is None and given.time_zone is not None:
            values = values.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        elif dtype.time_zone is not None and given.time_zone is None:
            values = values.dt.replace_time_zone("UTC")
    try:
        found = values.cast(dtype, strict=True).rename(field.name)
        exact = not given.is_integer() or dtype.is_integer() or found.cast(given, strict=False).equals(values)
    except pl.exceptions.PolarsError:
        exact = False
    if not exact:
        raise JoinError(
            f"{field.name!r} of {where} has values that are not {dtype}, which on-demand view {view!r} takes.",
            remedy=f"Give values that {dtype} holds.",
        )
    return found


def _is_kind(given: pl.DataType, dtype: pl.DataType) -> bool:
    """Return whether values of one dtype may stand for another's."""
    texts = (pl.String, pl.Enum, pl.Categorical)
    if given.is_integer():
        return dtype.is_numeric()
    if given.is_decimal():
        return dtype.is_float() or dtype.is_decimal()
    if given.is_float():
        return dtype.is_float()
    if isinstance(given, texts):
        return isinstance(dtype, texts)
    return type(given) is type(dtype)


def _require_shape(view: str, contract: Contract, found: pl.DataFrame, rows: int) -> None:
    broken = []
    if found.height != rows:
        broken.append(
            f"it gives {found.height:,} rows for {rows:,}: a row for each, in their order, is needed; "
            "remove .filter(), .unique(), .group_by() and joins that add or drop rows"
        )
    broken += [
        f"{column.name} is {found.schema[column.name]}, the contract says {column.dtype}: "
        f'cast it in the view with pl.col("{column.name}").cast(pl.{column.dtype!r}), or change the annotation'
        for column in contract.columns
        if found.schema[column.name] != column.dtype
    ]
    if broken:
        raise ContractViolation(
            f"On-demand view {view!r} does not give what its contract says.",
            lines=[f"  {said}" for said in broken],
            remedy="Correct the view or its FeatureModel and run the cell again.",
        )


def _broken(column: ColumnContract, values: pl.Series) -> Iterator[str]:
    """Yield a sentence for each rule of a column that values break; pandera's own checks are not asked here."""
    name = column.name
    if not column.nullable and values.null_count():
        yield f"{name} is null in {values.null_count():,} of {values.len():,} rows, and is not nullable"
    rules: dict[str, pl.Expr] = {}
    value = pl.col(name)
    if column.dtype.is_float():
        rules["finite: check for division by zero"] = value.is_finite()
    bounds = {">=": column.ge, ">": column.gt, "<=": column.le, "<": column.lt}
    for sign, bound in bounds.items():
        if bound is not None:
            limit = pl.lit(bound)
            rules[f"{sign} {bound}"] = {
                ">=": value >= limit, ">": value > limit, "<=": value <= limit, "<": value < limit,
            }[sign]  # fmt: skip
    if column.isin is not None:
        rules["one of the allowed values"] = value.is_in(pl.Series(column.isin, dtype=column.dtype))
    for rule, holds in rules.items():
        failing = values.to_frame().filter(~holds).to_series()
        if failing.len():
            shown = ", ".join(str(each) for each in failing.head(_SHOWN))
            yield f"{name} is not {rule} in {failing.len():,} of {values.len():,} rows: {shown}"
