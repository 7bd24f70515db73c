"""Equal plans on equal data have one hash, whoever takes it; what a plan does not say has none."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from copy import copy
from datetime import datetime
from functools import partial
from itertools import combinations
from pathlib import Path
from threading import Lock

import polars as pl
import pytest
from polars.io.plugins import register_io_source

from workbench.compute import plan_hash

MEMORY = pl.DataFrame({"key": [1, 2], "y": [1.0, 2.0]})
DIFFERENT: dict[str, Callable[[pl.LazyFrame], pl.LazyFrame]] = {
    "all": lambda f: f,
    "literal": lambda f: f.select(pl.col("x") * 7),
    "another literal": lambda f: f.select(pl.col("x") * 14),
    "float literal": lambda f: f.select(pl.col("x") * 7.0),
    "nan": lambda f: f.select(pl.col("x") * math.nan),
    "infinity": lambda f: f.select(pl.col("x") * math.inf),
    "another column": lambda f: f.select(pl.col("key") * 7),
    "another name": lambda f: f.select((pl.col("x") * 7).alias("y")),
    "text": lambda f: f.filter(pl.col("x") > 1).select(pl.lit("Random seed")),
    "filter, then sum": lambda f: f.filter(pl.col("x") > 1).with_columns(pl.col("x").cum_sum()),
    "sum, then filter": lambda f: f.with_columns(pl.col("x").cum_sum()).filter(pl.col("x") > 1),
    "columns": lambda f: f.select("key", "x"),
    "columns, reordered": lambda f: f.select("x", "key"),
    "join": lambda f: f.join(MEMORY.lazy(), on="key"),
    "join, left": lambda f: f.join(MEMORY.lazy(), on="key", how="left"),
    "join, another value": lambda f: f.join(MEMORY.with_columns(y=pl.Series([1.0, 2.5])).lazy(), on="key"),
    "join, another dtype": lambda f: f.join(MEMORY.cast({"y": pl.Float32}).lazy(), on="key"),
    "join, another order": lambda f: f.join(MEMORY.reverse().lazy(), on="key"),
    "join, nan": lambda f: f.join(MEMORY.with_columns(y=pl.Series([1.0, math.nan])).lazy(), on="key"),
    "moment": lambda f: f.select(pl.lit(datetime(2013, 1, 1))),  # noqa: DTZ001 - a naive literal is the point
    "another moment": lambda f: f.select(pl.lit(datetime(2013, 1, 1, 0, 0, 0, 1))),  # noqa: DTZ001
    "rank": lambda f: f.select(pl.col("x").rank("dense")),
    "seeded": lambda f: f.select(pl.col("x").shuffle(seed=1)),
    "seeded otherwise": lambda f: f.select(pl.col("x").shuffle(seed=2)),
    "sample": lambda f: f.select(pl.col("x").sample(2, seed=1)),
}


def _rows(*_: object) -> Iterator[pl.DataFrame]:
    yield MEMORY


def _locked(lock: Lock, frame: pl.DataFrame) -> pl.DataFrame:
    with lock:
        return frame


WITHOUT: dict[str, Callable[[pl.LazyFrame], pl.LazyFrame]] = {
    "map_batches of a frame": lambda f: f.map_batches(lambda frame: frame),
    "map_batches of a column": lambda f: f.select(pl.col("x").map_batches(lambda column: column)),
    "map_elements": lambda f: f.select(pl.col("x").map_elements(str, return_dtype=pl.String)),
    "a library's function": lambda f: f.select(pl.col("x").map_batches(len, return_dtype=pl.Int64)),
    "a function by reference": lambda f: f.map_batches(copy),
    "rolling_map": lambda f: f.select(pl.col("x").rolling_map(sum, 3)),
    "map_groups": lambda f: f.group_by("key").map_groups(lambda frame: frame, schema=None),
    "map_groups by reference": lambda f: f.group_by("key").map_groups(copy, schema=None),
    "fold": lambda f: f.select(pl.fold(pl.lit(0), lambda a, b: a + b, [pl.col("x")])),
    "reduce by reference": lambda f: f.select(pl.reduce(max, [pl.col("x")])),
    "names by a function": lambda f: f.select(pl.all().name.map(str.upper)),
    "an IO plugin": lambda _: register_io_source(_rows, schema=MEMORY.schema),
    "within a join": lambda f: f.join(f.map_batches(lambda frame: frame), on="key"),
    "shuffle": lambda f: f.select(pl.col("x").shuffle()),
    "sample": lambda f: f.select(pl.col("x").sample(2)),
    "random rank": lambda f: f.select(pl.col("x").rank("random")),
    "a lock": lambda f: f.map_batches(partial(_locked, Lock())),
}


@pytest.fixture
def source(tmp_path: Path) -> pl.LazyFrame:
    pl.DataFrame({"key": [1, 2, 3], "x": [1, 2, 3]}).write_parquet(tmp_path / "source.parquet")
    return pl.scan_parquet(tmp_path / "source.parquet")


def test_every_different_plan_has_its_own_hash(source: pl.LazyFrame) -> None:
    hashes = {name: plan_hash(make(source)) for name, make in DIFFERENT.items()}
    assert [name for name, found in hashes.items() if found is None] == []
    assert [pair for pair in combinations(hashes, 2) if hashes[pair[0]] == hashes[pair[1]]] == []


@pytest.mark.parametrize("name", DIFFERENT)
def test_an_equal_plan_has_an_equal_hash_even_after_it_was_used(
    name: str, source: pl.LazyFrame, tmp_path: Path
) -> None:
    plan = DIFFERENT[name](source)
    before = plan_hash(plan)
    plan.collect_schema()
    plan.head(1).collect()
    again = DIFFERENT[name](pl.scan_parquet(tmp_path / "source.parquet"))
    assert plan_hash(plan) == plan_hash(again) == before


@pytest.mark.filterwarnings("ignore::polars.exceptions.PolarsInefficientMapWarning")
@pytest.mark.parametrize("name", WITHOUT)
def test_code_and_chance_have_none(name: str, source: pl.LazyFrame) -> None:
    assert plan_hash(WITHOUT[name](source)) is None


def test_it_knows_the_inputs_by_their_data(source: pl.LazyFrame) -> None:
    hashes = [plan_hash(source, inputs) for inputs in ({}, {"a": "1"}, {"a": "2"}, {"b": "1"}, {"a": "1", "b": "1"})]
    assert len(set(hashes)) == 5
    assert plan_hash(source, {"a": "1", "b": "2"}) == plan_hash(source, {"b": "2", "a": "1"})


def test_a_value_collected_while_building_counts(source: pl.LazyFrame, tmp_path: Path) -> None:
    def build(frame: pl.LazyFrame) -> pl.LazyFrame:
        return frame.with_columns(share=pl.col("x") / frame.select(pl.col("x").sum()).collect().item())

    before = plan_hash(build(source))
    pl.DataFrame({"key": [1, 2, 3], "x": [1, 2, 4]}).write_parquet(tmp_path / "source.parquet")
    assert plan_hash(build(pl.scan_parquet(tmp_path / "source.parquet"))) != before


@pytest.mark.journey
def test_it_is_the_same_in_every_process(source: pl.LazyFrame, tmp_path: Path) -> None:
    program = """
import sys, polars as pl
from workbench.compute import plan_hash
frame = pl.scan_parquet(sys.argv[1])
other = pl.LazyFrame({"key": [1], "kind": pl.Series(["a"], dtype=pl.Enum(["a", "b"]))})
names = {"a": 1, "b": 2, "c": 3}
print(plan_hash(frame.join(other, on="key").filter(pl.col("x").is_in({3, 1, 2})).with_columns(
    pl.col("kind").cast(pl.String).replace_strict(names, default=0)).group_by("key").agg(pl.all().mean())))
"""
    seen = set()
    for seed in ("1", "2", "3"):
        command = [sys.executable, "-c", program, str(tmp_path / "source.parquet")]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        seen.add(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)
    assert len(seen) == 1
    assert seen != {"None\n"}


def cached(*, shared: bool) -> pl.LazyFrame:
    first = pl.LazyFrame({"a": [1, 2]}).select(pl.col("a") + 1).cache()
    second = first if shared else pl.LazyFrame({"a": [1, 2]}).select(pl.col("a") + 1).cache()
    return pl.concat([first, second])


def test_a_cached_sub_plan_has_no_random_part() -> None:
    assert plan_hash(cached(shared=True)) == plan_hash(cached(shared=True))
    assert plan_hash(cached(shared=True)) != plan_hash(cached(shared=False))


def test_windowed_has_a_plan_hash_that_tells_windows_apart() -> None:
    from workbench.define import windowed

    frame = pl.LazyFrame(
        {"user": ["a"], "at": [None], "x": [1.0]},
        schema={"user": pl.String, "at": pl.Datetime("us", "UTC"), "x": pl.Float64},
    )

    def hashed(window: str) -> str | None:
        return plan_hash(windowed(frame, by="user", time="at", windows=[window], total=pl.col("x").sum()))

    assert hashed("7d") is not None
    assert hashed("7d") == hashed("7d")
    assert hashed("7d") != hashed("8d")
