"""`OnlineRegistryReader`: what is published, as the online store's catalogue knows it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from workbench.errors import AccessRefused, OnlineError
from workbench.store import ReadableData, ReadableView, RecordReader, published_data, published_view

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import polars as pl

    from workbench.define import FeatureSet
    from workbench.lake import Lake
    from workbench.online.catalog import OnlineCatalog
    from workbench.registry import OnDemandVersion, Version

OnDemandFunctions: TypeAlias = "Callable[[OnlineCatalog, str, OnDemandVersion], Callable[[pl.DataFrame], pl.DataFrame]]"
"""What gives the function of a version of an on-demand view."""


class OnlineRegistryReader(RecordReader):
    """The versions that the catalogue shows: it reads no repository, and the lake only where `lake` is given.

    Parameters
    ----------
    catalog
        The catalogue.
    release
        The release that is read; what is published now if absent.
    lake
        Where rows are that the store does not have.
    on_demand
        What computes on-demand views; None where they are refused.
    """

    def __init__(
        self,
        catalog: OnlineCatalog,
        *,
        release: str | None = None,
        lake: Lake | None = None,
        on_demand: OnDemandFunctions | None = None,
    ) -> None:
        registry = catalog.registry if release is None else catalog.release(release)
        super().__init__(registry, branch="main", release=release, now=None if release is None else catalog.registry)
        self._catalog = catalog
        self._lake = lake
        self._functions = on_demand

    def names(self) -> Iterable[str]:
        """Return the names of views and feature sets."""
        return [*self.registry.views, *self.registry.on_demand_views, *self._catalog.feature_sets]

    def feature_set(self, name: str) -> FeatureSet | None:
        """Return the feature set `name`; None where there is none."""
        return self._catalog.feature_sets.get(name)

    def on_demand_function(self, name: str, version: OnDemandVersion) -> Callable[[pl.DataFrame], pl.DataFrame]:
        """Return what computes a version of the on-demand view `name`."""
        if self._functions is None:
            raise AccessRefused(
                f"{name!r} is an on-demand view, and this service does not compute any.",
                remedy="Set on_demand = true under [serve] where the service runs, and start it again.",
            )
        return self._functions(self._catalog, name, version)

    def readable_version(self, name: str, version: Version) -> ReadableView:
        """Return a version of view `name` as it is read."""
        return published_view(name, version, load=partial(self._data, name, version))

    def _data(self, name: str, version: Version) -> ReadableData:
        if self._lake is None:
            raise OnlineError(
                f"{name}@{version.number} is not in {self._catalog.place}, and there is no lake to read it from.",
                remedy="Run `workbench online load` where the project is.",
            )
        return published_data(self._lake, name, version)
