"""Entity-locality: a few entities computed by themselves have the values they have among all others."""

from __future__ import annotations

from workbench.checks.probes import causes
from workbench.checks.probes.inputs import Alteration
from workbench.checks.probes.run import Outcome
from workbench.checks.probes.subject import Finding, Group, Subject


def find_others(subject: Subject, group: Group, alone: Outcome, finding: Finding, *, order_matters: bool) -> None:
    """Compare entities computed `alone` with the view, and add what differs to `finding`, with its likely cause."""
    if finding.raised(alone, "on the rows of a few entities alone") or alone.rows is None:
        return
    found = subject.differences(group, alone)
    if found and order_matters:
        found = subject.differences_beyond_order(group, alone, whole=Alteration())
    if found:
        finding.cause = finding.cause or causes.other_entities(subject.grain.entities)
        finding.differences.append((None, found))
