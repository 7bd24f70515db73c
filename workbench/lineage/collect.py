"""`trace_lineage`: brings together what a branch defines, what it changed, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.errors import BranchNotFound, NotTrusted
from workbench.lineage.definitions import KnownDefinitions
from workbench.lineage.graph import COLUMN_KINDS, Edge, Graph, Node
from workbench.lineage.history import RecordedHistory
from workbench.lineage.outline import Outlined
from workbench.lineage.result import Lineage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from workbench.compute import ColumnInputs
    from workbench.lineage.definitions import KnownDefinitions, KnownView
    from workbench.lineage.graph import Mark
    from workbench.tracking import TrainingFacts
    from workbench.workspace import Workspace


def marks(here: KnownDefinitions, main: KnownDefinitions) -> dict[str, Mark]:
    """Return how views and columns of `here` differ from `main`, by node id; the removed views too.

    A view that was touched and yields the same data (both computed, equal digests) affects nothing downstream; one that
    differs in some columns alone affects what depends on those.
    """
    found: dict[str, Mark] = {f"view:{name}": "removed" for name in main.views if name not in here.views}
    moved: dict[str, frozenset[str]] = {}
    for name, view in here.views.items():
        old = main.views.get(name)
        moved[name] = _changed_columns(view, old, moved)
        mark = _view_mark(view, old, is_moved=bool(moved[name]))
        if mark is not None:
            found[f"view:{name}"] = mark
        for column in view.view.contract.names:
            of_column = _column_mark(column, view, old, is_moved=column in moved[name])
            if of_column is not None:
                found[here.column(name, column)] = of_column
    return found


def _changed_columns(view: KnownView, old: KnownView | None, upstream: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Return the columns whose values may differ from main's."""
    names = view.view.contract.names
    if old is None:
        return frozenset(names)
    if view.view_id is not None and view.view_id == old.view_id:
        return frozenset()
    if view.stored is not None and old.stored is not None:
        ours, theirs = view.stored.record.digest, old.stored.record.digest
        if ours.exact == theirs.exact:
            return frozenset()
        was = {name: pair["exact"] for name, pair in theirs.columns.items()}
        return frozenset(name for name in names if ours.columns[name]["exact"] != was.get(name)) or frozenset(names)
    if _other_code(view, old):
        return frozenset(names)
    return frozenset(name for name in names if _depends(view.columns.columns[name], upstream))


def _depends(inputs: ColumnInputs, moved: Mapping[str, frozenset[str]]) -> bool:
    """Return whether a column that depends on `inputs` depends on a column that moved."""
    return any(
        name in moved and bool(moved[name] if not columns else columns & moved[name])
        for name, columns in inputs.items()
    )


def _view_mark(view: KnownView, old: KnownView | None, *, is_moved: bool) -> Mark | None:
    if old is None:
        return "added"
    said = view.metadata != old.metadata or view.view.contract.hash != old.view.contract.hash
    if said or _other_code(view, old):
        return "modified"
    return "affected" if is_moved else None


def _column_mark(column: str, view: KnownView, old: KnownView | None, *, is_moved: bool) -> Mark | None:
    if old is None or column not in old.view.contract.names:
        return "added"
    if view.view.contract[column] != old.view.contract[column]:
        return "modified"
    if not is_moved:
        return None
    return "modified" if _other_code(view, old) else "affected"


def _other_code(view: KnownView, old: KnownView) -> bool:
    now = (view.fingerprint.code_hash, view.parameters, view.view.inputs)
    return now != (old.fingerprint.code_hash, old.parameters, old.view.inputs)


def trace_lineage(
    workspace: Workspace,
    ref: str | None,
    *,
    branch: str,
    here: str,
    by_column: bool = False,
    training_sets: Sequence[TrainingFacts] = (),
    by_text: bool = False,
) -> Lineage:
    """Return the lineage of what `branch` defines, or of one thing on it. No view is computed.

    With `by_text` no definition is imported either.
    """
    commit = workspace.repository.resolve(branch)
    runs = branch in {here, workspace.trunk} and not by_text
    known, main, changed = _definitions(workspace, commit, branch, run=runs)
    recorded = RecordedHistory(workspace, known, branch, training_sets)
    removed = () if main is None else _removed_views(main, changed)
    things = Graph.of(
        [*known.nodes(), *(node for node, _ in removed), *recorded.nodes()],
        [*known.edges(), *(edge for _, edges in removed for edge in edges), *recorded.edges()],
    ).mark_nodes(changed)
    ends = [
        node for node in things.nodes if node.kind in {"feature set", "training set", "model run", "registered model"}
    ]
    columns = Graph.of([*known.column_nodes(), *ends], [*known.column_edges(), *recorded.column_edges()]).mark_nodes(
        changed
    )
    found = Lineage(branch, commit, None, things, columns, known.unknown, by_column, workspace.trunk)
    return found if ref is None else _around(found, ref)


def _definitions(
    workspace: Workspace, commit: str, branch: str, *, run: bool
) -> tuple[KnownDefinitions | Outlined, KnownDefinitions | Outlined | None, dict[str, Mark]]:
    """Return the definitions of a commit, those of main unless they are the same, and how the first differ."""
    main = _main(workspace, commit)
    if run:
        try:
            known = KnownDefinitions(workspace, commit)
        except NotTrusted:
            pass
        else:
            known_main = None if main is None else KnownDefinitions(workspace, main, known.snapshots)
            return known, known_main, {} if known_main is None else marks(known, known_main)
    outlined = Outlined(workspace, commit, branch)
    outlined_main = None if main is None else Outlined(workspace, main, workspace.trunk)
    return outlined, outlined_main, {} if outlined_main is None else outlined.marks(outlined_main)


def _main(workspace: Workspace, commit: str) -> str | None:
    """Return the commit of main; None where there is none, or its definitions are those of `commit`."""
    try:
        main = workspace.repository.resolve(workspace.trunk)
    except BranchNotFound:
        return None
    return None if workspace.repository.subtree(main) == workspace.repository.subtree(commit) else main


def _removed_views(main: KnownDefinitions | Outlined, changed: dict[str, Mark]) -> list[tuple[Node, list[Edge]]]:
    """Return main's views that the branch does not have, with what they were made from."""
    gone = [name for name in main.views if changed.get(f"view:{name}") == "removed"]
    return [
        (
            Node("view", name, {"state": "removed", "features": []}),
            [Edge(main.thing(used), f"view:{name}") for used in main.views[name].inputs],
        )
        for name in gone
    ]


def _around(found: Lineage, ref: str) -> Lineage:
    """Return the part of `found` that `ref` is made from or goes into."""
    graph, node = found._find(ref)
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
