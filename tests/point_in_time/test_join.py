"""The point-in-time join by hand at the edges that have cost others their training sets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import polars as pl
import pytest

from tests.point_in_time.worlds import MICRO, NOON, TIME
from workbench.errors import JoinError, WorkbenchError
from workbench.point_in_time import ViewRows, join_views, point_in_time_join


def row(event: datetime | None, value: float | None, **more: Any) -> dict[str, Any]:
    return {"carrier": "UA", "event_timestamp": event, "delay": value} | more


def rows_of(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema_overrides={"event_timestamp": TIME, "created": TIME})


def read(rows: pl.DataFrame, at: datetime, **options: Any) -> list[Any]:
    """Return the one delay that a spine of one row gets."""
    spine = pl.DataFrame({"carrier": ["UA"], "event_timestamp": [at]}, schema_overrides={"event_timestamp": TIME})
    return point_in_time_join(spine, rows, keys="carrier", **options)["delay"].to_list()


def test_both_ends_of_the_ttl_belong_to_it() -> None:
    rows = rows_of(row(NOON, 1.0))
    day = timedelta(days=1)
    assert read(rows, NOON - MICRO, ttl="1d") == [None]
    assert read(rows, NOON, ttl="1d") == [1.0]
    assert read(rows, NOON + day, ttl=day) == [1.0]
    assert read(rows, NOON + day + MICRO, ttl=day) == [None]


@pytest.mark.parametrize("name", ["__row", "__at", "__index", "__event", "__key0", "__known", "__created", "row"])
def test_rows_and_spine_may_have_columns_of_any_name(name: str) -> None:
    rows, spine = rows_of(row(NOON, 1.0)), pl.DataFrame({"carrier": ["UA"], "event_timestamp": [NOON]})
    spine = spine.with_columns(pl.col("event_timestamp").cast(TIME))
    for column in ("carrier", "event_timestamp", "delay"):
        renamed = rows.rename({column: name})
        called = {"carrier": "carrier", "event_timestamp": "event_timestamp", "delay": "delay", column: name}
        keys, time = {"carrier": called["carrier"]}, called["event_timestamp"]
        found = point_in_time_join(spine, renamed, keys=keys, event_time=time)
        assert found[called["delay"]].to_list() == [1.0], column
    beside = point_in_time_join(spine.with_columns(pl.lit(7).alias(name)), rows, keys="carrier")
    assert beside.select(name, "delay").rows() == [(7, 1.0)]


@pytest.mark.parametrize("ttl", [None, "0s", timedelta(0)])
def test_no_ttl_and_zero_are_for_ever(ttl: str | timedelta | None) -> None:
    assert read(rows_of(row(NOON, 1.0)), NOON + timedelta(days=40_000), ttl=ttl) == [1.0]


def test_ties_go_to_the_latest_created_and_then_to_the_last_row() -> None:
    rows = rows_of(row(NOON, 1.0, created=NOON + MICRO), row(NOON, 2.0, created=NOON), row(NOON, 3.0, created=NOON))
    assert read(rows.drop("created"), NOON) == [3.0]
    assert read(rows, NOON, created="created") == [3.0]
    assert read(rows, NOON + MICRO, created="created") == [1.0]
    assert read(rows, NOON, created="created", as_known=False) == [1.0]


def test_a_late_row_does_not_hide_what_was_known_before_it() -> None:
    late = row(NOON, 2.0, created=NOON + timedelta(hours=2))
    rows = rows_of(row(NOON - MICRO, 1.0, created=NOON), late, row(NOON - 2 * MICRO, 0.0, created=NOON + MICRO))
    assert read(rows, NOON + timedelta(hours=1), created="created") == [1.0]
    assert read(rows, NOON + timedelta(hours=2), created="created") == [2.0]
    assert read(rows, NOON + timedelta(hours=1), created="created", as_known=False) == [2.0]
    assert read(rows, NOON - MICRO, created="created") == [None]


def test_an_unknown_creation_is_not_known_yet() -> None:
    rows = rows_of(row(NOON, 1.0, created=NOON), row(NOON, 2.0, created=None))
    assert read(rows, NOON, created="created") == [1.0]
    assert read(rows_of(row(NOON, 2.0, created=None)), NOON, created="created") == [None]
    assert read(rows_of(row(NOON, 2.0, created=None)), NOON, created="created", as_known=False) == [2.0]


def test_the_winners_null_is_not_filled_from_an_older_row() -> None:
    assert read(rows_of(row(NOON, 1.0), row(NOON + MICRO, None)), NOON + MICRO) == [None]


def test_null_keys_and_times_match_nothing_and_keep_their_spine_rows() -> None:
    rows = pl.DataFrame({"k": ["a", None, "a"], "event_timestamp": [NOON, NOON, None], "x": [1, 2, 3]})
    spine = pl.DataFrame({"k": ["a", None, "a"], "event_timestamp": [NOON, NOON, None]})
    out = point_in_time_join(spine, rows, keys="k")
    assert out["x"].to_list() == [1, None, None]
    assert out.select(spine.columns).equals(spine)


def test_the_spine_keeps_rows_order_and_columns_when_rows_repeat() -> None:
    spine = pl.DataFrame(
        {
            "carrier": ["UA", "AA", "UA", "UA"],
            "event_timestamp": [NOON, NOON, NOON, NOON - MICRO],
            "label": [3, 1, 3, 2],
        }
    )
    out = point_in_time_join(spine, rows_of(row(NOON, 1.0)), keys="carrier")
    assert out.drop("delay").equals(spine)
    assert out["delay"].to_list() == [1.0, None, 1.0, None]


def test_composite_keys_do_not_run_together() -> None:
    at = {"event_timestamp": [NOON, NOON]}
    rows = pl.DataFrame({"a": ["x", "x-y"], "b": ["y-z", "z"], "v": [1, 2]} | at)
    spine = pl.DataFrame({"a": ["x-y", "x"], "b": ["z", "y-z"]} | at)
    assert point_in_time_join(spine, rows, keys=["a", "b"])["v"].to_list() == [2, 1]


def test_one_view_can_be_joined_twice_under_other_keys() -> None:
    weather = pl.DataFrame({"airport": ["EWR", "ORD"], "event_timestamp": [NOON, NOON], "wind": [5.0, 9.0]})
    spine = pl.DataFrame({"origin": ["EWR", "ORD"], "dest": ["ORD", "LAX"], "event_timestamp": [NOON, NOON]})
    ends = [
        ViewRows(end, weather, keys={end: "airport"}, features={f"{end}__wind": "wind"}) for end in ("origin", "dest")
    ]
    out = join_views(spine, ends)
    assert out["origin__wind"].to_list() == [5.0, 9.0]
    assert out["dest__wind"].to_list() == [9.0, None]


def test_a_view_without_entities_is_joined_by_time_alone() -> None:
    rows = pl.DataFrame({"event_timestamp": [NOON, NOON + MICRO], "rate": [1.0, 2.0]})
    spine = pl.DataFrame({"event_timestamp": [NOON + MICRO, NOON, NOON - MICRO]})
    assert point_in_time_join(spine, rows, keys=[])["rate"].to_list() == [2.0, 1.0, None]


def test_times_without_a_zone_are_utc_and_the_output_says_so() -> None:
    naive = NOON.replace(tzinfo=None)
    spine = pl.DataFrame({"carrier": ["UA"], "event_timestamp": [naive]})
    out = point_in_time_join(spine, rows_of(row(NOON, 1.0)), keys="carrier")
    assert out.rows() == [("UA", NOON, 1.0)]
    assert out.schema["event_timestamp"] == TIME


def test_the_repeated_hour_of_a_clock_change_stays_two_hours() -> None:
    first = datetime(2013, 11, 3, 5, 30, tzinfo=UTC)
    second = first + timedelta(hours=1)
    rows = rows_of(row(first, 1.0), row(second, 2.0))
    local = pl.col("event_timestamp").dt.convert_time_zone("America/New_York")
    spine = pl.DataFrame({"carrier": ["UA"] * 3, "event_timestamp": [first, second - MICRO, second]}).with_columns(
        local
    )
    assert spine["event_timestamp"].dt.hour().to_list() == [1, 1, 1]
    out = point_in_time_join(spine, rows.with_columns(local), keys="carrier")
    assert out["delay"].to_list() == [1.0, 1.0, 2.0]
    assert out["event_timestamp"].to_list() == [first, second - MICRO, second]


def test_a_ttl_of_a_day_is_24_hours_across_a_clock_change() -> None:
    before = datetime(2013, 3, 9, 20, tzinfo=UTC)
    assert read(rows_of(row(before, 1.0)), before + timedelta(hours=24), ttl="1d") == [1.0]
    assert read(rows_of(row(before, 1.0)), before + timedelta(hours=24) + MICRO, ttl="1d") == [None]


@pytest.mark.parametrize(
    "moment", [datetime(1, 1, 1, tzinfo=UTC), datetime(1890, 5, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)]
)
def test_times_far_from_now_are_times_like_others(moment: datetime) -> None:
    assert read(rows_of(row(moment, 1.0)), moment, ttl="1d") == [1.0]
    assert read(rows_of(row(NOON, 1.0)), moment) == ([1.0] if moment > NOON else [None])


@pytest.mark.parametrize(
    ("number", "dtype"),
    [(2**62, pl.Datetime("ms")), (2**63 - 1, pl.Datetime("us")), (2**31 - 1, pl.Date())],
    ids=["milliseconds", "microseconds", "date"],
)
def test_times_that_no_calendar_holds_are_very_late_or_very_early(number: int, dtype: pl.DataType) -> None:
    numbers = pl.Series([number, -number]).cast(pl.Int32 if dtype == pl.Date() else pl.Int64)
    spine = pl.DataFrame({"carrier": ["UA", "UA"], "event_timestamp": numbers.cast(dtype)})
    rows = rows_of(row(datetime(1950, 1, 1, tzinfo=UTC), 1.0))
    assert point_in_time_join(spine, rows, keys="carrier")["delay"].to_list() == [1.0, None]
    assert point_in_time_join(spine, rows, keys="carrier", ttl="9d")["delay"].to_list() == [None, None]
    assert point_in_time_join(spine, rows, keys="carrier", ttl=timedelta.max)["delay"].to_list() == [1.0, None]


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_units_of_time_may_differ(unit: Literal["ms", "us", "ns"]) -> None:
    spine = pl.DataFrame({"carrier": ["UA"], "event_timestamp": [NOON]}).with_columns(
        pl.col("event_timestamp").dt.cast_time_unit(unit)
    )
    assert point_in_time_join(spine, rows_of(row(NOON, 1.0)), keys="carrier")["delay"].to_list() == [1.0]


def test_dates_are_their_midnight() -> None:
    spine = pl.DataFrame({"carrier": ["UA"], "event_timestamp": [NOON.date()]})
    rows = rows_of(row(NOON.replace(hour=0), 1.0), row(NOON.replace(hour=0) + MICRO, 2.0))
    assert point_in_time_join(spine, rows, keys="carrier")["delay"].to_list() == [1.0]


@pytest.mark.parametrize("lazy", [False, True])
def test_no_spine_rows_and_no_feature_rows_are_no_special_cases(lazy: bool) -> None:  # noqa: FBT001
    rows, spine = rows_of(row(NOON, 1.0)), pl.DataFrame({"carrier": ["UA"], "event_timestamp": [NOON]})
    for left, right in ((spine.head(0), rows), (spine, rows.head(0)), (spine.head(0), rows.head(0))):
        out = (
            point_in_time_join(left.lazy(), right.lazy(), keys="carrier").collect()
            if lazy
            else point_in_time_join(left, right, keys="carrier")
        )
        assert out.height == left.height
        assert out.schema == {"carrier": pl.String, "event_timestamp": TIME, "delay": pl.Float64}


def test_the_result_is_what_the_spine_is() -> None:
    rows, spine = rows_of(row(NOON, 1.0)), pl.DataFrame({"carrier": ["UA"], "event_timestamp": [NOON]})
    assert isinstance(point_in_time_join(spine, rows.lazy(), keys="carrier"), pl.DataFrame)
    assert isinstance(point_in_time_join(spine.lazy(), rows, keys="carrier"), pl.LazyFrame)


def test_keys_of_other_widths_and_texts_of_other_kinds_are_compared_by_value() -> None:
    spine = pl.DataFrame({"k": [1, 2], "c": ["a", "b"], "event_timestamp": [NOON, NOON]}).with_columns(
        pl.col("k").cast(pl.Int16)
    )
    rows = spine.with_columns(pl.col("k").cast(pl.UInt32), pl.col("c").cast(pl.Enum(["b", "a"])), x=pl.Series([5, 6]))
    assert point_in_time_join(spine, rows, keys=["k", "c"])["x"].to_list() == [5, 6]


def test_large_inputs_agree_with_a_join_by_hand_sorted_or_not() -> None:
    size = 300_000
    rows = pl.select(
        k=pl.int_range(size).hash(1) % 50,
        event_timestamp=pl.lit(NOON) + pl.duration(seconds=pl.int_range(size).hash(2) % 100_000),
        x=pl.int_range(size),
    )
    spine = rows.select("k", pl.col("event_timestamp") + pl.duration(seconds=30)).sample(20_000, shuffle=True, seed=3)
    by_time = rows.sort("event_timestamp", maintain_order=True)
    wanted = (
        spine.with_row_index("i")
        .sort("event_timestamp")
        .join_asof(by_time, on="event_timestamp", by="k", check_sortedness=False)
        .sort("i")
        .drop("i")
    )
    assert point_in_time_join(spine, rows, keys="k").equals(wanted)
    stored = rows.sort("k", "event_timestamp", maintain_order=True)
    for frame_of_rows in (stored, stored.lazy()):
        view = ViewRows("v", frame_of_rows, keys={"k": "k"}, features={"x": "x"}, stored=True)
        assert join_views(spine, [view]).equals(wanted)
        assert join_views(spine.lazy(), [view]).collect().equals(wanted)


GOOD_SPINE = pl.DataFrame({"carrier": ["UA"], "event_timestamp": [NOON]}, schema_overrides={"event_timestamp": TIME})


@pytest.mark.parametrize(
    ("spine", "rows", "options", "says"),
    [
        (
            GOOD_SPINE.rename({"carrier": "carier"}),
            None,
            {},
            "the spine has no column 'carrier'.\ndid you mean 'carier'?",
        ),
        (GOOD_SPINE.drop("event_timestamp"), None, {}, "the spine has no column 'event_timestamp'"),
        (GOOD_SPINE, rows_of(row(NOON, 1.0)).rename({"carrier": "line"}), {}, "view 'rows' has no column 'carrier'"),
        (
            GOOD_SPINE,
            rows_of(row(NOON, 1.0)).rename({"event_timestamp": "event"}),
            {},
            "view 'rows' has no column 'event_timestamp'",
        ),
        (GOOD_SPINE, None, {"created": "made"}, "view 'rows' has no column 'made'"),
        (GOOD_SPINE.with_columns(carrier=pl.lit(7)), None, {}, "spine.with_columns(pl.col('carrier').cast(pl.String))"),
        (GOOD_SPINE.with_columns(event_timestamp=pl.lit("noon")), None, {}, "is String, not a datetime"),
        (GOOD_SPINE.with_columns(event_timestamp=pl.lit("noon")), None, {}, ".str.to_datetime(time_zone='UTC')"),
        (GOOD_SPINE.with_columns(event_timestamp=pl.lit(1_704_110_400)), None, {}, "time_unit='s'"),
        (GOOD_SPINE.with_columns(delay=pl.lit(1)), None, {}, "both have a column 'delay'"),
        (GOOD_SPINE, None, {"ttl": "-1d"}, "negative"),
        (GOOD_SPINE, None, {"ttl": timedelta(days=-1)}, "negative"),
        (GOOD_SPINE, None, {"ttl": "soon"}, "not a duration"),
        ([1, 2], None, {}, "not a Polars frame"),
        (GOOD_SPINE, {"a": [1]}, {}, "not a Polars frame"),
    ],
)
def test_what_cannot_be_joined_is_said_with_the_remedy(
    spine: Any, rows: Any, options: dict[str, Any], says: str
) -> None:
    rows = rows_of(row(NOON, 1.0)) if rows is None else rows
    with pytest.raises(WorkbenchError) as caught:
        point_in_time_join(spine, rows, keys="carrier", **options)
    assert says in str(caught.value)
    assert caught.value.remedy


def test_two_views_cannot_give_one_name_nor_a_negative_ttl() -> None:
    rows = rows_of(row(NOON, 1.0))
    one = ViewRows("one", rows, keys={"carrier": "carrier"}, features={"delay": "delay"})
    other = ViewRows("other", rows, keys={"carrier": "carrier"}, features={"delay": "delay"})
    with pytest.raises(JoinError, match="view 'one' and view 'other' both have a column 'delay'"):
        join_views(GOOD_SPINE, [one, other])
    with pytest.raises(JoinError, match="negative"):
        join_views(GOOD_SPINE, [ViewRows("v", rows, keys={}, features={}, ttl=-MICRO)])
    with pytest.raises(JoinError, match="did you mean 'delay'"):
        join_views(GOOD_SPINE, [ViewRows("v", rows, keys={}, features={"x": "dely"})])


def test_outcomes_are_told_apart_for_the_row_ledger() -> None:
    view = ViewRows("v", rows_of(row(NOON, None)), keys={"carrier": "carrier"}, features={}, ttl=MICRO, outcome="v")
    spine = pl.DataFrame({"carrier": ["UA"] * 3, "event_timestamp": [NOON - MICRO, NOON + MICRO, NOON + 2 * MICRO]})
    assert join_views(spine, [view])["v"].to_list() == ["missing", "matched", "expired"]
