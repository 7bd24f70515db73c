"""Determinism: the same rows in another order give the same values."""

from __future__ import annotations

from workbench.checks.probes import causes
from workbench.checks.probes.cut_times import Cut
from workbench.checks.probes.inputs import Alteration
from workbench.checks.probes.run import Outcome
from workbench.checks.probes.subject import Finding, Group, Subject


def find_order(subject: Subject, group: Group, cut: Cut, known: Outcome, mixed: Outcome, finding: Finding) -> None:
    """Compare a computation with that on shuffled inputs, and add what differs to `finding`, with its cause."""
    if finding.raised(known, "on the rows known at an instant") or known.rows is None:
        return
    if finding.raised(mixed, "on the same rows in another order") or mixed.rows is None:
        return
    found = subject.differences(group, mixed, cut, to=known)
    if found:
        finding.cause = finding.cause or (causes.RANDOM if is_random(subject, group, cut, known) else causes.ORDER)
        finding.differences.append((cut, found))


def is_random(subject: Subject, group: Group, cut: Cut, known: Outcome) -> bool:
    """Return whether the very same computation gives other values the next time."""
    (again,) = subject.compute(group, cut.of(subject.alone))
    if again.rows is None or known.rows is None:
        return again.rows is not known.rows
    return bool(subject.differences(group, again, cut, to=known, noisy=False))


def shuffle(alteration: Alteration, number: int) -> Alteration:
    """Return the alteration with rows in a random order, another for each `number`."""
    return alteration.but(seed=20_130_101 + number)
