from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.checks import Check, check_contract
from workbench.checks.contract import duplicates, of_shared_times
from workbench.checks.key_order import KeyOrder
from workbench.define import Contract, Feature, FeatureModel, feature_view
from workbench.define.model import LazyFrame
from workbench.define.view import contract_of
from workbench.dtypes import UTC

if TYPE_CHECKING:
    from pathlib import Path

START = datetime.fromisoformat("2024-01-01T00:00Z")


class Delay(FeatureModel):
    carrier: str
    landed_at: UTC
    delay: float = Feature(unit="minute", ge=-90, le=1500, nullable=True)
    flights: int = Feature(unit="count", ge=0)


@feature_view(entities="carrier", event_time="landed_at")
def carrier_delay(flights: pl.LazyFrame) -> LazyFrame[Delay]:
    return flights


CONTRACT = contract_of(Delay, carrier_delay)


def rows(count: int = 6, **columns: Any) -> pl.DataFrame:
    """A frame that keeps the contract, with `columns` in place of its own."""
    sound: dict[str, Any] = {
        "carrier": [f"C{row % 3}" for row in range(count)],
        "landed_at": [START + timedelta(minutes=row) for row in range(count)],
        "delay": [float(row) for row in range(count)],
        "flights": list(range(count)),
    }
    return pl.DataFrame(sound | columns, schema_overrides=CONTRACT.schema if not columns else None).with_columns(
        pl.col("landed_at").cast(pl.Datetime("us", "UTC"))
    )


def checked(frame: pl.DataFrame | pl.LazyFrame, **options: Any) -> Check:
    return check_contract(CONTRACT, Delay, frame, **options)


def contract_for(model: type[FeatureModel], **options: Any) -> Contract:
    def view(source: pl.LazyFrame) -> pl.LazyFrame:
        return source

    view.__annotations__["return"] = LazyFrame[model]  # type: ignore[valid-type]  # the model is a parameter here
    made = feature_view(**({"entities": "k", "event_time": "t"} | options))(view)
    return contract_of(model, made)


def keyed(**columns: Any) -> pl.DataFrame:
    count = len(next(iter(columns.values())))
    times = pl.Series("t", [START + timedelta(hours=row) for row in range(count)], pl.Datetime("us", "UTC"))
    return pl.DataFrame({"k": [f"k{row}" for row in range(count)], "t": times, **columns})


def failing(check: Check) -> list[tuple[Any, ...]]:
    assert check.failures is not None
    return check.failures.select("column", "value", "reason").rows()


def test_a_view_that_keeps_its_contract_passes_and_says_how_much_was_checked() -> None:
    check = checked(rows())
    assert check.passed, check.detail
    assert check.name == "contract"
    assert check.failures is None
    assert check.counts == {}
    assert check.seconds > 0
    assert check.detail == "10 rules hold in 6 rows"


@pytest.mark.parametrize("stored", ["path", "text", "lazy", "frame"])
def test_a_path_a_lazy_frame_and_a_frame_are_checked_alike(stored: str, tmp_path: Path) -> None:
    path = tmp_path / "view.parquet"
    bad = rows(delay=[1.0, 2.0, -91.0, 4.0, 5.0, 6.0])
    bad.write_parquet(path)
    data: Any = {"path": path, "text": str(path), "lazy": bad.lazy(), "frame": bad}[stored]
    check = check_contract(CONTRACT, Delay, data)
    assert check.counts == {"delay >= -90": 1}


def test_failing_rows_are_shown_with_their_keys_value_and_reason() -> None:
    check = checked(rows(delay=[0.0, 1600.0, 2.0, -100.0, 4.0, 5.0], flights=[0, 1, -2, 3, 4, 5]))
    assert not check.passed
    assert check.counts == {"delay >= -90": 1, "delay <= 1500": 1, "flights >= 0": 1}
    assert check.failures is not None
    assert check.failures.columns == ["carrier", "landed_at", "column", "value", "reason"]
    assert check.failures.rows() == [
        ("C0", START + timedelta(minutes=3), "delay", "-100.0", "is below -90"),
        ("C1", START + timedelta(minutes=1), "delay", "1600.0", "is above 1500"),
        ("C2", START + timedelta(minutes=2), "flights", "-2", "is below 0"),
    ]
    assert check.detail.startswith("3 of 10 rules broken: ")


def test_at_most_twenty_rows_are_shown_from_every_broken_rule_and_all_are_counted() -> None:
    check = checked(rows(5000, delay=[-1000.0] * 5000, flights=[*([0] * 4999), -1]))
    assert check.counts == {"delay >= -90": 5000, "flights >= 0": 1}
    assert check.failures is not None
    assert check.failures.height == 20
    assert check.failures["column"].to_list().count("flights") == 1


def test_pieces_of_a_large_view_give_the_counts_of_the_whole(tmp_path: Path) -> None:
    path = tmp_path / "view.parquet"
    bad = rows(1000, delay=[-1000.0 if row % 10 == 0 else 1.0 for row in range(1000)])
    bad.write_parquet(path, row_group_size=64)
    whole, pieces = check_contract(CONTRACT, Delay, path), check_contract(CONTRACT, Delay, path, cells=4 * 37)
    assert whole.counts == pieces.counts == {"delay >= -90": 100}
    assert whole.failures is not None
    assert pieces.failures is not None
    assert whole.failures.equals(pieces.failures)


def test_duplicate_keys_far_apart_are_found_when_read_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "view.parquet"
    frame = rows(1000)
    pl.concat([frame, frame.head(1)]).write_parquet(path, row_group_size=64)
    check = check_contract(CONTRACT, Delay, path, cells=400)
    assert check.counts == {"unique carrier, landed_at": 2}
    assert check.failures is not None
    assert check.failures["carrier"].to_list() == ["C0", "C0"]
    assert check.failures["landed_at"].to_list() == [START, START]


@given(
    places=st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 6)), min_size=1, max_size=30),
    order=st.sampled_from([("carrier", "landed_at"), ("landed_at", "carrier"), ()]),
    piece=st.integers(1, 7),
    distinct=st.booleans(),
)
def test_rows_that_share_a_key_are_found_however_they_are_sorted(
    places: list[tuple[str, int]],
    order: tuple[str, ...],
    piece: int,
    distinct: bool,  # noqa: FBT001 - Hypothesis gives it by name
) -> None:
    places = list(dict.fromkeys(places)) if distinct else places
    moments = [START + timedelta(minutes=minute) for _, minute in places]
    frame = rows(len(places), carrier=[carrier for carrier, _ in places], landed_at=moments)
    check = checked(frame.sort(order) if order else frame, cells=piece * len(CONTRACT.columns))
    shared = frame.filter(pl.struct("carrier", "landed_at").is_duplicated()).height
    assert check.counts == ({"unique carrier, landed_at": shared} if shared else {})


@pytest.mark.parametrize("carriers", [["a", "b", "a"], ["a", "c", "b"], ["a", None, "b"], ["a", "a", "b"]])
def test_only_rows_that_are_seen_to_be_sorted_are_not_hashed(carriers: list[str | None]) -> None:
    frame = rows(3, carrier=carriers, landed_at=[START, START, START])
    order = KeyOrder.of(CONTRACT)
    order.add(frame[:2])
    order.add(frame[2:])
    assert not order.strict
    order = KeyOrder.of(CONTRACT)
    order.add(rows(3, carrier=["a", "b", "c"], landed_at=[START, START, START]))
    assert order.strict


def test_rows_that_threads_wrote_in_turn_are_checked_whatever_their_times() -> None:
    ordered = rows(4000, delay=[0.0] * 4000)
    in_turn = pl.concat([ordered[2000:3000], ordered[:2000], ordered[3000:]])
    assert checked(in_turn).passed
    twice = pl.concat([in_turn, ordered[7:8], ordered[2500:2502]])
    assert checked(twice).counts == {"unique carrier, landed_at": 6}
    same_time = pl.concat([in_turn, ordered[7:8].with_columns(carrier=pl.lit("another"))])
    assert checked(same_time).passed
    unknown = pl.concat([twice, *([ordered[9:10].with_columns(landed_at=None)] * 2)])
    assert checked(unknown).counts == {"unique carrier, landed_at": 8, "landed_at not null": 2}


def test_only_rows_whose_times_are_shared_are_hashed_where_these_are_few() -> None:
    ordered = rows(4000)
    in_turn = pl.concat([ordered[2000:], ordered[:2000], ordered[7:8]])
    shuffled = in_turn.sample(fraction=1, shuffle=True, seed=1)
    for frame, hashed in ((in_turn, 2), (shuffled, 4001), (pl.concat([in_turn, ordered[:500]]), 4501)):
        found = of_shared_times(frame.lazy(), CONTRACT, frame.height)
        assert found.select(pl.len()).collect().item() == hashed


def test_a_created_column_lets_the_same_event_be_known_twice() -> None:
    class Revised(FeatureModel):
        k: str
        t: UTC
        known: UTC
        x: float = Feature(unit="count")

    frame = keyed(x=[1.0, 2.0]).with_columns(k=pl.lit("a"), t=pl.lit(START).cast(pl.Datetime("us", "UTC")))
    revised = frame.with_columns(known=pl.col("t") + pl.duration(hours=pl.int_range(0, 2)))
    bitemporal = contract_for(Revised, created="known")
    ordered = revised.select(bitemporal.names)
    assert check_contract(bitemporal, Revised, ordered).passed
    again = ordered.with_columns(known=pl.col("t"))
    assert check_contract(bitemporal, Revised, again).counts == {"unique k, t, known": 2}


def test_nan_and_infinity_are_refused_in_nullable_and_other_floats_while_null_is_allowed() -> None:
    class Floats(FeatureModel):
        k: str
        t: UTC
        maybe: float = Feature(unit="count", nullable=True, le=10)
        always: pl.Float32 = Feature(unit="count")

    frame = keyed(
        maybe=[None, math.nan, math.inf, 1.0],
        always=pl.Series([math.nan, 1.0, -math.inf, 2.0], dtype=pl.Float32),
    )
    check = check_contract(contract_for(Floats), Floats, frame)
    assert check.counts == {"maybe finite": 2, "maybe <= 10": 1, "always finite": 2}


def test_null_is_refused_where_the_contract_does_not_allow_it() -> None:
    check = checked(rows(flights=[0, 1, None, 3, 4, 5]))
    assert check.counts == {"flights not null": 1}
    assert failing(check) == [
        ("flights", "null", "is null: write Feature(nullable=True), or .fill_null(...) in the view")
    ]


@pytest.mark.parametrize("column", ["carrier", "landed_at"])
def test_a_null_key_fails_even_where_the_model_is_made_to_allow_it(column: str) -> None:
    frame = rows().with_columns(pl.when(pl.col("flights") == 2).then(None).otherwise(pl.col(column)).alias(column))
    assert checked(frame).counts == {f"{column} not null": 1}
    nullable = [c if c.name != column else replace(c, nullable=True) for c in CONTRACT.columns]
    check = check_contract(Contract(tuple(nullable)), Delay, frame)
    assert check.counts == {f"{column} not null": 1}


def test_missing_and_extra_columns_are_explained_before_pandera_runs() -> None:
    check = checked(rows().drop("delay").with_columns(speed=1))
    assert not check.passed
    assert check.counts == {"delay present": 1, "speed expected": 1}
    assert check.detail == "columns missing: delay; not in the contract: speed"
    missing, extra = failing(check)
    assert "add it" in missing[2]
    assert ".select(" in extra[2]
    assert check.failures is not None
    assert check.failures["landed_at"].to_list() == [None, None]


def test_another_dtype_is_explained_with_what_to_write_and_never_coerced() -> None:
    check = checked(rows().with_columns(pl.col("delay").cast(pl.Int64)))
    assert check.detail == "delay is Int64, the contract says Float64"
    reason = (
        'is Int64, the contract says Float64: cast it in the view with pl.col("delay").cast(pl.Float64), '
        "or change the annotation"
    )
    assert failing(check) == [("delay", "Int64", reason)]


@pytest.mark.parametrize(
    ("wrong", "remedy"),
    [
        (pl.col("landed_at").dt.replace_time_zone(None), 'pl.col("landed_at").dt.replace_time_zone("UTC")'),
        (pl.col("landed_at").dt.convert_time_zone("Europe/Berlin"), '.dt.convert_time_zone("UTC")'),
        (pl.col("landed_at").dt.to_string("iso"), '.str.to_datetime(time_unit="us", time_zone="UTC")'),
        (pl.col("landed_at").dt.cast_time_unit("ns"), ".cast(pl.Datetime("),
    ],
)
def test_the_remedy_for_a_wrong_event_time_works(wrong: pl.Expr, remedy: str) -> None:
    frame = rows().with_columns(wrong)
    reason = failing(checked(frame))[0][2]
    assert remedy in reason
    code = reason.split(": ", 1)[1].removeprefix("cast it in the view with ").split(", or change the annotation")[0]
    mended = frame.with_columns(eval(code, {"pl": pl}))
    assert mended.schema["landed_at"] == pl.Datetime("us", "UTC")
    assert checked(mended).passed


def test_no_rows_are_not_checked() -> None:
    check = checked(rows(0))
    assert check.state == "not checked"
    assert check.detail == "no rows: columns and dtypes match; nothing else could be checked"


def test_no_rows_do_not_hide_a_wrong_dtype() -> None:
    assert checked(rows(0).with_columns(pl.col("flights").cast(pl.Float64))).failed


def test_a_column_of_nulls_passes_where_null_is_allowed_and_is_named() -> None:
    check = checked(rows().with_columns(delay=pl.lit(None, pl.Float64)))
    assert check.passed
    assert check.detail == "10 rules hold in 6 rows; always null: delay"


@pytest.mark.parametrize(("before", "named"), [(None, True), (4.0, False)])
def test_of_rows_that_came_to_others_it_is_said_what_holds_of_all(before: float | None, *, named: bool) -> None:
    whole = rows().with_columns(delay=pl.when(pl.int_range(pl.len()) < 2).then(pl.lit(before, pl.Float64)))
    check = checked(whole[4:], whole=whole.lazy())
    assert check.passed
    assert check.detail == f"10 rules hold in 6 rows{'; always null: delay' if named else ''}"


def test_categories_enums_decimals_durations_and_booleans_are_checked() -> None:
    class Mixed(FeatureModel):
        k: pl.Categorical
        t: UTC
        kind: pl.Enum(["a", "b"]) = Feature(isin=["a"])  # type: ignore[valid-type]  # a dtype, as pandera takes it
        tag: pl.Categorical = Feature(isin=["x", "y"], nullable=True)
        price: Decimal = Feature(unit="EUR", ge=Decimal("0.50"))
        lag: timedelta
        late: bool

    frame = keyed(
        kind=pl.Series(["a", "b", "a"], dtype=pl.Enum(["a", "b"])),
        tag=pl.Series(["x", None, "z"], dtype=pl.Categorical),
        price=pl.Series([Decimal(1), Decimal("0.49"), Decimal("0.5")], dtype=pl.Decimal(38, 9)),
        lag=pl.Series([timedelta(hours=1)] * 3, dtype=pl.Duration("us")),
        late=[True, False, True],
    ).with_columns(pl.col("k").cast(pl.Categorical))
    check = check_contract(contract_for(Mixed), Mixed, frame)
    assert check.counts == {"kind in allowed values": 1, "tag in allowed values": 1, "price >= 0.50": 1}
    assert ("tag", "z", "is not one of x, y") in failing(check)
    repeated = pl.concat([frame.head(1), frame.head(1)])
    assert check_contract(contract_for(Mixed), Mixed, repeated).counts == {"unique k, t": 2}


def test_declared_uniqueness_is_checked_over_the_whole_and_nulls_do_not_count(tmp_path: Path) -> None:
    class Ticket(FeatureModel):
        k: str
        t: UTC
        ticket: int = Feature(unique=True, nullable=True)

    path = tmp_path / "view.parquet"
    keyed(ticket=[7, None, 8, None, 7]).write_parquet(path)
    check = check_contract(contract_for(Ticket), Ticket, path, cells=3)
    assert check.counts == {"unique ticket": 2}


def test_pandera_checks_of_the_user_run_and_see_the_whole_view(tmp_path: Path) -> None:
    class Own(FeatureModel):
        k: str
        t: UTC
        low: float
        high: float

        @pa.check("low")  # type: ignore[untyped-decorator]  # pandera is not typed here
        def centred(cls, data: Any) -> pl.LazyFrame:  # noqa: N805  # pandera hands the class
            centred: pl.LazyFrame = data.lazyframe.select(pl.col(data.key).mean().abs() < 1e-9)
            return centred

        @pa.dataframe_check  # type: ignore[untyped-decorator]  # pandera is not typed here
        def ordered(cls, data: Any) -> pl.LazyFrame:  # noqa: N805  # pandera hands the class
            ordered: pl.LazyFrame = data.lazyframe.select(pl.col("low") <= pl.col("high"))
            return ordered

    path = tmp_path / "view.parquet"
    sound = keyed(low=[-1.0, 1.0, -2.0, 2.0], high=[3.0, 3.0, 3.0, 3.0])
    sound.write_parquet(path)
    contract = contract_for(Own)
    assert check_contract(contract, Own, path, cells=4).passed
    broken = check_contract(contract, Own, sound.with_columns(low=pl.Series([-1.0, 1.0, 2.0, 9.0])))
    assert broken.counts == {"low check centred": 1, "check ordered": 1}
    assert broken.failures is not None
    assert broken.failures.filter(pl.col("reason").str.contains("ordered"))["k"].to_list() == ["k3"]


def test_a_check_of_the_user_that_raises_is_a_failure_that_says_so() -> None:
    class Broken(FeatureModel):
        k: str
        t: UTC
        x: float

        @pa.check("x")  # type: ignore[untyped-decorator]  # pandera is not typed here
        def explodes(cls, data: Any) -> pl.LazyFrame:  # noqa: N805  # pandera hands the class
            raise ZeroDivisionError("by nought")

    check = check_contract(contract_for(Broken), Broken, keyed(x=[1.0]))
    assert check.counts == {"x check explodes": 1}
    assert "by nought" in failing(check)[0][2]


def test_pandera_switched_off_around_us_still_checks() -> None:
    from pandera.config import ValidationDepth, config_context

    bad = rows(flights=[0, 1, -2, 3, 4, 5])
    with config_context(validation_enabled=False):
        assert not checked(bad).passed
    with config_context(validation_depth=ValidationDepth.SCHEMA_ONLY):
        assert not checked(bad).passed


def test_a_missing_unit_is_mentioned_and_fails_only_where_units_are_required() -> None:
    class Bare(FeatureModel):
        k: str
        t: UTC
        x: float
        name: str

    contract, frame = contract_for(Bare), keyed(x=[1.0], name=["a"])
    lenient = check_contract(contract, Bare, frame)
    assert lenient.passed
    assert lenient.detail.endswith("; no unit: x")
    strict = check_contract(contract, Bare, frame, require_units=True)
    assert strict.counts == {"x unit": 1}


def test_a_unit_that_cannot_be_read_fails() -> None:
    columns = [c if c.name != "delay" else replace(c, unit="minuut") for c in CONTRACT.columns]
    check = check_contract(Contract(tuple(columns)), Delay, rows())
    assert check.counts == {"delay unit": 1}
    assert "minute" in failing(check)[0][2]


def test_entities_called_like_our_columns_are_still_shown() -> None:
    class Named(FeatureModel):
        value: str
        t: UTC
        x: int = Feature(ge=0)

    frame = keyed(x=[-1]).rename({"k": "value"})
    check = check_contract(contract_for(Named, entities="value"), Named, frame)
    assert check.failures is not None
    assert check.failures.columns == ["key_value", "t", "column", "value", "reason"]
    assert check.failures.row(0)[0] == "k0"


def test_a_very_long_value_is_shown_cut() -> None:
    class Text(FeatureModel):
        k: str
        t: UTC
        name: str = Feature(isin=["a"])

    check = check_contract(contract_for(Text), Text, keyed(name=["x" * 10_000]))
    assert len(failing(check)[0][1]) == 200


def test_the_data_is_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "view.parquet"
    rows().write_parquet(path)
    before = path.read_bytes()
    check_contract(CONTRACT, Delay, path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("cells", [8_000_000, 4 * 37])
def test_failing_rows_are_of_as_many_entities_as_there_are(tmp_path: Path, cells: int) -> None:
    class Own(FeatureModel):
        k: str
        t: UTC
        x: float = Feature(ge=0)

    path = tmp_path / "view.parquet"
    keys = ["a"] * 500 + ["b"] * 300 + ["c"] + ["d"] * 199
    frame = pl.DataFrame(
        {
            "k": keys,
            "t": [START + timedelta(minutes=row) for row in range(1000)],
            "x": [-1.0 - row for row in range(1000)],
        },
        schema_overrides={"t": pl.Datetime("us", "UTC")},
    )
    frame.write_parquet(path, row_group_size=64)
    check = check_contract(contract_for(Own), Own, path, cells=cells)
    assert check.counts == {"x >= 0": 1000}
    assert check.failures is not None
    assert check.failures.group_by("k", maintain_order=True).len().rows() == [("a", 7), ("b", 6), ("c", 1), ("d", 6)]
    assert check.failures["k"].to_list()[:4] == ["a", "b", "c", "d"]
    assert check.failures["value"].to_list()[:5] == ["-1.0", "-501.0", "-801.0", "-802.0", "-2.0"]


def test_rules_over_whole_rows_show_the_values_of_the_row() -> None:
    class Own(FeatureModel):
        k: str
        t: UTC
        low: float
        high: float

        @pa.dataframe_check  # type: ignore[untyped-decorator]  # pandera is not typed here
        def ordered(cls, data: Any) -> pl.LazyFrame:  # noqa: N805  # pandera hands the class
            ordered: pl.LazyFrame = data.lazyframe.select(pl.col("low") <= pl.col("high"))
            return ordered

        class Config:
            unique = ["t", "high"]  # noqa: RUF012  # pandera's own form

    frame = keyed(low=[1.0, 9.0], high=[3.0, 3.0]).with_columns(t=pl.lit(START))
    check = check_contract(contract_for(Own), Own, frame)
    remedy = "aggregate or .unique(['t', 'high']) in the view"
    assert failing(check) == [
        ("(row)", "low=9.0, high=3.0", "fails ordered()"),
        *[("t, high", "high=3.0", f"another row has the same t, high: {remedy}")] * 2,
    ]


def test_keys_called_like_our_columns_and_like_their_other_names_are_shown() -> None:
    class Named(FeatureModel):
        value: str
        key_value: str
        t: UTC
        x: int = Feature(ge=0)

    frame = keyed(x=[-1]).rename({"k": "value"}).with_columns(key_value=pl.lit("other"))
    check = check_contract(contract_for(Named, entities=("value", "key_value")), Named, frame)
    assert check.failures is not None
    assert check.failures.columns == ["key_value_", "key_value", "t", "column", "value", "reason"]
    assert check.failures.row(0)[:2] == ("k0", "other")


def test_keys_that_memory_does_not_hold_at_once_are_compared_class_by_class(monkeypatch: pytest.MonkeyPatch) -> None:
    number = pl.int_range(5_000)
    rows = pl.select(k=number.hash(1) % 3_000, t=number * 0)
    many = rows.group_by("k", "t").len().filter(pl.col("len") > 1)["len"].sum()
    for frame, count in ((rows, many), (rows.unique("k"), 0)):
        found = []
        for room in (10**9, 60_000, 30_000):
            monkeypatch.setattr("workbench.checks.contract.memory_share", lambda _, room=room: room)
            same = duplicates(frame.lazy(), ["k", "t"], keep=["k"])
            found.append((same.count, same.rows.height))
        assert found == [(count, min(count, 20))] * 3


def test_a_check_of_all_rows_that_do_not_fit_is_not_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    class Whole(FeatureModel):
        k: int
        t: UTC
        x: float = Feature(ge=0)

        @pa.dataframe_check  # type: ignore[untyped-decorator]  # pandera is not typed here
        def is_there(cls, data: Any) -> pl.LazyFrame:  # noqa: N805  # pandera's own form
            there: pl.LazyFrame = data.lazyframe.select(pl.len() > 0)
            return there

    frame = pl.select(k=pl.int_range(10), t=pl.lit(START), x=1.0)
    contract = contract_for(Whole)
    assert check_contract(contract, Whole, frame).state == "pass"
    monkeypatch.setattr("workbench.memory.free_memory", lambda: 100)
    check = check_contract(contract, Whole, frame)
    assert check.state == "not checked"
    assert "looks at all 10 rows at once takes about" in check.detail
