"""`probe_view`: all probes of a view, together first, and each by itself where something differs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import polars as pl

from workbench.checks.probes import report
from workbench.checks.probes.cut_times import Calendar, Cut, own_cuts
from workbench.checks.probes.determinism import shuffle
from workbench.checks.probes.differences import Grain, noise_of, with_time
from workbench.checks.probes.groups import rows_by_turns, rows_of_groups
from workbench.checks.probes.inputs import UNIT, ProbeInput
from workbench.checks.probes.keys import count_entities, learn_keys, trace_keys
from workbench.checks.probes.run import TOGETHER, Outcome, batches
from workbench.checks.probes.sample import GROUP, SMALL, take_sample
from workbench.checks.probes.separate import probe_separately
from workbench.checks.probes.subject import Finding, Group, Subject
from workbench.dtypes import row_width
from workbench.memory import memory_share, scratch_folder

if TYPE_CHECKING:
    from workbench.checks.result import Check
    from workbench.define import Contract, FeatureView

Turns: TypeAlias = "Iterator[list[pl.DataFrame]]"
SEPARATE = 2
"""At how many of the cuts where something differs each probe is tried by itself; at one where that takes time."""
_COMPUTED_AT_ONCE = 6 * SMALL
"""Rows that are computed with up to which more computations than `TOGETHER` are compared in one go."""
_HELD = 0.2
"""The part of what a step may use that the rows of some groups take."""
_MOST_HELD = 1 << 30


def probe_view(
    view: FeatureView,
    contract: Contract,
    inputs: Sequence[ProbeInput],
    stored: pl.LazyFrame,
    *,
    full: bool = False,
) -> tuple[Check, ...]:
    """Probe a computed view: it must keep its values when what must not matter is altered."""
    started = time.perf_counter()
    names = report.names_of(view)
    schema = stored.collect_schema()
    odd = [name for name in (view.event_time, view.created) if name and not _is_time(schema[name])]
    if odd:
        return report.not_run(names, f"not run: {odd[0]} is {schema[odd[0]]}, not a time", started)
    grain = Grain.of(view, contract, schema)
    rows_of = _sizes(stored, inputs)
    size = sum(rows_of)
    keys = trace_keys(view, inputs, stored, local=view.scope == "entity", whole=full or size <= SMALL)
    while True:
        sample = take_sample(keys, size=size, full=full)
        subject = Subject(view, inputs, grain, keys, sample)
        found, tally = {name: Finding() for name in names}, report.Tally()
        if all(_examine(subject, group, found, tally) for group in _groups(subject, stored, rows_of[1:])):
            return report.checks(subject, found, tally, started)
        keys = learn_keys(view, inputs, count_entities(stored, view.entities))


def _groups(subject: Subject, stored: pl.LazyFrame, rows_of: Sequence[int]) -> Iterator[Group]:
    """Give the groups with their rows, of which as many are held at a time as memory has room for.

    How many are held changes no row of a group. `rows_of` has how many rows each input has in all.
    """
    groups = [keys for keys in subject.sample.groups if keys is not None]
    if len(groups) < len(subject.sample.groups):
        yield _group(subject, None, stored.collect(), subject.inputs, rows_of)
        return
    at_once = _at_once(subject, stored)
    with ExitStack() as stack:
        folder = stack.enter_context(scratch_folder("probes")) if len(groups) > at_once else None

        def by_turns(name: str, frame: pl.LazyFrame, wanted: Sequence[pl.DataFrame], on: Sequence[str]) -> Turns:
            if folder is None:
                return iter([rows_of_groups(frame, wanted, on)] if groups else [])
            return rows_by_turns(frame, wanted, on, at_once=at_once, folder=folder / name)

        rows = by_turns("rows", stored, [keys.drop(UNIT) for keys in groups], subject.keys.names)
        links = subject.keys.links if subject.sample.narrow else {}
        units = [keys[UNIT].unique() for keys in groups]
        linked = {
            data.name: by_turns(f"input {place}", subject.keys.frame_of(data), link.values_of(units), link.columns)
            for place, data in enumerate(subject.inputs)
            if (link := links.get(data.name)) is not None
        }
        for first in range(0, len(groups), at_once):
            stored_rows, inputs = next(rows), {name: next(turns) for name, turns in linked.items()}
            for place, keys in enumerate(groups[first : first + at_once]):
                given = [
                    replace(data, frame=inputs[data.name][place].lazy(), units=True) if data.name in inputs else data
                    for data in subject.inputs
                ]
                held = [
                    inputs[data.name][place].height if data.name in inputs else rows
                    for data, rows in zip(subject.inputs, rows_of, strict=True)
                ]
                yield _group(subject, keys, stored_rows[place], given, held)


def _at_once(subject: Subject, stored: pl.LazyFrame) -> int:
    """Return for how many groups rows may be held together, with a copy of them while they are parted."""
    linked = [data.frame for data in subject.inputs if data.name in subject.keys.links]
    widest = max(row_width(frame.collect_schema()) for frame in (stored, *linked))
    return max(1, memory_share(_HELD, most=_MOST_HELD) // (2 * GROUP * widest))


def _group(
    subject: Subject,
    keys: pl.DataFrame | None,
    stored: pl.DataFrame,
    inputs: Sequence[ProbeInput],
    rows_of: Sequence[int],
) -> Group:
    rows = with_time(stored, subject.grain)
    calendar = Calendar.of(rows, subject.sample, lookback=subject.view.lookback)
    noise = {name: noise_of(rows[name]) for name in subject.grain.features}
    size = None if any(data.remade is not None for data in inputs) else sum(rows_of)
    return Group(keys, inputs, rows, calendar, noise, size)


def _examine(subject: Subject, group: Group, found: dict[str, Finding], tally: report.Tally) -> bool:
    """Probe one group: everything altered at once; then, at the cuts where that matters, each thing by itself.

    Returns whether that could be done: not where rows were taken to lead to the group's entities that do not.
    """
    odd, ran = _together(subject, group, _cuts(subject, group), tally)
    if not odd:
        odd, ran = _together(subject, group, group.calendar.telling(group.telling), tally)
    if not odd:
        return True
    if subject.sample.narrow and not subject.keys.holds(subject.view, subject.inputs, group.units):
        return False
    before = {name: bool(finding) for name, finding in found.items()}
    sample = subject.sample
    tried = odd[-SEPARATE:][::-1] if sample.small else odd[-1:]
    probe_separately(subject, group, tried, found)
    if any(bool(finding) and not before[name] for name, finding in found.items()) or any(before.values()):
        return True
    cut, outcome = odd[0], ran[0]
    finding = found["determinism"]
    if outcome.rows is None:
        finding.raised(outcome, "on a part of its rows in another order")
        return True
    finding.cause = "the values sometimes differ from one computation to the next"
    finding.differences.append((cut, subject.differences(group, outcome, cut, young=True)))
    return True


def _cuts(subject: Subject, group: Group) -> list[Cut]:
    """Return the cuts that a group is always computed at: each entity's own, and common ones for what has no entity."""
    common = any(not data.units or data.remade is not None for data in group.inputs)
    own = subject.sample.narrow and group.keys is not None and all(data.remade is None for data in group.inputs)
    cuts = group.calendar.plain(subject.inputs) if common or not own else []
    if own and group.keys is not None:
        cuts += own_cuts(group.inputs, group.rows, group.keys, group.calendar)
    return cuts


def _together(
    subject: Subject, group: Group, cuts: Sequence[Cut], tally: report.Tally
) -> tuple[list[Cut], list[Outcome]]:
    """Alter everything at once, and return the cuts where the view's values do not survive it, most of them last.

    With few rows most are computed by the engine that is the quicker one then. The last is computed as views are, and
    some before it: the other engine keeps rows in order through a join, and that one does not.
    """
    alterations = [cut.of(subject.alone).but(since=cut.since) for cut in cuts]
    often = len(alterations) if subject.sample.cheap else 1  # sorting all rows at random takes time
    alterations[:often] = map(shuffle, alterations[:often], range(often))
    trials = [
        subject.trial(group, alteration, cut, engine="in-memory" if group.few and left % TOGETHER else "auto")
        for left, alteration, cut in zip(reversed(range(len(cuts))), alterations, cuts, strict=True)
    ]
    odd: list[tuple[Cut, Outcome, float]] = []
    left = iter(cuts)
    at_once = TOGETHER
    if group.few and group.size is not None:
        at_once = max(TOGETHER, _COMPUTED_AT_ONCE // max(group.size, group.rows.height, 1))
    for outcomes in batches(subject.view, subject.grain, trials, at_once=at_once):
        same = subject.agreeing(group, outcomes)
        for number, (outcome, cut) in enumerate(zip(outcomes, left, strict=False)):
            if outcome.rows is None:
                if not outcome.empty:
                    odd.append((cut, outcome, 1.0))
                continue
            differences = (
                same[number]
                if number in same
                else subject.differences(group, outcome, cut, young=True, noisy=not odd, unlike=True)
            )
            tally.add(cut, differences.compared + differences.extra)
            if differences:
                odd.append((cut, outcome, sum(differences.counts.values()) / max(differences.compared, 1)))
    odd.sort(key=lambda each: each[-1])
    return [cut for cut, *_ in odd], [outcome for _, outcome, _ in odd]


def _sizes(stored: pl.LazyFrame, inputs: Sequence[ProbeInput]) -> list[int]:
    """Return how many rows a view has, and each of its inputs."""
    frames = [stored, *(data.frame for data in inputs)]
    return [int(rows.item()) for rows in pl.collect_all([frame.select(pl.len()) for frame in frames])]


def _is_time(dtype: pl.DataType) -> bool:
    return isinstance(dtype, (pl.Datetime, pl.Date))
