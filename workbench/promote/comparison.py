"""One view of a promotion: its data, how it differs from what serves, and the version that this makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.compare import Side, diff_views
from workbench.define import texts_of
from workbench.errors import WorkbenchError
from workbench.promote.change import BREAKING, ViewChange
from workbench.registry import InputRecord, VersionNumber
from workbench.serve.compared import side_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.compare import ViewDiff
    from workbench.loop.evaluate import Evaluated, Evaluation
    from workbench.promote.candidate import Candidate
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
        How the candidate differs from what main defines, on the same source data.
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
    proposed: Candidate,
    before: Evaluation,
    after: Evaluation,
    view: str,
    *,
    along: Mapping[str, Compared],
    indirect: bool = False,
) -> Compared | None:
    """Return how `view` would change; None where it is published already as it is.

    Parameters
    ----------
    proposed
        What main would define.
    before, after
        Compute main's and the candidate's definitions on the same source data.
    view
        The view.
    along
        The changed views found before, which are published with it.
    indirect
        Whether it changes only by what it reads.
    """
    record = proposed.registry.record(view) if view in proposed.registry else None
    serving = record.serving if record else None
    evaluated = after.evaluate(view)
    left, notes = (None, ()) if serving is None else _left(proposed, before, view, serving)
    right = side_of(evaluated, proposed.definitions, label=proposed.branch)
    diff = diff_views(left, right)
    if diff.category == "none":
        return None
    stored = evaluated.computed.stored.record
    change = ViewChange(
        view=view,
        category=diff.category,
        number=str(_number(record, serving, diff.category)),
        previous=serving.number if serving else None,
        why=tuple(diff.why),
        columns={column.name: column.status for column in diff.columns},
        rows_added=diff.rows.added if serving else 0,
        rows_removed=diff.rows.removed if serving else 0,
        rows_changed=diff.rows.changed if serving else 0,
        indirect=indirect,
        view_id=evaluated.prepared.view_id,
        data_digest=stored.digest.view,
        code_hash=evaluated.prepared.fingerprint.code_hash,
        rows=stored.rows,
        work="reused" if evaluated.computed.reused else "computed",
        seconds=0.0 if evaluated.computed.reused else evaluated.computed.seconds,
    )
    return Compared(evaluated, serving, record, diff, change, _inputs(proposed, evaluated, along), notes)


def _left(proposed: Candidate, before: Evaluation, view: str, serving: Version) -> tuple[Side, tuple[str, ...]]:
    """Return what serves as a side: main's definition on today's data, or the lake's rows where that is another one."""
    trunk = proposed.rooms.trunk
    try:
        evaluated = before.evaluate(view)
    except WorkbenchError as error:
        note = (
            f"{view}: main's definition cannot be computed on today's data ({error.message}); compared with the lake."
        )
        return _published(proposed, view, serving), (note,)
    if evaluated.prepared.fingerprint.code_hash != serving.code_hash:
        note = f"{view}: main's definition is not the one published as {serving.number}; compared with the lake's rows."
        return _published(proposed, view, serving), (note,)
    side = side_of(evaluated, proposed.before, label=f"{trunk} {serving.number}")
    if evaluated.computed.stored.record.digest.view == serving.data_digest:
        return side, ()
    note = f"{view}: source data is newer than version {serving.number}; both sides are compared on today's data."
    return side, (note,)


def _published(proposed: Candidate, view: str, serving: Version) -> Side:
    lake = proposed.rooms.lake
    path, sources = f"{view}.py", proposed.before.files.sources
    return Side(
        label=f"{view} {serving.number}",
        frame=lake.scan(view, serving.major, serving.delta_version, serving.contract),
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


def _inputs(proposed: Candidate, evaluated: Evaluated, along: Mapping[str, Compared]) -> tuple[InputRecord, ...]:
    found = []
    for data in evaluated.prepared.inputs:
        version = None
        if data.kind == "view":
            if data.name in along:
                version = along[data.name].change.number
            elif data.name in proposed.registry:
                serving = proposed.registry.record(data.name).serving
                version = serving.number if serving else None
        found.append(InputRecord(data.name, data.kind, data.digest, version))
    return tuple(found)
