from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from workbench.config import SourceSettings
from workbench.errors import SourceNotFound
from workbench.sources import Snapshot, Sources, SourceWarning

from .conftest import Declare


def test_an_unknown_source_says_which_was_meant(root: Path) -> None:
    sources = Sources({"flights": SourceSettings(path="x.csv", event_time="at")}, root=root, cache=root)
    with pytest.raises(SourceNotFound, match="did you mean 'flights'"):
        sources["flihgts"]
    assert "flights" in sources
    assert "flihgts" not in sources
    assert sources.names() == ("flights",)
    assert sources.get("flihgts") is None


def test_making_sources_touches_nothing(root: Path) -> None:
    Sources({"events": SourceSettings(path="nowhere", event_time="at")}, root=root, cache=root / "cache")
    assert not (root / "cache").exists()


def test_available_at_is_event_time_where_absent(declare: Declare) -> None:
    assert declare(path="x").available_at == "at"
    assert declare(path="x", available_at="known").available_at == "known"


def test_a_snapshot_survives_json_and_equality_is_about_data(declare: Declare, root: Path, rows: pl.DataFrame) -> None:
    rows.write_parquet(root / "data" / "a.parquet")
    source = declare(path="data/a.parquet")
    taken = source.snapshot()
    assert Snapshot.from_dict(taken.to_dict()) == taken == source.snapshot()
    assert taken.taken_at.utcoffset() is not None
    assert SourceWarning("events", "m", 3).to_dict() == {"source": "events", "message": "m", "count": 3}


def test_no_repr_shows_a_password(declare: Declare) -> None:
    source = declare(sql="select 1", database="postgresql://ann:s3cret@db/test")
    assert "s3cret" not in repr(source)
    assert "ann" in repr(source)
