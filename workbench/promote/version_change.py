"""One view of a promotion: its data, how it differs from what serves, and the version that this makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.comparison import cached_compare, compare_with_first, side_of
from workbench.diff import Side, diff_views
from workbench.errors import WorkbenchError
from workbench.pipeline import cached_row_count
from workbench.promote.view_change import BREAKING, ViewChange
from workbench.registry import InputRecord, VersionNumber
from workbench.source_tree import texts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from workbench.diff import ViewDiff
    from workbench.pipeline import Evaluated, Evaluation, VersionEvaluation
    from workbench.promote.merge import MergedTree
    from workbench.registry import Record, Version


@dataclass(frozen=True, slots=True)
class Compared:
    """A view's candidate data beside what serves.

    Attributes
    ----------
    evaluated
        The candidate's data.
    serving, record
        What serves now, and all that was published; None where nothing was.
    diff
        How the candidate differs from the version that serves, computed by its record on the same source data.
    change
        What that makes of it.
    inputs
        What it was computed from, with the versions of published views.
    notes
        What deserves to be said.
    """

    evaluated: Evaluated
    serving: Version | None
    record: Record | None
    diff: ViewDiff
    change: ViewChange
    inputs: tuple[InputRecord, ...]
    notes: tuple[str, ...] = ()


def compare(
    proposed: MergedTree,
    before: VersionEvaluation,
    after: Evaluation,
    view: str,
    *,
    along: Mapping[str, Compared],
    indirect: bool = False,
) -> Compared | None:
    """Return how `view` would change; None where it is published already as it is."""
    record = proposed.registry.record(view) if view in proposed.registry else None
    serving = record.serving if record else None
    evaluated = after.evaluate(view)
    left, notes = (None, ()) if serving is None else _serving_side(proposed, before, view, serving)
    right = side_of(evaluated, proposed.definitions, label=proposed.branch)
    diff = diff_views(left, right, compared=cached_compare(proposed.workspace.facts, pairs=True))
    if record is not None and serving is not None and diff.category not in BREAKING:
        diff = compare_with_first(proposed.workspace, diff, before, record=record, serving=serving)
    notes += () if serving is None or diff.category in BREAKING else _announced_end(view, serving)
    inputs = _inputs(proposed, evaluated, along, confirm=lambda: after.confirm(evaluated.prepared.view))
    moved = () if serving is None else _moved_inputs(serving, inputs)
    category, why = diff.category, (*diff.why, *moved)
    if category == "none":
        if not moved:
            return None
        category, why = "refactor", ("its values are the same", *moved)
    stored = evaluated.computed.stored.record
    change = ViewChange(
        view=view,
        category=category,
        number=str(_number(record, serving, category)),
        previous=serving.number if serving else None,
        why=why,
        columns={column.name: column.status for column in diff.columns}
        | {found.column.name: "changed" for found in diff.creep},
        rows_added=diff.rows.added if serving else 0,
        rows_removed=diff.rows.removed if serving else 0,
        rows_changed=diff.rows.changed if serving else 0,
        indirect=indirect,
        view_id=evaluated.prepared.view_id,
        data_digest=stored.digest.exact,
        code_hash=evaluated.prepared.fingerprint.code_hash,
        rows=stored.rows,
        work="reused" if evaluated.computed.reused else "computed",
        seconds=0.0 if evaluated.computed.reused else evaluated.computed.seconds,
    )
    return Compared(evaluated, serving, record, diff, change, inputs, notes)


def _announced_end(view: str, serving: Version) -> tuple[str, ...]:
    """Return a note that a minor version ends with its deprecated major version."""
    if serving.status != "deprecated":
        return ()
    ends = f"{view}: major version {serving.major} is deprecated and served until {serving.until}"
    back = f"`deprecate {view}@{serving.major} --until never` undoes that"
    return (f"{ends}, and so is its new minor version. {back}.",)


def _moved_inputs(serving: Version, inputs: tuple[InputRecord, ...]) -> tuple[str, ...]:
    """Return which views are read in another major version than before, a clause each."""
    old = {read.name: VersionNumber.parse(read.version) for read in serving.inputs if read.version is not None}
    new = {read.name: VersionNumber.parse(read.version) for read in inputs if read.version is not None}
    return tuple(
        f"it reads {name} {number} instead of {old[name]}"
        for name, number in new.items()
        if name in old and number.major != old[name].major
    )


def _serving_side(
    proposed: MergedTree, before: VersionEvaluation, view: str, serving: Version
) -> tuple[Side, tuple[str, ...]]:
    """Return what serves as a side: computed by its record on today's data, or the lake's rows where it cannot be."""
    try:
        evaluated = before.evaluate(view, serving)
    except WorkbenchError as error:
        note = (
            f"{view}: version {serving.number} cannot be computed on today's data ({error.message}); compared with the "
            "lake's rows."
        )
        return _published_side(proposed, view, serving), (note,)
    if evaluated.prepared.fingerprint.code_hash != serving.code_hash:
        note = f"{view}: the code of {serving.number} has another fingerprint now; compared with the lake's rows."
        return _published_side(proposed, view, serving), (note,)
    definitions = before.evaluation(view, serving).definitions
    side = side_of(evaluated, definitions, label=f"{proposed.workspace.trunk} {serving.number}")
    if evaluated.computed.stored.record.digest.exact == serving.data_digest:
        return side, ()
    note = f"{view}: source data is newer than version {serving.number}; both sides are compared on today's data."
    return side, (note,)


def _published_side(proposed: MergedTree, view: str, serving: Version) -> Side:
    lake = proposed.workspace.lake
    path, sources = f"{view}.py", proposed.before.files.sources
    return Side(
        label=f"{view} {serving.number}",
        frame=lake.rows(view, serving),
        contract=serving.contract,
        text=texts_of(path, sources) if path in sources else {},
        code_hash=serving.code_hash,
        metadata_hash=serving.metadata_hash,
    )


def _number(record: Record | None, serving: Version | None, category: str) -> VersionNumber:
    """Return the number that a change of `category` gets."""
    newest = record.newest() if record else None
    if newest is None:
        return VersionNumber(1, 0)
    if serving is None or category in BREAKING:
        return newest.order.next(breaking=True)
    assert record is not None  # noqa: S101 - it has a newest version
    latest = record.newest(serving.major) or serving
    return latest.order.next(breaking=False)


def _inputs(
    proposed: MergedTree, evaluated: Evaluated, along: Mapping[str, Compared], *, confirm: Callable[[], None]
) -> tuple[InputRecord, ...]:
    found, facts = [], proposed.workspace.facts
    for data in evaluated.prepared.inputs:
        version = None
        if data.kind == "view":
            if data.name in along:
                version = along[data.name].change.number
            elif data.name in proposed.registry:
                serving = proposed.registry.record(data.name).serving
                version = serving.number if serving else None
        rows = cached_row_count(facts, data, confirm=confirm) if data.kind == "source" else None
        found.append(InputRecord(data.name, data.kind, data.digest, version, rows))
    return tuple(found)
