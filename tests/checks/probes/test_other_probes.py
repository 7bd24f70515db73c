"""Order, chance, other entities and old rows: each dependence is found by its own probe, and by no other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tests.checks.probes.stage import Everywhere, defined, failed, flights, known, probed, weather
from workbench.checks import probe_view, source_input
from workbench.checks.probes import groups as groups_room
from workbench.checks.probes import keys, probe, sample
from workbench.checks.probes.keys import trace_keys
from workbench.define import FeatureView, windowed

delay = pl.col("delay").fill_null(0.0)


def view(value: pl.Expr, *sort: str, **settings: Any) -> FeatureView:
    def function(flights: pl.LazyFrame) -> pl.LazyFrame:
        return (flights.sort(*sort) if sort else flights).select("carrier", "at", value=value)

    return defined(function, **settings)


@pytest.mark.parametrize(
    "value",
    [
        delay.cum_sum().over("carrier"),
        delay.shift(1).over("carrier"),
        delay.diff().over("carrier"),
        pl.col("delay").forward_fill().over("carrier"),
        delay.rolling_mean(3, min_samples=1).over("carrier"),
    ],
    ids=["cum_sum", "shift", "diff", "forward fill", "rolling"],
)
def test_values_that_depend_on_the_order_of_rows_are_not_deterministic(value: pl.Expr) -> None:
    checks = probed(view(value))
    assert [name for name, check in checks.items() if not check.passed] == ["determinism"]
    assert "sort" in checks["determinism"].detail
    assert checks["determinism"].failures is not None
    assert checks["determinism"].failures.columns[-2:] == ["rows shuffled", "rows in order"]
    assert failed(view(value, "carrier", "at", "flight")) == []


def test_the_first_of_rows_at_equal_times_is_not_deterministic() -> None:
    hours = flights().with_columns(pl.col("at").dt.truncate("6h"))
    first = defined(lambda f: f.sort("at").group_by("carrier", "at").agg(value=pl.col("delay").first()))
    assert failed(first, known(hours)) == ["determinism"]
    settled = defined(lambda f: f.sort("at", "flight").group_by("carrier", "at").agg(value=pl.col("delay").first()))
    assert failed(settled, known(hours)) == []


@pytest.mark.parametrize("scope", ["entity", "global"])
def test_a_sort_that_leaves_ties_to_the_engine_is_not_called_a_leak(scope: str) -> None:
    """Where Polars puts rows of equal times depends on how many there are, and on its threads."""
    hours = flights().with_columns(pl.col("at").dt.truncate("6h"))
    unstable = (pl.int_range(pl.len()) * 7919) % (pl.len() + 1)
    first = defined(
        lambda f: (
            f.with_columns(tie=unstable).sort("at", "tie").group_by("carrier", "at").agg(value=pl.col("delay").first())
        ),
        scope=scope,
        lookback="1d",
    )
    assert failed(first, known(hours)) == ["determinism"]


@pytest.mark.parametrize("full", [False, True])
def test_the_order_in_which_a_join_gives_rows_is_not_relied_on(full: bool) -> None:  # noqa: FBT001
    """Polars' engine for rows in memory keeps that order: a value that hangs on it is caught by the other engine."""
    kinds = pl.LazyFrame({"carrier": [f"c{number}" for number in range(6)], "kind": range(6)})

    def found(maintain_order: Literal["left"] | None) -> list[str]:
        def function(flights: pl.LazyFrame) -> pl.LazyFrame:
            ordered = flights.map_batches(lambda frame: frame.sort("at", "flight"))
            rows = ordered.join(kinds, on="carrier", how="left", maintain_order=maintain_order)
            return rows.select("carrier", "at", value=delay.shift(1))

        definition = defined(function, scope="global")
        stored = definition(known().frame).select(definition.contract.names).collect(engine="in-memory")
        checks = probe_view(definition, definition.contract, [known()], stored.lazy(), full=full)
        return [check.name for check in checks if check.failed]

    assert "determinism" in found(None)
    assert found("left") == []


def test_a_leak_is_found_though_the_order_of_rows_matters_too() -> None:
    later = view(pl.col("delay").shift(-1).over("carrier"))
    assert {"leakage", "determinism"} <= set(failed(later))


def test_random_values_are_named_as_such_and_nothing_else_is_claimed() -> None:
    checks = probed(view(pl.col("delay").shuffle(), "flight"))
    assert not any(check.passed for check in checks.values())
    assert "random" in checks["determinism"].detail
    assert checks["determinism"].failures is not None
    for name in ("leakage", "entity-locality"):
        assert checks[name].failures is None
        assert "cannot be told" in checks[name].detail


def test_rows_of_other_entities_count_only_in_a_global_view() -> None:
    share = delay.cum_sum().over("carrier") / delay.abs().cum_sum()
    checks = probed(view(share, "at", "flight"))
    assert [name for name, check in checks.items() if not check.passed] == ["entity-locality"]
    assert 'scope="global"' in checks["entity-locality"].detail
    assert checks["entity-locality"].failures is not None
    assert checks["entity-locality"].failures.columns[-2:] == ["computed alone", "among all entities"]
    assert list(probed(view(share, "at", "flight", scope="global"))) == ["leakage", "determinism"]
    assert failed(view(share, "at", "flight", scope="global")) == []


def test_a_shift_without_over_is_first_told_as_what_it_is() -> None:
    """The first row of a carrier has the last one of the carrier before, which is later: that it leaks comes of it."""
    checks = [check for check in probed(view(delay.shift(1), "carrier", "at", "flight")).values() if check.failed]
    assert [check.name for check in checks] == ["entity-locality", "leakage"]
    assert '.over("carrier")' in checks[0].detail
    assert "likely cause: the same as that of entity-locality" in checks[1].detail
    later = probed(view(delay.shift(-1).over("carrier"), "carrier", "at", "flight"))
    assert "shift(-1)" in later["leakage"].detail, "what is no guess stays"


def test_locality_that_cannot_be_looked_at_is_not_checked_and_says_why() -> None:
    one = probed(view(delay, "at"), known(flights(100, carriers=1)))["entity-locality"]
    assert (one.passed, one.checked) == (False, False)
    assert "one entity" in one.detail
    by_hour = defined(lambda f: f.select(pl.col("at").dt.hour().cast(pl.String).alias("carrier"), "at", value=delay))
    check = probed(by_hour)["entity-locality"]
    assert (check.passed, check.checked) == (False, False)
    assert "cannot be determined" in check.detail


USER, TIME = pl.col("user_id"), pl.col("at")
KEYS: dict[str, pl.Expr] = {
    "renamed": USER,
    "cast": pl.col("number").cast(pl.String),
    "upper case": USER.str.to_uppercase(),
    "stripped": pl.format(" {} ", USER).str.strip_chars(),
    "slice": USER.str.slice(1, 1),
    "made of two": pl.concat_str(USER, pl.col("side"), separator="-"),
    "formatted": pl.format("{}-x", USER),
    "filled": USER.fill_null("nobody"),
    "several spellings": pl.when(pl.col("flight") % 2 == 0)
    .then(USER)
    .otherwise(USER.str.to_uppercase())
    .str.to_lowercase(),
}


@pytest.mark.parametrize("kind", KEYS)
def test_a_renamed_or_derived_key_is_traced(kind: str) -> None:
    frame = flights(900, carriers=20).rename({"carrier": "user_id"})
    frame = frame.with_columns(number=USER.str.tail(-1).cast(pl.Int64), side=pl.col("flight") % 3 % 2)
    source = source_input("flights", frame.lazy(), event_time="at")

    def keyed(value: pl.Expr) -> FeatureView:
        def function(flights: pl.LazyFrame) -> pl.LazyFrame:
            return flights.with_columns(carrier=KEYS[kind]).sort("at", "flight").select("carrier", "at", value=value)

        return defined(function)

    so_far = delay.cum_sum()
    honest = probed(keyed(so_far.over("carrier")), source)
    assert [check.state for check in honest.values()] == ["pass"] * 3, honest
    assert failed(keyed(so_far), source) == ["entity-locality"]


def test_rows_that_told_where_entities_come_from_are_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a large input; and what is found does not depend on whether they were few enough to be kept."""
    for module in (sample, probe):
        monkeypatch.setattr(module, "SMALL", 0)
    frame = flights(9_000, carriers=1_000)
    spoken = pl.col("carrier").str.to_uppercase()
    leaking = defined(lambda f: f.sort("at", "flight").select(spoken, "at", value=delay.shift(-1).over("carrier")))
    whole, reads = known(frame), []

    def found(kept: int) -> list[tuple[str, bool, str]]:
        monkeypatch.setattr(keys, "_KEPT", kept)
        traced = trace_keys(leaking, [whole], leaking(whole.frame), local=True, whole=False)
        assert traced.drawn
        reads.append(traced.frame_of(whole).select(pl.len()).collect().item())
        return [(check.name, check.passed, check.detail) for check in probed(leaking, whole).values()]

    assert found(keys._KEPT) == found(0)
    assert reads[0] < frame.height / 4
    assert reads[1] == frame.height


def test_a_key_of_the_same_name_that_was_made_anew_is_no_alarm() -> None:
    shouted = defined(
        lambda f: f.sort("at", "flight").select(
            pl.col("carrier").str.to_uppercase(), "at", value=delay.cum_sum().over("carrier")
        )
    )
    assert [check.state for check in probed(shouted).values()] == ["pass"] * 3
    mixed = flights().with_columns(
        carrier=pl.when(pl.col("flight") % 2 == 0).then("carrier").otherwise(pl.col("carrier").str.to_uppercase())
    )
    merged = defined(
        lambda f: (
            f.with_columns(pl.col("carrier").str.to_uppercase())
            .sort("at", "flight")
            .select("carrier", "at", value=delay.cum_sum().over("carrier"))
        )
    )
    assert failed(merged, known(mixed)) == []


@pytest.mark.parametrize("full", [False, True])
def test_entities_that_are_left_out_because_of_what_happens_later_are_found(full: bool) -> None:  # noqa: FBT001
    late = (pl.col("carrier") == "c1") & (pl.col("at") > pl.col("at").min() + timedelta(days=12))
    frame = flights(2_000).filter(~late)
    stays = pl.col("at").max().over("carrier") > pl.lit(frame["at"].max()) - timedelta(days=7)
    survivors = defined(
        lambda f: f.filter(stays).sort("at").select("carrier", "at", value=delay.cum_sum().over("carrier"))
    )
    assert "leakage" in failed(survivors, known(frame), full=full)


def week(flights: pl.LazyFrame) -> pl.LazyFrame:
    rows = windowed(flights, by="carrier", time="at", windows="2d", value=delay.mean())
    return rows.rename({"value_2d": "value"})


@pytest.mark.parametrize(("lookback", "found"), [("2d", []), ("10d", []), ("47h", ["lookback"]), ("1h", ["lookback"])])
def test_a_lookback_that_is_too_short_is_found(lookback: str, found: list[str]) -> None:
    many = known(flights(3_000, carriers=3))
    assert failed(defined(week, lookback=lookback), many) == found
    assert failed(defined(week, lookback=lookback), many, full=True) == found


def test_a_lookback_failure_names_the_input_and_both_values() -> None:
    def function(flights: pl.LazyFrame, weather: pl.LazyFrame) -> pl.LazyFrame:
        total = weather.sort("observed").with_columns(pl.col("wind").cum_sum())
        joined = flights.sort("at").join_asof(total, left_on="at", right_on="observed")
        return joined.select("carrier", "at", value="wind")

    inputs = (known(), source_input("weather", weather().lazy(), event_time="observed"))
    check = probed(defined(function, inputs=2, lookback="3d"), *inputs)["lookback"]
    assert not check.passed
    assert "rows of weather older than 3d" in check.detail
    assert check.failures is not None
    assert check.failures.columns[-2:] == ["without older rows", "with older rows"]
    assert list(probed(defined(function, inputs=2), *inputs)) == ["leakage", "determinism", "entity-locality"]


def test_a_row_counts_by_when_it_happened_or_became_known_whichever_is_later() -> None:
    late = source_input("flights", flights(3_000, carriers=3).lazy(), event_time="scheduled", available_at="at")
    assert failed(defined(week, lookback="2d"), late) == []


def test_a_lookback_longer_than_the_history_passes() -> None:
    assert failed(defined(week, lookback=timedelta(days=900_000))) == []


def test_a_view_that_raises_on_a_part_of_the_data_fails_with_the_reason() -> None:
    def picky(flights: pl.LazyFrame) -> pl.LazyFrame:
        if flights.select(pl.len()).collect().item() < 1_200:
            raise ValueError("too little")
        return flights.select("carrier", "at", value="delay")

    checks = probed(defined(picky))
    assert not any(check.passed for check in checks.values())
    assert "ValueError: too little" in checks["leakage"].detail


def test_a_query_that_fails_on_a_part_of_the_data_fails_with_the_reason() -> None:
    text = flights().with_columns(
        pl.when(pl.int_range(pl.len()) < 1_199).then(pl.lit("x")).otherwise(pl.lit("1")).alias("t")
    )
    strict = defined(lambda f: f.select("carrier", "at", value=pl.col("t").last().cast(pl.Int64).cast(pl.Float64)))
    checks = probed(strict, known(text))
    assert not checks["leakage"].passed
    assert "InvalidOperationError" in checks["leakage"].detail
    assert "\n" not in checks["leakage"].detail


@pytest.mark.parametrize("rows", [0, 1, 2, 3])
@pytest.mark.parametrize("full", [False, True])
def test_hardly_any_rows(rows: int, full: bool) -> None:  # noqa: FBT001
    few = known(flights(50).head(rows))
    honest = view(delay.cum_sum().over("carrier"), "carrier", "at", lookback="90d")
    assert failed(honest, few, full=full) == []
    assert list(probed(honest, few, full=full)) == ["leakage", "determinism", "entity-locality", "lookback"]
    assert failed(defined(week), few, full=full) == []


def test_a_view_without_rows_says_that_nothing_was_compared() -> None:
    check = probed(defined(lambda f: f.filter(pl.lit(value=False)).select("carrier", "at", value="delay")))["leakage"]
    assert (check.passed, check.checked) == (False, False)
    assert "no rows" in check.detail


def test_a_second_input_that_is_empty_at_first_is_no_failure() -> None:
    def needs(flights: pl.LazyFrame, weather: pl.LazyFrame) -> pl.LazyFrame:
        most = weather.select(pl.col("wind").first()).collect().item()
        return flights.select("carrier", "at", value=delay + most * 0)

    later = weather().with_columns(observed=pl.col("observed") + timedelta(days=15))
    inputs = (known(), source_input("weather", later.lazy(), event_time="observed"))
    assert "leakage" not in failed(defined(needs, inputs=2), *inputs)


def test_null_keys_and_times_are_left_alone() -> None:
    holes = flights().with_columns(
        carrier=pl.when(pl.col("flight") % 5 > 0).then("carrier"), at=pl.when(pl.col("flight") % 7 > 0).then("at")
    )
    so_far = delay.cum_sum().over("carrier")
    timed = defined(lambda f: f.drop_nulls("at").sort("at", "flight").select("carrier", "at", value=so_far))
    assert failed(timed, known(holes)) == []


@pytest.mark.journey
def test_several_keys_rows_of_one_time_and_columns_of_every_kind() -> None:
    from workbench.define import Feature, FeatureModel
    from workbench.dtypes import UTC

    class Rich(FeatureModel):
        carrier: str
        scheduled_day: int
        at: UTC
        mean: float = Feature(nullable=True)
        small: pl.Float32 = Feature(nullable=True)
        count: int
        name: str
        late: bool
        values: pl.List(pl.Float64)  # type: ignore[valid-type]
        kind: pl.Enum(["low", "high"])  # type: ignore[valid-type]

    def rich(flights: pl.LazyFrame) -> pl.LazyFrame:
        keyed = flights.with_columns(scheduled_day=pl.col("at").dt.weekday().cast(pl.Int64), delay=delay)
        key = ["carrier", "scheduled_day"]
        ordered = keyed.sort(*key, "at", "flight")
        total = pl.col("delay").cum_sum().over(key)
        return ordered.select(
            *key,
            "at",
            mean=total,
            small=total.cast(pl.Float32),
            count=pl.int_range(pl.len()).over(key),
            name=pl.col("carrier") + "!",
            late=pl.col("delay") > 5,
            values=pl.concat_list(total, pl.col("delay")),
            kind=pl.when(pl.col("delay") > 5)
            .then(pl.lit("high"))
            .otherwise(pl.lit("low"))
            .cast(pl.Enum(["low", "high"])),
        )

    honest = defined(rich, entities=["carrier", "scheduled_day"], model=Rich)
    twice = known(pl.concat([flights(), flights()]))
    for source in (known(), twice):
        assert "leakage" not in failed(honest, source)
    assert failed(honest) == []

    def ahead(flights: pl.LazyFrame) -> pl.LazyFrame:
        return rich(flights).with_columns(pl.col("values", "kind", "name").shift(-1).over("carrier", "scheduled_day"))

    leak = probed(defined(ahead, entities=["carrier", "scheduled_day"], model=Rich))["leakage"]
    assert set(leak.counts) == {"values", "kind", "name"}


def test_a_view_without_entities_and_dates_for_times() -> None:
    daily = defined(
        lambda f: f.group_by(at=pl.col("at").dt.truncate("1d") + pl.duration(days=1)).agg(value=delay.mean()),
        entities=(),
        model=Everywhere,
    )
    assert failed(daily) == []
    early = defined(
        lambda f: f.group_by(pl.col("at").dt.truncate("1d")).agg(value=delay.mean()), entities=(), model=Everywhere
    )
    assert failed(early) == ["leakage"]


@pytest.mark.parametrize("size", [1.0, 1e6, 1e12])
def test_the_last_bits_of_floats_raise_no_alarm(size: float) -> None:
    frame = flights(2_000).with_columns(delay=delay * size + 1 / 3)
    noisy = defined(
        lambda f: windowed(f, by="carrier", time="at", windows="5d", value=pl.col("delay").sum()).rename(
            {"value_5d": "value"}
        )
    )
    assert failed(noisy, known(frame)) == []
    spread = view(delay.rolling_std_by("at", window_size="2d").over("carrier"), "carrier", "at")
    assert failed(spread, known(frame)) == []
    shares = view(delay.cum_sum().over("carrier") / 3, "carrier", "at", "flight")
    assert failed(shares, known(frame)) == []


@pytest.mark.parametrize("room", [0, 1 << 60])
@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_rows_are_kept_apart_as_they_are_read_together(
    at_once: int, room: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups_room, "_BATCH", 7)
    monkeypatch.setattr(groups_room, "_ROOM", room)
    frame = pl.DataFrame(
        {
            "key": [None if n % 11 == 0 else f"k{n * 7 % 10}" for n in range(100)],
            "n": range(100),
            "kind": pl.Series([("a", "b", None)[n % 3] for n in range(100)], dtype=pl.Categorical),
        }
    )
    groups = [
        pl.DataFrame({"key": keys}, schema={"key": pl.String})
        for keys in (["k1", None], ["k3"], ["gone"], ["k5", "k6"])
    ]
    whole = groups_room.rows_of_groups(frame.lazy(), groups, ["key"])
    turns = list(groups_room.rows_by_turns(frame.lazy(), groups, ["key"], at_once=at_once, folder=tmp_path / "rows"))
    assert [len(turn) for turn in turns] == [at_once] * (4 // at_once) + ([4 % at_once] if 4 % at_once else [])
    apart = [rows for turn in turns for rows in turn]
    for rows, other, group in zip(whole, apart, groups, strict=True):
        assert_frame_equal(rows, other)
        assert_frame_equal(rows, frame.filter(pl.col("key").is_in(group["key"].implode(), nulls_equal=True)))
    assert (tmp_path / "rows").exists() is (room == 0)
    assert not list((tmp_path / "rows").rglob("*.arrow"))


@pytest.mark.parametrize("held", [1, 10**9])
def test_groups_that_fit_are_read_together_and_nothing_found_depends_on_it(
    held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample, "SMALL", 0)
    monkeypatch.setattr(sample, "GROUP", 400)
    monkeypatch.setattr(probe, "_MOST_HELD", held)
    read: list[tuple[str, int]] = []

    def counted(name: str) -> Callable[..., Any]:
        function = getattr(probe, name)

        def call(frame: pl.LazyFrame, groups: Sequence[pl.DataFrame], on: Sequence[str], **options: Any) -> Any:
            read.append((name, len(groups)))
            return function(frame, groups, on, **options)

        return call

    for name in ("rows_of_groups", "rows_by_turns"):
        monkeypatch.setattr(probe, name, counted(name))
    honest = probed(view(delay.cum_sum().over("carrier"), "carrier", "at", "flight"), full=True)
    assert all(check.passed for check in honest.values())
    assert "of all entities" in honest["leakage"].detail
    assert read == [("rows_of_groups" if held > 1 else "rows_by_turns", 6)] * 2, "the view and its input, once each"
    leaking = view(pl.when(pl.col("carrier") == "c3").then(delay.shift(-1)).over("carrier"), "carrier", "at", "flight")
    assert "leakage" in failed(leaking, full=True)


@pytest.mark.journey
@settings(max_examples=12)
@given(
    rows=st.integers(1, 60),
    seed=st.integers(0, 1_000),
    lag=st.integers(0, 3),
    full=st.booleans(),
)
def test_looking_ahead_is_caught_wherever_it_can_be_seen_and_looking_back_never(
    rows: int, seed: int, lag: int, *, full: bool
) -> None:
    frame = flights(rows, carriers=3, seed=seed).with_columns(pl.col("flight").cast(pl.Float64).alias("delay"))
    source = known(frame)
    shifted = view(pl.col("delay").shift(lag).over("carrier"), "carrier", "at")
    assert failed(shifted, source, full=full) == []
    ahead = probed(view(pl.col("delay").shift(-1).over("carrier"), "carrier", "at"), source, full=full)["leakage"]
    pairs = frame.sort("at").filter(pl.col("carrier").is_duplicated())
    if not pairs.height:
        assert ahead.passed
    elif rows <= 5 or full:
        assert not ahead.passed


def test_checks_tell_how_much_was_compared_and_how_long_it_took() -> None:
    checks = probed(view(delay))
    assert "of all entities" in checks["leakage"].detail
    assert "cut time" in checks["leakage"].detail
    assert all(check.seconds > 0 for check in checks.values())
