"""Entity-locality: a few entities computed by themselves have the values they have among all others."""

from __future__ import annotations

from workbench.check.probes import causes
from workbench.check.probes.run import Outcome
from workbench.check.probes.subject import Finding, Group, Subject


def find_others(subject: Subject, group: Group, alone: Outcome, finding: Finding) -> None:
    """Compare entities computed `alone` with the view, and add what differs to `finding`, with its likely cause."""
    if alone.rows is None:
        if not alone.empty:
            finding.errors.append(f"on the rows of a few entities alone it raised {alone.error}")
        return
    found = subject.differences(group, alone.rows)
    if found:
        finding.cause = finding.cause or causes.other_entities(subject.grain.entities)
        finding.differences.append((None, found))
