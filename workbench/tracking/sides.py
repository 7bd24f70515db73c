"""`RunSide`: what one column of a comparison stands for: a run, several seeds of one, or all that a branch came to."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workbench.tracking.journal import Facts, RunSummary
from workbench.tracking.measures import is_repeat, repeats_of

REPEATED = frozenset({"seed", "fold", "random_state", "random_seed"})
"""Parameters that tell repetitions of one experiment apart, and nothing else."""
Logged = tuple[RunSummary, Facts]


@dataclass(frozen=True, slots=True)
class Spread:
    """How a metric varies over repetitions: the sample standard deviation, and how many there are."""

    std: float
    count: int


@dataclass(frozen=True, slots=True)
class RunSide:
    """One column of a comparison.

    Parameters
    ----------
    label
        What it is called.
    runs
        The runs it sums up.
    facts
        What they logged together; a metric that was repeated is its mean.
    spread
        Of the metrics that were measured for several seeds or folds, or in several runs.
    """

    label: str
    runs: tuple[RunSummary, ...]
    facts: Facts
    spread: Mapping[str, Spread] = field(default_factory=dict)


def side_of_run(label: str, logged: Logged) -> RunSide:
    """Return one run as a side."""
    run, facts = logged
    return RunSide(label, (run,), facts, _spread_within(facts.metrics))


def side_of_repeats(label: str, logged: Sequence[Logged]) -> RunSide:
    """Return runs that differ in their seeds alone, the newest first, as one side: each metric is their mean."""
    if len(logged) == 1:
        return side_of_run(label, logged[0])
    runs, newest = tuple(run for run, _ in logged), logged[0][1]
    params = dict(newest.params)
    for name in REPEATED & params.keys():
        params[name] = ", ".join(dict.fromkeys(facts.params.get(name, "") for _, facts in reversed(logged)))
    spread = dict(_spread_within(newest.metrics))
    metrics = dict(newest.metrics)
    for name in newest.metrics:
        values = [facts.metrics[name] for _, facts in logged if name in facts.metrics]
        if len(values) > 1:
            metrics[name] = statistics.fmean(values)
            spread[name] = Spread(statistics.stdev(values), len(values))
    return RunSide(label, runs, Facts(newest.tags, params, metrics, newest.artifacts), spread)


def join_sides(label: str, parts: Sequence[tuple[str, RunSide]]) -> RunSide:
    """Return several sides as one, the keys of each behind its prefix unless they begin with it already."""
    facts: dict[str, dict[str, Any]] = {name: {} for name in Facts.__struct_fields__}
    spread: dict[str, Spread] = {}
    for prefix, side in parts:
        for name, values in facts.items():
            values |= {_prefix_key(prefix, key): value for key, value in getattr(side.facts, name).items()}
        spread |= {_prefix_key(prefix, key): value for key, value in side.spread.items()}
    return RunSide(label, tuple(run for _, side in parts for run in side.runs), Facts(**facts), spread)


def _prefix_key(prefix: str, key: str) -> str:
    return key if key.startswith(prefix) else f"{prefix}{key}"


def repeats(logged: Iterable[Logged]) -> list[list[Logged]]:
    """Return runs in groups that differ in their seeds alone, in the order of each group's first.

    Two runs are repetitions of one experiment if they have its name and commit, finished, say which seed or fold they
    are, and agree in all other parameters.
    """
    groups: dict[object, list[Logged]] = {}
    for run, facts in logged:
        same = frozenset((key, value) for key, value in facts.params.items() if key not in REPEATED)
        says_seed = bool(REPEATED & facts.params.keys()) and run.status == "FINISHED"
        groups.setdefault((run.name, run.commit, same) if says_seed else run.key, []).append((run, facts))
    return list(groups.values())


def _spread_within(metrics: Mapping[str, float]) -> dict[str, Spread]:
    """Return the spread of metrics that one run measured for several seeds or folds."""
    found = {}
    for name in metrics:
        std = metrics.get(f"{name}_std")
        if std is not None and not is_repeat(name) and (count := len(repeats_of(metrics, name))) > 1:
            found[name] = Spread(std, count)
    return found
