"""Leakage: what the view says of an instant, against what it would have said then."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from workbench.checks.probes import causes
from workbench.checks.probes.cut_times import Cut
from workbench.checks.probes.differences import Differences, Grain
from workbench.checks.probes.inputs import Alteration, ProbeInput
from workbench.checks.probes.run import Outcome
from workbench.checks.probes.subject import Finding, Group, Subject
from workbench.times import instant


def find_leak(
    subject: Subject,
    group: Group,
    cut: Cut,
    known: Outcome,
    finding: Finding,
    *,
    base: Alteration,
    order_matters: bool,
) -> None:
    """Compare what was `known` at a cut, from inputs altered as in `base`, with the view.

    What differs is added to `finding`, with its likely cause.
    """
    if finding.raised(known, f"on what was known at {cut.until:%Y-%m-%d %H:%M} UTC") or known.rows is None:
        return
    found = subject.differences(group, known, cut)
    if found and order_matters:
        found = subject.differences_beyond_order(group, known, cut, whole=base.but(until=None, own=None))
    if found:
        finding.cause = finding.cause or _cause(subject, group, cut, found, base)
        finding.differences.append((cut, found))


def _cause(subject: Subject, group: Group, cut: Cut, found: Differences, base: Alteration) -> str:
    """Return the likely cause; the plainer ones are tried, by seeing whether the leak goes away without them."""
    leaky = [data.name for data in subject.inputs if data.remade is not None]
    if leaky and _vanishes(subject, group, cut, base.but(trusting=True)):
        return causes.upstream(leaky)
    late = [data for data in subject.inputs if data.event_time and data.known != (data.event_time,)]
    if late and _vanishes(subject, group, cut, base.but(by_event_time=True)):
        dated = [data for data in late if _dated_when_happened(data, found, subject.grain, base)]
        if dated or (found.missing and not found.changed):
            names = [(data.name, name) for data in dated or late for name in data.known if name != data.event_time]
            return causes.known_later(subject.grain, names)
    return causes.leak(found, subject.grain)


def _vanishes(subject: Subject, group: Group, cut: Cut, alteration: Alteration) -> bool:
    (outcome,) = subject.compute(group, alteration)
    return outcome.rows is not None and not subject.differences(group, outcome, cut)


def _dated_when_happened(data: ProbeInput, found: Differences, grain: Grain, base: Alteration) -> bool:
    """Tell whether the rows that differ have the times at which rows of `data` happened, not those of their coming.

    Or the microsecond after: that is when a window that does not count its own event takes it in.
    """
    frame = base.but(until=None, own=None).of(data)
    schema = frame.collect_schema()
    at = found.rows.select(instant(pl.col(grain.event_time), found.rows.schema[grain.event_time])).to_series().unique()
    times = pl.concat([at, at - timedelta(microseconds=1)]).unique().implode()

    def share(*names: str) -> pl.Expr:
        latest = pl.max_horizontal(instant(pl.col(name), schema[name]) for name in names)
        return latest.unique().is_in(times).sum()

    happened, came = frame.select(happened=share(str(data.event_time)), came=share(*data.known)).collect().row(0)
    return int(happened) > int(came)
