"""Leakage: what the view says of an instant, against what it would have said then."""

from __future__ import annotations

from workbench.check.probes import causes
from workbench.check.probes.cuts import Cut
from workbench.check.probes.differences import Differences
from workbench.check.probes.inputs import Alteration
from workbench.check.probes.run import Outcome
from workbench.check.probes.subject import Finding, Group, Subject


def find_leak(subject: Subject, group: Group, cut: Cut, known: Outcome, finding: Finding) -> None:
    """Compare what was `known` at a cut with the view, and add what differs to `finding`, with its likely cause."""
    if known.rows is None:
        if not known.empty:
            finding.errors.append(f"on what was known at {cut.until:%Y-%m-%d %H:%M} UTC it raised {known.error}")
        return
    found = subject.differences(group, known.rows, cut)
    if found:
        finding.cause = finding.cause or _cause(subject, group, cut, found)
        finding.differences.append((cut, found))


def _cause(subject: Subject, group: Group, cut: Cut, found: Differences) -> str:
    """Return the likely cause; the plainer ones are tried, by seeing whether the leak goes away without them."""
    base = Alteration(until=cut.until)
    leaky = [data.name for data in subject.inputs if data.remade is not None]
    if leaky and _vanishes(subject, group, cut, base.but(trusting=True)):
        return causes.upstream(leaky)
    late = [(data.name, name) for data in subject.inputs for name in data.known if name != data.event_time]
    if late and _vanishes(subject, group, cut, base.but(by_event_time=True)):
        return causes.known_later(subject.grain, late)
    return causes.leak(found, subject.grain)


def _vanishes(subject: Subject, group: Group, cut: Cut, alteration: Alteration) -> bool:
    (outcome,) = subject.compute(group, alteration)
    return outcome.rows is not None and not subject.differences(group, outcome.rows, cut)
