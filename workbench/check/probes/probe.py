"""`probe_view`: all probes of a view, together first, and each by itself where something differs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from workbench.check.probes import verdict
from workbench.check.probes.closeness import scale_of
from workbench.check.probes.cuts import Calendar, Cut
from workbench.check.probes.determinism import shuffle
from workbench.check.probes.differences import Grain, with_time
from workbench.check.probes.inputs import ProbeInput, narrowed
from workbench.check.probes.run import Outcome, Trial, run
from workbench.check.probes.sample import take_sample
from workbench.check.probes.separate import probe_separately
from workbench.check.probes.subject import Finding, Group, Subject

if TYPE_CHECKING:
    from workbench.check.result import Check
    from workbench.define import Contract, FeatureView

SEPARATE = 2
"""At how many of the cuts where something differs each probe is tried by itself; at one where that takes time."""


def probe_view(
    view: FeatureView,
    contract: Contract,
    inputs: Sequence[ProbeInput],
    stored: pl.LazyFrame,
    *,
    full: bool = False,
) -> tuple[Check, ...]:
    """Probe a computed view: it must keep its values when what must not matter is altered.

    Parameters
    ----------
    view
        The definition.
    contract
        What it promises; its tolerances say which differences are none.
    inputs
        What the view was computed from.
    stored
        The computed view.
    full
        Probe every entity, at more instants.

    Returns
    -------
    tuple of Check
        Named ``leakage``, ``determinism``, ``entity-locality`` (unless the view is global) and ``lookback`` (where
        one is declared).
    """
    started = time.perf_counter()
    names = verdict.names_of(view)
    schema = stored.collect_schema()
    odd = [name for name in (view.event_time, view.created) if name and not _is_time(schema[name])]
    if odd:
        return verdict.not_run(names, f"not run: {odd[0]} is {schema[odd[0]]}, no time", started)
    grain = Grain.of(view, contract, schema)
    size = _size([stored, *(data.frame for data in inputs)])
    local = view.scope == "entity"
    sample = take_sample(stored, view.entities, inputs, local=local, size=size, full=full)
    subject = Subject(view, inputs, grain, sample)
    found = {name: Finding() for name in names}
    tally = verdict.Tally()
    for keys in sample.groups:
        _examine(subject, _group(subject, stored, keys), found, tally)
    return verdict.checks(subject, found, tally, started)


def _group(subject: Subject, stored: pl.LazyFrame, keys: pl.DataFrame | None) -> Group:
    looked_at = stored if keys is None else narrowed(stored, stored.collect_schema(), keys)
    rows = with_time(looked_at.collect(), subject.grain)
    calendar = Calendar.of(rows, subject.sample, lookback=subject.view.lookback)
    return Group(keys, rows, calendar, {name: scale_of(rows[name]) for name in subject.grain.features})


def _examine(subject: Subject, group: Group, found: dict[str, Finding], tally: verdict.Tally) -> None:
    """Probe one group: everything altered at once; then, at the cuts where that matters, each thing by itself."""
    odd, ran = _together(subject, group, group.calendar.plain(subject.inputs), tally)
    if not odd:
        telling = group.calendar.telling(subject.inputs, group.keys)
        odd, ran = _together(subject, group, telling, tally)
    if not odd:
        return
    before = {name: bool(finding) for name, finding in found.items()}
    sample = subject.sample
    tried = odd[-SEPARATE:] if sample.small else odd[-1:] if sample.cheap else odd[:1]
    probe_separately(subject, group, tried, found)
    if any(bool(finding) and not before[name] for name, finding in found.items()) or any(before.values()):
        return
    cut, outcome = odd[0], ran[0]
    finding = found["determinism"]
    if outcome.rows is None:
        finding.raised(outcome, "on a part of its rows in another order")
        return
    finding.cause = "the values differ from one computation to the next, now and then"
    finding.differences.append((cut, subject.differences(group, outcome.rows, cut, young=True)))


def _together(
    subject: Subject, group: Group, cuts: Sequence[Cut], tally: verdict.Tally
) -> tuple[list[Cut], list[Outcome]]:
    """Alter everything at once, and return the cuts where the view's values do not survive it."""
    alterations = [subject.narrowed(group).but(until=cut.until, since=cut.since) for cut in cuts]
    often = len(alterations) if subject.sample.cheap else 1  # sorting all rows at random takes time
    alterations[:often] = map(shuffle, alterations[:often], range(often))
    trials = [Trial(alteration, group.keys, cut.after) for alteration, cut in zip(alterations, cuts, strict=True)]
    outcomes = run(subject.view, subject.inputs, subject.grain, trials)
    odd = []
    for cut, outcome in zip(cuts, outcomes, strict=True):
        if outcome.rows is None:
            if not outcome.empty:
                odd.append((cut, outcome))
            continue
        differences = subject.differences(group, outcome.rows, cut, young=True)
        tally.add(cut.until, differences.compared)
        if differences:
            odd.append((cut, outcome))
    return [cut for cut, _ in odd], [outcome for _, outcome in odd]


def _size(frames: Sequence[pl.LazyFrame]) -> int:
    return sum(int(rows.item()) for rows in pl.collect_all([frame.select(pl.len()) for frame in frames]))


def _is_time(dtype: pl.DataType) -> bool:
    return isinstance(dtype, (pl.Datetime, pl.Date))
