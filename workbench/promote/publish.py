"""`publish`: data first, then one commit on main. Before that commit readers see the old versions, after it the new."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from workbench.errors import PromotionError
from workbench.lake import LakeWriter
from workbench.promote.candidate import FROM, SET
from workbench.registry import Record, Version, record_path

if TYPE_CHECKING:
    from workbench.loop.rooms import Rooms
    from workbench.promote.comparison import Compared
    from workbench.promote.mainline import Mainline
    from workbench.promote.plan import Plan
    from workbench.promote.proposal import Proposal

VIEW, PLAN = "Promoted-View", "Promotion-Plan"


def publish(line: Mainline, proposal: Proposal, *, message: str | None, approved_by: tuple[str, ...] = ()) -> str:
    """Publish what `proposal` proposes, whose gates have passed, and return the commit on main.

    Raises
    ------
    BranchMoved
        Where main moved since the proposal was made: nothing is published.
    LakeError, BranchError
        Where data or commit cannot be written: nothing is published.
    """
    rooms, candidate = line.rooms, proposal.candidate
    writer = LakeWriter(rooms.lake)
    now, user = datetime.now(UTC), rooms.repository.identity()
    records = {}
    for name, view in proposal.views.items():
        delta = _data(rooms, writer, view)
        version = _version(rooms, proposal, view, delta=delta, now=now, user=user)
        records[name] = with_version(view.record or Record(name, None), version)
    tree = rooms.repository.tree_with(
        candidate.tree, {record_path(name): record.to_toml() for name, record in records.items()}
    )
    return line.commit(
        tree,
        expected=candidate.main,
        second=candidate.tip if candidate.whole else None,
        message=message_of(proposal.plan, message),
        trailers=trailers_of(proposal.plan, approved_by),
        sign=candidate.config.policy.require_signed,
    )


def with_version(record: Record, version: Version) -> Record:
    """Return `record` with `version` published and serving; the one of its major version before it is superseded."""
    versions = tuple(
        replace(old, status="superseded", until=None, successor=None)
        if old.major == version.major and old.status in {"live", "deprecated"}
        else old
        for old in record.versions
    )
    return replace(record, versions=versions, current=version.number).replaced(version)


def _data(rooms: Rooms, writer: LakeWriter, view: Compared) -> int:
    """Write a version's data to the lake, unless it is there, and return the table's version that holds it."""
    change, serving = view.change, view.serving
    if serving is not None and not change.is_breaking and serving.data_digest == change.data_digest:
        return serving.delta_version  # neither a refactoring nor a new description moves data
    prepared, stored = view.evaluated.prepared, view.evaluated.computed.stored
    major = int(change.number.partition(".")[0])
    refuse_others(rooms, change.view, major)
    return writer.publish(
        stored.path,
        view=change.view,
        major=major,
        contract=prepared.contract,
        view_id=change.view_id,
        metadata={
            "view": change.view,
            "version": change.number,
            "code_hash": change.code_hash,
            "data_digest": change.data_digest,
            "project": rooms.config.project.name,
        },
    )


def refuse_others(rooms: Rooms, view: str, major: int) -> None:
    """Refuse to write another project's table, as where two share a lake.

    Raises
    ------
    PromotionError
        Where the table is not this project's.
    """
    owner, own = owner_of(rooms, view, major), rooms.config.project.name
    if owner not in {None, own}:
        raise PromotionError(
            f"The lake's table {view}@{major} belongs to the project {owner!r}, and this one is {own!r}.",
            remedy="Give this project a lake of its own: uri under [lake] in workbench.toml.",
        )


def owner_of(rooms: Rooms, view: str, major: int) -> str | None:
    """Return the project whose table this is, as its newest version says; None where there is none."""
    latest = rooms.lake.latest(view, major)
    if latest is None:
        return None
    return rooms.lake.info(view, major, latest).metadata.get("project")


def _version(rooms: Rooms, proposal: Proposal, view: Compared, *, delta: int, now: datetime, user: str) -> Version:
    prepared, stored = view.evaluated.prepared, view.evaluated.computed.stored
    change, candidate = view.change, proposal.candidate
    last = rooms.journal.last(change.view, branch=candidate.branch)
    return Version(
        number=change.number,
        status="live",
        category=change.category,
        view_id=change.view_id,
        data_digest=change.data_digest,
        rows=change.rows,
        delta_version=delta,
        code_hash=change.code_hash,
        metadata_hash=prepared.metadata_hash,
        features=candidate.definitions.tree,
        branch=candidate.branch,
        commit=candidate.tip,
        published_at=now,
        published_by=user,
        declaration=prepared.view.to_dict(),
        contract_facts=prepared.contract.to_dict(),
        inputs=view.inputs,
        parameters=prepared.parameters,
        period=stored.record.period,
        run=last.run if last is not None else None,
        accepted=tuple(f"{name}: {reason}" for name, reason in sorted(proposal.plan.accepted.items())),
    )


def message_of(plan: Plan, message: str | None) -> str:
    """Return the commit's message: what is published and why, and what every gate said."""
    names = ", ".join([*(f"{c.view} {c.number}" for c in plan.changes), *plan.sets])
    lines = [f"{c.view} {c.number} ({c.category}): {'; '.join(c.why)}" for c in plan.changes]
    gates = [f"  {'pass' if g.passed else 'FAIL'}  {g.sentence}" for g in plan.gates]
    accepted = [f"  {name}: {reason}" for name, reason in sorted(plan.accepted.items())]
    parts = [message or f"Promote {names}", "\n".join(lines), "\n".join(["Gates", *gates])]
    parts += ["\n".join(["Accepted by name", *accepted])] if accepted else []
    return "\n\n".join(part for part in parts if part)


def trailers_of(plan: Plan, approved_by: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return the commit's trailers, by which machines find what was published."""
    return (
        *((VIEW, f"{change.view} {change.number}") for change in plan.changes),
        *((SET, name) for name in plan.sets),
        (FROM, f"{plan.branch} {plan.tip}"),
        (PLAN, plan.digest),
        *(("Approved-By", who) for who in approved_by),
    )


def published_in(trailers: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    """Return ``view number`` of every version that a commit with these trailers published."""
    return tuple(value for key, value in trailers if key == VIEW)
