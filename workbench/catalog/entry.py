"""`CatalogEntry`: one view in a list, and whether words are found in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from workbench.records import to_plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.define import Contract, FeatureView, OnDemandView
    from workbench.registry import Behind, Hold, OnDemandRecord, Summary

UNPUBLISHED = "unpublished"


@dataclass(frozen=True, slots=True)
class CatalogFeature:
    """A feature of a view: name, dtype, unit and description."""

    name: str
    dtype: str
    unit: str | None
    description: str | None


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """A view that can be used.

    Attributes
    ----------
    view, version
        The view, and the number of its current version; None where it is not published.
    status
        ``live``, ``deprecated``, ``retired``, ``withdrawn``, or ``unpublished`` for one that only the branch defines.
    owner, description, tags, entities, features
        As declared.
    versions
        Number and status of all versions, oldest first.
    rows, published_at, published_by
        Of the current version; None for what is not published.
    branch
        The experiment it came from, or the branch that defines it.
    request
        The values of a request that an on-demand view takes; None for a view whose rows are stored.
    behind, held
        Why the current version's data is older than its sources, as `materialize` found it; the data it was rolled
        back to.
    frozen
        The numbers of the versions that were superseded and are no longer refreshed.
    """

    view: str
    version: str | None
    status: str
    owner: str | None
    description: str
    tags: Mapping[str, str]
    entities: tuple[str, ...]
    features: tuple[CatalogFeature, ...]
    branch: str
    versions: tuple[tuple[str, str], ...] = ()
    rows: int | None = None
    published_at: datetime | None = None
    published_by: str | None = None
    behind: Behind | None = None
    held: Hold | None = None
    frozen: tuple[str, ...] = ()
    request: tuple[str, ...] | None = None

    @classmethod
    def of_on_demand(cls, record: OnDemandRecord, entities: tuple[str, ...]) -> CatalogEntry:
        """Return the entry of a published on-demand view, whose inputs have these entities."""
        version = record.version()
        declared = version.declaration
        return cls(
            view=record.view,
            version=version.number,
            status=version.status,
            owner=declared.get("owner"),
            description=str(declared.get("description", "")),
            tags=dict(declared.get("tags", {})),
            entities=entities,
            features=features_of(version.contract),
            branch=version.branch,
            versions=tuple((each.number, each.status) for each in record.versions),
            published_at=version.published_at,
            published_by=version.published_by,
            request=tuple(each.name for each in version.request),
        )

    @classmethod
    def of_own_on_demand(cls, view: OnDemandView, branch: str) -> CatalogEntry:
        """Return the entry of an unpublished on-demand view of `branch`."""
        return cls(
            view=view.name,
            version=None,
            status=UNPUBLISHED,
            owner=view.owner,
            description=view.description,
            tags=dict(view.tags),
            entities=(),
            features=features_of(view.contract),
            branch=branch,
            request=tuple(each.name for each in view.request),
        )

    @classmethod
    def of_summary(cls, summary: Summary) -> CatalogEntry:
        """Return the entry of a published view."""
        version = summary.shown
        declared = version.declaration
        return cls(
            view=summary.view,
            version=version.number,
            status=version.status,
            owner=declared.get("owner"),
            description=str(declared.get("description", "")),
            tags=dict(declared.get("tags", {})),
            entities=version.entities,
            features=features_of(version.contract),
            branch=version.branch,
            versions=summary.versions,
            rows=version.rows,
            published_at=version.published_at,
            published_by=version.published_by,
            behind=version.behind,
            held=version.held,
            frozen=summary.frozen,
        )

    @classmethod
    def of_view(cls, view: FeatureView, branch: str) -> CatalogEntry:
        """Return the entry of an unpublished view of `branch`."""
        return cls(
            view=view.name,
            version=None,
            status=UNPUBLISHED,
            owner=view.owner,
            description=view.description,
            tags=dict(view.tags),
            entities=view.entities,
            features=features_of(view.contract),
            branch=branch,
        )

    @property
    def staleness(self) -> str | None:
        """Since when, and why, its data is older than its sources; None where nothing is known of that."""
        if self.behind is not None:
            return f"behind its sources since {self.behind.since:%Y-%m-%d %H:%M} UTC: {self.behind.why}"
        if self.held is not None:
            return f"held at earlier data since {self.held.since:%Y-%m-%d %H:%M} UTC by {self.held.by}"
        return None

    def match_words(self, words: Sequence[str], units: Mapping[str, str]) -> tuple[str, ...] | None:
        """Return the fields that contain the lower-case `words`; None if a word is in no field.

        A word of `units` is also found in a unit that is spelled as they say.
        """
        hits: dict[str, None] = {}
        fields = [(label, text.casefold()) for label, text in self._fields()]
        for word in words:
            where = [label for label, text in fields if word in text]
            where += [label for label, text in fields if label == "unit" and text == units.get(word)]
            if not where:
                return None
            hits |= dict.fromkeys(where)
        return tuple(hits)

    def _fields(self) -> Iterator[tuple[str, str]]:
        yield "name", self.view
        for feature in self.features:
            yield "feature", feature.name
            yield "feature's description", feature.description or ""
            yield "unit", feature.unit or ""
        yield "description", self.description
        yield "owner", self.owner or ""
        for key, value in self.tags.items():
            yield "tag", f"{key}={value}"
        for entity in self.entities:
            yield "entity", entity
        for value in self.request or ():
            yield "request", value

    def to_dict(self) -> dict[str, Any]:
        """Return the entry as JSON-ready values."""
        plain: dict[str, Any] = to_plain(self)
        del plain["held"]  # `behind` says so
        if self.request is None:
            del plain["request"]
        return plain | {"versions": dict(self.versions), "behind": self.staleness}


def features_of(contract: Contract) -> tuple[CatalogFeature, ...]:
    """Return the features that a contract promises."""
    return tuple(CatalogFeature(c.name, str(c.dtype), c.unit, c.description) for c in contract.features)
