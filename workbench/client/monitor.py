"""`ServiceMonitor`: how a service is doing, from the figures that it gives to Prometheus."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from workbench.protocol import FEATURES
from workbench.render import Report, Reported, Table
from workbench.shares import percent
from workbench.times import duration_in_words

Labels = tuple[tuple[str, str], ...]
Samples = Mapping[tuple[str, Labels], float]


@dataclass(frozen=True, slots=True)
class ViewFigures:
    """What was read of one view.

    Attributes
    ----------
    view
        Its name.
    rows
        The rows that were looked up, by outcome: ``online``, ``lake``, ``expired``, ``missing``.
    age
        Seconds since the event of each answer's newest row, on average; None where nothing was found.
    generations
        The load that answers, by major version.
    loaded
        Seconds since the newest load.
    """

    view: str
    rows: Mapping[str, int]
    age: float | None
    generations: Mapping[str, int]
    loaded: float | None


@dataclass(frozen=True, slots=True)
class ServiceFigures(Reported):
    """How a service did over some time.

    Attributes
    ----------
    url
        The service.
    seconds
        How long the time was; None for all of it since the service began.
    requests
        Requests for features, by status.
    median, p99
        Seconds within which half of them, and 99 of 100, were answered; None where there were none.
    refused
        Requests that were refused, by reason.
    objective
        The share of requests that is to be answered well.
    burn
        How fast the error budget is used up, by window; 1 uses it up exactly.
    catalog_version
        The number of the online store's latest change.
    views
        What was read, and what answers.
    fault
        Why the service could not be asked again, if these are its last figures.
    """

    url: str
    seconds: float | None
    requests: Mapping[str, int]
    median: float | None
    p99: float | None
    refused: Mapping[str, int]
    objective: float
    burn: Mapping[str, float]
    catalog_version: int
    views: tuple[ViewFigures, ...]
    fault: str | None = None

    def report(self) -> Report:
        """Return the figures, one line a view."""
        total = sum(self.requests.values())
        failed = sum(count for status, count in self.requests.items() if status >= "500")
        rate = f"{total:,}" if self.seconds is None else f"{total:,} ({total / self.seconds:,.1f} a second)"
        facts: list[tuple[str, object]] = [("requests", rate)]
        if total:
            facts.append(("failed", percent(failed, total)))
        if self.median is not None and self.p99 is not None:
            facts.append(("answered in", f"{_milliseconds(self.median)} (half), {_milliseconds(self.p99)} (99 of 100)"))
        if self.refused:
            facts.append(("refused", ", ".join(f"{reason} {count:,}" for reason, count in self.refused.items())))
        burn = ", ".join(f"{rate:.2g} in {window}" for window, rate in self.burn.items())
        facts.append((f"error budget of {percent(1 - self.objective)}", f"burns at {burn}"))
        facts.append(("catalogue", f"version {self.catalog_version}"))
        since = "since it began" if self.seconds is None else f"in the last {duration_in_words(self.seconds)}"
        columns = ("view", "rows", "online", "lake", "expired", "missing", "mean age", "generation", "loaded")
        rows = tuple(_row(view) for view in self.views)
        table = (Table("", columns, rows),) if rows else ()
        notes = () if self.fault is None else (self.fault,)
        return Report(f"{self.url}, {since}", facts=tuple(facts), tables=table, notes=notes)


class ServiceMonitor(Reported):
    """Reads a service's figures again and again; what it shows is what happened between the last two looks.

    Parameters
    ----------
    url
        The service.
    read
        Returns the text of its ``/metrics``.
    """

    def __init__(self, url: str, read: Callable[[], str]) -> None:
        self._url, self._read = url, read
        self._seen: tuple[float, Samples] | None = None
        self.figures = self.refresh()

    def refresh(self) -> ServiceFigures:
        """Look again, and return the figures since the last look; the first time, since the service began.

        Raises
        ------
        OnlineError
            Where the service cannot be reached.
        AccessRefused
            Where the token may not read the metrics.
        """
        now, samples = time.monotonic(), _samples(self._read())
        before = self._seen
        self._seen = now, samples
        if before is None:
            self.figures = _figures(self._url, _Look(samples, {}), None)
        else:
            self.figures = _figures(self._url, _Look(samples, before[1]), now - before[0])
        return self.figures

    def report(self) -> Report:
        """Return the figures of the last look."""
        return self.figures.report()

    def to_dict(self) -> dict[str, object]:
        """Return the figures of the last look as JSON-ready values."""
        return self.figures.to_dict()


def _samples(text: str) -> Samples:
    from prometheus_client.parser import text_string_to_metric_families

    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@dataclass(frozen=True, slots=True)
class _Look:
    """The samples of two looks; those of the first are none where there was none."""

    samples: Samples
    before: Samples

    def now(self, name: str) -> list[tuple[dict[str, str], float]]:
        """Return a gauge's values with their labels."""
        return [(dict(labels), value) for (each, labels), value in self.samples.items() if each == name]

    def since(self, name: str) -> list[tuple[dict[str, str], float]]:
        """Return by how much counts grew, if they did; a service that was started anew counts from zero."""
        grown = []
        for (each, labels), value in self.samples.items():
            earlier = self.before.get((each, labels), 0.0)
            if each == name and value != earlier:
                grown.append((dict(labels), value - earlier if value > earlier else value))
        return grown


@dataclass(slots=True)
class _View:
    rows: dict[str, int] = field(default_factory=dict)
    answers: float = 0.0
    ages: float = 0.0
    generations: dict[str, int] = field(default_factory=dict)
    loaded: list[float] = field(default_factory=list)

    def figures(self, name: str) -> ViewFigures:
        age = self.ages / self.answers if self.answers else None
        return ViewFigures(name, self.rows, age, self.generations, min(self.loaded, default=None))


def _figures(url: str, look: _Look, seconds: float | None) -> ServiceFigures:
    requests: dict[str, int] = defaultdict(int)
    for labels, count in look.since("workbench_requests_total"):
        if labels["route"] == FEATURES:
            requests[labels["status"]] += int(count)
    buckets: dict[float, float] = defaultdict(float)
    for labels, count in look.since("workbench_request_seconds_bucket"):
        if labels["route"] == FEATURES:
            buckets[float(labels["le"])] += count
    return ServiceFigures(
        url=url,
        seconds=seconds,
        requests=dict(sorted(requests.items())),
        median=_quantile(0.5, buckets),
        p99=_quantile(0.99, buckets),
        refused={labels["reason"]: int(count) for labels, count in look.since("workbench_refused_total")},
        objective=next((value for _, value in look.now("workbench_objective")), math.nan),
        burn={labels["window"]: value for labels, value in look.now("workbench_error_budget_burn")},
        catalog_version=int(next((value for _, value in look.now("workbench_catalog_version")), 0)),
        views=tuple(view.figures(name) for name, view in sorted(_views(look).items())),
    )


def _views(look: _Look) -> dict[str, _View]:
    views: dict[str, _View] = defaultdict(_View)
    for labels, count in look.since("workbench_rows_total"):
        views[labels["view"]].rows[labels["outcome"]] = int(count)
    for labels, count in look.since("workbench_row_age_seconds_count"):
        views[labels["view"]].answers = count
    for labels, total in look.since("workbench_row_age_seconds_sum"):
        views[labels["view"]].ages = total
    for labels, number in look.now("workbench_generation"):
        view, _, major = labels["view"].partition("@")
        views[view].generations[major] = int(number)
    for labels, age in look.now("workbench_load_age_seconds"):
        views[labels["view"].partition("@")[0]].loaded.append(age)
    return views


def _quantile(share: float, buckets: Mapping[float, float]) -> float | None:
    """Return a quantile of cumulative buckets, evenly spread within each, as Prometheus takes it."""
    bounds: Sequence[float] = sorted(buckets)
    if not bounds or not buckets[bounds[-1]]:
        return None
    wanted, low, under = share * buckets[bounds[-1]], 0.0, 0.0
    for bound in bounds:
        if buckets[bound] >= wanted:
            if math.isinf(bound):
                return low
            return low + (bound - low) * (wanted - under) / (buckets[bound] - under)
        low, under = bound, buckets[bound]
    return low


def _row(view: ViewFigures) -> tuple[object, ...]:
    total = sum(view.rows.values())
    shares = [percent(view.rows.get(outcome, 0), total) for outcome in ("online", "lake", "expired", "missing")]
    generations = ", ".join(
        f"{number}" if len(view.generations) == 1 else f"@{major}: {number}"
        for major, number in sorted(view.generations.items())
    )
    return (
        view.view,
        total,
        *(shares if total else ["", "", "", ""]),
        "" if view.age is None else duration_in_words(view.age),
        generations,
        "" if view.loaded is None else f"{duration_in_words(view.loaded)} ago",
    )


def _milliseconds(seconds: float) -> str:
    return f"{1_000 * seconds:.3g} ms"
