"""Each value comes back in its dtype, from the store as from the lake, in Python and in a frame."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.online.stage import START, UTC_TIME, Shelf, contract_of
from workbench.online.codec import RowCodec, encode_row
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
        assert online.found[0].online
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
    assert [answers.found[0].online for answers in (online, lake)] == [True, False]
    assert online.frame().equals(lake.frame(), null_equal=True)
    assert online.frame().schema == lake.frame().schema
    assert [v.value for v in online.values()[0].values()] == [v.value for v in lake.values()[0].values()]


def test_a_row_from_before_a_nullable_column_was_added_has_null_there() -> None:
    schema = {"user": pl.String(), "at": UTC_TIME, "old": pl.Float64(), "new": pl.String()}
    codec = RowCodec(contract_of(schema, entities=["user"]))
    assert codec.decode(encode_row((1, None, 2.5))) == (1, None, 2.5, None)


def test_a_row_of_another_contract_is_refused() -> None:
    codec = RowCodec(contract_of({"user": pl.String(), "at": UTC_TIME, "value": pl.Int64()}, entities=["user"]))
    with pytest.raises(ValueError, match="Expected `int"):
        codec.decode(encode_row((1, None, "text")))
