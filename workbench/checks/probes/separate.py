"""Each probe by itself, at the cuts where a view does not survive all alterations at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from workbench.checks.probes import causes
from workbench.checks.probes.cut_times import Cut
from workbench.checks.probes.determinism import find_order, shuffle
from workbench.checks.probes.inputs import Alteration
from workbench.checks.probes.leakage import find_leak
from workbench.checks.probes.lookback import find_older
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


SEPARATE = 3
"""At how many common instants a leak is looked for where rows of other entities count."""
UNTOLD = "it cannot be told while the values are random (see determinism)"


@dataclass(slots=True)
class _Outcomes:
    """What a group's entities were computed to be, by cut: from what was known, shuffled, and from young rows alone."""

    known: dict[Cut, Outcome] = field(default_factory=dict)
    mixed: dict[Cut, Outcome] = field(default_factory=dict)
    young: dict[Cut, Outcome] = field(default_factory=dict)
    alone: Outcome | None = None


def probe_separately(subject: Subject, group: Group, cuts: Sequence[Cut], found: Mapping[str, Finding]) -> None:
    """Try each alteration by itself at `cuts`, and add what differs to the findings by probe."""
    outcomes = _compute(subject, group, cuts)
    for cut, known in outcomes.known.items():
        find_order(subject, group, cut, known, outcomes.mixed[cut], found["determinism"])
    order_matters = bool(found["determinism"])
    for cut, young in outcomes.young.items():
        known = outcomes.known[cut]
        find_older(subject, group, cut, known, young, found["lookback"], order_matters=order_matters)
    others = Finding()
    if outcomes.alone is not None:
        find_others(subject, group, outcomes.alone, others, order_matters=order_matters)
        found["entity-locality"].take(others)
    if found["determinism"].cause == causes.RANDOM:
        for name, finding in found.items():
            if name != "determinism":
                finding.blame(UNTOLD)
        return
    if others:  # a few entities alone do not tell what was known of all
        cuts = _common(subject, group, cuts)
        outcomes.known = dict(zip(cuts, subject.compute(group, *(cut.of(Alteration()) for cut in cuts)), strict=True))
    base = Alteration() if others else subject.alone
    for cut in cuts:
        known = outcomes.known[cut]
        find_leak(subject, group, cut, known, found["leakage"], base=cut.of(base), order_matters=order_matters)


def _common(subject: Subject, group: Group, cuts: Sequence[Cut]) -> list[Cut]:
    """Return cuts of all entities together."""
    together = [cut for cut in cuts if cut.own is None]
    telling = group.calendar.telling(group.telling)[:SEPARATE]
    return together[:1] or [*group.calendar.plain(subject.inputs)[-SEPARATE:], *telling]


def _compute(subject: Subject, group: Group, cuts: Sequence[Cut]) -> _Outcomes:
    base, outcomes = subject.alone, _Outcomes()
    wanted: list[tuple[dict[Cut, Outcome], Cut, Alteration]] = []
    for number, cut in enumerate(cuts):
        until = cut.of(base)
        wanted += [(outcomes.known, cut, until), (outcomes.mixed, cut, shuffle(until, number))]
        if cut.since is not None:
            wanted.append((outcomes.young, cut, until.but(since=cut.since)))
    whole = [base] if subject.sample.apart else []
    computed = subject.compute(group, *(alteration for _, _, alteration in wanted), *whole)
    for (table, cut, _), outcome in zip(wanted, computed, strict=False):
        table[cut] = outcome
    outcomes.alone = computed[-1] if whole else None
    return outcomes
