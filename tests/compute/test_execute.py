"""A view is computed once, by whoever comes first, and is described by what came out."""

from __future__ import annotations

import subprocess
import tempfile
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest
from polars.testing import assert_frame_equal

from workbench.compute import Amendment, Computed, StoredView, ViewCache, damage, digest_frame, materialize_view
from workbench.compute.execute import write_parquet
from workbench.errors import ComputeError, ProjectError

COLUMNS = ["carrier", "landed_at", "delay"]
Start = Callable[..., "subprocess.Popen[str]"]


def test_a_view_is_stored_as_its_function_made_it(tmp_path: Path, stage: ModuleType) -> None:
    computed = stage.compute(tmp_path)
    record = computed.stored.record
    expected = stage.EVENTS.select("carrier", "landed_at", delay=pl.col("delay") * 2)
    assert computed.stored.frame().collect().equals(expected)
    assert not computed.reused
    assert (record.view, record.view_id, record.rows, record.order) == ("trial", stage.ID, 100, tuple(COLUMNS))
    assert record.inputs == {"flights": "e1"}
    assert record.period == (datetime(2013, 1, 1, tzinfo=UTC), datetime(2013, 1, 5, 3, tzinfo=UTC))
    assert record.schema["delay"] == "Float64"
    assert set(record.versions) == {"python", "polars", "workbench"}
    assert record.size == computed.stored.path.stat().st_size


def test_the_function_is_not_even_called_for_a_stored_view_id(tmp_path: Path, stage: ModuleType) -> None:
    calls = []

    def trial(flights: pl.LazyFrame) -> pl.LazyFrame:
        calls.append(1)
        return flights

    view = stage.make_view(trial, COLUMNS)
    assert [stage.compute(tmp_path, view).reused for _ in range(3)] == [False, "view id", "view id"]
    assert len(calls) == 1


def test_a_refactoring_is_found_by_its_plan(tmp_path: Path, stage: ModuleType) -> None:
    def doubled(column: str) -> pl.Expr:
        return pl.col(column) * 2

    def trial(flights: pl.LazyFrame) -> pl.LazyFrame:
        return flights.select("carrier", "landed_at", delay=doubled("delay"))

    stage.compute(tmp_path)
    view = stage.make_view(trial, COLUMNS)
    assert stage.compute(tmp_path, view, view_id="ab" * 32).reused == "plan"
    assert stage.compute(tmp_path, view, view_id="cd" * 32, inputs=stage.inputs(digest="e2")).reused is False


def test_python_functions_are_never_found_by_their_plan(tmp_path: Path, stage: ModuleType) -> None:
    def trial(flights: pl.LazyFrame) -> pl.LazyFrame:
        return flights.map_batches(lambda frame: frame)

    view = stage.make_view(trial, COLUMNS)
    results = [stage.compute(tmp_path, view, view_id=name * 32) for name in ("ab", "cd")]
    assert [result.reused for result in results] == [False, False]
    assert results[0].stored.record.digest == results[1].stored.record.digest


def test_an_equal_plan_of_another_grain_is_not_reused(tmp_path: Path, stage: ModuleType) -> None:
    """The digest depends on which columns are the key."""
    stage.compute(tmp_path)
    view = stage.make_view(stage.delays, COLUMNS)
    object.__setattr__(view, "entities", ())
    again = stage.compute(tmp_path, view, view_id="ab" * 32)
    assert again.reused is False
    assert again.stored.record.keys == ("landed_at",)


@pytest.mark.journey
def test_processes_that_want_the_same_view_compute_it_once(tmp_path: Path, start: Start, stage: ModuleType) -> None:
    processes = [start(tmp_path) for _ in range(4)]
    outputs = [process.communicate(timeout=120) for process in processes]
    said = [output.splitlines()[-1] for output, _ in outputs]
    assert sorted(said) == ["computed", "reused", "reused", "reused"], outputs
    assert stage.compute(tmp_path).reused == "view id"


def test_what_fails_in_the_engine_is_said_in_short_and_leaves_nothing(tmp_path: Path, stage: ModuleType) -> None:
    def trial(flights: pl.LazyFrame) -> pl.LazyFrame:
        return flights.with_columns(delay=pl.col("carrier").cast(pl.Float64))

    with pytest.raises(ComputeError) as caught:
        stage.compute(tmp_path, stage.make_view(trial, COLUMNS))
    assert "conversion from `str` to `f64` failed" in caught.value.message
    assert "\n" not in caught.value.message
    assert "strict=False" in caught.value.remedy
    assert isinstance(caught.value.__cause__, pl.exceptions.InvalidOperationError)
    assert [path for path in tmp_path.iterdir() if not path.name.startswith(".")] == []
    assert list((tmp_path / ".work").iterdir()) == []


def test_a_source_that_vanished_is_a_compute_error(tmp_path: Path, stage: ModuleType) -> None:
    source = tmp_path / "events.parquet"
    stage.EVENTS.write_parquet(source)
    inputs = stage.inputs()
    lazy = pl.scan_parquet(source)
    lazy.collect_schema()
    source.unlink()
    with pytest.raises(ComputeError, match="No such file"):
        stage.compute(tmp_path / "views", inputs=[type(inputs[0])("flights", lazy, "e1", "source")])


@pytest.mark.parametrize("raised", [ZeroDivisionError("mine"), FileNotFoundError(2, "mine"), RuntimeError("mine")])
def test_what_a_python_function_in_the_query_raises_is_its_own(
    raised: Exception, tmp_path: Path, stage: ModuleType
) -> None:
    def mine(_: Any) -> Any:
        raise raised

    def trial(flights: pl.LazyFrame) -> pl.LazyFrame:
        return flights.with_columns(delay=pl.col("delay").map_batches(mine, return_dtype=pl.Float64))

    with pytest.raises(type(raised), match="mine") as caught:
        stage.compute(tmp_path, stage.make_view(trial, COLUMNS))
    assert "mine" in [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert list((tmp_path / ".work").iterdir()) == []


def test_a_view_without_rows_is_a_view(tmp_path: Path, stage: ModuleType) -> None:
    computed: Computed = stage.compute(tmp_path, inputs=stage.inputs(stage.EVENTS.clear()))
    assert (computed.stored.record.rows, computed.stored.record.period) == (0, None)


def test_what_is_noted_of_rows_as_they_are_written_is_what_the_file_holds(tmp_path: Path, stage: ModuleType) -> None:
    values: dict[str, Any] = {
        "carrier": ["UA", None, "a carrier with a long name", "UA"],
        "landed_at": [datetime(2013, 1, 3, tzinfo=UTC), None, datetime(2013, 1, 1, tzinfo=UTC), None],
        "float": [0.1, None, float("nan"), -0.0],
        "narrow": pl.Series([0.1, None, float("inf"), 5e-324], dtype=pl.Float32),
        "count": pl.Series([1, None, 2, 3], dtype=pl.UInt8),
        "flag": [True, None, False, True],
        "price": pl.Series(["1.50", None, "2.00", "3.25"]).cast(pl.Decimal(10, 2)),
        "large": pl.Series([2**100, None, -1, 0], dtype=pl.Int128),
        "level": pl.Series(["low", None, "high", "low"], dtype=pl.Enum(["low", "high"])),
        "group": pl.Series(["b", None, "a", "b"], dtype=pl.Categorical),
        "bytes": [b"x", None, b"", b"0123456789abcdef"],
        "day": [datetime(2013, 1, 1).date(), None, None, None],  # noqa: DTZ001  # a date has no zone
        "hour": [datetime(2013, 1, 1, 5).time(), None, None, None],  # noqa: DTZ001  # nor has a time of day
        "wait": pl.Series([1, None, 2, 3], dtype=pl.Duration("ms")),
        "tags": [["a", None], None, [], ["b"]],
        "place": pl.Series([[1.0, 2.0], None, [3.0, None], [0.0, -0.0]], dtype=pl.Array(pl.Float64, 2)),
        "pair": [{"a": 1, "b": 1.5}, None, {"a": None, "b": None}, {"a": 2, "b": 0.0}],
        "nothing": [None] * 4,
    }
    events = pl.concat([pl.DataFrame(values)] * 20)
    view = stage.make_view(lambda flights: flights, list(values))
    stored = stage.compute(tmp_path, view, inputs=stage.inputs(events)).stored
    assert stored.record.digest == digest_frame(stored.frame(), keys=("carrier", "landed_at"))
    assert stored.record.period == (datetime(2013, 1, 1, tzinfo=UTC), datetime(2013, 1, 3, tzinfo=UTC))
    assert stored.frame().collect().equals(events)


def test_rows_are_shown_to_an_observer_as_they_are_written_and_stored_ones_are_not(
    tmp_path: Path, stage: ModuleType
) -> None:
    seen: list[pl.DataFrame] = []
    computed = stage.compute(tmp_path, observe=seen.append)
    stored = computed.stored.frame().collect()
    assert_frame_equal(pl.concat(seen), stored, check_row_order=False)
    again: list[pl.DataFrame] = []
    assert stage.compute(tmp_path, observe=again.append).reused
    assert again == []


def test_a_large_view_is_digested_and_written_in_its_order(tmp_path: Path, stage: ModuleType) -> None:
    many = pl.concat([stage.EVENTS] * 6_000).with_columns(delay=pl.int_range(pl.len()).cast(pl.Float64))
    stored = stage.compute(tmp_path, inputs=stage.inputs(many)).stored
    assert stored.record.digest == digest_frame(stored.frame(), keys=("carrier", "landed_at"))
    assert stored.record.digest.rows == 600_000
    assert stored.frame().collect()["delay"].to_list()[::50_000] == [100_000.0 * step for step in range(12)]


FULL = """
import resource
big = pl.concat([EVENTS] * 20_000).with_columns(delay=pl.int_range(pl.len()).hash().cast(pl.Float64))
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
try:
    compute(Path(sys.argv[1]), inputs=inputs(big))
except Exception as error:
    print(type(error).__name__, "|", error.message, "|", error.remedy)
print(compute(Path(sys.argv[1])).reused)
"""


@pytest.mark.journey
def test_lists_are_stored_in_smaller_groups_of_rows_than_numbers(tmp_path: Path) -> None:
    numbers = pl.LazyFrame({"x": range(100_000)})
    write_parquet(numbers, tmp_path / "numbers.parquet", view="trial")
    write_parquet(numbers.select(x=pl.concat_list("x")), tmp_path / "lists.parquet", view="trial")
    groups = [pq.ParquetFile(tmp_path / f"{name}.parquet").num_row_groups for name in ("numbers", "lists")]
    assert groups == [1, 2]


def test_a_full_disk_is_said_so_and_leaves_nothing(tmp_path: Path, start: Start) -> None:
    output, errors = start(tmp_path, code=FULL).communicate(timeout=120)
    kind, message, remedy = output.splitlines()[0].split(" | ")
    assert kind == "ProjectError", errors
    assert "no space left" in message
    assert str(tmp_path) in message
    assert "Free some space" in remedy
    assert output.splitlines()[1] == "False"
    assert list((tmp_path / ".work").iterdir()) == []


LOCKED = """
import os, tempfile
root = Path(sys.argv[1])
with tempfile.TemporaryDirectory() as scratch:
    compute(Path(scratch))  # whatever is imported late must be there before the rights to read it are given up
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    compute(root, view_id="ab" * 32)
except Exception as error:
    print(type(error).__name__, "|", error.message, "|", error.remedy)
print(compute(root).reused)
"""


def test_without_permission_to_write_it_says_so_and_stored_views_still_serve(
    tmp_path_factory: pytest.TempPathFactory, start: Start, stage: ModuleType
) -> None:
    root = tmp_path_factory.mktemp("locked")
    stage.compute(root)
    temporary = Path(tempfile.gettempdir())
    opened = [root, *(path for path in root.parents if temporary in path.parents)]
    modes = {path: path.stat().st_mode for path in opened}
    try:
        for path in opened:
            path.chmod(0o555 if path == root else 0o755)
        for path in (root / ".locks", root / ".work"):
            path.chmod(0o555)
        output, errors = start(root, code=LOCKED).communicate(timeout=120)
    finally:
        for path in (root / ".locks", root / ".work"):
            path.chmod(0o755)
        for path, mode in modes.items():
            path.chmod(mode)
    assert output, errors
    kind, message, _ = output.splitlines()[0].split(" | ")
    assert (kind, "Permission denied" in message) == ("ProjectError", True), errors
    assert output.splitlines()[1] == "view id"


def amend(cache: Path, stage: ModuleType, amendment: Amendment) -> StoredView:
    """Store the trial with some rows less and with others, as `ab`."""
    view, base = stage.make_view(stage.delays, COLUMNS), ViewCache(cache)
    return materialize_view(
        view,
        stage.inputs(digest="e2"),
        view_id="ab" * 32,
        code_hash=stage.CODE,
        cache=base,
        shortcut=lambda _: amendment,
    ).stored


@pytest.mark.parametrize("gone", [[0], [42, 43], [99], []], ids=["the first", "in between", "the last", "none"])
@pytest.mark.parametrize("hours", [-2, 50, 200], ids=["earlier", "between", "later"])
def test_an_amended_view_is_recorded_as_one_that_is_computed(
    tmp_path: Path, stage: ModuleType, gone: list[int], hours: int
) -> None:
    base = stage.compute(tmp_path).stored
    rows = base.frame().collect()
    added = rows[:2].with_columns(pl.col("landed_at") + timedelta(hours=hours, minutes=5))
    stored = amend(tmp_path, stage, Amendment(base, pl.Series(gone, dtype=pl.UInt32), rows[gone], added))
    expected = pl.concat([rows.with_row_index().filter(~pl.col("index").is_in(gone)).drop("index"), added])
    record = stored.record
    assert stored.frame().collect().equals(expected)
    assert record.digest == digest_frame(expected.lazy(), keys=record.keys)
    assert record.period == (expected["landed_at"].min(), expected["landed_at"].max())
    assert record.size == sum(path.stat().st_size for path in stored.paths)
    assert damage(stored) == ""


def test_a_view_whose_files_were_changed_while_it_was_amended_is_not_stored(tmp_path: Path, stage: ModuleType) -> None:
    base = stage.compute(tmp_path).stored
    rows = base.frame().collect()
    with pytest.raises(
        ProjectError, match="102 rows of trial were stored, not 101: its files in the cache were changed"
    ):
        amend(tmp_path, stage, Amendment(base, pl.Series([], dtype=pl.UInt32), rows[:1], rows[:2]))
    assert ViewCache(tmp_path).get("ab" * 32) is None
