"""From what was measured in an experiment to metrics that compare: means over seeds and folds, points by step.

MLflow's compare page has one row a metric and shows its last value, so a metric that was measured for several seeds is
told as ``rmse`` (the mean), ``rmse_std`` (the sample standard deviation) and ``rmse_by_seed/1``, ... (each by itself,
grouped in one section of the charts); ``step`` makes a curve.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Iterable, Mapping

import msgspec

from workbench.errors import UsageError
from workbench.tracking.runs import History

_REPEAT = re.compile(r"(?P<metric>.+)_by_(?:seed|fold|seed_fold)/(?P<which>[^/]+)")


class Measured(msgspec.Struct, frozen=True):
    """One value of a metric.

    Parameters
    ----------
    name, value
        The metric.
    step
        Where on its curve it stands, e.g. an epoch; None for a metric without one.
    seed, fold
        Which of several repetitions measured it; both None for the run as a whole.
    at
        When: milliseconds since 1970, UTC.
    """

    name: str
    value: float
    step: int | None = None
    seed: int | str | None = None
    fold: int | str | None = None
    at: int = 0

    @property
    def is_repeat(self) -> bool:
        """Whether it is one of several seeds or folds."""
        return self.seed is not None or self.fold is not None

    @property
    def key(self) -> str:
        """What MLflow calls it, e.g. ``rmse``, ``rmse_by_seed/1`` or ``rmse_by_seed_fold/1.0``."""
        known = {"seed": self.seed, "fold": self.fold}
        given = {name: str(value) for name, value in known.items() if value is not None}
        return f"{self.name}_by_{'_'.join(given)}/{'.'.join(given.values())}" if given else self.name


def summarise(measured: Iterable[Measured]) -> tuple[dict[str, float], History]:
    """Return the metrics of a run and the points of those that have steps."""
    values: dict[str, dict[int | None, Measured]] = {}
    repeats: dict[str, dict[str, None]] = {}
    for each in measured:
        values.setdefault(each.key, {})[each.step] = each
        if each.is_repeat:
            repeats.setdefault(each.name, {})[each.key] = None
    metrics: dict[str, float] = {}
    history: dict[str, tuple[tuple[int, float, int], ...]] = {}
    for key, points in values.items():
        steps = sorted(step for step in points if step is not None)
        metrics[key] = points[steps[-1] if steps else None].value
        if steps:
            history[key] = tuple((step, points[step].value, points[step].at) for step in steps)
    for name, keys in repeats.items():
        found = [metrics[key] for key in keys]
        metrics[name] = statistics.fmean(found)
        if len(found) > 1:
            finite = all(map(math.isfinite, found))
            metrics[f"{name}_std"] = statistics.stdev(found) if finite else math.nan
    return metrics, history


def check_fits(new: Measured, before: Iterable[Measured]) -> None:
    """Raise unless `new` can stand beside what was measured before."""
    for old in before:
        if old.name == new.name and old.is_repeat != new.is_repeat:
            raise UsageError(
                f"Metric {new.name!r} is logged both for the run as a whole and by seed or fold.",
                remedy="The mean over seeds and folds is logged by itself: log the single ones only.",
            )
        if old.key == new.key and (old.step is None) != (new.step is None):
            raise UsageError(
                f"Metric {new.key!r} is logged both by step and without.", remedy="Give every value a step, or none."
            )
        clash = {old.name: new, new.name: old}
        for name, other in clash.items():
            if other.name == f"{name}_std" and (old if name == old.name else new).is_repeat:
                raise UsageError(
                    f"Metric {other.name!r} is what the spread of {name!r} is called.", remedy="Choose another name."
                )


def is_repeat(key: str) -> bool:
    """Return whether `key` is one seed's or fold's value of a metric.

    Examples
    --------
    >>> is_repeat("rmse_by_seed/1"), is_repeat("rmse")
    (True, False)
    """
    return _REPEAT.fullmatch(key) is not None


def repeats_of(metrics: Mapping[str, float], name: str) -> dict[str, float]:
    """Return the single values of a metric that was measured for several seeds or folds, by seed or fold.

    Examples
    --------
    >>> repeats_of({"rmse": 2.0, "rmse_by_seed/1": 1.0, "rmse_by_seed/2": 3.0}, "rmse")
    {'1': 1.0, '2': 3.0}
    """
    found = ((_REPEAT.fullmatch(key), value) for key, value in metrics.items())
    return {match["which"]: value for match, value in found if match and match["metric"] == name}
