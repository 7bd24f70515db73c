"""Who reads what a promotion changes: published views and feature sets, column by column where the plan tells."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from workbench.compute import column_lineage
from workbench.errors import WorkbenchError
from workbench.promote.change import Impact
from workbench.registry import split_version

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from workbench.define import Definitions
    from workbench.loop.evaluate import Evaluation
    from workbench.promote.change import ViewChange
    from workbench.registry import Registry, Version


class Readers:
    """Which served views read which, as their records say.

    Parameters
    ----------
    registry
        What is published.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    @cached_property
    def serving(self) -> Mapping[str, Version]:
        """The version that serves, of each view that has one."""
        records = (self._registry.record(view) for view in self._registry.views)
        return {record.view: record.serving for record in records if record.serving is not None}

    def of(self, view: str) -> tuple[str, ...]:
        """Return the served views that read `view` directly."""
        return tuple(
            name
            for name, version in self.serving.items()
            if any(read.kind == "view" and read.name == view for read in version.inputs)
        )

    def below(self, views: Sequence[str]) -> tuple[str, ...]:
        """Return the served views that read one of `views`, directly or not, each after what it reads."""
        order: list[str] = []

        def visit(view: str) -> None:
            for reader in self.of(view):
                if reader not in order and reader not in views:
                    visit(reader)
                    order.insert(0, reader)

        for view in views:
            visit(view)
        return tuple(order)


def impacts(
    changes: Mapping[str, ViewChange], *, readers: Readers, before: Evaluation, asked: Collection[str]
) -> tuple[Impact, ...]:
    """Return what reads the changed views, and whether it is affected.

    Parameters
    ----------
    changes
        What the promotion publishes, by view.
    readers
        Who reads whom.
    before
        Computes main's definitions.
    asked
        Views that the promotion publishes or finds unchanged: they are judged by themselves.
    """
    found = [*_feature_sets(changes, before.definitions)]
    seen: set[tuple[str, str]] = set()
    waiting = [(change.view, _moved(change)) for change in changes.values()]
    while waiting:
        view, moved = waiting.pop(0)
        for reader in readers.of(view):
            if (reader, view) in seen:
                continue
            seen.add((reader, view))
            used = _used(before, reader, view)
            hit = None if used is None or moved is None else tuple(sorted(used & moved))
            is_affected = hit is None or bool(hit)
            is_included = reader in asked
            seconds = _seconds(before, readers.serving[reader])
            shown = hit if hit is not None else None if used is None else tuple(sorted(used))
            found.append(Impact(reader, "view", view, shown, is_affected, is_included, seconds))
            if is_affected and not is_included:
                waiting.append((reader, None))
    return tuple(found)


def _moved(change: ViewChange) -> frozenset[str] | None:
    """Return the columns whose values move; None for all of them, as where rows come or go."""
    if change.rows_added or change.rows_removed or change.category == "new":
        return None
    return frozenset(name for name, status in change.columns.items() if status not in {"same", "added"})


def _used(before: Evaluation, reader: str, view: str) -> frozenset[str] | None:
    """Return the columns of `view` that `reader` uses; None where that cannot be told."""
    try:
        prepared = before.prepare(reader)
    except WorkbenchError:
        return None
    used: set[str] = set()
    for inputs in column_lineage(prepared.view, prepared.inputs).columns.values():
        if view not in inputs:
            continue
        columns = inputs[view]
        if columns is None:
            return None
        used |= columns
    return frozenset(used)


def _seconds(before: Evaluation, version: Version) -> float | None:
    stored = before.cache.get(version.view_id)
    return None if stored is None else stored.record.seconds


def _feature_sets(changes: Mapping[str, ViewChange], definitions: Definitions) -> Iterator[Impact]:
    """Yield the feature sets of main that read a changed view without saying which version."""
    for name in definitions.set_files:
        for reference in definitions.feature_set(name).features:
            asked, _, feature = reference.partition(":")
            view, version = split_version(asked)
            if view not in changes or version is not None or changes[view].category == "new":
                continue
            moved = _moved(changes[view])
            used = {feature} if feature else {*changes[view].columns}
            hit = used if moved is None else used & moved
            yield Impact(name, "feature set", view, tuple(sorted(hit or used)), bool(hit), included=False)
