"""`windowed` against an oracle in plain Python that looks at every event for every instant."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.define.windows import Closed, windowed
from workbench.errors import DefinitionError, WindowError

START = datetime(2020, 3, 1, tzinfo=UTC)
MICRO = timedelta(microseconds=1)
CLOSED: tuple[Closed, ...] = ("left", "right", "both", "none")
EVENT_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "key": pl.String,
    "zone": pl.Int64,
    "at": pl.Datetime("us", "UTC"),
    "x": pl.Int64,
    "y": pl.Float64,
}

Event = tuple[str | None, int | None, datetime | None, int | None, float | None]


def inside(event: datetime, instant: datetime, length: timedelta, closed: Closed) -> bool:
    """Say whether an event is in the window of `length` that ends at `instant`: the definition, word for word."""
    start = instant - length
    return {
        "left": start <= event < instant,
        "right": start < event <= instant,
        "both": start <= event <= instant,
        "none": start < event < instant,
    }[closed]


def known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def std(values: Sequence[float | None]) -> float | None:
    return statistics.stdev(known(values)) if len(known(values)) > 1 else None


def if_any(function: Callable[[list[float]], float]) -> Callable[[Sequence[float | None]], float | None]:
    return lambda values: function(known(values)) if known(values) else None


def mean_or(default: float, values: Sequence[float | None]) -> float:
    return statistics.fmean(known(values)) if known(values) else default


COLUMNS: dict[str, tuple[pl.Expr, Callable[[list[Event]], Any]]] = {
    "rows": (pl.len(), len),
    "count": (pl.col("x").count(), lambda events: len(known([e[3] for e in events]))),
    "distinct": (pl.col("x").n_unique(), lambda events: len({e[3] for e in events})),
    "high": ((pl.col("x") > 2).sum(), lambda events: sum(1 for e in events if e[3] is not None and e[3] > 2)),
    "sum": (pl.col("x").sum(), lambda events: sum(known([e[3] for e in events])) if events else None),
    "mean": (pl.col("y").mean(), lambda events: if_any(statistics.fmean)([e[4] for e in events])),
    "std": (pl.col("y").std(), lambda events: std([e[4] for e in events])),
    "low": (pl.col("y").min(), lambda events: if_any(min)([e[4] for e in events])),
    "top": (pl.col("y").max(), lambda events: if_any(max)([e[4] for e in events])),
    "median": (pl.col("y").median(), lambda events: if_any(statistics.median)([e[4] for e in events])),
    "first": (pl.col("x").first(), lambda events: events[0][3] if events else None),
    "last": (pl.col("x").last(), lambda events: events[-1][3] if events else None),
    "share": (
        (pl.col("x") > 2).sum() / pl.len(),
        lambda events: sum(1 for e in events if e[3] is not None and e[3] > 2) / len(events) if events else None,
    ),
    "filled": (pl.col("y").mean().fill_null(-1.0), lambda events: mean_or(-1.0, [e[4] for e in events])),
}
AGGREGATIONS = {name: expression for name, (expression, _) in COLUMNS.items()}

offsets = st.one_of(st.integers(0, 12), st.integers(0, 12).map(lambda n: n * 5))
instants = offsets.map(lambda n: START + n * MICRO)
values = st.none() | st.integers(0, 5)
events_of = st.lists(
    st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 1), instants, values, values.map(lambda v: v and v / 4 + 1)),
    max_size=14,
)
lengths = st.lists(st.integers(1, 25), min_size=1, max_size=3, unique=True)


def as_of(
    emitted: dict[tuple[Any, ...], list[dict[str, Any]]], key: tuple[Any, ...], at: datetime
) -> dict[str, Any] | None:
    """Return the latest row at or before `at`, as a reader of the view would."""
    rows = [row for row in emitted.get(key, []) if row["at"] <= at]
    return rows[-1] if rows else None


def same(left: Any, right: Any) -> bool:
    if isinstance(left, float) and isinstance(right, float | int):
        return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-12)
    return bool(left == right) and (left is None) == (right is None)


@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
@pytest.mark.parametrize("closed", CLOSED)
@given(events=events_of, windows=lengths, by=st.sampled_from([(), ("key",), ("key", "zone")]))
def test_a_read_at_any_instant_is_what_the_window_then_held(
    engine: str, closed: Closed, events: list[Event], windows: list[int], by: tuple[str, ...]
) -> None:
    windows = [length for length in windows if not (closed == "none" and length == 1)] or [2]
    frame = pl.LazyFrame(events, schema=EVENT_SCHEMA, orient="row")
    asked = [timedelta(microseconds=length) for length in windows]
    out = windowed(frame, by=by, time="at", windows=asked, closed=closed, **AGGREGATIONS).collect(engine=engine)  # type: ignore[call-overload]

    assert out.columns == [*by, "at", *(f"{name}_{length}us" for length in windows for name in AGGREGATIONS)]
    assert not out.select(*by, "at").is_duplicated().any()
    assert out.equals(out.sort(*by, "at"))
    emitted: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in out.iter_rows(named=True):
        emitted.setdefault(tuple(row[column] for column in by), []).append(row)

    places = [("key", "zone").index(column) for column in by]
    ordered = sorted(events, key=lambda event: event[2] or START)
    entities = {tuple(event[place] for place in places) for event in events}
    assert set(emitted) == entities
    for entity in entities:
        own = [event for event in ordered if tuple(event[place] for place in places) == entity]
        begin = own[0][2]
        assert begin is not None
        assert as_of(emitted, entity, begin - MICRO) is None
        edges = {
            e[2] + n * MICRO for e in own if e[2] for length in (0, *windows) for n in range(length - 1, length + 3)
        }
        for at in sorted(edge for edge in edges if edge >= begin):
            row = as_of(emitted, entity, at)
            assert row is not None
            for length in windows:
                held = [e for e in own if e[2] and inside(e[2], at, timedelta(microseconds=length), closed)]
                for name, (_, oracle) in COLUMNS.items():
                    found, expected = row[f"{name}_{length}us"], oracle(held)
                    assert same(found, expected), (entity, at, name, length, found, expected)


@given(
    days=st.lists(st.floats(0, 60, allow_nan=False), min_size=1, max_size=30),
    reads=st.lists(st.floats(0, 100, allow_nan=False), min_size=1, max_size=30),
    closed=st.sampled_from(CLOSED),
)
def test_days_are_exact_around_every_change(days: list[float], reads: list[float], closed: Closed) -> None:
    times = [START + timedelta(days=day) for day in days]
    out = windowed(
        pl.LazyFrame({"at": times}, schema={"at": pl.Datetime("us", "UTC")}),
        time="at",
        windows=["7d", "1d12h"],
        closed=closed,
        n=pl.len(),
    ).collect()
    emitted = {(): list(out.iter_rows(named=True))}
    edges = [
        t + length + nudge * MICRO for t in times for length in map(timedelta, (0, 7, 1.5)) for nudge in (-1, 0, 1, 2)
    ]
    for at in [*edges, *(START + timedelta(days=read) for read in reads)]:
        row = as_of(emitted, (), at)
        assert (row is None) == (at < min(times))
        if row is not None:
            assert row["n_7d"] == sum(inside(t, at, timedelta(days=7), closed) for t in times)
            assert row["n_1d12h"] == sum(inside(t, at, timedelta(days=1.5), closed) for t in times)


def delays(**columns: Any) -> pl.LazyFrame:
    base = {"carrier": ["UA", "UA", "AA"], "at": [START, START + timedelta(days=1), START], "delay": [10, 20, 30]}
    return pl.LazyFrame(base | columns)


def test_an_event_never_counts_itself_until_a_microsecond_later() -> None:
    out = windowed(delays(), by="carrier", time="at", windows="7d", n=pl.len()).collect()
    united = out.filter(carrier="UA").select("at", "n_7d").rows()
    assert united == [
        (START, 0),
        (START + MICRO, 1),
        (START + timedelta(days=1) + MICRO, 2),
        (START + timedelta(days=7) + MICRO, 1),
        (START + timedelta(days=8) + MICRO, 0),
    ]


def test_columns_have_the_dtypes_that_contracts_write() -> None:
    frame = delays(f=pl.Series([1, 2, 3], dtype=pl.Float32), small=pl.Series([1, 2, 3], dtype=pl.Int8))
    out = windowed(
        frame,
        by="carrier",
        time="at",
        windows="7d",
        n=pl.len(),
        s=pl.col("delay").sum(),
        small=pl.col("small").max(),
        b=(pl.col("delay") > 1).sum(),
        u=pl.col("delay").n_unique(),
        m=pl.col("f").mean(),
        i=pl.col("delay").mean(),
    ).collect_schema()
    assert out["at"] == pl.Datetime("us", "UTC")
    assert {out[f"{name}_7d"] for name in ("n", "s", "small", "b", "u")} == {pl.Int64()}
    assert {out[f"{name}_7d"] for name in ("m", "i")} == {pl.Float64()}


def test_several_spellings_of_a_window_name_their_columns() -> None:
    out = windowed(delays(), by="carrier", time="at", windows=["7d", timedelta(hours=36)], n=pl.len())
    assert out.collect_schema().names() == ["carrier", "at", "n_7d", "n_1d12h"]


def test_rows_without_time_or_key_are_left_out() -> None:
    frame = delays(carrier=["UA", None, "AA"], at=[START, START, None])
    out = windowed(frame, by="carrier", time="at", windows="7d", n=pl.len()).collect()
    assert out["carrier"].unique().to_list() == ["UA"]
    assert out["n_7d"].max() == 1


def test_no_events_give_no_rows() -> None:
    out = windowed(delays().head(0), by="carrier", time="at", windows=["7d", "1d"], n=pl.len()).collect()
    assert out.shape == (0, 4)


@pytest.mark.parametrize(
    "dtype", [pl.Datetime("us"), pl.Datetime("ns", "UTC"), pl.Datetime("ms"), pl.Datetime("us", "America/New_York")]
)
def test_any_unit_and_zone_of_time_gives_utc_microseconds(dtype: pl.Datetime) -> None:
    wanted = windowed(delays(), by="carrier", time="at", windows="7d", n=pl.len()).collect()
    if dtype.time_zone is None:
        other = delays().with_columns(pl.col("at").dt.replace_time_zone(None).cast(dtype))
    else:
        other = delays().with_columns(
            pl.col("at").dt.convert_time_zone(dtype.time_zone).dt.cast_time_unit(dtype.time_unit)
        )
    assert windowed(other, by="carrier", time="at", windows="7d", n=pl.len()).collect().equals(wanted)


def test_a_day_is_24_hours_across_a_clock_change() -> None:
    spring = datetime(2013, 3, 9, 12)  # noqa: DTZ001 - the zone is put on below
    frame = pl.LazyFrame({"at": [spring]}).select(pl.col("at").dt.replace_time_zone("America/New_York"))
    out = windowed(frame, time="at", windows="1d", closed="right", n=pl.len()).collect()
    assert out["at"].diff().drop_nulls().to_list() == [timedelta(hours=24)]


def test_times_before_the_epoch_and_far_ahead_are_times_like_others() -> None:
    far = [datetime(1890, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)]
    out = windowed(pl.LazyFrame({"at": far}), time="at", windows="365d", closed="right", n=pl.len()).collect()
    assert out["n_365d"].to_list() == [1, 0, 1, 0]


def test_the_order_of_input_rows_does_not_matter() -> None:
    frame = delays()
    wanted = windowed(frame, by="carrier", time="at", windows="7d", n=pl.len(), m=pl.col("delay").mean()).collect()
    turned = windowed(frame.reverse(), by="carrier", time="at", windows="7d", n=pl.len(), m=pl.col("delay").mean())
    assert turned.collect().equals(wanted)


def test_a_filter_after_it_does_not_reach_the_events_before_it() -> None:
    out = windowed(delays(), by="carrier", time="at", windows="7d", n=pl.len())
    late = pl.col("at") > START + timedelta(hours=1)
    assert out.filter(late).collect().equals(out.collect().filter(late))
    assert out.filter(carrier="UA").select("n_7d").collect().equals(out.collect().filter(carrier="UA").select("n_7d"))


def test_many_entities_keep_their_own_rows() -> None:
    size = 20_000
    keys = [f"k{(n * 7919) % 1000}" for n in range(size)]
    frame = pl.LazyFrame({"k": keys, "at": [START + timedelta(minutes=n) for n in range(size)], "x": range(size)})
    out = windowed(frame, by="k", time="at", windows=["3d", "5d"], closed="right", low=pl.col("x").min()).collect()
    events = frame.collect().with_columns(pl.col("at").dt.cast_time_unit("us"))
    read = events.join(out, on=["k", "at"], how="left")
    for row in read.sample(200, seed=1).iter_rows(named=True):
        for name, length in (("low_3d", timedelta(days=3)), ("low_5d", timedelta(days=5))):
            own = events.filter(
                (pl.col("k") == row["k"]) & pl.col("at").is_between(row["at"] - length, row["at"], "right")
            )
            assert row[name] == own["x"].min()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"by": "carier"}, "did you mean 'carrier'"),
        ({"time": "landed"}, "no column 'landed'"),
        ({"time": "delay"}, "'delay' is Int64, not a datetime"),
        ({"time": "delay"}, "pl.from_epoch('delay', time_unit='s').dt.replace_time_zone('UTC') where it is seconds"),
        ({"windows": "1mo"}, "months"),
        ({"windows": "soon"}, "'soon' is not a duration"),
        ({"windows": "-7d"}, "negative"),
        ({"windows": "0d"}, "longer than zero"),
        ({"windows": 7}, "not a duration"),
        ({"windows": []}, "no windows"),
        ({"windows": ["7d", timedelta(days=7)]}, "'n_7d'"),
        ({"by": ["carrier", "carrier"]}, "'carrier'"),
        ({"by": ["carrier", "at"]}, "'at'"),
        ({"closed": "middle"}, "closed='middle'"),
        ({"windows": "1us", "closed": "none"}, "cannot contain an event"),
        ({"n": pl.col("dely").mean()}, "did you mean 'delay'"),
        ({"n": pl.col("delay", "carrier").n_unique()}, "several columns"),
        ({"n": "delay"}, "not a Polars expression"),
    ],
)
def test_what_cannot_be_done_is_said_with_the_remedy(change: dict[str, Any], says: str) -> None:
    call: dict[str, Any] = {"by": "carrier", "time": "at", "windows": "7d", "n": pl.len()} | change
    with pytest.raises(DefinitionError) as caught:
        windowed(delays(), **call)
    assert says in str(caught.value)
    assert caught.value.remedy


def test_no_aggregations_and_eager_frames_are_refused() -> None:
    with pytest.raises(WindowError, match="no aggregations"):
        windowed(delays(), by="carrier", time="at", windows="7d")
    with pytest.raises(WindowError, match="DataFrame"):
        windowed(delays().collect(), by="carrier", time="at", windows="7d", n=pl.len())  # type: ignore[arg-type]


def test_its_meaning_has_a_version() -> None:
    assert windowed.__semantics__ == 2  # type: ignore[attr-defined]
