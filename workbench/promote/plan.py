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
from workbench.render import Finding, Fold, Mark, Report, Reported, Table, format_elapsed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.promote.gates.result import GateResult, GateState
    from workbench.promote.on_demand_change import OnDemandChange
    from workbench.promote.view_change import Impact, ViewChange
    from workbench.render import Tone

FORMAT = 1
NAMED = 4
"""New versions that a headline names; of more it gives the number."""
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

    @property
    def acceptable(self) -> tuple[str, ...]:
        """The names by which what is in the way may be accepted."""
        return tuple(dict.fromkeys(name for gate in self.gates if not gate.passed for name in gate.acceptable))

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

    @property
    def verdict(self) -> str:
        """What the gates say together, without a full stop."""
        if self.conflicts:
            count = len(self.conflicts)
            return f"{count} file{'' if count == 1 else 's'} changed on main and on {self.branch}"
        counts = Counter(gate.state for gate in self.gates)
        words: dict[GateState, str] = {"fail": "failed", "not checked": "could not be checked"}
        refused = [(counts[state], word) for state, word in words.items() if counts[state]]
        if refused:
            (count, word), *others = refused
            return ", ".join([f"{count} of {len(self.gates)} gates {word}", *(f"{n} {word}" for n, word in others)])
        return _count_passes(counts)

    @property
    def names(self) -> str:
        """What gets a new version, in few words."""
        named = [*(f"{change.view} {change.number}" for change in self.versions), *self.sets]
        return ", ".join(named) if len(named) <= NAMED else f"{len(named)} views"

    def report(self) -> Report:
        """Return whether it may be published, what is in the way, the new versions, and folded what every gate said."""
        title = f"Ready: {self.verdict}" if self.passed else f"Refused: {self.verdict}. Nothing was published"
        gates = self._gates_table()
        is_short = len(self.versions) < 2 and self.passed
        return Report(
            f"{title}.",
            tone="good" if self.passed else "bad",
            findings=self._findings(),
            facts=(
                ("plan", f"{self.digest[:10]}: {self.branch} at {self.tip[:10]} onto main at {self.main[:10]}"),
                *((("feature sets in", ", ".join(self.sets)),) if self.sets else ()),
                *((("as published", ", ".join(self.unchanged)),) if self.unchanged else ()),
            ),
            tables=tuple(table for table in (*self._tables(), *([gates] if is_short else [])) if table.rows),
            notes=self.notes,
            folded=() if is_short or not gates.rows else (Fold(f"What all {len(self.gates)} gates said", (gates,)),),
        )

    def _findings(self) -> tuple[Finding, ...]:
        """Return what is in the way, then what was accepted by name; what several views have in common once."""
        found = [
            Finding(
                Mark("✗ CONFLICT", "bad"),
                each["path"] or "",
                f"was changed on main and on {self.branch}",
                remedy=f"Merge main into {self.branch} (git merge main), write the definition that you mean, then "
                "promote again.",
            )
            for each in self.conflicts
        ]
        alike: dict[tuple[object, ...], list[GateResult]] = {}
        for gate in self._ranked:
            if not gate.passed or gate.accepted:
                alike.setdefault((gate.name, gate.state, gate.detail, gate.failures, gate.remedy), []).append(gate)
        for gate, *others in alike.values():
            views = ", ".join(each.view for each in (gate, *others) if each.view)
            says = gate.detail.rstrip(".") + (f" (accepted: {gate.accepted})" if gate.accepted else "")
            about = f"{gate.name} of {views}" if views else gate.name
            found.append(Finding(Mark(*MARKS[gate.state]), about, f"{says}.", gate.failures, gate.remedy))
        return tuple(found)

    @property
    def _ranked(self) -> list[GateResult]:
        """All gates: those in the way, those accepted by name, those that passed."""
        order = ("fail", "not checked", "accepted", "pass", "not applicable")
        return sorted(self.gates, key=lambda gate: order.index(gate.state))

    def _gates_table(self) -> Table:
        rows = tuple(
            (
                gate.name,
                gate.view or "",
                Mark(*MARKS[gate.state]),
                gate.detail + (f" ({gate.accepted})" if gate.accepted else ""),
            )
            for gate in self._ranked
        )
        return Table("Gates", ("gate", "view", "", "detail"), rows, most=None)

    def _gates_of(self, view: str) -> Mark:
        """Return what the gates said of one view."""
        counts = Counter(gate.state for gate in self.gates if gate.view == view)
        if counts["fail"]:
            return Mark(f"✗ {counts['fail']} failed", "bad")
        if counts["not checked"]:
            return Mark(f"? {counts['not checked']} not checked", "warn")
        if counts["accepted"]:
            return Mark(f"! {counts['accepted']} accepted", "warn")
        return Mark(f"✓ {counts['pass']} pass", "good")

    def _tables(self) -> tuple[Table, ...]:
        def ranked(view: str) -> int:
            return ("bad", "warn", "good").index(self._gates_of(view).tone)

        changes = tuple(
            (
                f"{SIGNS.get(c.category, '?')} {c.view}",
                f"{c.previous or 'none'} -> {c.number}",
                c.category + (" (by what it reads)" if c.indirect else ""),
                self._gates_of(c.view),
                c.rows,
                f"{c.work} in {format_elapsed(c.seconds)}" if c.work == "computed" else "reused",
                "\n".join(c.why),
            )
            for c in sorted(self.changes, key=lambda c: ranked(c.view))
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
                self._gates_of(c.view),
                "\n".join(c.why),
                ", ".join(c.reads.values()),
                ", ".join(c.request),
            )
            for c in sorted(self.on_demand, key=lambda c: ranked(c.view))
        )
        impacts = tuple(
            (i.name, i.kind, i.reads, i.sentence) for i in sorted(self.impacts, key=lambda i: not i.in_the_way)
        )
        return (
            *(_sides(conflict, self.branch) for conflict in self.conflicts),
            Table("Versions", ("view", "version", "category", "gates", "rows", "data", "why"), changes),
            Table("Computed on demand", ("view", "version", "category", "gates", "why", "reads", "request"), on_demand),
            Table("Columns", ("view", "column", "is"), columns),
            Table("Downstream", ("name", "kind", "reads", "what happens"), impacts),
        )


def _count_passes(counts: Counter[GateState]) -> str:
    """Return how many gates passed, and which did so otherwise."""
    left = [f"{counts[state]} {word}" for state, word in NO_PASS.items() if counts[state]]
    passes = f"{counts['pass']} gate{' passes' if counts['pass'] == 1 else 's pass'}"
    return ", ".join([passes, *left])


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


def _indent(line: str) -> str:
    """Return `line` with its indentation kept where spaces collapse."""
    bare = line.lstrip(" ")
    return "\u00a0" * (len(line) - len(bare)) + bare
