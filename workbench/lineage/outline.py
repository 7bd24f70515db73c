"""A branch's definitions as far as their text says: none of them runs, and what columns depend on is unknown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workbench.define import load_tree
from workbench.lineage.graph import Edge, Mark, Node
from workbench.source_tree import texts_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from workbench.define import Definitions, FeatureSet
    from workbench.workspace import Workspace

NOT_RUN = "what another branch defines, or somebody who is not trusted, is not run"


def on_demand_nodes(definitions: Definitions) -> Iterator[Node]:
    """Yield the on-demand views, as the files' text says."""
    for name, view in definitions.outline.on_demand.items():
        yield Node("view", name, {"state": "on demand", "features": list(view.features), "request": list(view.request)})


def on_demand_edges(definitions: Definitions) -> Iterator[Edge]:
    """Yield which views the on-demand views read, as the files' text says."""
    for name, view in definitions.outline.on_demand.items():
        for used in dict.fromkeys(each.partition(":")[0].partition("@")[0] for each in view.inputs):
            yield Edge(f"view:{used}", f"view:{name}")


@dataclass(frozen=True, slots=True)
class NamedView:
    """A view of the branch: its inputs and features, and its address where it was computed here at this commit."""

    name: str
    inputs: tuple[str, ...]
    features: tuple[str, ...]
    view_id: str | None


@dataclass(slots=True)
class Outlined:
    """The names in the definitions of one commit.

    Parameters
    ----------
    workspace
        The project's workspace.
    commit, branch
        Whose definitions.
    """

    workspace: Workspace
    commit: str
    branch: str
    definitions: Definitions = field(init=False)
    views: dict[str, NamedView] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.definitions = load_tree(self.workspace.repository, self.commit, cache=self.workspace.hidden)
        for name, view in self.definitions.outline.views.items():
            last = self.workspace.journal.last(name, branch=self.branch)
            computed = last.view_id if last is not None and last.commit == self.commit else None
            self.views[name] = NamedView(name, view.inputs, view.features, computed)

    @property
    def sets(self) -> Mapping[str, FeatureSet]:
        """The feature sets."""
        return self.definitions.outline.sets

    @property
    def unknown(self) -> tuple[tuple[str, str], ...]:
        """The views whose columns' inputs are not known, with the reason."""
        return tuple((name, NOT_RUN) for name in self.views)

    def nodes(self) -> Iterator[Node]:
        """Yield the sources that are read, the views (those that are no Python too), and the feature sets."""
        read = {name for view in self.views.values() for name in view.inputs}
        for name in self.workspace.sources.names():
            if name in read:
                yield Node("source", name, {"state": "read"})
        for name, view in self.views.items():
            facts = {"state": "not run", "view_id": view.view_id, "features": list(view.features)}
            yield Node("view", name, facts)
        yield from on_demand_nodes(self.definitions)
        for name in sorted(self.definitions.outline.unread):
            yield Node("view", name, {"state": "broken", "error": "its file is not Python"})
        for name, found in self.sets.items():
            yield Node("feature set", name, {"features": list(found.features), "owner": found.owner})

    def edges(self) -> Iterator[Edge]:
        """Yield what views are made from."""
        for name, view in self.views.items():
            for used in view.inputs:
                yield Edge(self.thing(used), f"view:{name}")
        yield from on_demand_edges(self.definitions)

    def column_nodes(self) -> Iterator[Node]:
        """Yield the features of the views."""
        for name, view in self.views.items():
            for feature in view.features:
                facts: dict[str, Any] = {"of": "view", "column": feature, "role": "feature"}
                yield Node("feature", f"{name}:{feature}", facts)

    def column_edges(self) -> Iterator[Edge]:
        """Yield nothing: the text does not say which columns a view reads."""
        yield from ()

    def features_of(self, reference: str) -> list[str]:
        """Return the ids of the features that ``view`` or ``view:feature`` names; a version's are the view's."""
        view, _, feature = reference.partition(":")
        known = self.views.get(view.partition("@")[0])
        if known is None:
            return []
        return [f"feature:{known.name}:{name}" for name in ([feature] if feature else known.features)]

    def thing(self, name: str) -> str:
        """Return the id of the source or view `name`."""
        return f"source:{name}" if name in self.workspace.sources else f"view:{name}"

    def marks(self, main: Outlined) -> dict[str, Mark]:
        """Return how views and features differ from main's by their text, by node id; the removed views too."""
        found: dict[str, Mark] = {f"view:{name}": "removed" for name in main.views if name not in self.views}
        for name, view in self.views.items():
            old = main.views.get(name)
            if old is None:
                found[f"view:{name}"] = "added"
            elif self._text(name) != main._text(name):
                found[f"view:{name}"] = "modified"
            for feature in view.features:
                if old is None or feature not in old.features:
                    found[f"feature:{name}:{feature}"] = "added"
        moved = True
        while moved:
            moved = False
            for name, view in self.views.items():
                if f"view:{name}" not in found and any(f"view:{used}" in found for used in view.inputs):
                    found[f"view:{name}"] = "affected"
                    moved = True
        return found

    def _text(self, name: str) -> dict[str, str]:
        return texts_of(f"{name}.py", self.definitions.files.sources)
