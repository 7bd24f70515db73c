from __future__ import annotations

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from tests.tracking.stores import make_record
from workbench.tracking.limits import (
    KEY_LENGTH,
    LEFT_OUT,
    PARAM_LENGTH,
    SOURCE_BYTES,
    TAG_LENGTH,
    batches,
    clean_key,
    fit,
    truncate,
)
from workbench.tracking.runs import DatasetRecord


def test_a_long_value_ends_with_the_hash_of_the_whole() -> None:
    left, right = truncate("x" * 9000, TAG_LENGTH), truncate("x" * 8999 + "y", TAG_LENGTH)
    assert len(left) == len(right) == TAG_LENGTH
    assert "... (cut, sha256 " in left
    assert left != right


def test_a_value_of_exactly_the_limit_is_whole() -> None:
    assert truncate("x" * TAG_LENGTH, TAG_LENGTH) == "x" * TAG_LENGTH


def test_what_no_database_stores_is_replaced() -> None:
    assert truncate("a\x00b\ud800c", 100) == "a\ufffdb\ufffdc"


@given(st.text(max_size=400))
def test_a_clean_key_holds_only_what_mlflow_takes(key: str) -> None:
    clean = clean_key(key)
    assert 0 < len(clean) <= KEY_LENGTH
    assert clean_key(clean) == clean
    assert not set("@=[]%:\n") & set(clean)
    assert not {"", ".", ".."} & set(clean.split("/"))


def test_numbers_that_are_none_are_left_out_and_named() -> None:
    metrics = {"good": 1, "bad": math.nan, "worse": math.inf, "worst": -math.inf}
    record = fit(make_record(metrics=metrics))
    assert dict(record.metrics) == {"good": 1.0}
    assert record.tags[LEFT_OUT] == "bad, worse, worst"


def test_keys_that_become_one_both_stay() -> None:
    record = fit(make_record(metrics={"a@1": 1.0, "a=1": 2.0}))
    assert sorted(record.metrics.values()) == [1.0, 2.0]


def test_tags_and_parameters_are_cut_to_their_own_limits() -> None:
    record = fit(make_record(tags={"t": "x" * 10_000}, params={"p": "x" * 10_000}, note="x" * 10_000))
    assert (len(record.tags["t"]), len(record.params["p"]), len(record.note)) == (TAG_LENGTH, PARAM_LENGTH, TAG_LENGTH)


def test_fitting_twice_changes_nothing() -> None:
    once = fit(make_record(tags={"a@b": "x" * 9000}, metrics={"m%": math.nan, "n%": 1.0}))
    assert fit(once) == once


def test_a_source_too_large_for_mlflow_keeps_what_is_small() -> None:
    source = {"uri": "s3://bucket/table", "files": [{"path": f"part-{i}"} for i in range(10_000)]}
    dataset = DatasetRecord(name="flights", digest="d", kind="delta", context="source", source=source)
    (fitted,) = fit(make_record(datasets=(dataset,))).datasets
    assert fitted.source["uri"] == "s3://bucket/table"
    assert "cut_sha256" in fitted.source
    assert len(json.dumps(dict(fitted.source))) < SOURCE_BYTES


def test_an_artifact_cannot_leave_its_folder() -> None:
    assert list(fit(make_record(artifacts={"../../etc/x.py": ""})).artifacts) == ["etc/x.py"]


@given(st.dictionaries(st.text(min_size=1, max_size=5), st.text(max_size=30)), st.integers(1, 5), st.integers(1, 60))
def test_batches_hold_everything_once_in_order(values: dict[str, str], count: int, characters: int) -> None:
    parts = list(batches(values, count=count, characters=characters))
    assert [item for part in parts for item in part.items()] == list(values.items())
    for part in parts:
        assert 0 < len(part) <= count
        assert len(part) == 1 or sum(map(len, part.values())) <= characters
