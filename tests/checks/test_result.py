from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest

from workbench.checks import Check


def failures() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "carrier": ["UA", None],
            "seat": [1, 2],
            "day": [date(2024, 1, 1), None],
            "landed_at": [datetime(2024, 1, 1, 12, 0, 0, 5, tzinfo=UTC), None],
            "naive": [datetime.fromisoformat("2024-01-01"), None],
            "late": [True, None],
            "column": ["delay", "delay"],
            "value": ["-1.0", "null"],
            "reason": ["is below 0", "is null"],
        },
        schema_overrides={"landed_at": pl.Datetime("us", "UTC"), "naive": pl.Datetime("ms"), "seat": pl.UInt8},
    )


def test_a_check_survives_json_with_the_dtypes_of_its_keys() -> None:
    check = Check("contract", passed=False, detail="2 rows", failures=failures(), seconds=0.25, counts={"delay": 2})
    again = Check.from_dict(json.loads(json.dumps(check.to_dict(), allow_nan=False)))
    assert again == check
    assert again.failures is not None
    assert again.failures.schema == failures().schema
    assert again.failures.equals(failures())


def test_keys_that_json_cannot_give_back_become_text() -> None:
    odd = pl.DataFrame(
        {
            "kind": pl.Series(["a"], dtype=pl.Categorical),
            "price": pl.Series([Decimal("1.5")], dtype=pl.Decimal(10, 2)),
            "lag": pl.Series([timedelta(hours=1)], dtype=pl.Duration("us")),
            "parts": pl.Series([[1, 2]]),
        }
    )
    check = Check("contract", passed=False, detail="", failures=odd)
    again = Check.from_dict(json.loads(json.dumps(check.to_dict())))
    assert again.failures is not None
    assert set(again.failures.dtypes) == {pl.String()}
    assert again.failures["price"].to_list() == ["1.50"]


def test_an_empty_frame_of_failures_survives_json() -> None:
    check = Check("probe", passed=True, detail="", failures=failures().head(0))
    again = Check.from_dict(json.loads(json.dumps(check.to_dict())))
    assert again.failures is not None
    assert again.failures.schema == failures().schema


def test_keys_of_later_versions_are_ignored() -> None:
    plain = Check("lint", passed=True, detail="fine")
    assert Check.from_dict(plain.to_dict() | {"severity": "low"}) == plain


def test_a_check_is_passed_or_failed_or_not_checked() -> None:
    unseen = Check("lint", passed=False, checked=False, detail="nothing to look at")
    held, broken = Check("lint", passed=True, detail="fine"), Check("lint", passed=False, detail="1 mistake")
    assert [check.state for check in (held, broken, unseen)] == ["pass", "fail", "not checked"]
    assert [check.failed for check in (held, broken, unseen)] == [False, True, False]
    assert Check.from_dict(json.loads(json.dumps(unseen.to_dict()))) == unseen
    with pytest.raises(ValueError, match="without being checked"):
        Check("lint", passed=True, checked=False, detail="")


def test_checks_that_differ_are_not_equal() -> None:
    assert Check("lint", passed=True, detail="fine") != Check("lint", passed=False, detail="fine")
    assert Check("lint", passed=True, detail="fine") != "lint"
