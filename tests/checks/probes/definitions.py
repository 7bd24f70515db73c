"""Definitions that leak and definitions that do not, by kind: what the probes are measured by.

`python -m tests.checks.probes.definitions` prints how many are caught, and which are not.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Literal

import numpy as np
import polars as pl

from tests.checks.probes.stage import START, defined
from workbench.checks import Check, ProbeInput, probe_view, source_input
from workbench.define import Feature, FeatureModel, FeatureView, windowed
from workbench.dtypes import UTC

DAYS = 40


class Out(FeatureModel):
    user: str
    at: UTC
    value: float = Feature(nullable=True)


@cache
def events(rows: int) -> ProbeInput:
    """Return events of users, known as they happen."""
    return source_input("flights", _events(rows).lazy(), event_time="at")


@cache
def late(rows: int) -> ProbeInput:
    """Return the same, known hours after they happen."""
    return source_input("flights", _events(rows).lazy(), event_time="at", available_at="landed")


@cache
def weather(rows: int) -> ProbeInput:
    """Return what is known of every hour, at some minute of it."""
    chance = np.random.default_rng(rows)
    minutes = np.arange(DAYS * 24) * 60 + chance.integers(0, 60, DAYS * 24)
    frame = pl.DataFrame({"seen": _times(minutes * 60), "wind": chance.normal(10, 3, DAYS * 24)})
    return source_input("weather", frame.lazy(), event_time="seen")


def _times(seconds: np.ndarray) -> pl.Series:
    return pl.Series(seconds * 1_000_000 + int(START.timestamp()) * 1_000_000).cast(pl.Datetime("us", "UTC"))


@cache
def _events(rows: int) -> pl.DataFrame:
    chance = np.random.default_rng(rows)
    users = chance.integers(0, rows // 50 if rows < 20_000 else rows // 30, rows)
    seconds = chance.choice(DAYS * 86_400, rows, replace=False)
    seconds[::50] = (
        seconds[::50] // 86_400 * 86_400 + 86_340 + chance.integers(1, 60, seconds[::50].size)
    )  # a nightly job
    seconds.sort()
    frame = pl.DataFrame(
        {
            "n": np.arange(rows),
            "user": users,
            "at": _times(seconds),
            "landed": _times(seconds + chance.integers(600, 30_000, rows)),
            "x": chance.gamma(2.0, 20.0, rows),
            "gap": chance.random(rows) < 0.05,
            "label": (chance.random(rows) < 0.2).astype(float),
            "region": chance.integers(0, 5, rows),
        }
    )
    gone = (pl.col("user") % 5 == 0) & (pl.col("at") > START + timedelta(days=25))
    text = pl.format("u{}", pl.col("user").cast(pl.String).str.zfill(4))
    return frame.filter(~gone).with_columns(user=text, gappy=pl.when(~pl.col("gap")).then("x")).drop("gap")


@dataclass(frozen=True, slots=True)
class Case:
    """A definition and what it is made from."""

    view: FeatureView
    inputs: tuple[Callable[[int], ProbeInput], ...] = (events,)

    def probed(self, rows: int, *, full: bool) -> tuple[Check, ...]:
        inputs = [make(rows) for make in self.inputs]
        stored = self.view(*(data.frame for data in inputs)).select("user", "at", "value").collect()
        return probe_view(self.view, self.view.contract, inputs, stored.lazy(), full=full)


Frame = pl.LazyFrame
ORDER = ("user", "at", "n")
x, label, at, gappy = pl.col("x"), pl.col("label"), pl.col("at"), pl.col("gappy")
day = at.dt.truncate("1d")


def of(function: Callable[..., Frame], *inputs: Callable[[int], ProbeInput], **settings: object) -> Case:
    """Return `function` as a case."""
    given = inputs or (events,)
    view = defined(function, inputs=len(given), model=Out, entities="user", **settings)
    return Case(view, given)


def rows(value: pl.Expr, time: pl.Expr = at) -> Callable[[Frame], Frame]:
    """Return one row an event."""
    return lambda frame: frame.sort(ORDER).select("user", time.alias("at"), value=value.cast(pl.Float64))


def own(value: pl.Expr, **settings: object) -> Case:
    """Return a value by the user's own rows, in their order."""
    return of(rows(value.over("user")), **settings)


def kept(where: pl.Expr) -> Case:
    """Return a sum so far of the rows that are kept."""
    total = x.cum_sum().over("user")
    return of(lambda frame: rows(total)(frame.filter(where)))


def only(where: pl.Expr, leak: pl.Expr, honest: pl.Expr) -> Case:
    """Return a value that leaks on some rows alone."""
    return of(rows(pl.when(where).then(leak.over("user")).otherwise(honest.over("user"))))


def keyed(key: pl.Expr, value: pl.Expr) -> Case:
    """Return a value by a key that is made in the view."""
    return of(lambda frame: frame.sort("at", "n").select(key.alias("user"), "at", value=value))


def asof(strategy: Literal["backward", "forward", "nearest"]) -> Case:
    def function(flights: Frame, weather: Frame) -> Frame:
        joined = flights.sort("at").join_asof(
            weather.sort("seen"),
            left_on="at",
            right_on="seen",
            strategy=strategy,
            check_sortedness=False,
        )
        return rows(pl.col("wind"))(joined)

    return of(function, events, weather)


def grouped(every: str, label: str, stamp: timedelta = timedelta()) -> Case:
    def function(flights: Frame) -> Frame:
        groups = flights.sort("at").group_by_dynamic("at", every=every, group_by="user", label=label)  # type: ignore[arg-type]
        return groups.agg(value=x.sum()).select("user", at + stamp, "value")

    return of(function)


def joined(table: Callable[[Frame], Frame], on: str | list[str], value: pl.Expr) -> Case:
    """Return a value of a table made of all events and joined to each."""
    return of(lambda frame: rows(value)(frame.join(table(frame), on=on, how="left", maintain_order="left")))


def daily(shift: timedelta) -> Case:
    """Return the mean over all users of a day, joined to the day that is `shift` later."""

    def function(flights: Frame, weather: Frame) -> Frame:
        table = weather.group_by((pl.col("seen").dt.truncate("1d") + shift).alias("day")).agg(
            wind=pl.col("wind").mean()
        )
        return rows(pl.col("wind"))(flights.with_columns(day=day).join(table, on="day", how="left"))

    return of(function, events, weather)


def bucket(every: str, value: pl.Expr) -> Case:
    return of(rows(value.over("user", at.dt.truncate(every))))


def ahead(period: str, offset: str) -> Case:
    def function(flights: Frame) -> Frame:
        rolled = flights.sort("user", "at").rolling("at", period=period, offset=offset, group_by="user")
        return rolled.agg(value=x.sum())

    return of(function)


def window(length: str, value: pl.Expr, name: str = "user", **settings: object) -> Case:
    def function(flights: Frame) -> Frame:
        found = windowed(flights, by=name, time="at", windows=length, value=value)
        return found.rename({f"value_{length}": "value"}).cast({"value": pl.Float64})

    return of(function, **settings)


rare = pl.col("n") % 500 == 250
last_days = at > START + timedelta(days=DAYS - 3)
first_day = at < START + timedelta(days=1)
EVERY = ("1h", "6h", "1d", "7d", "1mo")

LEAKS: Mapping[str, Mapping[str, Case]] = {
    "aggregates of the row's own bucket": {
        **{f"largest label of the same {every}": bucket(every, label.max()) for every in EVERY},
        **{f"mean of the same {every}": bucket(every, x.mean()) for every in EVERY},
        **{f"rows of the same {every}": bucket(every, pl.len()) for every in EVERY},
    },
    "survivorship": {
        "users who will leave are dropped": kept(at.max().over("user") > at.max() - timedelta(days=7)),
        "users with few rows in all": kept(pl.len().over("user") >= 32),
        "users who ever have the label": kept(label.sum().over("user") >= 6),
        "users with a large total": kept(x.sum().over("user") > x.sum() / pl.col("user").n_unique()),
        "the last row replaces the others": of(lambda f: rows(x)(f.sort(ORDER).unique("user", keep="last"))),
        "the last row of a day": of(
            lambda f: rows(x)(f.sort(ORDER).with_columns(day=day).unique(["user", "day"], keep="last"))
        ),
        "all but each user's last row": kept(at < at.max().over("user")),
    },
    "statistics of a whole column": {
        "mean": own(x.mean()),
        "largest": own(x.max()),
        "z-score": own((x - x.mean()) / x.std()),
        "least and most": own((x - x.min()) / (x.max() - x.min())),
        "rank": own(x.rank()),
        "quantile cut": own((x > x.quantile(0.9)).cast(pl.Float64)),
        "quantile bins": own((x > x.quantile(0.25)).cast(pl.Int8) + (x > x.quantile(0.75)).cast(pl.Int8)),
        "median": own(x.median()),
        "number of rows": own(pl.len()),
        "share of the total": own(x / x.sum()),
        "mean of all users": of(rows(x - x.mean())),
        "rank among all users": of(rows(x.rank())),
    },
    "later rows": {
        "next row": own(x.shift(-1)),
        "seventh next row": own(x.shift(-7)),
        "backward fill": own(gappy.backward_fill()),
        "interpolated": own(gappy.interpolate()),
        "sum from the end": own(x.cum_sum(reverse=True)),
        "centred window": own(x.rolling_mean(5, center=True)),
        "window ahead of a day": ahead("1d", "0h"),
        "window half ahead": ahead("12h", "-6h"),
        "time to the next row": own((at.shift(-1) - at).dt.total_seconds()),
        "next row, dropped where there is none": of(
            lambda f: f.sort(ORDER).select("user", "at", value=x.shift(-1).over("user")).drop_nulls()
        ),
        "label of the next rows": own(label.shift(-1).rolling_max(3, min_samples=1)),
    },
    "joins": {
        "as-of, forward": asof("forward"),
        "as-of, nearest": asof("nearest"),
        "mean of the same day": daily(timedelta()),
        "mean of the next day": daily(timedelta(days=-1)),
        "target encoding over all rows": joined(
            lambda f: f.group_by("region").agg(rate=label.mean()), "region", pl.col("rate")
        ),
        "target encoding by user": joined(lambda f: f.group_by("user").agg(rate=label.mean()), "user", pl.col("rate")),
        "each user's last state": joined(
            lambda f: f.sort(ORDER).group_by("user").agg(last=x.last()), "user", pl.col("last")
        ),
        "label before it is known": of(rows(label), late),
        "sum by time of the event": of(rows(x.cum_sum().over("user")), late),
    },
    "stamps": {
        "a day, stamped at its start": grouped("1d", "left"),
        "a week, stamped at its start": grouped("7d", "left"),
        "a month, stamped at its start": grouped("1mo", "left"),
        "a day, stamped 23:59": grouped("1d", "left", timedelta(hours=23, minutes=59)),
        "an hour, stamped a minute early": grouped("1h", "left", timedelta(minutes=59)),
        "rows stamped at the full hour": of(rows(x, at.dt.truncate("1h"))),
    },
    "seldom": {
        "the newest 3 of 40 days": only(last_days, x.shift(-1), x.shift(1)),
        "the first day": only(first_day, x.shift(-1), x.shift(1)),
        "one of 500 rows": only(rare, x.shift(-1), x.shift(1)),
        "one of 50 users": only(pl.col("user").str.slice(-2) == "07", x.max(), x.cum_max()),
        "Sundays": only(at.dt.weekday() == 7, x.shift(-1), x.shift(1)),
        "at three in the morning": only(at.dt.hour() == 3, x.shift(-1), x.shift(1)),
        "where a value is missing": only(gappy.is_null(), x.shift(-1), x.shift(1)),
    },
    "rows of other entities": {
        "previous row of anybody": of(lambda f: f.sort("at", "n").select("user", "at", value=x.shift(1))),
        "sum so far of all": of(lambda f: f.sort("at", "n").select("user", "at", value=x.cum_sum())),
        "previous row of anybody, key renamed": of(
            lambda f: f.rename({"user": "id"}).sort("at", "n").select(user="id", at="at", value=x.shift(1))
        ),
        "previous row of anybody, key in upper case": keyed(pl.col("user").str.to_uppercase(), x.shift(1)),
        "previous row of anybody, key of two": keyed(pl.format("{}-{}", "user", "region"), x.shift(1)),
        "mean of all, key formatted": keyed(pl.format("{}-x", "user"), x.mean()),
        "next row, key in upper case": keyed(pl.col("user").str.to_uppercase(), x.shift(-1).over("user")),
    },
}

HONEST: Mapping[str, Mapping[str, Case]] = {
    "row by row": {
        "twice the value": of(rows(x * 2)),
        "hour of the day": of(rows(at.dt.hour())),
        "only some rows": kept(x > 20),
        "only some users": kept(pl.col("user").str.slice(-1) == "3"),
        "known at landing": of(rows(label, pl.col("landed")), late),
    },
    "earlier rows": {
        "previous row": own(x.shift(1)),
        "difference": own(x.diff()),
        "sum so far": own(x.cum_sum()),
        "largest so far": own(x.cum_max()),
        "number so far": own(pl.int_range(pl.len())),
        "mean so far": own(x.cum_sum() / pl.int_range(1, pl.len() + 1)),
        "forward fill": own(gappy.forward_fill()),
        "last five rows": own(x.rolling_mean(5, min_samples=1)),
        "last three days": own(x.rolling_std_by("at", window_size="3d")),
        "exponentially weighted": own(x.ewm_mean(half_life=5)),
        "time since the last row": own((at - at.shift(1)).dt.total_seconds()),
        "from the third row on": of(lambda f: rows(x)(f.sort(ORDER).filter(pl.int_range(pl.len()).over("user") >= 2))),
        "first row": own(x.first()),
        "least and most so far": own((x - x.cum_min()) / (x.cum_max() - x.cum_min())),
        "label so far": own(label.shift(1).cum_sum() / pl.int_range(1, pl.len() + 1)),
    },
    "windows": {
        "windowed mean of a day": window("1d", x.mean()),
        "windowed sum of a week": window("7d", x.sum(), lookback="7d"),
        "windowed number of rows": window("1d", pl.len()),
        "windowed spread": window("3d", x.std(), lookback="3d"),
        "window behind": ahead("1d", "-1d"),
    },
    "buckets": {
        "a day, stamped at its end": grouped("1d", "right"),
        "a week, stamped at its end": grouped("7d", "right"),
        "a month, stamped at its end": grouped("1mo", "right"),
        "so far in this day": bucket("1d", x.cum_sum()),
        "rows so far in this week": bucket("7d", pl.int_range(pl.len())),
    },
    "joins": {
        "as-of, backward": asof("backward"),
        "mean of the day before": daily(timedelta(days=1)),
        "each user's first state": joined(
            lambda f: f.sort(ORDER).group_by("user").agg(first=x.first()), "user", pl.col("first")
        ),
    },
    "keys": {
        "renamed": of(
            lambda f: (
                f.rename({"user": "id"}).sort("id", "at", "n").select(user="id", at="at", value=x.shift(1).over("id"))
            )
        ),
        "upper case": keyed(pl.col("user").str.to_uppercase(), x.cum_sum().over("user")),
        "stripped": keyed(pl.col("user").str.strip_chars("u"), x.cum_sum().over("user")),
        "slice": keyed(pl.col("user").str.slice(0, 4), x.cum_sum().over(pl.col("user").str.slice(0, 4))),
        "formatted": keyed(pl.format("{}-x", "user"), x.cum_sum().over("user")),
        "of two": keyed(pl.format("{}-{}", "user", "region"), x.cum_sum().over("user", "region")),
        "a window by a key of two": of(
            lambda f: windowed(
                f.with_columns(user=pl.format("{}-{}", "user", "region")),
                by="user",
                time="at",
                windows="1d",
                value=x.sum(),
            ).rename({"value_1d": "value"})
        ),
    },
    "noise of floats": {
        "spread near a million": own((x * 1e-9 + 1e6).rolling_std_by("at", window_size="2d"), lookback="2d"),
        "two means near a million": own(
            (x + 1e6).rolling_mean_by("at", window_size="5d") - (x + 1e6).rolling_mean_by("at", window_size="1d"),
            lookback="5d",
        ),
        "sum near a billion": window("5d", (x * 1e7 + 1 / 3).sum(), lookback="5d"),
        "small values after large ones": own(
            pl.when(at.dt.day() < 10).then(x * 1e9).otherwise(x * 1e-3).rolling_sum_by("at", window_size="2d"),
            lookback="2d",
        ),
    },
}


def outcome(case: Case, rows: int, *, full: bool) -> str:
    """Return ``caught``, ``passed`` or ``not checked``."""
    checks = case.probed(rows, full=full)
    if any(check.failed for check in checks):
        return "caught"
    return "passed" if all(check.checked for check in checks) else "not checked"


def measure(rows: int) -> str:
    """Return the table of what is caught, and of false alarms, on `rows` rows."""
    lines = ["| definitions | how many | in a cell | `check --full`, promote |", "| --- | --- | --- | --- |"]
    for title, kinds, good in (("leak", LEAKS, "caught"), ("honest", HONEST, "passed")):
        for kind, cases in kinds.items():
            row, missed = [], []
            for full in (False, True):
                found = {name: outcome(case, rows, full=full) for name, case in cases.items()}
                other = [f"{name} ({said})" for name, said in found.items() if said != good]
                missed += [f"{name}{' in full' if full else ''}" for name in other]
                row.append(f"{len(cases) - len(other)} {good}")
            lines.append(f"| {title}: {kind} | {len(cases)} | {' | '.join(row)} |")
            print(lines[-1], *missed, sep="\n    ", flush=True)
    return "\n".join(lines)


if __name__ == "__main__":
    started = time.process_time()
    for size in [int(size) for size in sys.argv[1:]] or [3_000, 60_000]:
        print(f"\n{size:,} rows", flush=True)
        measure(size)
        print(f"{time.process_time() - started:.0f} s CPU")
