"""Whatever ends a computation early leaves no view, and nothing in the way of the next run."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import polars as pl
import pytest

from workbench.define.tracebacks import reraise_user_errors

Start = Callable[..., "subprocess.Popen[str]"]

KILL = """
import os, signal
from workbench.compute import cache
from workbench.compute import execute as run
def die(*_, **__): os.kill(os.getpid(), signal.SIGKILL)
def after(function):
    def call(*arguments, **options):
        function(*arguments, **options)
        die()
    return call
POINTS = {
    "before the query": lambda: setattr(run, "write_parquet", die),
    "in the middle of the file": lambda: setattr(run, "write_parquet", after(lambda _, p, **__: p.write_bytes(b"P"))),
    "after the query": lambda: setattr(run, "write_parquet", after(run.write_parquet)),
    "before the record": lambda: setattr(cache, "to_json", die),
    "after the record": lambda: setattr(Path, "write_text", after(Path.write_text)),
    "before the rename": lambda: setattr(Path, "rename", die),
    "after the rename": lambda: setattr(Path, "rename", after(Path.rename)),
    "before the plan's index": lambda: setattr(cache.ViewCache, "_index", die),
}
POINTS[sys.argv[2]]()
compute(Path(sys.argv[1]))
"""
POINTS = [line.split('"')[1] for line in KILL.splitlines() if line.startswith('    "')]


def leftovers(root: Path) -> list[Path]:
    work = root / ".work"
    return list(work.iterdir()) if work.exists() else []


@pytest.mark.parametrize("point", POINTS)
def test_killed_anywhere_the_next_run_succeeds_and_sweeps(
    point: str, tmp_path: Path, start: Start, stage: ModuleType
) -> None:
    root = tmp_path / "views"
    child = start(root, point, code=KILL)
    assert child.wait(120) == -signal.SIGKILL, child.stderr and child.stderr.read()
    done = "after the rename" in point or "index" in point
    stored = stage.ViewCache(root).get(stage.ID)
    assert (stored is not None) == done
    assert bool(leftovers(root)) != done
    again = stage.compute(root)
    assert again.stored.frame().collect().height == 100
    assert leftovers(root) == []


def test_killed_while_the_engine_works_leaves_no_view(tmp_path: Path, start: Start, stage: ModuleType) -> None:
    child = start(tmp_path, "heavy")
    assert child.stdout is not None
    for line in child.stdout:
        if line.strip() == "computing":
            break
    child.kill()
    child.wait(120)
    assert stage.ViewCache(tmp_path).get(stage.ID) is None
    assert not stage.compute(tmp_path).reused
    assert leftovers(tmp_path) == []


def test_ctrl_c_during_a_long_query_returns_promptly_and_leaves_nothing(tmp_path: Path, start: Start) -> None:
    child = start(tmp_path, "heavy")
    assert child.stdout is not None
    ticks = 0
    for line in child.stdout:
        ticks += line.strip() == "computing"
        if ticks == 3:  # the engine has been at work for some ticks
            break
    assert any((tmp_path / ".work").iterdir())
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=120)  # the query takes many minutes
    assert child.returncode == -signal.SIGINT
    assert "\nKeyboardInterrupt\n" in errors  # below it Polars' threads may say that they were stopped
    assert leftovers(tmp_path) == []
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == []


def test_the_kernel_can_go_on_after_ctrl_c(tmp_path: Path, start: Start) -> None:
    code = """
try:
    compute(Path(sys.argv[1]), HEAVY, progress=say)
except KeyboardInterrupt:
    pass
print("again", compute(Path(sys.argv[1])).stored.record.rows)
"""
    child = start(tmp_path, code=code)
    assert child.stdout is not None
    for line in child.stdout:
        if line.strip() == "computing":
            break
    child.send_signal(signal.SIGINT)
    output, errors = child.communicate(timeout=120)
    assert "again 100" in output, errors


@pytest.mark.parametrize("layer", ["compute", "plan"])
def test_ctrl_c_while_polars_calls_python_is_no_panic(
    layer: str, tmp_path: Path, stage: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: pl.Datetime, *_: object) -> None:
        raise KeyboardInterrupt

    def schema() -> object:
        with monkeypatch.context() as patched:
            patched.setattr(pl.Datetime, "__init__", interrupted)
            return stage.inputs()[0].frame.collect_schema()

    with pytest.raises(pl.exceptions.PanicException):  # what Polars makes of a Ctrl-C there
        schema()
    if layer == "plan":
        with pytest.raises(KeyboardInterrupt), reraise_user_errors(SimpleNamespace(files={}), {}):
            schema()
        return
    monkeypatch.setattr("workbench.compute.execute.write_parquet", lambda *_, **__: schema())
    with pytest.raises(KeyboardInterrupt):
        stage.compute(tmp_path)
    assert leftovers(tmp_path) == []
    monkeypatch.undo()
    assert stage.compute(tmp_path).stored.record.rows == 100


def test_a_sweep_leaves_alone_what_is_at_work(tmp_path: Path, start: Start, stage: ModuleType) -> None:
    child = start(tmp_path, "heavy")
    assert child.stdout is not None
    for line in child.stdout:
        if line.strip() == "computing":
            break
    cache = stage.ViewCache(tmp_path)
    assert cache.sweep() == 0
    assert leftovers(tmp_path)
    child.kill()
    child.wait(120)
    assert cache.sweep() == 1
    assert leftovers(tmp_path) == []
