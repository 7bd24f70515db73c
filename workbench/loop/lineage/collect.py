"""`trace_lineage`: brings together what a branch defines, what it changed, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.errors import BranchNotFound
from workbench.loop.lineage.changes import marks
from workbench.loop.lineage.definitions import Known
from workbench.loop.lineage.graph import COLUMN_KINDS, Edge, Graph, Node
from workbench.loop.lineage.recorded import Recorded
from workbench.loop.lineage.result import Lineage

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from workbench.loop.lineage.graph import Mark
    from workbench.loop.rooms import Rooms
    from workbench.loop.training import TrainingFacts


def trace_lineage(
    rooms: Rooms, ref: str | None, *, branch: str, by_column: bool = False, training_sets: Sequence[TrainingFacts] = ()
) -> Lineage:
    """Return the lineage of what `branch` defines, or of one thing on it. No view is computed.

    Parameters
    ----------
    rooms
        The project's rooms.
    ref
        A source, view, ``view:feature``, ``source:column``, feature set, version (``view@1.0``), saved training set,
        experiment, or the beginning of a run's id; everything if absent.
    branch
        The branch, or a commit.
    by_column
        Show columns; a feature or column is always shown so.
    training_sets
        The saved training sets.

    Raises
    ------
    FeatureNotFound
        Where nothing is called `ref` (did you mean).
    BranchNotFound
        Where there is no such branch.
    """
    commit = rooms.repository.resolve(branch)
    here = Known(rooms, commit)
    main = _main(rooms, here)
    changed = {} if main is None else marks(here, main)
    recorded = Recorded(rooms, here, branch, training_sets)
    removed = () if main is None else _removed(main, changed)
    things = Graph.of(
        [*here.nodes(), *(node for node, _ in removed), *recorded.nodes()],
        [*here.edges(), *(edge for _, edges in removed for edge in edges), *recorded.edges()],
    ).marked(changed)
    ends = [node for node in things.nodes if node.kind in {"feature set", "training set", "model run"}]
    columns = Graph.of([*here.column_nodes(), *ends], [*here.column_edges(), *recorded.column_edges()]).marked(changed)
    unknown = tuple((name, view.columns.reason) for name, view in here.views.items() if view.columns.reason)
    found = Lineage(branch, commit, None, things, columns, unknown, by_column, rooms.trunk)
    return found if ref is None else _around(found, ref)


def _main(rooms: Rooms, here: Known) -> Known | None:
    """Return the definitions of main; None where there are none, or they are the same."""
    try:
        commit = rooms.repository.resolve(rooms.trunk)
    except BranchNotFound:
        return None
    same = rooms.repository.subtree(commit) == rooms.repository.subtree(here.commit)
    return None if same else Known(rooms, commit, here.snapshots)


def _removed(main: Known, changed: dict[str, Mark]) -> list[tuple[Node, list[Edge]]]:
    """Return main's views that the branch does not have, with what they were made from."""
    gone = [name for name in main.views if changed.get(f"view:{name}") == "removed"]
    return [
        (
            Node("view", name, {"state": "removed", "features": []}),
            [Edge(main.thing(used), f"view:{name}") for used in main.views[name].view.inputs],
        )
        for name in gone
    ]


def _around(found: Lineage, ref: str) -> Lineage:
    """Return the part of `found` that `ref` is made from or goes into."""
    graph, node = found._found(ref)
    by_column = found.by_column or node.kind in COLUMN_KINDS
    if node.kind in COLUMN_KINDS:
        columns = graph.around(node.id)
        things = found.things.only(_owners(columns.nodes))
    else:
        things = found.things.around(node.id)
        columns = found.columns.only(each.id for each in found.columns.nodes if (each.owner or each.id) in things.by_id)
    unknown = tuple((view, reason) for view, reason in found.unknown if f"view:{view}" in things.by_id)
    return Lineage(found.branch, found.commit, ref, things, columns, unknown, by_column, found.trunk)


def _owners(nodes: Iterable[Node]) -> set[str]:
    return {node.owner or node.id for node in nodes}
