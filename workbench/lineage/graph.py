"""`Graph`: what leads to what, from sources to models, as nodes and edges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal

from workbench.errors import FeatureNotFound, did_you_mean

Kind = Literal[
    "source",
    "column",
    "view",
    "feature",
    "feature set",
    "version",
    "training set",
    "run",
    "model run",
    "registered model",
]
"""``column`` is a column of a source, or a key or time of a view; ``run`` one that computed a view.

A ``registered model`` is a version in MLflow's model registry.
"""

Mark = Literal["added", "modified", "affected", "removed"]
"""Against main: ``affected`` was not touched, but what it is made from was."""

COLUMN_KINDS: tuple[Kind, ...] = ("column", "feature")


@dataclass(frozen=True, slots=True)
class Node:
    """One thing that data comes from or goes to.

    Parameters
    ----------
    kind, name
        What it is and what it is called: ``view`` and ``feature`` nodes as in references.
    facts
        What is known of it, JSON-ready: view id, commit, status, rows and so on.
    mark
        How it differs from main; None where it does not.
    """

    kind: Kind
    name: str
    facts: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    mark: Mark | None = None

    @property
    def id(self) -> str:
        """What edges call it, e.g. ``view:carrier_delay``."""
        return f"{self.kind}:{self.name}"

    @property
    def owner(self) -> str | None:
        """The id of the source or view that a column or feature belongs to."""
        if self.kind not in COLUMN_KINDS:
            return None
        return f"{self.facts['of']}:{self.name.rpartition(':')[0]}"

    def to_dict(self) -> dict[str, Any]:
        """Return the node as JSON-ready values."""
        return {"id": self.id, "kind": self.kind, "name": self.name, "mark": self.mark, "facts": dict(self.facts)}


@dataclass(frozen=True, slots=True)
class Edge:
    """Something goes from one node into another.

    Parameters
    ----------
    start, end
        Ids of nodes.
    is_exact
        False where a column's plan does not say which columns it reads, so that all of them are named.
    """

    start: str
    end: str
    is_exact: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Return the edge as JSON-ready values."""
        return {"from": self.start, "to": self.end, "exact": self.is_exact}


@dataclass(frozen=True)
class Graph:
    """Nodes and the edges between them. It has no circles: data flows one way.

    Parameters
    ----------
    nodes
        Each once; what something is made from stands before it.
    edges
        Each once.
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    @classmethod
    def of(cls, nodes: Iterable[Node], edges: Iterable[Edge]) -> Graph:
        """Return the graph of `nodes`, the later of two with one id left out, and of the edges between them."""
        kept: dict[str, Node] = {}
        for node in nodes:
            kept.setdefault(node.id, node)
        between = dict.fromkeys(edge for edge in edges if edge.start in kept and edge.end in kept)
        return cls(tuple(kept.values()), tuple(between))

    @cached_property
    def by_id(self) -> Mapping[str, Node]:
        """The nodes by id."""
        return {node.id: node for node in self.nodes}

    @cached_property
    def sources_of(self) -> Mapping[str, tuple[str, ...]]:
        """What leads into each node directly."""
        return _group(self.nodes, ((edge.end, edge.start) for edge in self.edges))

    @cached_property
    def targets_of(self) -> Mapping[str, tuple[str, ...]]:
        """What each node leads into directly."""
        return _group(self.nodes, ((edge.start, edge.end) for edge in self.edges))

    def find(self, wanted: str) -> Node:
        """Return the node that `wanted` names: by id, by name, or by the beginning of a run's id (six characters).

        Where a name is several nodes', a view comes before a feature set, and that before the rest.
        """
        if wanted in self.by_id:
            return self.by_id[wanted]
        named = [node for node in self.nodes if node.name == wanted]
        if not named and len(wanted) >= 6:
            runs = [node for node in self.nodes if node.kind in {"run", "model run"}]
            named = [node for node in runs if str(node.facts.get("run", "")).startswith(wanted)]
        if not named:
            named = [node for node in self.nodes if node.facts.get("experiment") == wanted]
        if not named:
            raise _not_in_lineage(wanted, (node.name for node in self.nodes))
        order = ("view", "feature set", "source", "feature", "training set", "version")
        return min(named, key=lambda node: order.index(node.kind) if node.kind in order else len(order))

    def upstream(self, of: str) -> Graph:
        """Return what `of` is made from, directly and not, with itself."""
        return self._reach(self.find(of).id, self.sources_of)

    def downstream(self, of: str) -> Graph:
        """Return what is made from `of`, directly and not, with itself."""
        return self._reach(self.find(of).id, self.targets_of)

    def around(self, of: str) -> Graph:
        """Return what `of` is made from and what is made from it."""
        start = self.find(of).id
        return self.only(_reach(start, self.sources_of) | _reach(start, self.targets_of))

    def only(self, ids: Iterable[str]) -> Graph:
        """Return the nodes with these ids and the edges between them."""
        kept = set(ids)
        nodes = tuple(node for node in self.nodes if node.id in kept)
        return Graph(nodes, tuple(edge for edge in self.edges if edge.start in kept and edge.end in kept))

    def mark_nodes(self, marks: Mapping[str, Mark]) -> Graph:
        """Return the graph with `marks` by id on its nodes."""
        nodes = (replace(node, mark=marks[node.id]) if node.id in marks else node for node in self.nodes)
        return Graph(tuple(nodes), self.edges)

    def _reach(self, start: str, steps: Mapping[str, tuple[str, ...]]) -> Graph:
        return self.only(_reach(start, steps))


def _reach(start: str, steps: Mapping[str, tuple[str, ...]]) -> set[str]:
    found, waiting = {start}, [start]
    while waiting:
        new = [name for name in steps[waiting.pop()] if name not in found]
        found.update(new)
        waiting += new
    return found


def _group(nodes: Iterable[Node], pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    grouped: dict[str, list[str]] = {node.id: [] for node in nodes}
    for one, other in pairs:
        grouped[one].append(other)
    return {name: tuple(others) for name, others in grouped.items()}


def _not_in_lineage(name: str, known: Iterable[str]) -> FeatureNotFound:
    """Return the error for a `name` that the branch's lineage does not contain."""
    return FeatureNotFound(
        f"Nothing in this lineage is called {name!r}.",
        remedy=did_you_mean(name, known) or "Name a source, view, view:feature, training set or experiment.",
    )
