"""`Check`: what was checked, whether it holds or could not be checked, and the first rows where it does not hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import polars as pl

State = Literal["pass", "fail", "not checked"]
SHOWN = 20
"""How many failing rows a check keeps; `Check.counts` has all of them counted."""


@dataclass(frozen=True, slots=True, eq=False)
class Check:
    """The outcome of one check of a view.

    Attributes
    ----------
    name
        What was checked: ``contract``, ``leakage``, the name of a feature test, ...
    passed
        Whether it holds. False where it does not, and where it was not `checked`.
    detail
        One line that says what was found.
    failures
        At most 20 of the failing rows: the view's key columns, then ``column``, ``value`` and ``reason`` as text;
        `None` where nothing failed. A key is null where the failure is no single row's.
    seconds
        How long the check took.
    counts
        Failing rows by rule, all of them.
    checked
        Whether there was anything to look at. A check that could not look neither passed nor failed.

    Raises
    ------
    ValueError
        For a check that passed although it was not checked.

    Examples
    --------
    >>> check = Check("contract", passed=True, detail="4 rules hold in 10 rows")
    >>> Check.from_dict(check.to_dict()).detail
    '4 rules hold in 10 rows'
    >>> Check("leakage", passed=False, checked=False, detail="no rows to compare").state
    'not checked'
    """

    name: str
    passed: bool
    detail: str
    failures: pl.DataFrame | None = None
    seconds: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)
    checked: bool = True

    def __post_init__(self) -> None:
        if self.passed and not self.checked:
            raise ValueError(f"the check {self.name!r} cannot pass without being checked")

    @property
    def failed(self) -> bool:
        """Whether it was checked and does not hold."""
        return self.checked and not self.passed

    @property
    def state(self) -> State:
        """``pass``, ``fail`` or ``not checked``."""
        return "not checked" if not self.checked else "pass" if self.passed else "fail"

    def to_dict(self) -> dict[str, Any]:
        """Return the check as JSON-ready values; `from_dict` reads them back."""
        return {
            "name": self.name,
            "passed": self.passed,
            "checked": self.checked,
            "detail": self.detail,
            "seconds": round(self.seconds, 6),
            "counts": dict(self.counts),
            "failures": None if self.failures is None else _frame_to_json(self.failures),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the check that `to_dict` turned into `values`; unknown keys are ignored."""
        failures = values.get("failures")
        return cls(
            name=str(values["name"]),
            passed=bool(values["passed"]),
            detail=str(values["detail"]),
            failures=None if failures is None else _frame_from_json(failures),
            seconds=float(values.get("seconds", 0.0)),
            counts=dict(values.get("counts", {})),
            checked=bool(values["checked"]),
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Check) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]  # holds a frame


def plain_keys(frame: pl.DataFrame) -> pl.DataFrame:
    """Return `frame` with each column that JSON cannot give back turned to text.

    Integers, text, booleans, dates and datetimes stay what they are, so that failing rows can be joined to the view.
    """
    return frame.with_columns(_as_text(name, dtype) for name, dtype in frame.schema.items() if not _is_plain(dtype))


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    if isinstance(dtype, pl.Duration):
        return pl.col(name).dt.to_string()
    if dtype.is_nested() or isinstance(dtype, pl.Binary):
        return pl.lit(None, pl.String).alias(name)
    return pl.col(name).cast(pl.String)


def _is_plain(dtype: pl.DataType) -> bool:
    return dtype.is_integer() or isinstance(dtype, (pl.String, pl.Boolean, pl.Date, pl.Datetime))


def _frame_to_json(frame: pl.DataFrame) -> dict[str, Any]:
    from workbench.dtypes import dtype_to_json

    plain = plain_keys(frame)
    rows = plain.with_columns(pl.col(pl.Date).dt.to_string(), pl.col(pl.Datetime).dt.to_string("iso:strict"))
    return {
        "columns": [[name, dtype_to_json(dtype)] for name, dtype in plain.schema.items()],
        "rows": [list(row) for row in rows.rows()],
    }


def _frame_from_json(values: Mapping[str, Any]) -> pl.DataFrame:
    from workbench.dtypes import dtype_from_json

    schema = {name: dtype_from_json(dtype) for name, dtype in values["columns"]}
    text = {name: pl.String() if dtype.is_temporal() else dtype for name, dtype in schema.items()}
    frame = pl.DataFrame(values["rows"], schema=text, orient="row")
    return frame.with_columns(_moment(name, dtype) for name, dtype in schema.items() if dtype.is_temporal())


def _moment(name: str, dtype: pl.DataType) -> pl.Expr:
    if not isinstance(dtype, pl.Datetime):
        return pl.col(name).str.to_date()
    if dtype.time_zone is None:
        return pl.col(name).str.to_datetime(time_unit=dtype.time_unit)
    moment = pl.col(name).str.to_datetime(time_unit=dtype.time_unit, time_zone="UTC")
    return moment.dt.convert_time_zone(dtype.time_zone)
