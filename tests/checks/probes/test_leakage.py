"""Leaks of every kind are caught and named; honest definitions are not accused."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from tests.checks.probes.stage import Everywhere, defined, failed, flights, known, probed, weather
from tests.conftest import in_part
from workbench.checks import ProbeInput, remade_from, source_input, view_input
from workbench.define import FeatureView, windowed

if TYPE_CHECKING:
    from collections.abc import Mapping

WEATHER = source_input("weather", weather().lazy(), event_time="observed")
LATE = source_input("flights", flights().lazy(), event_time="scheduled", available_at="at")


def ordered(frame: pl.LazyFrame) -> pl.LazyFrame:
    return frame.sort("carrier", "at", "flight")


def select(frame: pl.LazyFrame, value: pl.Expr) -> pl.LazyFrame:
    return frame.select("carrier", "at", value=value)


def per_carrier(value: pl.Expr) -> FeatureView:
    return defined(lambda flights: select(ordered(flights), value.over("carrier")))


def joined(strategy: str) -> FeatureView:
    def view(flights: pl.LazyFrame, weather: pl.LazyFrame) -> pl.LazyFrame:
        left, right = flights.sort("at"), weather.sort("observed")
        found = left.join_asof(right, left_on="at", right_on="observed", strategy=strategy)  # type: ignore[arg-type]
        return select(found, pl.col("wind"))

    return defined(view, inputs=2)


def daily(label: str) -> FeatureView:
    def view(flights: pl.LazyFrame) -> pl.LazyFrame:
        days = flights.sort("at").group_by_dynamic("at", every="1d", group_by="carrier", label=label)  # type: ignore[arg-type]
        return days.agg(value=pl.col("delay").mean())

    return defined(view)


def at_schedule(value: pl.Expr) -> FeatureView:
    return defined(lambda flights: flights.select("carrier", at="scheduled", value=value))


def ahead() -> FeatureView:
    def view(flights: pl.LazyFrame) -> pl.LazyFrame:
        rolled = flights.sort("at").rolling("at", period="6h", offset="0h", group_by="carrier")
        return rolled.agg(value=pl.col("delay").mean())

    return defined(view)


def yesterday(flights: pl.LazyFrame) -> pl.LazyFrame:
    daily = flights.group_by("carrier", day=DAY + pl.duration(days=1)).agg(value=pl.col("delay").mean())
    return flights.join(daily, left_on=["carrier", DAY], right_on=["carrier", "day"], how="left").select(
        "carrier", "at", "value"
    )


DAY = pl.col("at").dt.truncate("1d")
delay = pl.col("delay")


def in_a_cell_and_in_full(kinds: Mapping[str, object]) -> list[Any]:
    """Return the cases of a table: each as a cell probes it, and every fourth as promote does; the others are slow."""
    sampled = [pytest.param(kind, False, id=f"{kind}-sample") for kind in kinds]
    full = in_part({kind: (kind, True) for kind in kinds}, len(kinds) // 4)
    return [*sampled, *(pytest.param(*case.values, id=f"{case.id}-full", marks=case.marks) for case in full)]


LEAKS: dict[str, tuple[FeatureView, list[ProbeInput], str]] = {
    "mean of the group": (per_carrier(delay.mean()), [known()], "statistic"),
    "max of the group": (per_carrier(delay.max()), [known()], "statistic"),
    "z-score over all time": (per_carrier((delay - delay.mean()) / delay.std()), [known()], "statistic"),
    "rank over all time": (per_carrier(delay.rank()), [known()], "statistic"),
    "count of all rows": (per_carrier(pl.len().cast(pl.Float64)), [known()], "statistic"),
    "next row": (per_carrier(delay.shift(-1)), [known()], "later row"),
    "next row, dropped": (
        defined(lambda f: select(ordered(f), delay.shift(-1).over("carrier")).drop_nulls()),
        [known()],
        "next row",
    ),
    "backward fill": (per_carrier(delay.backward_fill()), [known()], "later row"),
    "interpolated": (per_carrier(delay.interpolate()), [known()], "later row"),
    "cumulative from the end": (per_carrier(delay.fill_null(0).cum_sum(reverse=True)), [known()], ""),
    "quantile over all time": (per_carrier((delay > delay.quantile(0.9)).cast(pl.Float64)), [known()], ""),
    "least and most over all time": (
        per_carrier((delay - delay.min()) / (delay.max() - delay.min())),
        [known()],
        "statistic",
    ),
    "mean of the whole day": (defined(lambda f: select(f, delay.mean().over("carrier", DAY))), [known()], ""),
    "window ahead": (ahead(), [known()], "later row"),
    "centred window": (per_carrier(delay.fill_null(0).rolling_mean(5, center=True)), [known()], "later row"),
    "nearest": (joined("nearest"), [known(), WEATHER], "nearest"),
    "forward": (joined("forward"), [known(), WEATHER], "forward"),
    "label left": (daily("left"), [known()], "label"),
    "schedule with delay": (at_schedule(delay), [LATE], "flights.at"),
    "schedule with nothing": (at_schedule(pl.lit(1.0)), [LATE], "flights.at"),
    "window by schedule": (
        defined(
            lambda f: windowed(
                f.with_columns(at="scheduled"), by="carrier", time="at", windows="6h", value=delay.mean()
            ).rename({"value_6h": "value"})
        ),
        [LATE],
        "flights.at",
    ),
    "last row only": (
        defined(lambda f: ordered(f).group_by("carrier").agg(pl.col("at").last(), value=delay.last())),
        [known()],
        "latest row",
    ),
}


@pytest.mark.parametrize(("kind", "full"), in_a_cell_and_in_full(LEAKS))
def test_a_leak_is_caught_and_its_cause_named(kind: str, full: bool) -> None:  # noqa: FBT001
    view, inputs, cause = LEAKS[kind]
    checks = probed(view, *inputs, full=full)
    check = checks.pop("leakage")
    assert not check.passed
    assert cause in check.detail
    assert "\n" not in check.detail
    assert check.failures is not None
    assert 0 < check.failures.height <= 20
    assert check.failures.columns == ["carrier", "at", "column", "as known then", "with hindsight"]
    assert sum(check.counts.values()) >= check.failures.height
    assert all(other.passed for other in checks.values()), checks


@pytest.mark.parametrize(
    "value",
    [delay.mean(), delay.rank(), (delay - delay.mean()) / delay.std(), delay.fill_null(strategy="backward")],
    ids=["mean", "rank", "z-score", "backward fill"],
)
def test_a_leak_across_entities_is_caught(value: pl.Expr) -> None:
    assert failed(defined(lambda f: select(f.sort("at"), value))) == ["leakage", "entity-locality"]
    assert failed(defined(lambda f: select(ordered(f), value), scope="global")) == ["leakage"]
    everywhere = defined(lambda f: f.sort("at").select("at", value=value), entities=(), model=Everywhere)
    assert failed(everywhere) == ["leakage"]


HONEST: dict[str, tuple[FeatureView, list[ProbeInput]]] = {
    "row by row": (defined(lambda f: select(f, delay * 2)), [known()]),
    "cumulative sum": (per_carrier(delay.fill_null(0).cum_sum()), [known()]),
    "cumulative max": (per_carrier(delay.cum_max()), [known()]),
    "previous row": (per_carrier(delay.shift(1)), [known()]),
    "forward fill": (per_carrier(delay.forward_fill()), [known()]),
    "rolling rows": (per_carrier(delay.fill_null(0).rolling_mean(5, min_samples=1)), [known()]),
    "rolling time": (
        defined(lambda f: select(ordered(f), delay.rolling_std_by("at", window_size="3d").over("carrier"))),
        [known()],
    ),
    "exponentially weighted": (per_carrier(delay.fill_null(0).ewm_mean(half_life=5)), [known()]),
    "least so far": (per_carrier((delay - delay.cum_min()) / (delay.cum_max() - delay.cum_min())), [known()]),
    "mean of the day before": (defined(yesterday), [known()]),
    "rank so far": (per_carrier(pl.int_range(1, pl.len() + 1).cast(pl.Float64)), [known()]),
    "backward as-of": (joined("backward"), [known(), WEATHER]),
    "label right": (daily("right"), [known()]),
    "at landing": (defined(lambda f: select(f, delay)), [LATE]),
    "windowed": (
        defined(
            lambda f: windowed(f, by="carrier", time="at", windows="1d", value=delay.mean()).rename(
                {"value_1d": "value"}
            )
        ),
        [known()],
    ),
    "windowed, right": (
        defined(
            lambda f: windowed(f, by="carrier", time="at", windows="1d", closed="right", value=delay.sum()).rename(
                {"value_1d": "value"}
            )
        ),
        [known()],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "full"), in_a_cell_and_in_full(HONEST))
def test_an_honest_definition_passes(kind: str, full: bool) -> None:  # noqa: FBT001
    view, inputs = HONEST[kind]
    checks = probed(view, *inputs, full=full)
    assert list(checks) == ["leakage", "determinism", "entity-locality"]
    assert all(check.passed for check in checks.values()), checks
    assert all(check.failures is None for check in checks.values())


def test_an_expanding_mean_of_all_entities_is_honest_in_a_global_view() -> None:
    so_far = delay.fill_null(0).cum_sum() / pl.int_range(1, pl.len() + 1)
    assert failed(defined(lambda f: select(f.sort("at", "flight"), so_far), scope="global")) == []
    everywhere = defined(lambda f: f.sort("at", "flight").select("at", value=so_far), entities=(), model=Everywhere)
    assert list(probed(everywhere)) == ["leakage", "determinism"]
    assert failed(everywhere) == []
    local = defined(lambda f: select(f.sort("at", "flight"), so_far))
    assert failed(local) == ["entity-locality"]


def test_a_failure_shows_what_was_known_and_what_hindsight_says() -> None:
    frame = flights(400, carriers=2)
    check = probed(per_carrier(delay.sum()), known(frame))["leakage"]
    assert check.failures is not None
    carrier, at, column, then, hindsight = check.failures.row(0)
    of_carrier = frame.filter(carrier=carrier)
    assert column == "value"
    assert float(hindsight) == pytest.approx(of_carrier["delay"].sum())
    sums = of_carrier.sort("at").select("at", pl.col("delay").fill_null(0).cum_sum())
    cuts = [total for moment, total in sums.iter_rows() if moment >= at]
    assert any(float(then) == pytest.approx(total) for total in cuts)


def test_rows_that_appear_later_are_no_leak_where_the_view_says_so() -> None:
    def view(flights: pl.LazyFrame) -> pl.LazyFrame:
        return flights.select("carrier", at="scheduled", known="at", value="delay")

    from workbench.define import Feature, FeatureModel
    from workbench.dtypes import UTC

    class Known(FeatureModel):
        carrier: str
        at: UTC
        known: UTC
        value: float = Feature(nullable=True)

    assert failed(defined(view, model=Known, created="known"), LATE) == []
    assert failed(at_schedule(delay), LATE) == ["leakage"]


def test_an_upstream_view_that_leaks_is_named() -> None:
    upstream, source = per_carrier(delay.mean()), known()
    rows = upstream(source.frame).collect().lazy()
    downstream = defined(lambda flights: flights.select("carrier", "at", value=pl.col("value") + 1))
    trusted = ProbeInput("flights", rows, "at", ("at",))
    assert failed(downstream, trusted) == []
    remade = ProbeInput("flights", rows, "at", ("at",), remade_from(upstream, [source]))
    check = probed(downstream, remade)["leakage"]
    assert not check.passed
    assert "upstream view flights leaks" in check.detail


def test_a_view_that_uses_only_what_is_honest_in_a_leaking_upstream_passes() -> None:
    upstream, source = per_carrier(delay.mean()), known()
    data = view_input(upstream, upstream(source.frame).collect().lazy(), remade=remade_from(upstream, [source]))
    counted = pl.int_range(1, pl.len() + 1).cast(pl.Float64).over("carrier")
    downstream = defined(lambda flights: select(flights.sort("carrier", "at"), counted))
    assert failed(downstream, ProbeInput("flights", data.frame, "at", data.known, data.remade)) == []


def test_a_label_that_is_known_later_is_a_leak() -> None:
    labels = flights().select("flight", "at", landed=pl.col("at") + timedelta(hours=5), late=pl.col("delay") > 15)
    label_input = source_input("weather", labels.lazy(), event_time="at", available_at="landed")

    def view(flights: pl.LazyFrame, labels: pl.LazyFrame) -> pl.LazyFrame:
        both = flights.join(labels.select("flight", "late"), on="flight", how="left", maintain_order="left")
        return select(both, pl.col("late").cast(pl.Float64))

    check = probed(defined(view, inputs=2), known(), label_input)["leakage"]
    assert not check.passed
    assert "weather.landed" in check.detail


def test_source_rows_known_at_the_very_instant_may_be_used() -> None:
    source = source_input("flights", flights().lazy(), event_time="scheduled", available_at="at")
    assert failed(per_carrier(delay.fill_null(0).cum_sum()), source) == []


def test_a_row_whose_availability_is_null_is_never_known() -> None:
    frame = flights().with_columns(landed=pl.when(pl.col("delay").is_not_null()).then("at"))
    source = source_input("flights", frame.lazy(), event_time="at", available_at="landed")
    assert failed(defined(lambda f: select(f.filter(pl.col("landed").is_not_null()), delay)), source) == []
    assert failed(defined(lambda f: select(f, delay.fill_null(-1))), source) == ["leakage"]


def test_a_leak_is_found_two_views_further_down() -> None:
    first, source = per_carrier(delay.mean()), known()
    leaking = first(source.frame).collect()
    remade = ProbeInput("flights", leaking.lazy(), "at", ("at",), remade_from(first, [source]))
    second = defined(lambda flights: flights.select("carrier", "at", value=pl.col("value") + 1))
    rows = second(leaking.lazy()).collect().lazy()
    third = defined(lambda flights: flights.select("carrier", "at", value=pl.col("value") * 2))
    again = ProbeInput("flights", rows, "at", ("at",), remade_from(second, [remade]))
    check = probed(third, again)["leakage"]
    assert not check.passed
    assert "upstream view flights leaks" in check.detail
