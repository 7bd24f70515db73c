"""`Side`: one side of a comparison: rows, contract, code; `RowCounts`: the rows that two sides share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from workbench.records import Serialisable

if TYPE_CHECKING:
    import polars as pl

    from workbench.compute import OutputDigest
    from workbench.define import Contract


@dataclass(frozen=True, slots=True)
class RowChoice:
    """How rows were chosen from others.

    Attributes
    ----------
    stored
        All rows, as they are stored.
    choose
        Returns those of such rows that are meant, and their other columns with them.
    rows
        What it returns of all.
    """

    stored: pl.LazyFrame
    choose: Callable[[pl.LazyFrame], pl.LazyFrame]
    rows: pl.LazyFrame


@dataclass(frozen=True, slots=True)
class Side:
    """One side.

    Attributes
    ----------
    label
        What people call it: ``main 1.2``, ``exp/carry-over``.
    frame
        The rows: entity columns, event time, features; one row for each entity and event time. It is read several
        times, and gives them in the same order each time.
    contract
        What the view promises about its columns.
    text
        The definition and the files that it imports, by path from the project's root, the definition's own first.
    code_hash, metadata_hash
        The fingerprint of its code, and of what is said about it.
    view_id
        The address of the rows, where they have one.
    digest
        The identity of the rows, where it is known: what is equal by digest is not read.
    choice
        How the rows were chosen, where they are some of those that are stored: see `stored`.
    """

    label: str
    frame: pl.LazyFrame
    contract: Contract
    text: Mapping[str, str] = field(default_factory=dict)
    code_hash: str = ""
    metadata_hash: str = ""
    view_id: str = ""
    digest: OutputDigest | None = None
    choice: RowChoice | None = field(default=None, repr=False, compare=False)

    def stored(self) -> tuple[pl.LazyFrame, Callable[[pl.LazyFrame], pl.LazyFrame]]:
        """Return all rows as they are stored, and what takes those of the side from any stretch of them."""
        if self.choice is None or self.choice.rows is not self.frame:  # another frame was put in its place
            return self.frame, lambda frame: frame
        return self.choice.stored, self.choice.choose

    @property
    def view(self) -> str:
        """The view's name, which is that of its definition's file; empty where the text is not known."""
        return next((PurePosixPath(path).stem for path in self.text), "")

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that say which row is which: entities, event time and, where the view has one, created time."""
        return tuple(c.name for c in self.contract.columns if c.role != "feature")

    @property
    def values(self) -> tuple[str, ...]:
        """All other columns."""
        return tuple(name for name in self.contract.names if name not in self.keys)


@dataclass(frozen=True, slots=True)
class RowCounts(Serialisable):
    """Rows by key: of both sides, in common (`same` and `changed`), and of one side alone.

    Rows whose key one of the sides has more than once are counted in `duplicates_left` and `duplicates_right`, and are
    matched with nothing: they are in none of the other four. Where digests say that sides are equal, rows are not read,
    and duplicates not counted.
    """

    left: int = 0
    right: int = 0
    same: int = 0
    changed: int = 0
    added: int = 0
    removed: int = 0
    duplicates_left: int = 0
    duplicates_right: int = 0

    @property
    def duplicates(self) -> int:
        """Rows of both sides whose key is there more than once."""
        return self.duplicates_left + self.duplicates_right

    @property
    def common(self) -> int:
        """Rows that both sides have."""
        return self.same + self.changed
