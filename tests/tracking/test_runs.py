from __future__ import annotations

import json
from types import MappingProxyType

import pytest

from tests.tracking.stores import make_record
from workbench.tracking import RunRecord, new_key


def test_a_record_survives_json() -> None:
    record = make_record()
    assert RunRecord.from_dict(json.loads(json.dumps(record.to_dict()))) == record


def test_any_mapping_may_be_given() -> None:
    record = make_record(tags=MappingProxyType({"a": "b"}))
    assert json.loads(json.dumps(record.to_dict()))["tags"] == {"a": "b"}


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"version": None},
        {"colour": "red"},
        {"datasets": [{"name": "x"}]},
        {"datasets": None},
        {"end": "now"},
    ],
)
def test_what_is_not_a_record_of_this_version_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="not a valid record: "):
        RunRecord.from_dict(make_record().to_dict() | change)


def test_keys_differ() -> None:
    assert len({new_key() for _ in range(100)}) == 100
