"""Each value comes back in its dtype, from the store as from the lake, in Python and in a frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.online.stage import START, UTC_TIME, Shelf, contract_of
from workbench.online.backend import BOUNDS, FOREVER
from workbench.online.codec import NEVER, SEVERAL, RowCodec, StoredRows
from workbench.store import parse_all

VALUES: dict[str, tuple[pl.DataType, list[Any]]] = {
    "float": (pl.Float64(), [1.5, -0.0, float("inf"), 5e-324]),
    "float32": (pl.Float32(), [1.5, 0.1]),
    "int": (pl.Int64(), [2**63 - 1, -(2**63), 2**53 + 1]),
    "int8": (pl.Int8(), [-128, 127]),
    "uint8": (pl.UInt8(), [0, 255]),
    "uint64": (pl.UInt64(), [2**64 - 1]),
    "bool": (pl.Boolean(), [True, False]),
    "text": (pl.String(), ["", "ä\x00", "x" * 5_000]),
    "enum": (pl.Enum(["b", "a"]), ["a", "b"]),
    "binary": (pl.Binary(), [b"\x00\xff", b""]),
    "date": (pl.Date(), [date(1, 1, 1), date(9999, 12, 31)]),
    "time": (pl.Time(), [time(23, 59, 59, 999_999)]),
    "moment": (UTC_TIME, [datetime(2024, 1, 1, microsecond=1, tzinfo=UTC)]),
    "plain moment": (pl.Datetime("us"), [datetime(2024, 1, 1)]),  # noqa: DTZ001 - it has no zone
    "moment in ms": (pl.Datetime("ms", "Europe/Berlin"), [datetime(2024, 1, 1, tzinfo=UTC)]),
    "duration": (pl.Duration("us"), [timedelta(days=-1, microseconds=1)]),
    "decimal": (pl.Decimal(38, 9), [Decimal("12345678901234567890.123456789")]),
    "list": (pl.List(pl.Int64), [[], [1, None, 3]]),
    "array": (pl.Array(pl.Float64, 2), [[1.0, None]]),
    "struct": (pl.Struct({"a": pl.Date, "b": pl.List(pl.String)}), [{"a": date(2024, 1, 1), "b": ["x", None]}]),
    "deep": (pl.List(pl.Struct({"at": UTC_TIME})), [[{"at": datetime(2024, 1, 1, tzinfo=UTC)}, {"at": None}]]),
}


@pytest.mark.parametrize("kind", VALUES)
def test_values_keep_their_dtype_and_their_bits(tmp_path: Path, kind: str) -> None:
    dtype, given = VALUES[kind]
    given = [*given, None]
    users = [str(number) for number in range(len(given))]
    frame = pl.DataFrame(
        {"user": users, "at": [START] * len(given), "value": pl.Series(given, dtype=dtype)},
        schema_overrides={"at": UTC_TIME},
    )
    shelf = Shelf.at(tmp_path)
    shelf.publish("spend", frame)
    shelf.load()
    entities = [{"user": user} for user in users]
    for at in (None, START):
        online = shelf.reader().read(parse_all("spend"), entities, at=at)
        assert online.found[0].origin == "online"
        assert online.frame()["value"].equals(frame["value"], null_equal=True, check_dtypes=True)
        values = [row["value"].value for row in online.values()]
        assert repr(values).replace("datetime.timezone.utc", "zoneinfo.ZoneInfo(key='UTC')") == repr(
            frame["value"].to_list()
        )


def test_a_frame_from_the_lake_is_that_from_the_store(tmp_path: Path) -> None:
    columns = {name: pl.Series(given[:1], dtype=dtype) for name, (dtype, given) in VALUES.items()}
    named = {name.replace(" ", "_"): column for name, column in columns.items()}
    frame = pl.DataFrame({"user": ["a"], "at": [START], **named}, schema_overrides={"at": UTC_TIME})
    shelf = Shelf.at(tmp_path, history=timedelta(0))
    shelf.publish("spend", frame)
    shelf.load()
    reader = shelf.reader(lake=True)
    online = reader.read(parse_all("spend"), [{"user": "a"}, {"user": "b"}])
    lake = reader.read(parse_all("spend"), [{"user": "a"}, {"user": "b"}], at=START)
    assert [answers.found[0].origin == "online" for answers in (online, lake)] == [True, False]
    assert online.frame().equals(lake.frame(), null_equal=True)
    assert online.frame().schema == lake.frame().schema
    assert [v.value for v in online.values()[0].values()] == [v.value for v in lake.values()[0].values()]


SCHEMA: dict[str, pl.DataType] = {"user": pl.String(), "at": UTC_TIME, "old": pl.Float64(), "text": pl.String()}
ADDED: dict[str, pl.DataType] = {"new": pl.Int32(), "more": pl.List(pl.Int64())}


def codec_of(schema: dict[str, pl.DataType]) -> RowCodec:
    return RowCodec(contract_of(schema, entities=["user"]))


def encoded(schema: dict[str, pl.DataType], *rows: tuple[Any, ...]) -> Sequence[bytes]:
    """Return rows of event time, `created` and the features."""
    codec = codec_of(schema)
    types = {"event": pl.Int64(), "created": pl.Int64()} | {name: codec.contract[name].dtype for name in codec.features}
    return codec.encode(pl.DataFrame(rows, schema=types, orient="row"), event="event", created="created")


def test_a_row_from_before_nullable_columns_were_added_has_null_there() -> None:
    codec = codec_of(SCHEMA | ADDED)
    (whole,) = encoded(SCHEMA | ADDED, (2, 3, None, "b", 7, [1, None]))
    for row in ((1, None, 2.5, "a"), (1, 5, None, None)):
        (older,) = encoded(SCHEMA, row)
        assert [NEVER if value is None else value for value in codec.decode(older)[:2]] == [row[0], row[1] or NEVER]
        assert tuple(codec.decode(older)[2:]) == (*row[2:], None, None)
        rows = StoredRows(codec, [older, None, whole])
        assert rows.events.tolist() == [1, 0, 2]
        assert rows.series("old").to_list() == [row[2], None, None]
        assert rows.series("new").to_list() == [None, None, 7]
        assert rows.series("more").to_list() == [None, None, [1, None]]


@pytest.mark.parametrize("count", [0, 1, 9])
def test_columns_are_those_of_the_rows(count: int) -> None:
    schema: dict[str, pl.DataType] = {"user": pl.String(), "at": UTC_TIME}
    schema |= {
        f"n{place}": dtype for place, dtype in enumerate([pl.Boolean(), pl.Int8(), pl.Float32(), pl.String()] * 3)
    }
    codec = codec_of(schema)
    given = [True, -7, 0.5, "x"] * 3
    rows = []
    for place in range(count):
        nulls = [None if (place + number) % 5 == 0 else value for number, value in enumerate(given)]
        rows.append((place, None if place % 2 else -place, *nulls))
    data = [None, *encoded(schema, *rows), None]
    stored = StoredRows(codec, data)
    assert [(at, None if made == NEVER else made, *each) for at, made, *each in filter(None, stored)] == rows
    assert stored.present.tolist() == [row is not None for row in data]
    for place, name in enumerate(codec.features, start=2):
        assert stored.series(name).to_list() == [None, *(row[place] for row in rows), None]


@pytest.mark.parametrize("count", [1, SEVERAL, SEVERAL + 1])
@pytest.mark.parametrize("text", [False, True])
def test_columns_hold_what_each_row_decodes_to(count: int, *, text: bool) -> None:
    schema: dict[str, pl.DataType] = {"user": pl.String(), "at": UTC_TIME}
    kinds = [pl.Boolean(), pl.Int8(), pl.Float32(), pl.Int64(), *([pl.String()] if text else [])]
    schema |= {f"n{place}": dtype for place, dtype in enumerate(kinds)}
    codec = codec_of(schema)
    given = [(place, None, place % 2 == 0, -place, 0.1 * place, 2**63 - 1 - place, "x") for place in range(count)]
    rows = encoded(schema, *(row[: 2 + len(kinds)] for row in given))
    decoded = [*map(codec.decode, rows)]
    bounded = [BOUNDS.pack(place, FOREVER) + row for place, row in enumerate(rows)]
    for columns in (codec.decode_columns(rows), codec.decode_entries(bounded)):
        assert columns is not None
        assert [*zip(*columns, strict=True)] == [*map(tuple, decoded)]
        assert [*map(type, next(zip(*columns, strict=True)))] == [*map(type, decoded[0])]
    (hole,) = encoded(schema, (count, None, True, None, 0.5, 1, "x")[: 2 + len(kinds)])
    (older,) = encoded({name: schema[name] for name in ["user", "at", "n0"]}, (count, None, True))
    for odd in (hole, older):
        assert codec.decode_columns([*rows, odd]) is None


def test_a_row_of_another_contract_is_refused() -> None:
    whole = {"user": pl.String(), "at": UTC_TIME, "value": pl.Int64()}
    text = {"user": pl.String(), "at": UTC_TIME, "value": pl.String()}
    pair = whole | {"other": pl.Int64()}
    for schema, row, other in (
        (whole, (1, None, "text"), text),
        (text, (1, None, 7), whole),
        (whole, (1, 2, 3, 4), pair),
    ):
        (data,) = encoded(other, row)
        with pytest.raises(ValueError, match=r"A row of|Expected|input data|MessagePack"):
            codec_of(schema).decode(data)


def test_many_entities_have_the_values_that_each_has_alone(tmp_path: Path) -> None:
    """Many are read column by column where nothing is missing, null or expired, and one by one else."""
    now = datetime.now(UTC)
    users = [str(number) for number in range(9)]
    times = [now - timedelta(hours=number) for number in range(9)]
    numbers = {
        "user": users,
        "at": times,
        "known": times,
        "n0": list(range(9)),
        "n1": [number / 4 for number in range(9)],
    }
    shelf = Shelf.at(tmp_path)
    plain = pl.DataFrame(numbers, schema_overrides={"at": UTC_TIME, "known": UTC_TIME})
    shelf.publish("plain", plain, created="known")
    shelf.publish("mixed", plain.select("user", "at", m0=pl.col("n0").cast(pl.Date), m1="user", m2=pl.col("n1")))
    holes = pl.DataFrame(
        {"user": users[:8], "at": times[:8], "h": [*range(7), None]}, schema_overrides={"at": UTC_TIME}
    )
    shelf.publish("holes", holes, ttl=timedelta(hours=4, minutes=30))
    shelf.load()
    reader = shelf.reader()
    for asked in (["plain"], ["plain:n1", "mixed", "plain:n0"], ["holes", "plain"]):
        references = parse_all(asked)
        together = reader.read(references, [{"user": user} for user in users], at=now).values()
        alone = [reader.read(references, [{"user": user}], at=now).values()[0] for user in users]
        assert together == alone
        assert list(map(list, together)) == list(map(list, alone))
        assert [row.created for row in (each["n1"] for each in together)] == times
    assert Counter(row["h"].status for row in together) == {"present": 5, "expired": 3, "missing": 1}
    assert together[2]["n1"].value == 0.5


NUMBERS: dict[str, list[dict[str, int | None]]] = {
    "all there": [{"number": 3}, {"number": 2**62}, {"number": 3}],
    "one unknown, one null": [{"number": 3}, {"number": 4}, {"number": None}, {"number": 2**70}],
    "one beyond": [{"number": 3}, {"number": 2**70}],
    "one expired": [{"number": 3}, {"number": 5}],
    "none": [],
}


@pytest.mark.parametrize("ttl", [None, timedelta(hours=1)])
def test_a_table_is_the_frame(tmp_path: Path, ttl: timedelta | None) -> None:
    now = datetime.now(UTC)
    shelf = Shelf.at(tmp_path)
    keys = {"number": [3, 2**62, 5], "at": [now, now, now - timedelta(hours=2)]}
    columns = {"real": [0.5, float("nan"), 1.0], "truth": [True, False, True], "day": [date(2024, 1, 1)] * 3}
    frame = pl.DataFrame(keys | columns, schema_overrides={"at": UTC_TIME})
    frame = frame.with_columns(small=pl.lit(7, pl.Int8), grade=pl.lit("a", pl.Enum(["b", "a"])))
    shelf.publish("spend", frame, entities=("number",), ttl=ttl)
    shelf.load()
    for entities in NUMBERS.values():
        answers = shelf.reader().read(parse_all("spend"), entities)
        for details in (False, True):
            table, right = answers.arrow(details=details), answers.frame(details=details)
            assert table.schema.equals(right.to_arrow().schema, check_metadata=True)
            read = pl.from_arrow(table)
            assert isinstance(read, pl.DataFrame)
            assert read.equals(right, null_equal=True)
            assert read.schema == right.schema


def test_a_value_shows_its_times_and_cannot_be_changed(tmp_path: Path) -> None:
    shelf = Shelf.at(tmp_path)
    shelf.publish(
        "spend", pl.DataFrame({"user": ["a"], "at": [START], "value": [1.0]}, schema_overrides={"at": UTC_TIME})
    )
    shelf.load()
    (answer,) = shelf.reader().read(parse_all("spend"), [{"user": "a"}]).values()
    value = answer["value"]
    assert repr(value) == (
        f"FeatureValue(value=1.0, status='present', event_time={START!r}, created=None, version='1.0', generation=1, "
        "source='online')"
    )
    assert list(value.to_dict()) == ["value", "status", "event_time", "created", "version", "generation", "source"]
    for name in ("value", "event_time"):
        with pytest.raises(AttributeError):
            setattr(value, name, None)
