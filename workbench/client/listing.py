"""`RemoteCatalog`: what the service lists."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from workbench.dtypes import dtype_from_json
from workbench.errors import FeatureNotFound
from workbench.render import Report, Reported, Table


@dataclass(frozen=True, slots=True)
class RemoteCatalog(Reported):
    """What there is to read over HTTP, with the token that was given.

    Attributes
    ----------
    views
        Each view's version, entities, features, ttl, owner, tags and description, by its name.
    feature_sets
        The references of each feature set.
    releases
        The releases that can be read.
    commit
        The commit of main that the service shows.
    """

    views: Mapping[str, Mapping[str, Any]]
    feature_sets: Mapping[str, list[str]]
    releases: list[str]
    commit: str | None

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> RemoteCatalog:
        """Return the catalogue that the service answered."""
        return cls(answer["views"], answer["feature_sets"], answer["releases"], answer["commit"])

    def __getitem__(self, view: str) -> Mapping[str, Any]:
        if view not in self.views:
            raise FeatureNotFound.unpublished(view, self.views)
        return self.views[view]

    def __iter__(self) -> Iterator[str]:
        return iter(self.views)

    def __len__(self) -> int:
        return len(self.views)

    def to_frame(self) -> pl.DataFrame:
        """Return one row a feature: view, version, feature, dtype, unit, description."""
        rows = [
            (name, view["version"], feature, str(dtype_from_json(each["dtype"])), each["unit"], each["description"])
            for name, view in self.views.items()
            for feature, each in view["features"].items()
        ]
        names = ("view", "version", "feature", "dtype", "unit", "description")
        return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "views": dict(self.views),
            "feature_sets": dict(self.feature_sets),
            "releases": self.releases,
            "commit": self.commit,
        }

    def report(self) -> Report:
        """Return one line a view."""
        rows = tuple(
            (name, view["version"], ", ".join(view["entities"]), f"{len(view['features'])}", view["description"])
            for name, view in self.views.items()
        )
        table = Table("", ("view", "version", "entities", "features", "description"), rows)
        return Report("Features over HTTP", tables=(table,) if rows else ())
