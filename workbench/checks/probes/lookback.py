"""Lookback: what is older than the declared lookback does not matter."""

from __future__ import annotations

from workbench.checks.probes import causes
from workbench.checks.probes.cut_times import Cut
from workbench.checks.probes.run import Outcome
from workbench.checks.probes.subject import Finding, Group, Subject
from workbench.times import format_duration


def find_older(
    subject: Subject,
    group: Group,
    cut: Cut,
    known: Outcome,
    young: Outcome,
    finding: Finding,
    *,
    order_matters: bool,
) -> None:
    """Compare a computation with that on `young` rows alone, and add what differs to `finding`, with its cause."""
    if finding.raised(known, "on the rows known at an instant") or known.rows is None:
        return
    if finding.raised(young, "without the rows older than the lookback") or young.rows is None:
        return
    found = subject.differences(group, young, cut, to=known, young=True)
    if found and order_matters:
        whole = known.trial.alteration
        found = subject.differences_beyond_order(group, young, cut, to=known, young=True, whole=whole)
    if found:
        finding.cause = finding.cause or _cause(subject, group, cut, known)
        finding.differences.append((cut, found))


def _cause(subject: Subject, group: Group, cut: Cut, known: Outcome) -> str:
    """Return of which inputs older rows matter, by leaving out each one's."""
    lookback = subject.view.lookback
    said = format_duration(lookback) if lookback is not None else "the lookback"
    if len(subject.inputs) == 1:
        return causes.too_old([subject.inputs[0].name], said)
    names = []
    for data in subject.inputs:
        alteration = cut.of(subject.alone).but(since=cut.since, trimmed=data.name)
        (outcome,) = subject.compute(group, alteration)
        if outcome.rows is None or known.rows is None:
            continue
        if subject.differences(group, outcome, cut, to=known, young=True):
            names.append(data.name)
    return causes.too_old(names, said)
