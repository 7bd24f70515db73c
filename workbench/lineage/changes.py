"""What a branch changed against main: views and columns that are new, other than they were, or made from such."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.compute import ColumnInputs
    from workbench.lineage.definitions import Known, KnownView
    from workbench.lineage.graph import Mark


def marks(here: Known, main: Known) -> dict[str, Mark]:
    """Return how views and columns of `here` differ from `main`, by node id; the removed views too.

    A view that was touched and yields the same data (both computed, equal digests) affects nothing downstream; one that
    differs in some columns alone affects what depends on those.
    """
    found: dict[str, Mark] = {f"view:{name}": "removed" for name in main.views if name not in here.views}
    moved: dict[str, frozenset[str]] = {}
    for name, view in here.views.items():
        old = main.views.get(name)
        moved[name] = _moved(view, old, moved)
        mark = _view_mark(view, old, is_moved=bool(moved[name]))
        if mark is not None:
            found[f"view:{name}"] = mark
        for column in view.view.contract.names:
            of_column = _column_mark(column, view, old, is_moved=column in moved[name])
            if of_column is not None:
                found[here.column(name, column)] = of_column
    return found


def _moved(view: KnownView, old: KnownView | None, upstream: Mapping[str, frozenset[str]]) -> frozenset[str]:
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
    """Tell whether a column that depends on `inputs` depends on a column that moved."""
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
