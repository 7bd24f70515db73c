"""`publish`: data first, then one commit on main. Before that commit readers see the old versions, after it the new."""

from __future__ import annotations

import hashlib
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import PromotionError
from workbench.promote.merge import FROM, SET
from workbench.registry import (
    OnDemandVersion,
    Record,
    Version,
    VersionNumber,
    lifecycle,
    on_demand_path,
    record_path,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.lake import LakeWriter
    from workbench.pipeline import Evaluated
    from workbench.promote.on_demand_change import ComparedOnDemand, OnDemandChange
    from workbench.promote.plan import Plan
    from workbench.promote.proposal import Proposal
    from workbench.promote.trunk import TrunkWriter
    from workbench.promote.version_change import Compared
    from workbench.promote.view_change import ViewChange
    from workbench.tracking import Entry
    from workbench.workspace import Workspace

VIEW, PLAN, ON_DEMAND = "Promoted-View", "Promotion-Plan", "Promoted-On-Demand-View"
_AT_ONCE = 8
"""Versions whose data is written at the same time."""


@dataclass(frozen=True, slots=True)
class Publication:
    """What was published: the commit on main, and the run of the experiment that each stored view came from."""

    commit: str
    runs: Mapping[str, str | None]


def publish(
    line: TrunkWriter, proposal: Proposal, *, message: str | None, approved_by: tuple[str, ...] = ()
) -> Publication:
    """Publish what `proposal` proposes, whose gates have passed."""
    workspace, candidate = line.workspace, proposal.candidate
    facts = _Facts(
        proposal,
        now=datetime.now(UTC),
        user=workspace.repository.identity(),
        computed=workspace.journal.last_on(candidate.branch, [*proposal.views, *proposal.on_demand]),
    )
    records = {}
    for name, delta in _write_all(workspace, proposal.views).items():
        view = proposal.views[name]
        version = facts.version(view, delta=delta)
        records[name] = lifecycle.publish(view.record or Record(name, None), version)
    files = {record_path(name): record.to_toml() for name, record in records.items()}
    for name, compared in proposal.on_demand.items():
        record = compared.record.publish(facts.on_demand_version(compared))
        files[on_demand_path(name)] = record.to_toml()
    tree = workspace.repository.tree_with(candidate.tree, files)
    commit = line.commit(
        tree,
        expected=candidate.main,
        second=candidate.tip if candidate.whole else None,
        message=message_of(proposal.plan, message),
        trailers=trailers_of(proposal.plan, approved_by),
    )
    return Publication(commit, {name: facts.run_of(name) for name in records})


def _write_all(workspace: Workspace, views: Mapping[str, Compared]) -> dict[str, int]:
    """Write the data of versions, and return each one's version of its table.

    What takes long is the disk, or the object store: several are written at once.
    """
    from workbench.lake import LakeWriter

    writer = LakeWriter(workspace.lake)
    if len(views) < 2:
        return {name: _data(workspace, writer, view) for name, view in views.items()}
    with ThreadPoolExecutor(min(_AT_ONCE, len(views)), thread_name_prefix="publish") as pool:
        return dict(zip(views, pool.map(partial(_data, workspace, writer), views.values()), strict=True))


def _data(workspace: Workspace, writer: LakeWriter, view: Compared) -> int:
    """Write a version's data to the lake, unless it is there, and return the table's version that holds it."""
    change, serving = view.change, view.serving
    if serving is not None and not change.is_breaking and serving.data_digest == change.data_digest:
        return serving.delta_version  # neither a refactoring nor a new description moves data
    refuse_others(workspace, change.view, VersionNumber.parse(change.number).major)
    return write_rows(workspace, writer, view.evaluated, number=change.number)


def write_rows(
    workspace: Workspace,
    writer: LakeWriter,
    evaluated: Evaluated,
    *,
    number: str,
    anew: bool = False,
    onto: int | None = None,
) -> int:
    """Write a view's rows for the version `number`, with what tells whose they are; return the Delta version.

    Where the Delta version `onto` holds all but those of the view's last file, only these are added to it.
    """
    from workbench.compute import note_checksums

    prepared, stored = evaluated.prepared, evaluated.computed.stored
    note_checksums(stored)
    return writer.publish(
        stored.paths,
        added=None if onto is None else (stored.path, onto),
        view=prepared.view.name,
        major=VersionNumber.parse(number).major,
        contract=prepared.contract,
        view_id=prepared.view_id,
        anew=anew,
        metadata={
            "view": prepared.view.name,
            "version": number,
            "code_hash": prepared.fingerprint.code_hash,
            "data_digest": stored.record.digest.exact,
            "project": workspace.config.project.name,
            "copy": copy_of(workspace),
        },
    )


def refuse_others(workspace: Workspace, view: str, major: int) -> None:
    """Refuse to write another project's table, as where two share a lake."""
    owner, own = owner_of(workspace, view, major), workspace.config.project.name
    if owner not in {None, own}:
        raise PromotionError(
            f"The lake's table {view}@{major} belongs to the project {owner!r}, and this one is {own!r}.",
            remedy="Give this project its own lake: uri under [lake] in workbench.toml.",
        )


def copy_of(workspace: Workspace) -> str:
    """Return what tells this copy of the repository from others, also from one with the same history."""
    place = workspace.repository.git_dir.resolve()
    return hashlib.sha256(f"{_machine()}\n{place}".encode()).hexdigest()[:16]


@cache
def _machine() -> str:
    try:
        return Path("/etc/machine-id").read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return str(uuid.getnode())


def owner_of(workspace: Workspace, view: str, major: int) -> str | None:
    """Return the project whose table this is, as its newest version says; None where there is none."""
    latest = workspace.lake.latest(view, major)
    if latest is None:
        return None
    return workspace.lake.info(view, major, latest).metadata.get("project")


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the versions that a promotion makes have in common."""

    proposal: Proposal
    now: datetime
    user: str
    computed: Mapping[str, Entry]

    def version(self, view: Compared, *, delta: int) -> Version:
        """Return the version of a stored view whose rows the lake's table has in its version `delta`."""
        prepared, stored, change = view.evaluated.prepared, view.evaluated.computed.stored, view.change
        return Version(
            **self._shared(change),
            view_id=change.view_id,
            data_digest=change.data_digest,
            rows=change.rows,
            delta_version=delta,
            code_hash=change.code_hash,
            metadata_hash=prepared.metadata_hash,
            declaration=prepared.view.to_dict(),
            contract_facts=prepared.contract.to_dict(),
            inputs=view.inputs,
            parameters=prepared.parameters,
            period=stored.record.period,
            follows=change.previous,
        )

    def on_demand_version(self, compared: ComparedOnDemand) -> OnDemandVersion:
        """Return the version of an on-demand view."""
        change, prepared = compared.change, compared.prepared
        return OnDemandVersion(
            **self._shared(change),
            identity=change.identity,
            code_hash=prepared.fingerprint.code_hash,
            metadata_hash=prepared.metadata_hash,
            declaration=prepared.view.to_dict(),
            contract_facts=prepared.contract.to_dict(),
            reads=tuple({"ref": ref, "column": column} for column, ref in change.reads.items()),
        )

    def run_of(self, view: str) -> str | None:
        """Return the run of the experiment in which the view was last computed; None where there was none."""
        last = self.computed.get(view)
        return None if last is None else last.run

    def _shared(self, change: ViewChange | OnDemandChange) -> dict[str, Any]:
        candidate = self.proposal.candidate
        return {
            "number": change.number,
            "status": "live",
            "category": change.category,
            "features": candidate.definitions.tree,
            "branch": candidate.branch,
            "commit": candidate.tip,
            "published_at": self.now,
            "published_by": self.user,
            "run": self.run_of(change.view),
            "accepted": tuple(f"{name}: {reason}" for name, reason in sorted(self.proposal.plan.accepted.items())),
        }


def message_of(plan: Plan, message: str | None) -> str:
    """Return the commit's message: what is published and why, and what every gate said."""
    names = ", ".join([*(f"{c.view} {c.number}" for c in plan.versions), *plan.sets])
    lines = [f"{c.view} {c.number} ({c.category}): {'; '.join(c.why)}" for c in plan.versions]
    gates = [f"  {g.state}  {g.sentence}" for g in plan.gates]
    accepted = [f"  {name}: {reason}" for name, reason in sorted(plan.accepted.items())]
    parts = [message or f"Promote {names}", "\n".join(lines), "\n".join(["Gates", *gates])]
    parts += ["\n".join(["Accepted by name", *accepted])] if accepted else []
    return "\n\n".join(part for part in parts if part)


def trailers_of(plan: Plan, approved_by: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return the commit's trailers, by which machines find what was published."""
    return (
        *((VIEW, f"{change.view} {change.number}") for change in plan.changes),
        *((ON_DEMAND, f"{change.view} {change.number}") for change in plan.on_demand),
        *((SET, name) for name in plan.sets),
        (FROM, f"{plan.branch} {plan.tip}"),
        (PLAN, plan.digest),
        *(("Approved-By", who) for who in approved_by),
    )


def published_versions(trailers: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    """Return ``view number`` of every version that a commit with these trailers published."""
    return tuple(value for key, value in trailers if key in {VIEW, ON_DEMAND})
