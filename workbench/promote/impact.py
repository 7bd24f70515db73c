"""Who reads what a promotion changes: published views and feature sets, column by column where the plan tells.

A published view goes on with the versions that it was made from: a new major version of one of them does not reach it.
It is affected all the same, since main's definition of it would give something else than it publishes. A new minor
version reaches it, and must not move its values.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from workbench.errors import WorkbenchError
from workbench.promote.view_change import BREAKING, Impact
from workbench.registry import split_version

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from workbench.define import Definitions
    from workbench.diff import Compare
    from workbench.pipeline import VersionEvaluation
    from workbench.promote.version_change import Compared
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
            if any((read.kind, read.name) == ("view", view) for read in version.inputs)
        )

    @property
    def live(self) -> Iterator[tuple[str, Version]]:
        """Every version that serves its major version."""
        for view in self._registry.views:
            for version in self._registry.record(view).versions:
                if version.is_live:
                    yield view, version

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
    changes: Mapping[str, Compared],
    *,
    readers: Readers,
    before: VersionEvaluation,
    after: VersionEvaluation,
    definitions: Definitions,
    asked: Collection[str],
    compared: Compare,
) -> tuple[Impact, ...]:
    """Return what reads the changed views, and whether it is affected."""
    found = [*_feature_sets(changes, definitions)]
    seen: set[tuple[str, str]] = set()
    waiting = [(name, _changed_columns(each), each.change.is_breaking) for name, each in changes.items()]
    while waiting:
        view, moved, is_left = waiting.pop(0)
        for reader in readers.of(view):
            if (reader, view) in seen:
                continue
            seen.add((reader, view))
            serving = readers.serving[reader]
            used = _used_columns(before, reader, serving, view)
            hit = None if used is None or moved is None else tuple(sorted(used & moved))
            is_affected = hit is None or bool(hit)
            is_included = reader in asked
            shown = hit if hit is not None else None if used is None else tuple(sorted(used))
            stays = _stays(serving, view) if is_left and not is_included else None
            seconds = _seconds(before, serving)
            found.append(Impact(reader, "view", view, shown, is_affected, is_included, seconds, stays=stays))
            if is_affected and not is_included:
                waiting.append((reader, None, True))
    return (*found, *_in_place(changes, readers=readers, before=before, after=after, compared=compared))


def _in_place(
    changes: Mapping[str, Compared],
    *,
    readers: Readers,
    before: VersionEvaluation,
    after: VersionEvaluation,
    compared: Compare,
) -> Iterator[Impact]:
    """Yield the published versions that a minor version of what they read would give other values.

    Its values may differ within the tolerance of its own columns, and by more in what is computed from them.
    """
    from workbench.comparison import side_of
    from workbench.diff import diff_views
    from workbench.pipeline import view_data

    minor = {name: each for name, each in changes.items() if not each.change.is_breaking and _is_other(each)}
    for name, each in minor.items():
        assert each.serving is not None  # noqa: S101 - a minor version follows one
        stored = each.evaluated.computed.stored
        after.replace(name, each.serving, view_data(name, stored))
    for reader, version in readers.live if minor else ():
        above = [read.name for read in version.inputs if read.kind == "view"]
        if not above or (reader, version.number) in {(name, each.change.previous) for name, each in minor.items()}:
            continue
        try:
            old, new = before.evaluate(reader, version), after.evaluate(reader, version)
        except WorkbenchError:
            continue  # it is left behind by every `materialize`, which says why
        if old.prepared.view_id == new.prepared.view_id:
            continue
        definitions = before.evaluation(reader, version).definitions
        sides = [side_of(one, definitions, label=label) for one, label in ((old, "now"), (new, "then"))]
        if diff_views(*sides, compared=compared).category in BREAKING:
            reads = next(iter(each for each in above if each in minor), above[0])
            yield Impact(reader, "view", reads, None, affected=True, included=False, moves=version.number)


def _is_other(compared: Compared) -> bool:
    """Whether the candidate's data is not, to the bit, what the version that serves gives."""
    left = compared.diff.left
    exact = compared.evaluated.computed.stored.record.digest.exact
    return compared.serving is not None and left is not None and left.digest is not None and left.digest.exact != exact


def _changed_columns(compared: Compared) -> frozenset[str] | None:
    """Return the columns, as readers of the old version call them, whose values move; None for all of them.

    All move where rows come or go.
    """
    change = compared.change
    if change.rows_added or change.rows_removed or change.category == "new":
        return None
    columns = compared.diff.columns
    return frozenset(
        name
        for column in columns
        if column.status not in {"same", "added"}
        for name in (column.name, column.before)
        if name is not None
    )


def _used_columns(before: VersionEvaluation, reader: str, version: Version, view: str) -> frozenset[str] | None:
    """Return the columns of `view` that a version of `reader` uses; None where that cannot be told."""
    from workbench.compute import column_lineage

    try:
        prepared = before.prepare(reader, version)
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


def _stays(version: Version, view: str) -> str | None:
    """Return the version of `view` that a version of its reader was made from."""
    return next((read.version for read in version.inputs if (read.kind, read.name) == ("view", view)), None)


def _seconds(before: VersionEvaluation, version: Version) -> float | None:
    stored = before.stored(version.view_id)
    return None if stored is None else stored.record.seconds


def _feature_sets(changes: Mapping[str, Compared], definitions: Definitions) -> Iterator[Impact]:
    """Yield the feature sets of main that read a changed view without saying which version."""
    for name in definitions.set_files:
        for reference in definitions.feature_set(name).features:
            asked, _, feature = reference.partition(":")
            view, version = split_version(asked)
            if view not in changes or version is not None or changes[view].change.category == "new":
                continue
            moved = _changed_columns(changes[view])
            contract = changes[view].evaluated.prepared.contract
            used = {feature} if feature else {column.name for column in contract.features}
            hit = used if moved is None else used & moved
            is_broken = bool(feature) and feature not in contract.names
            yield Impact(
                name, "feature set", view, tuple(sorted(hit or used)), bool(hit), included=False, broken=is_broken
            )
