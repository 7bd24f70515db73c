"""`Check`: what was checked, whether it holds or could not be checked, and the first rows where it does not hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from workbench.records import Serialisable, to_plain

State = Literal["pass", "fail", "not checked"]
SHOWN = 20
"""How many failing rows a check keeps; `Check.counts` has all of them counted."""


@dataclass(frozen=True, slots=True, eq=False)
class Check(Serialisable):
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

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Check) and to_plain(self) == to_plain(other)

    __hash__ = None  # type: ignore[assignment]  # holds a frame
