from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from workbench.config import SourceSettings

from .conftest import Declare


def test_a_static_table_has_rows_and_no_times(declare: Declare, root: Path) -> None:
    (root / "data" / "a.csv").write_text("code,name\n007,Bond\n008,Bill\n008,Bob\n")
    source = declare(path="data/a.csv", event_time=None, static=True, key=["code"])
    taken = source.snapshot()
    assert source.frame(taken).collect()["code"].to_list() == ["007", "008", "008"]
    assert (source.event_time, source.available_at, source.known_since) == (None, None, ())
    assert any("repeat a key" in warning.message for warning in source.check(taken))


def test_a_static_query_is_read_in_the_order_of_its_key(declare: Declare, root: Path) -> None:
    pl.DataFrame({"k": ["b", "a"]}).write_parquet(root / "data" / "a.parquet")
    source = declare(sql="select * from 'data/a.parquet'", event_time=None, static=True, key=["k"])
    assert source.frame().collect()["k"].to_list() == ["a", "b"]


@pytest.mark.parametrize("setting", ["event_time", "available_at", "time_format", "time_zone"])
def test_a_static_table_declares_no_times(setting: str) -> None:
    value = "UTC" if setting == "time_zone" else "at"
    with pytest.raises(ValueError, match=f"take out static or {setting}"):
        SourceSettings(path="a.csv", static=True, **{setting: value})  # type: ignore[arg-type]  # one of four


def test_a_source_without_a_time_is_told_of_both_ways() -> None:
    with pytest.raises(ValueError, match=r"event_time is missing: .* static = true"):
        SourceSettings(path="a.csv")
