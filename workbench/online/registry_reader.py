"""`OnlineRegistryReader`: what is published, as the online store's catalogue knows it."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from workbench.errors import FeatureNotFound, OnlineError, RegistryError
from workbench.store import ReadableData, ReadableView, published_data, published_view

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from workbench.define import FeatureSet
    from workbench.lake import Lake
    from workbench.online.catalog import OnlineCatalog
    from workbench.registry import Record, Registry, Version
    from workbench.sources import Snapshot


class OnlineRegistryReader:
    """The versions that the catalogue shows: it reads no repository, and the lake only where `lake` is given.

    Parameters
    ----------
    catalog
        The catalogue.
    release
        The release that is read; what is published now if absent.
    lake
        Where rows are that the store does not have.
    """

    def __init__(self, catalog: OnlineCatalog, *, release: str | None = None, lake: Lake | None = None) -> None:
        self.branch = "main"
        self.release = release
        self.registry: Registry = catalog.registry if release is None else catalog.release(release)
        self.commit = self.registry.commit or ""
        self._catalog = catalog
        self._lake = lake
        self._views: dict[tuple[str, str], ReadableView] = {}

    @property
    def registry_commit(self) -> str:
        """The commit whose records are read."""
        return self.commit

    @property
    def snapshots(self) -> Mapping[str, Snapshot]:
        """Nothing: no source is read."""
        return {}

    def version(self, name: str, number: str | None) -> Version:
        """Return the record of a version."""
        return self.registry.version(name, number)

    def view(self, name: str, version: str | None = None) -> ReadableView:
        """Return the version of view `name` that is asked for, or the current one."""
        if name not in self.registry:
            raise self.missing(name)
        found = self.registry.version(name, version)
        key = name, found.number
        if key not in self._views:
            self._views[key] = published_view(name, found, load=partial(self._data, name, found))
        return self._views[key]

    def has(self, name: str, version: str | None = None) -> bool:
        """Whether a version of view `name` was ever published."""
        return name in self.registry or version is not None

    def names(self) -> Iterable[str]:
        """Return the names of views and feature sets."""
        return [*self.registry.views, *self._catalog.feature_sets]

    def tables(self) -> Iterable[str]:
        """Return the names of the views."""
        return self.registry.views

    def owners(self, feature: str) -> Iterable[str]:
        """Return the views that have a feature of this name in their current version."""
        serving = ((name, record.serving) for name, record in self._records())
        features = ((name, version.contract.features) for name, version in serving if version is not None)
        return [name for name, columns in features if feature in [column.name for column in columns]]

    def feature_set(self, name: str) -> FeatureSet | None:
        """Return the feature set `name`; None where there is none."""
        return self._catalog.feature_sets.get(name)

    @property
    def ambiguous(self) -> Collection[str]:
        """Nothing: a view comes before a feature set of its name."""
        return ()

    def missing(self, name: str) -> FeatureNotFound:
        """Return the error for a `name` that is neither a view nor a feature set."""
        return FeatureNotFound.unpublished(name, self.names())

    def _records(self) -> Iterator[tuple[str, Record]]:
        for name in self.registry.views:
            with suppress(RegistryError):
                yield name, self.registry.record(name)

    def _data(self, name: str, version: Version) -> ReadableData:
        if self._lake is None:
            raise OnlineError(
                f"{name}@{version.number} is not in {self._catalog.place}, and there is no lake to read it from.",
                remedy="Run `workbench online load` where the project is.",
            )
        return published_data(self._lake, name, version)
