"""What the workers count, and how it is shown together.

Each worker adds to a file of its own that it maps into memory; whoever is asked for the metrics sums all files. A file
outlives its worker, and the worker that takes a dead one's place counts on in it: no count is lost or goes back.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import threading
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.protocol import FEATURES
from workbench.server.objective import Counts, ErrorBudget

if TYPE_CHECKING:
    from workbench.config import ServeSettings
    from workbench.online import OnlineReader

CAPACITY = 16_384
"""Series that a worker counts; what is beyond them is left out."""
_RECORD, _KEY = 256, 10
_STEP = _RECORD // 8
_LENGTH = struct.Struct("<H")
_BETWEEN = "\x1f"

BOUNDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Upper bounds of the histogram of request times, in seconds."""

Series = tuple[str, ...]
"""A metric's name and the values of its labels."""
Count = Callable[..., None]
"""Adds to numbers."""

REQUESTS, SECONDS, BUCKET = "requests", "seconds", "bucket"
ENTITIES, ROWS, AGE, AGED, REFUSED = "entities", "rows", "age", "aged", "refused"
LOGGED, DROPPED = "logged", "dropped"
ANSWERED = "answered"


class Counters:
    """The numbers of one worker.

    Parameters
    ----------
    folder
        Where the files are; None where no other process reads the numbers.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._descriptor, size = -1, (CAPACITY + 1) * _RECORD
        if folder is None:
            self._map = mmap.mmap(-1, size)
        else:
            self._descriptor = _claim(folder, size)
            self._map = mmap.mmap(self._descriptor, size)
        self._beginning = threading.Lock()
        self.numbers = memoryview(self._map).cast("d")
        self._place = {series: place for place, (series, _) in enumerate(_records(self._map), start=1)}

    def add(self, series: Series, amount: float = 1.0) -> None:
        """Add to a number."""
        place = self.place_of(series)
        if place:
            self.numbers[place] += amount

    def adder(self, series: Series) -> Count:
        """Return what does `add` with one series, in a third of the time; it appears when something is added."""
        numbers, place = self.numbers, 0

        def add(amount: float = 1.0) -> None:
            nonlocal place
            if not place:
                place = self.place_of(series)
            if place:
                numbers[place] += amount

        return add

    def place_of(self, series: Series) -> int:
        """Return where in `numbers` a series is counted, which begins with it; 0 where there is no room for it."""
        return (self._place.get(series) or self._begin(series)) * _STEP

    def totals(self) -> dict[Series, float]:
        """Return the sums over all workers."""
        found: dict[Series, float] = defaultdict(float)
        if self._folder is None:
            return dict(_records(self._map))
        for path in sorted(self._folder.glob("*.counts")):
            for series, number in _records(path.read_bytes()):
                found[series] += number
        return dict(found)

    def close(self) -> None:
        """Give the file up for the next worker."""
        self.numbers.release()
        self._map.close()
        if self._descriptor >= 0:
            os.close(self._descriptor)

    def _begin(self, series: Series) -> int:
        key = _BETWEEN.join(series).encode()
        with self._beginning:  # two threads do not begin in one place
            place = self._place.get(series) or len(self._place) + 1
            if place > CAPACITY or len(key) > _RECORD - _KEY:
                return 0
            start = place * _RECORD
            _LENGTH.pack_into(self._map, start + 8, len(key))
            self._map[start + _KEY : start + _KEY + len(key)] = key
            self.numbers[0] = max(place, self.numbers[0])  # only now is it there for others
            self._place[series] = place
        return place


def _claim(folder: Path, size: int) -> int:
    """Return a locked file that no living worker has."""
    folder.mkdir(parents=True, exist_ok=True)
    number = 0
    while True:
        descriptor = os.open(folder / f"{number}.counts", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            number += 1
            continue
        os.ftruncate(descriptor, size)
        return descriptor


def _records(data: Any) -> Iterator[tuple[Series, float]]:
    if len(data) < _RECORD:  # made this moment
        return
    (count,) = struct.unpack_from("<d", data, 0)
    for place in range(1, int(count) + 1):
        start = place * _RECORD
        (number,) = struct.unpack_from("<d", data, start)
        (length,) = _LENGTH.unpack_from(data, start + 8)
        key = bytes(data[start + _KEY : start + _KEY + length])
        yield tuple(key.decode().split(_BETWEEN)), number


class ServiceMetrics:
    """Counts requests and rows, and shows them as Prometheus reads them."""

    def __init__(self, counters: Counters, settings: ServeSettings, folder: Path | None = None) -> None:
        self._counters = counters
        self._objective, self._in_time = settings.objective, settings.objective_ms / 1_000
        self._requests: dict[tuple[str, int], Callable[[float], None]] = {}
        self._rows: dict[tuple[str, str], Count] = {}
        self._add_entities = counters.adder((ENTITIES,))
        self.budget = ErrorBudget(settings.objective, lambda: _answered(counters.totals()), folder)

    def count_request(self, route: str, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        count = self._requests.get((route, status))
        if count is None:
            count = self._requests[route, status] = self._count_of_requests(route, status)
        count(seconds)

    def _count_of_requests(self, route: str, status: int) -> Callable[[float], None]:
        adder, code, in_time = self._counters.adder, str(status), self._in_time
        add, add_seconds = adder((REQUESTS, route, code)), adder((SECONDS, route, code))
        buckets = [adder((BUCKET, route, code, str(place))) for place in range(len(BOUNDS) + 1)]
        well, badly = (adder((ANSWERED, how)) for how in ("well", "badly"))
        is_fault = status >= 400
        is_counted = route == FEATURES and (not is_fault or status >= 500)  # what the client did wrong is not ours

        def count(seconds: float) -> None:
            add()
            add_seconds(seconds)
            buckets[bisect_left(BOUNDS, seconds)]()
            if is_counted:
                (badly if is_fault or seconds > in_time else well)()

        return count

    def count_refusal(self, reason: str) -> None:
        """Count a request that was refused for a limit or for want of a token."""
        self._counters.add((REFUSED, reason))

    def count_entities(self, entities: int) -> None:
        """Count the entities of a request."""
        self._add_entities(entities)

    def count_rows(self, view: str, origin: str) -> Count:
        """Return what counts rows of a view: usable, expired and missing ones, and the newest one's age in seconds.

        The age is None where there is no row.
        """
        count = self._rows.get((view, origin))
        if count is None:
            count = self._rows[view, origin] = self._count_of_rows(view, origin)
        return count

    def _count_of_rows(self, view: str, origin: str) -> Count:
        adder = self._counters.adder
        add_usable, add_expired, add_missing = (adder((ROWS, view, how)) for how in (origin, "expired", "missing"))
        add_age, add_aged = adder((AGE, view)), adder((AGED, view))

        def count(usable: int, expired: int, missing: int, age: float | None) -> None:
            if usable:
                add_usable(usable)
            if expired:
                add_expired(expired)
            if missing:
                add_missing(missing)
            if age is not None:
                add_age(age)
                add_aged()

        return count

    def count_row(self, view: str, origin: str) -> Callable[[float], None]:
        """Return what counts a usable row of a view, by its age in seconds: as `count_rows`, in a third of the time."""
        series = (ROWS, view, origin), (AGE, view), (AGED, view)
        numbers, places = self._counters.numbers, (0, 0, 0)
        slowly = self.count_rows(view, origin)

        def count(age: float) -> None:
            nonlocal places
            row, sum_of_ages, ages = places
            if row:
                numbers[row] += 1.0
                numbers[sum_of_ages] += age
                numbers[ages] += 1.0
            else:
                slowly(1, 0, 0, age)
                found = [self._counters.place_of(each) for each in series]
                places = (found[0], found[1], found[2]) if all(found) else places

        return count

    def count_reads(self, outcome: str, lines: int) -> None:
        """Count reads that were ``logged``, or why they were dropped."""
        self._counters.add((LOGGED,) if outcome == "logged" else (DROPPED, outcome), lines)

    def exposition(self, reader: OnlineReader) -> tuple[bytes, str]:
        """Return the text that Prometheus reads, and its content type."""
        from prometheus_client import CollectorRegistry, generate_latest
        from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

        registry = CollectorRegistry(auto_describe=False)
        totals = self._counters.totals()
        registry.register(_Collector(totals, reader, self._objective, self.budget.burn(_answered(totals))))
        return generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4


def _answered(totals: Mapping[Series, float]) -> Counts:
    return totals.get((ANSWERED, "well"), 0.0), totals.get((ANSWERED, "badly"), 0.0)


class _Collector:
    def __init__(
        self, totals: Mapping[Series, float], reader: OnlineReader, objective: float, burn: Mapping[str, float]
    ) -> None:
        self._totals, self._reader = totals, reader
        self._objective, self._burn = objective, burn

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        for name, (metric, text, labels) in _COUNTERS.items():
            family = CounterMetricFamily(metric, text, labels=labels)
            for series, number in self._of(name):
                family.add_metric(series, number)
            yield family
        yield self._times()
        yield self._ages()
        catalog = self._reader.catalog()
        yield GaugeMetricFamily(
            "workbench_catalog_version", "Number of the online store's latest change.", value=catalog.version
        )
        generation = GaugeMetricFamily(
            "workbench_generation", "The load that answers for a view and major version.", labels=["view"]
        )
        age = GaugeMetricFamily(
            "workbench_load_age_seconds", "Seconds since what answers for a view was loaded.", labels=["view"]
        )
        for name, each in catalog.generations.items():
            generation.add_metric([name], each.number)
            age.add_metric([name], time.time() - datetime.fromisoformat(each.loaded_at).timestamp())
        yield from (generation, age)
        yield GaugeMetricFamily(
            "workbench_objective", "The share of requests that is to be answered well.", value=self._objective
        )
        burn = GaugeMetricFamily(
            "workbench_error_budget_burn",
            "How fast the requests that may be answered badly are used up; 1 uses them up exactly.",
            labels=["window"],
        )
        for window, rate in self._burn.items():
            burn.add_metric([window], rate)
        yield burn

    def _times(self) -> Any:
        from prometheus_client.core import HistogramMetricFamily

        family = HistogramMetricFamily(
            "workbench_request_seconds", "Seconds until a request was answered.", labels=["route", "status"]
        )
        buckets: dict[Series, dict[int, float]] = defaultdict(dict)
        for (route, code, bucket), number in self._of(BUCKET):
            buckets[route, code][int(bucket)] = number
        sums = dict(self._of(SECONDS))
        for labels, found in buckets.items():
            total, rows = 0.0, []
            for place, bound in enumerate((*map(str, BOUNDS), "+Inf")):
                total += found.get(place, 0.0)
                rows.append((bound, total))
            family.add_metric(labels, rows, sums.get(labels, 0.0))
        return family

    def _ages(self) -> Any:
        from prometheus_client.core import SummaryMetricFamily

        family = SummaryMetricFamily(
            "workbench_row_age_seconds", "Seconds since the event of each answer's newest row.", labels=["view"]
        )
        sums = dict(self._of(AGE))
        for labels, count in self._of(AGED):
            family.add_metric(labels, int(count), sums.get(labels, 0.0))
        return family

    def _of(self, name: str) -> Iterator[tuple[Series, float]]:
        return ((series[1:], number) for series, number in self._totals.items() if series[0] == name)


_COUNTERS: Mapping[str, tuple[str, str, list[str]]] = {
    REQUESTS: ("workbench_requests", "Requests that were answered.", ["route", "status"]),
    REFUSED: ("workbench_refused", "Requests that were refused, by the limit or check that refused them.", ["reason"]),
    ENTITIES: ("workbench_entities", "Entities that features were asked for.", []),
    ROWS: (
        "workbench_rows",
        "Rows that were looked up: online or lake (found there), expired, missing.",
        ["view", "outcome"],
    ),
    ANSWERED: (
        "workbench_answered",
        "Requests for features that count for the objective: well (in time) or badly (late, or failed).",
        ["outcome"],
    ),
    LOGGED: ("workbench_reads_logged", "Answers that were kept for `workbench skew`.", []),
    DROPPED: (
        "workbench_reads_dropped",
        "Answers that were to be kept, and for which the queue or the disk had no room.",
        ["reason"],
    ),
}
