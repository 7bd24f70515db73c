"""`Users`: what reads a view, and would notice if it changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.errors import FeatureNotFound, RegistryError, UsageError
from workbench.registry import RELEASE_PREFIX, Registry
from workbench.store import Reference, names, saved_training_set

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.define import Definitions
    from workbench.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Users:
    """Who reads a view: pairs of a name, and which version it reads (empty where it follows the current one).

    Attributes
    ----------
    views
        Versions of published views that are computed from it.
    feature_sets
        Feature sets on main that name it.
    releases
        Releases that pin it.
    training_sets
        Training sets saved in this project that have its values.
    """

    views: tuple[tuple[str, str], ...] = ()
    feature_sets: tuple[tuple[str, str], ...] = ()
    releases: tuple[tuple[str, str], ...] = ()
    training_sets: tuple[tuple[str, str], ...] = ()

    def rows(self) -> tuple[tuple[str, str, str], ...]:
        """Return one row a user: its kind, its name, and which version it reads."""
        kinds = ("view", self.views), ("feature set", self.feature_sets), ("release", self.releases)
        listed = (*kinds, ("training set", self.training_sets))
        return tuple((kind, name, version or "the current one") for kind, found in listed for name, version in found)

    def to_dict(self) -> dict[str, Any]:
        """Return the users as JSON-ready values."""
        listed = {
            "views": self.views,
            "feature_sets": self.feature_sets,
            "releases": self.releases,
            "training_sets": self.training_sets,
        }
        return {kind: [{"name": name, "reads": version} for name, version in found] for kind, found in listed.items()}


def users_of(workspace: Workspace, registry: Registry, definitions: Definitions | None, view: str) -> Users:
    """Return what reads `view`: published views and feature sets at the registry's commit, releases, training sets."""
    return Users(
        views=tuple(_views(registry, view)),
        feature_sets=tuple(_feature_sets(definitions, view)),
        releases=tuple(_releases(workspace, view)),
        training_sets=tuple(_training_sets(workspace, view)),
    )


def _views(registry: Registry, view: str) -> Iterator[tuple[str, str]]:
    for other in registry.views_mentioning(view):
        try:
            versions = registry.record(other).versions
        except RegistryError:
            continue  # the list says so
        for version in versions:
            read = [data.version or "" for data in version.inputs if (data.kind, data.name) == ("view", view)]
            if read and version.is_served:
                yield f"{other}@{version.number}", read[0]


def _feature_sets(definitions: Definitions | None, view: str) -> Iterator[tuple[str, str]]:
    for named in definitions.feature_sets.values() if definitions else ():
        read = [ref for ref in map(Reference.parse, named.features) if ref.view == view]
        if read:
            yield named.name, read[0].version or ""


def _releases(workspace: Workspace, view: str) -> Iterator[tuple[str, str]]:
    for tag in workspace.repository.tags(f"{RELEASE_PREFIX}*"):
        try:
            current = Registry(workspace.repository, tag.commit).summary(view).current
        except (FeatureNotFound, RegistryError):
            continue
        if current is not None:
            yield tag.name.removeprefix(RELEASE_PREFIX), current


def _training_sets(workspace: Workspace, view: str) -> Iterator[tuple[str, str]]:
    for name in names(workspace.home):
        try:
            saved = saved_training_set(workspace.home, name)
        except UsageError:
            continue  # it says so where it is asked for
        for read in saved.views:
            if read.view == view:
                yield name, read.version or f"{saved.branch}'s own"
