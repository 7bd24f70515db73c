"""`ReadableView` and `ViewReader`: read a view from a branch or from the registry through one interface."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from workbench.point_in_time import ViewRows

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from datetime import timedelta
    from pathlib import Path

    import polars as pl

    from workbench.define import Contract, Definitions, FeatureSet
    from workbench.pipeline import InputTimes
    from workbench.sources import Snapshot
    from workbench.store.on_demand import ReadableOnDemand


@dataclass(frozen=True, slots=True)
class ReadableInput:
    """One input of a view: its rows as far as they can be had, and since when each is known.

    Attributes
    ----------
    name, kind
        The input, and whether it is a source or a view.
    frame
        Its rows; None where they cannot be had.
    times
        Its time columns; None where its rows cannot be had.
    note
        What is to be known of them; empty where nothing is.
    """

    name: str
    kind: str
    frame: pl.LazyFrame | None
    times: InputTimes | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class ReadableData:
    """A view's rows and their identity.

    Attributes
    ----------
    frame
        One row for each entity and event time: the contract's columns with its dtypes.
    numbered
        Returns the same rows with their numbers, from 0, in a column of the given name.
    view_id, code_hash, data_digest
        Their address, the code they come from, and the exact digest of the rows.
    delta_version
        The version of the lake's table that holds them; None for what is not published.
    index
        Returns the folder where an index of the rows may be kept, another one for other files; None to keep none.
    """

    frame: pl.LazyFrame
    numbered: Callable[[str], pl.LazyFrame] = field(repr=False)
    view_id: str
    code_hash: str
    data_digest: str
    delta_version: int | None = None
    index: Callable[[], Path] | None = field(default=None, repr=False)


@dataclass(frozen=True, eq=False)
class ReadableView:
    """One view as it is read: what was declared of it, and its rows when they are asked for.

    Attributes
    ----------
    name, version
        The view; the number of the published version, None for a branch's own.
    contract, entities, event_time, created, ttl, lookback
        As declared.
    deprecation
        For a version that is deprecated, or no longer refreshed: until or since when, and what to read; else empty.
    run
        The MLflow run that is recorded with a published version.
    """

    name: str
    version: str | None
    contract: Contract
    entities: tuple[str, ...]
    event_time: str
    created: str | None
    ttl: timedelta | None
    lookback: timedelta | None
    load: Callable[[], ReadableData] = field(repr=False)
    load_inputs: Callable[[], tuple[ReadableInput, ...]] = field(repr=False)
    deprecation: str = ""
    run: str | None = None

    @property
    def label(self) -> str:
        """The view as references name it: ``spend``, or ``spend@1.2`` where it is a published version."""
        return f"{self.name}@{self.version}" if self.version else self.name

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that say which row is which: entities and times."""
        return tuple(column.name for column in self.contract.columns if column.role != "feature")

    @property
    def features(self) -> tuple[str, ...]:
        """The names of its features."""
        return tuple(column.name for column in self.contract.features)

    @cached_property
    def data(self) -> ReadableData:
        """Its rows; a branch's view is computed now where it is not computed yet."""
        return self.load()

    def rows(
        self,
        features: Mapping[str, str],
        *,
        name: str | None = None,
        keys: Mapping[str, str] | None = None,
        outcome: str | None = None,
    ) -> ViewRows:
        """Return its rows as the as-of rule reads them: `features` and `keys` as in `ViewRows`, which both name."""
        return ViewRows(
            name=name or self.label,
            rows=self.data.frame,
            keys={key: key for key in self.entities} if keys is None else keys,
            features=features,
            event_time=self.event_time,
            ttl=self.ttl,
            created=self.created,
            outcome=outcome,
            stored=True,
            numbered=self.data.numbered,
            index=self.data.index,
        )

    def inputs(self) -> tuple[ReadableInput, ...]:
        """Return what it is made from; sources as they are now."""
        return self.load_inputs()


class ViewReader(Protocol):
    """Views of one moment: those that a branch defines, or those that are published.

    Attributes
    ----------
    branch, commit
        Whose views are read, and at which commit.
    """

    branch: str
    commit: str

    @property
    def release(self) -> str | None:
        """The release that is read, if it is one."""

    @property
    def registry_commit(self) -> str | None:
        """The commit at which published versions were looked up; None where none was."""

    @property
    def snapshots(self) -> Mapping[str, Snapshot]:
        """What the sources were that views were computed from."""

    def view(self, name: str, version: str | None = None) -> ReadableView:
        """Return a view, or the published version of it that is asked for; the same object for the same version."""

    def has(self, name: str, version: str | None = None) -> bool:
        """Whether `view` is the one to ask for `name`; else it may be a feature set's name."""

    def on_demand(self, name: str, version: str | None = None) -> ReadableOnDemand | None:
        """Return an on-demand view, or the published version of it that is asked for; None where there is none."""

    def names(self) -> Iterable[str]:
        """Return the names of all views and feature sets, for "did you mean"."""

    def tables(self) -> Iterable[str]:
        """Return the names of views as SQL knows them, for "did you mean"."""

    def owners(self, feature: str) -> Iterable[str]:
        """Return the views that have a feature of this name."""

    def feature_set(self, name: str) -> FeatureSet | None:
        """Return the feature set `name`; None where there is none."""

    @property
    def ambiguous(self) -> Collection[str]:
        """The names that are both a view's and a feature set's."""

    def missing(self, name: str) -> Exception:
        """Return the error for a `name` that is neither a view nor a feature set."""


def broken_files(definitions: Definitions, commit: str) -> tuple[str, ...]:
    """Return a line for each file of `definitions` that does not load: what it holds is not known by name."""
    return tuple(f"  At {commit[:10]}, {broken.message}" for broken in definitions.broken.values())
