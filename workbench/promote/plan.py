"""`Plan`: what a promotion would do, to be read, saved as JSON, and executed later if nothing moved."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import cached_property
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from workbench.records import to_plain
from workbench.render import Mark, Report, Reported, Table, format_elapsed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.promote.gates.result import GateResult, GateState
    from workbench.promote.on_demand_change import OnDemandChange
    from workbench.promote.view_change import Impact, ViewChange
    from workbench.render import Tone

FORMAT = 1
SHOWN = 2
"""Failures of a gate that the plan shows; `to_dict` has all."""
CONTEXT = 3
"""Lines shown around those that differ."""
MARKS: dict[GateState, tuple[str, Tone]] = {
    "pass": ("✓ pass", "good"),
    "accepted": ("! accepted", "warn"),
    "fail": ("✗ FAIL", "bad"),
    "not checked": ("? not checked", "warn"),
    "not applicable": ("\N{EN DASH} n/a", "dim"),
}
NO_PASS: dict[GateState, str] = {"accepted": "accepted by name", "not applicable": "not applicable"}
SIGNS = {"new": "+", "additive": "+", "metadata": "~", "refactor": "~", "value": "!", "breaking": "!"}


@dataclass(frozen=True)
class Plan(Reported):
    """What a promotion would do: a pure function of the branch, main and the sources' data.

    Attributes
    ----------
    branch, tip, main
        What is promoted, at which commit, onto which commit of main.
    tree
        The tree that main would have, registry records apart.
    asked, accepted
        What was asked for: names, and what was accepted by name, with the reason.
    sources
        The digest of each source that was read.
    changes
        The views that get a new version, each after what it reads.
    sets
        Files of feature sets that are taken over.
    on_demand
        The on-demand views that get a new version.
    unchanged
        Views that were asked for and are published already as they are.
    impacts
        What reads the changed views.
    gates
        What was asked of it, with the answers; all must pass.
    conflicts
        Files that both sides changed in the same place, as they are on main and on the branch.
    """

    branch: str
    tip: str
    main: str
    tree: str
    asked: tuple[str, ...]
    accepted: Mapping[str, str]
    sources: Mapping[str, str] = field(default_factory=dict)
    changes: tuple[ViewChange, ...] = ()
    sets: tuple[str, ...] = ()
    on_demand: tuple[OnDemandChange, ...] = ()
    unchanged: tuple[str, ...] = ()
    impacts: tuple[Impact, ...] = ()
    gates: tuple[GateResult, ...] = ()
    conflicts: tuple[Mapping[str, str | None], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def versions(self) -> tuple[ViewChange | OnDemandChange, ...]:
        """The new versions of all views, stored and on demand."""
        return (*self.changes, *self.on_demand)

    @property
    def passed(self) -> bool:
        """Whether it may be published."""
        return not self.conflicts and all(gate.passed for gate in self.gates)

    @property
    def refusals(self) -> tuple[str, ...]:
        """Return what is in the way, a sentence each."""
        conflicts = tuple(f"{each['path']}: changed on main and on {self.branch}" for each in self.conflicts)
        return conflicts + tuple(gate.refusal for gate in self.gates if not gate.passed)

    @cached_property
    def digest(self) -> str:
        """Return the plan's identity: what it would do, onto what; not its gates, which are asked again."""
        facts = {
            "format": FORMAT,
            "branch": self.branch,
            "tip": self.tip,
            "main": self.main,
            "tree": self.tree,
            "accepted": dict(self.accepted),
            "sources": dict(self.sources),
            "changes": [change.identity() for change in self.changes],
            "sets": list(self.sets),
            **({"on_demand": [change.to_dict() for change in self.on_demand]} if self.on_demand else {}),
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as JSON-ready values, as it is saved."""
        gates = [gate.to_dict() for gate in self.gates]
        return {"format": FORMAT, "digest": self.digest, "passed": self.passed, **to_plain(self), "gates": gates}

    def report(self) -> Report:
        """Return the plan as tables: changes, columns, what is hit, gates."""
        return Report(
            f"Plan {self.digest[:10]}: {self.branch} to main",
            facts=(
                ("from", f"{self.branch} at {self.tip[:10]}"),
                ("onto", f"main at {self.main[:10]}"),
                (
                    "publishes",
                    ", ".join(f"{c.view} {c.number}" for c in self.versions) or "no new version",
                ),
                *((("feature sets in", ", ".join(self.sets)),) if self.sets else ()),
                *((("as published", ", ".join(self.unchanged)),) if self.unchanged else ()),
            ),
            tables=tuple(table for table in self._tables() if table.rows),
            notes=(*self.notes, self._verdict()),
        )

    def _tables(self) -> tuple[Table, ...]:
        changes = tuple(
            (
                f"{SIGNS.get(c.category, '?')} {c.view}",
                f"{c.previous or 'none'} -> {c.number}",
                c.category + (" (by what it reads)" if c.indirect else ""),
                "\n".join(c.why),
                c.rows,
                f"{c.work} in {format_elapsed(c.seconds)}" if c.work == "computed" else "reused",
            )
            for c in self.changes
        )
        columns = tuple(
            (c.view, name, status)
            for c in self.changes
            for name, status in c.columns.items()
            if status != "same" and c.category != "new"
        )
        on_demand = tuple(
            (
                f"{SIGNS.get(c.category, '?')} {c.view}",
                f"{c.previous or 'none'} -> {c.number}",
                c.category,
                "\n".join(c.why),
                ", ".join(c.reads.values()),
                ", ".join(c.request),
            )
            for c in self.on_demand
        )
        impacts = tuple((i.name, i.kind, i.reads, i.sentence) for i in self.impacts)
        gates = tuple(
            (
                gate.name,
                gate.view or "",
                Mark(*MARKS[gate.state]),
                _describe_gate(gate)
                if not gate.passed
                else gate.detail + (f" ({gate.accepted})" if gate.accepted else ""),
            )
            for gate in self.gates
        )
        return (
            *(_sides(conflict, self.branch) for conflict in self.conflicts),
            Table("Versions", ("view", "version", "category", "why", "rows", "data"), changes),
            Table("Computed on demand", ("view", "version", "category", "why", "reads", "request"), on_demand),
            Table("Columns", ("view", "column", "is"), columns),
            Table("Downstream", ("name", "kind", "reads", "what happens"), impacts),
            Table("Gates", ("gate", "view", "", "detail"), gates),
        )

    def _verdict(self) -> str:
        if self.conflicts:
            return (
                f"Refused: merge main into {self.branch} (git merge main), write the definition that you mean, then "
                "promote again. Nothing was changed."
            )
        counts = Counter(gate.state for gate in self.gates)
        if not self.passed:
            words: dict[GateState, str] = {"fail": "failed", "not checked": "could not be checked"}
            said = [f"{counts[state]} {word}" for state, word in words.items() if counts[state]]
            return f"Refused: of {len(self.gates)} gates {', '.join(said)}. Nothing was changed."
        left = [f"{counts[state]} {word}" for state, word in NO_PASS.items() if counts[state]]
        passes = f"{counts['pass']} gate{' passes' if counts['pass'] == 1 else 's pass'}"
        return f"{', '.join([passes, *left])}."


def _sides(conflict: Mapping[str, str | None], branch: str) -> Table:
    """Return a file that both sides changed, main's text beside the branch's, around the lines that differ."""
    ours = (conflict["ours"] or "(deleted)").splitlines()
    theirs = (conflict["theirs"] or "(deleted)").splitlines()
    rows: list[tuple[object, ...]] = []
    for group in SequenceMatcher(None, ours, theirs, autojunk=False).get_grouped_opcodes(CONTEXT):
        if rows:
            rows.append(("...", "", "..."))
        for kind, first, last, from_, to in group:
            for left, right in zip_longest(ours[first:last], theirs[from_:to], fillvalue=""):
                rows.append((_indent(left), " " if kind == "equal" else "|", _indent(right)))
    return Table(f"{conflict['path']} was changed on both sides", ("main", "", branch), tuple(rows))


def _describe_gate(gate: GateResult) -> str:
    """Return what a gate that failed found, what is in the way, and what to do."""
    return "\n".join([f"{gate.detail.rstrip('.')}.", *gate.failures[:SHOWN], *([gate.remedy] if gate.remedy else [])])


def _indent(line: str) -> str:
    """Return `line` with its indentation kept where spaces collapse."""
    bare = line.lstrip(" ")
    return "\u00a0" * (len(line) - len(bare)) + bare
