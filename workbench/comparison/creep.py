"""Whether small steps have added up since the first version of a major: see `compare.creep`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from workbench.comparison.cache import cached_compare
from workbench.comparison.refs import side_of
from workbench.diff import ColumnDiff, Creep, Side, creep
from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from workbench.diff import ViewDiff
    from workbench.pipeline import VersionEvaluation
    from workbench.registry import Record, Version
    from workbench.workspace import Workspace


def compare_with_first(
    workspace: Workspace, diff: ViewDiff, versions: VersionEvaluation, *, record: Record, serving: Version
) -> ViewDiff:
    """Return `diff` with the columns that are not within their tolerance of the first version of the major.

    Only columns that may have moved in this step are looked at. Each is compared with the first version that has it, of
    those that led to the one that serves, computed by its own record on the same source data; where that cannot be
    computed any more, with its rows in the lake, and where these are gone too, the column counts as moved.
    """
    right = diff.right
    names = diff.stepped
    if right is None or not names:
        return diff
    firsts: dict[str, list[str]] = {}
    lineage = record.lineage(serving)
    for name in names:
        first = next(version for version in (*lineage, serving) if name in version.contract.names or version is serving)
        firsts.setdefault(first.number, []).append(name)
    found: list[Creep] = []
    for version in lineage:
        if version.number in firsts and version is not serving:
            found += _creep(workspace, versions, record.view, version, right, firsts[version.number])
    return replace(diff, creep=tuple(found))


def _creep(
    workspace: Workspace, versions: VersionEvaluation, view: str, version: Version, right: Side, names: list[str]
) -> tuple[Creep, ...]:
    try:
        return creep(
            _side(workspace, versions, view, version),
            right,
            names,
            number=version.number,
            compared=cached_compare(workspace.facts),
        )
    except WorkbenchError:
        return tuple(
            Creep(ColumnDiff(name, "changed"), version.number, right.contract[name].tolerance) for name in names
        )


def _side(workspace: Workspace, versions: VersionEvaluation, view: str, version: Version) -> Side:
    try:
        evaluated = versions.evaluate(view, version)
        if evaluated.prepared.fingerprint.code_hash == version.code_hash:
            return side_of(evaluated, versions.evaluation(view, version).definitions, label=version.number)
    except WorkbenchError:
        pass
    frame = workspace.lake.rows(view, version)
    return Side(version.number, frame, version.contract)
