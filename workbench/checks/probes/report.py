"""From what probes found to checks: passed or failed, one line, and the values that tell."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.checks.failures import list_names
from workbench.checks.probes import causes
from workbench.checks.probes.differences import shown
from workbench.checks.result import Check

if TYPE_CHECKING:
    from workbench.checks.probes.cut_times import Cut
    from workbench.checks.probes.subject import Finding, Subject
    from workbench.define import FeatureView

RANDOM = causes.RANDOM
_SIDES = {
    "leakage": ("as known then", "with hindsight"),
    "determinism": ("rows shuffled", "rows in order"),
    "entity-locality": ("computed alone", "among all entities"),
    "lookback": ("without older rows", "with older rows"),
}
"""What the two values of a failing row are called."""
_SAID = {
    "leakage": ("differs from what was known then", "differ from what was known then"),
    "determinism": ("changes with the order of rows or by chance", "change with the order of rows or by chance"),
    "entity-locality": ("depends on rows of other entities", "depend on rows of other entities"),
    "lookback": ("depends on rows older than the lookback", "depend on rows older than the lookback"),
}


@dataclass(slots=True)
class Tally:
    """How much was compared."""

    cuts: int = 0
    rows: int = 0

    def add(self, cut: Cut, rows: int) -> None:
        """Count the rows compared at one cut."""
        self.cuts += cut.instants
        self.rows += rows


def names_of(view: FeatureView) -> tuple[str, ...]:
    """Return the probes that a view is put to.

    A global view's rows may depend on any other; without a declared lookback the whole history counts.
    """
    local = ("entity-locality",) if view.entities and view.scope == "entity" else ()
    return ("leakage", "determinism", *local, *(("lookback",) if view.lookback is not None else ()))


def not_run(names: Sequence[str], reason: str, started: float) -> tuple[Check, ...]:
    """Return checks that were not made, for probes that cannot be run."""
    seconds = (time.perf_counter() - started) / len(names)
    return tuple(Check(name, passed=False, checked=False, detail=reason, seconds=seconds) for name in names)


def checks(subject: Subject, found: Mapping[str, Finding], tally: Tally, started: float) -> tuple[Check, ...]:
    """Return one check a probe; what they took together is told in equal parts, as they share the work."""
    seconds = (time.perf_counter() - started) / len(found)
    return tuple(_check(name, subject, finding, tally, seconds) for name, finding in _by_cause(found).items())


def _by_cause(found: Mapping[str, Finding]) -> Mapping[str, Finding]:
    """Return findings with the plainer cause first.

    A value of another entity's row (a shift without over) often leaks, too: what is then guessed of the rows' times is
    another sign of the same mistake.
    """
    local, leak = found.get("entity-locality"), found.get("leakage")
    if local is None or leak is None or not local.differences or leak.cause not in causes.GUESSED:
        return found
    columns = {column for _, each in local.differences for column in each.counts}
    if not {column for _, each in leak.differences for column in each.counts} <= columns:
        return found
    leak.cause = causes.SAME_AS_LOCALITY
    return {"entity-locality": local, **found}


def _check(name: str, subject: Subject, finding: Finding, tally: Tally, seconds: float) -> Check:
    if not finding:
        unseen = _unseen(name, subject, tally)
        if unseen:
            return Check(name, passed=False, checked=False, detail=unseen, seconds=seconds)
        always = [data.name for data in subject.inputs if not data.known] if name == "leakage" else []
        told = f"; rows of {list_names(always)} are taken as known always" if always else ""
        return Check(name, passed=True, detail=_passed(subject, tally) + told, seconds=seconds)
    differences = [found for _, found in finding.differences]
    counts: dict[str, int] = {}
    for found in differences:
        for column, count in found.counts.items():
            counts[column] = counts.get(column, 0) + count
    if finding.errors:
        counts["raised"] = len(finding.errors)
    other, view = _SIDES[name]
    frame = shown(differences, subject.grain, other=other, view=view) if differences else None
    return Check(
        name, passed=False, detail=_failed(name, finding, counts), failures=frame, seconds=seconds, counts=counts
    )


def _failed(name: str, finding: Finding, counts: Mapping[str, int]) -> str:
    parts = []
    if finding.differences:
        columns = [column for column in counts if column != "raised"]
        total = sum(counts[column] for column in columns)
        what = f"{total:,} value{'s' if total != 1 else ''}"
        parts.append(f"{what} {_SAID[name][total != 1]} ({list_names(columns)})")
    parts += finding.errors[:1]
    cause = [f"likely cause: {finding.cause}"] if finding.cause else []
    return "; ".join([*parts, *cause])


def _unseen(name: str, subject: Subject, tally: Tally) -> str:
    """Return why a probe that found nothing had nothing to look at; empty where it had."""
    if not tally.rows:
        return "there are no rows to compare"
    if name == "entity-locality" and subject.keys.untraced:
        return subject.keys.untraced
    if name == "entity-locality" and not subject.sample.apart:
        return "nothing to compare: there is only one entity"
    return ""


def _passed(subject: Subject, tally: Tally) -> str:
    sample = subject.sample
    of = ""
    if sample.entities is not None:
        probed = sum(keys.height for keys in sample.groups if keys is not None)
        of = f" of {probed:,} of {sample.entities:,} entities" if probed < sample.entities else " of all entities"
    times = f"{tally.cuts:,} cut time{'s' if tally.cuts != 1 else ''}"
    return f"the same at {times}: {tally.rows:,} rows{of}"
