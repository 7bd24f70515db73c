"""How text files are written, as far as ``workbench.toml`` declares it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from workbench.config import SourceSettings, dtype_named
from workbench.lazy import deferred

if TYPE_CHECKING:
    import polars as pl
else:
    pl = deferred("polars")

Side = Literal["data", "question"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How text files are written, as far as it is declared; see `SourceSettings`."""

    dtypes: Mapping[str, pl.DataType] = field(default_factory=dict)
    separator: str = ","
    decimal: str = "."
    thousands: str | None = None
    quote: str = '"'
    encoding: str = "utf-8"
    null_values: tuple[str, ...] = ()
    time_format: str | None = None
    time_zone: str | None = None
    sheet: str | None = None
    texts: frozenset[str] = frozenset()
    """Columns that stay texts, where they are there."""
    side: Side = "data"
    """Which of two the hour is that a clock shows twice: the second for data, the first for a question."""

    @classmethod
    def of(cls, settings: SourceSettings) -> Dialect:
        """Return what `settings` declare."""
        return cls(
            dtypes={name: dtype_named(dtype) for name, dtype in settings.dtypes.items()},
            separator=settings.separator,
            decimal=settings.decimal,
            thousands=settings.thousands,
            quote=settings.quote,
            encoding=settings.encoding,
            null_values=settings.null_values,
            time_format=settings.time_format,
            time_zone=settings.time_zone,
            sheet=settings.sheet,
        )

    def to_json(self) -> list[object]:
        """Return all of it, JSON-ready: other settings read other rows from the same bytes."""
        dtypes = sorted((name, str(dtype)) for name, dtype in self.dtypes.items())
        return [
            dtypes,
            self.separator,
            self.decimal,
            self.thousands,
            self.quote,
            self.encoding,
            list(self.null_values),
            self.time_format,
            self.time_zone,
            self.sheet,
        ]
