from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import pytest

from workbench.records import Serialisable, from_json, from_plain, plain_json, read_record, to_json, to_plain


@dataclass(frozen=True, slots=True)
class Inner:
    at: datetime
    sizes: tuple[int, ...] = ()


class Outer(Serialisable, msgspec.Struct, frozen=True):
    name: str
    inner: Inner
    facts: Mapping[str, Any] = {}
    share: float = 0.0


NOON = datetime(2026, 11, 29, 12, 0, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize("share", [-0.0, 5e-324, 1.7976931348623157e308, 0.1 + 0.2, math.inf, -math.inf])
def test_a_float_comes_back_to_the_bit(share: float) -> None:
    again = from_json(to_json(Outer("a", Inner(NOON), share=share)), Outer)
    assert (again.share, math.copysign(1, again.share)) == (share, math.copysign(1, share))


def test_what_is_no_number_comes_back() -> None:
    assert math.isnan(from_json(to_json(Outer("a", Inner(NOON), share=math.nan)), Outer).share)


@pytest.mark.parametrize(
    "fact", [2**53 + 1, 2**64, -(2**80), True, None, [1, "a"], {"deep": {"er": 1.5}}, "\ud800 \x00 ß"]
)
def test_a_fact_comes_back_as_it_was(fact: object) -> None:
    record = Outer("a", Inner(NOON, (2**63, 0)), {"fact": fact})
    assert from_json(to_json(record), Outer) == record
    assert repr(from_json(to_json(record), Outer).facts["fact"]) == repr(fact)


def test_any_mapping_may_be_given_and_keeps_its_order() -> None:
    record = Outer("a", Inner(NOON), MappingProxyType({"y": 1, "x": 2}))
    assert to_json(record).index('"y"') < to_json(record).index('"x"')


def test_a_time_keeps_its_instant_and_its_offset() -> None:
    there = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
    again = from_json(to_json(Inner(there)), Inner)
    assert (again.at, again.at.utcoffset()) == (there, there.utcoffset())


def test_what_json_does_not_have_is_text() -> None:
    assert to_plain({"place": Path("a") / "b", "number": 1j}) == {"place": "a/b", "number": "1j"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"inner": {"at": "2026-01-01T00:00:00Z"}}, "missing required field `name`"),
        ({"name": 1, "inner": {"at": "2026-01-01T00:00:00Z"}}, r"Expected `str`, got `int` - at `\$.name`"),
        ({"name": "a", "inner": {"at": "noon"}}, r"at `\$.inner.at`"),
        ({"name": "a", "inner": {"at": "2026-01-01T00:00:00Z", "sizes": [1, "2"]}}, r"at `\$.inner.sizes\[1\]`"),
        ([], "Expected `object`, got `array`"),
        (None, "Expected `object`, got `null`"),
    ],
)
def test_what_is_not_a_record_is_refused_by_the_name_of_the_field(values: object, message: str) -> None:
    with pytest.raises(ValueError, match="not a valid record: .*" + message):
        from_plain(values, Outer)


def test_what_a_later_version_adds_is_ignored() -> None:
    record = Outer("a", Inner(NOON))
    assert Outer.from_dict(record.to_dict() | {"colour": "red"}) == record


@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"name": 1}'])
def test_a_record_that_is_absent_or_damaged_is_not_read(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "record.json"
    if content is not None:
        path.write_bytes(content)
    assert read_record(path, Outer) is None
    path.write_text(to_json(Outer("a", Inner(NOON))))
    assert read_record(path, Outer) == Outer("a", Inner(NOON))


@pytest.mark.parametrize(
    "values", [{}, [], {"a": [], "b": {}, "c": [[1, 2.5], {"d": None}]}, ["é\n", 10**40, -0.0], [math.nan], ["\ud800"]]
)
def test_indented_json_is_as_json_writes_it(values: object) -> None:
    assert plain_json(values, indent=2) == json.dumps(values, indent=2)
