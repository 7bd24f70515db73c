"""`Lineage`: where a branch's features come from and where they go, as data, as a tree of text and as a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from workbench.lineage.graph import COLUMN_KINDS, Edge, Graph, Mark, Node
from workbench.lineage.outline import NOT_RUN
from workbench.render import Box, Diagram, Link, Report, Reported, Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

DRAWN_RUNS = 60
"""Boxes beyond which the runs that computed views are left out of the picture."""
NAMED = 20
"""Changed things that are named in the report's head."""
WORDS: dict[Mark, str] = {
    "added": "added",
    "modified": "modified",
    "affected": "computed from what changed",
    "removed": "removed",
}


@dataclass(frozen=True)
class Lineage(Reported):
    """The lineage of a branch, or of one thing on it.

    Parameters
    ----------
    branch, commit
        Whose definitions.
    ref
        What it is the lineage of; None for all that the branch defines.
    things
        Sources, views, feature sets, versions, training sets and runs.
    columns
        Columns of sources and views, features, and what they go into.
    unknown
        Views whose plan does not say what their columns depend on, with the reason.
    by_column
        Whether the picture and the tree show columns.
    trunk
        The branch that marks compare with.
    """

    mime_kind: ClassVar[str] = "lineage"

    branch: str
    commit: str
    ref: str | None
    things: Graph
    columns: Graph
    unknown: tuple[tuple[str, str], ...] = ()
    by_column: bool = False
    trunk: str = "main"

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Everything there is, sources first."""
        return Graph.of([*self.things.nodes, *self.columns.nodes], ()).nodes

    @property
    def edges(self) -> tuple[Edge, ...]:
        """What leads to what: between things, then between columns."""
        return (*self.things.edges, *self.columns.edges)

    def upstream(self, of: str) -> tuple[Node, ...]:
        """Return what `of` is made from, directly and not; of a feature or column its columns, back to the sources.

        Raises
        ------
        FeatureNotFound
            Where nothing here is called that (did you mean).
        """
        graph, node = self._find(of)
        return tuple(each for each in graph.upstream(node.id).nodes if each.id != node.id)

    def downstream(self, of: str) -> tuple[Node, ...]:
        """Return what is made from `of`, directly and not; of a feature or column by column.

        Raises
        ------
        FeatureNotFound
            Where nothing here is called that (did you mean).
        """
        graph, node = self._find(of)
        return tuple(each for each in graph.downstream(node.id).nodes if each.id != node.id)

    @property
    def changed(self) -> dict[str, Mark]:
        """How views and columns differ from main, by id."""
        return {node.id: node.mark for node in self.nodes if node.mark is not None}

    def to_dict(self) -> dict[str, Any]:
        """Return nodes and edges as JSON-ready values."""
        return {
            "branch": self.branch,
            "commit": self.commit,
            "ref": self.ref,
            "nodes": [node.to_dict() for node in self.nodes],
            "edges": [edge.to_dict() for edge in self.edges],
            "columns_unknown": dict(self.unknown),
        }

    def to_frame(self, what: Literal["edges", "nodes"] = "edges") -> pl.DataFrame:
        """Return the edges, or the nodes, as a table of texts.

        Returns
        -------
        polars.DataFrame
            One row an edge: ``from``, ``from_kind``, ``to``, ``to_kind``, ``exact``; or one row a node: ``id``,
            ``kind``, ``name``, ``mark``.
        """
        import polars as pl

        if what == "nodes":
            schema = dict.fromkeys(("id", "kind", "name", "mark"), pl.String)
            return pl.DataFrame([(n.id, n.kind, n.name, n.mark) for n in self.nodes], schema=schema, orient="row")
        known = {node.id: node for node in self.nodes}
        pairs = [(known[edge.start], known[edge.end], edge.is_exact) for edge in self.edges]
        rows = [(start.name, start.kind, end.name, end.kind, exact) for start, end, exact in pairs]
        names = {**dict.fromkeys(("from", "from_kind", "to", "to_kind"), pl.String), "exact": pl.Boolean}
        return pl.DataFrame(rows, schema=names, orient="row")

    def report(self) -> Report:
        """Return what changed, and the picture with its tree."""
        counts = self._counts()
        changed = self.changed
        shown = [
            (node.name, WORDS[node.mark])
            for node in self.nodes
            if node.mark is not None and (node.owner is None or (self.by_column and changed.get(node.owner) != "added"))
        ]
        facts: list[tuple[str, object]] = [
            ("branch", f"{self.branch} at {self.commit[:10]}"),
            ("holds", ", ".join(f"{count} {kind}{'' if count == 1 else 's'}" for kind, count in counts.items())),
        ]
        if shown:
            facts += [
                (word, _some([name for name, mark in shown if mark == word]))
                for word in WORDS.values()
                if any(mark == word for _, mark in shown)
            ]
        return Report(
            f"Lineage of {self.ref or self.branch}",
            facts=tuple(facts),
            figures=(self.diagram(),) if self.things.nodes else (),
            notes=tuple(self._notes()),
        )

    def diagram(self) -> Diagram:
        """Return the picture: boxes and links, each box after those it is made from."""
        return self._of_columns() if self.by_column else self._of_things()

    def _counts(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for node in self.nodes:
            if node.kind != "column":
                counts[node.kind] = counts.get(node.kind, 0) + 1
        return counts

    def _notes(self) -> Iterator[str]:
        if not self.things.nodes:
            yield "There are no definitions yet: write a view in a %%feature cell."
        if any(reason == NOT_RUN for _, reason in self.unknown):
            yield f"From the text of the definitions: {NOT_RUN}, so the columns that they read are not known."
        for view, reason in self.unknown:
            if reason != NOT_RUN:
                yield f"{view}: its plan does not show which columns it reads, so all are listed ({reason})."
        for node in self.things.nodes:
            if node.facts.get("state") == "broken":
                yield f"{node.name} does not load: {node.facts['error']}"
        if self._leaves_runs_out and not self.by_column:
            yield "The runs that computed the views are not drawn; `to_dict()` lists them."

    @property
    def _leaves_runs_out(self) -> bool:
        return len(self.things.nodes) > DRAWN_RUNS and any(node.kind == "run" for node in self.things.nodes)

    def _of_things(self) -> Diagram:
        drawn = [node for node in self.things.nodes if not (self._leaves_runs_out and node.kind == "run")]
        ids = {node.id for node in drawn}
        links = tuple(Link(e.start, e.end) for e in self.things.edges if e.start in ids and e.end in ids)
        return Diagram(tuple(map(_box, drawn)), links, focus=self._focus(self.things))

    def _of_columns(self) -> Diagram:
        rows: dict[str, list[Row]] = {}
        for node in self.columns.nodes:
            if node.owner is not None:
                rows.setdefault(node.owner, []).append(Row(node.id, _last(node.name), mark=node.mark))
        linked = {end for edge in self.columns.edges for end in (edge.start, edge.end)}
        boxes = [
            _box(node, rows=tuple(rows.get(node.id, ())))
            for node in self.things.nodes
            if node.id in rows or node.id in linked
        ]
        links = tuple(Link(e.start, e.end, is_dashed=not e.is_exact) for e in self.columns.edges)
        return Diagram(tuple(boxes), links, focus=self._focus(self.columns))

    def _focus(self, graph: Graph) -> str | None:
        if self.ref is None:
            return None
        _, node = self._find(self.ref)
        return node.id if node.id in graph.by_id else None

    def _find(self, of: str) -> tuple[Graph, Node]:
        both = Graph.of([*self.things.nodes, *self.columns.nodes], ())
        node = both.find(of)
        return (self.columns if node.kind in COLUMN_KINDS else self.things), node


def _box(node: Node, *, rows: tuple[Row, ...] = ()) -> Box:
    return Box(node.id, node.kind, node.name, note=_note(node), rows=rows, mark=node.mark)


def _note(node: Node) -> str:
    """Return what is said of a node in a few words."""
    facts = node.facts
    match node.kind:
        case "view" if facts.get("state") == "broken":
            return "does not load"
        case "view":
            count = len(facts.get("features", ()))
            said = f"{count} feature{'' if count == 1 else 's'}"
            state = facts.get("state")
            if state == "on demand":
                return f"{said}, computed on demand"
            return said if state in {"computed", "not run"} else f"{said}, not computed"
        case "version":
            return str(facts["status"])
        case "training set":
            return "" if facts.get("rows") is None else f"{facts['rows']:,} rows"
        case "run" | "model run":
            return str(facts["status"]).lower()
        case "source":
            return "" if facts.get("state") == "read" else "cannot be read"
    return ""


def _some(names: list[str]) -> str:
    left = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {left} more" if left > 0 else "")


def _last(name: str) -> str:
    return name.rpartition(":")[2]
