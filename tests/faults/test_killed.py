"""Killed at any step, a publish leaves the old version or the new, and the next command finishes what is left."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

import workbench as wb
from tests.conftest import identify, make_trial
from tests.promote.conftest import SPEND, VALUED, declared, git, more_events
from workbench.errors import PromotionError
from workbench.lake import LakeWriter
from workbench.promote import collect_garbage
from workbench.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.project import Project

SCRIPT = Path(__file__).with_name("doomed.py")
POINTS = {"promote": 12, "materialize": 6, "rollback": 5, "gc": 5}
SPINE = pl.DataFrame({"user": ["u1", "u6"], "event_timestamp": [datetime(2030, 1, 1, tzinfo=UTC)] * 2})


@pytest.fixture(scope="module")
def patch() -> Iterator[pytest.MonkeyPatch]:
    """A patch for all tests of this file."""
    with pytest.MonkeyPatch.context() as found:
        yield found


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory, patch: pytest.MonkeyPatch) -> dict[str, Path]:
    """A project for each verb, in the state before it."""
    identify(tmp_path_factory.mktemp("git"), patch)
    folder = tmp_path_factory.mktemp("stages")
    root = make_trial(folder)
    declared(root)
    project = wb.open(root)
    project.branch("exp/first", objective="Sell more")
    project.define(SPEND, log=False)
    project.promote("spend")
    found = {}

    def keep(verb: str) -> None:
        shutil.copytree(root, folder / verb, symlinks=True)
        found[verb] = folder / verb

    more_events(root, 40)
    keep("materialize")
    project.materialize()
    project.define(VALUED, log=False)
    keep("promote")
    project.promote("spend", accept={"spend": "twice"})
    keep("rollback")
    project.define(SPEND.replace("cum_sum()", "cum_max()"), log=False)
    project.define(VALUED, log=False)
    keep("gc")
    project.close()
    return found


def run(root: Path, verb: str, step: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), str(root), str(step), verb], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def steps(stages: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """How many steps each verb takes where nobody kills it."""
    found = {}
    for verb, stage in stages.items():
        root = tmp_path_factory.mktemp("whole") / "trial"
        shutil.copytree(stage, root, symlinks=True)
        done = run(root, verb, 0)
        assert done.returncode == 0, done.stderr
        found[verb] = int(done.stdout)
    return found


def killed(stages: dict[str, Path], steps: dict[str, int], folder: Path, verb: str, point: int) -> Path:
    """Return a copy of the verb's project in which it was killed at one of its points."""
    assert steps[verb] >= POINTS[verb]
    step = 1 + point * (steps[verb] - 1) // (POINTS[verb] - 1)
    root = folder / "trial"
    shutil.copytree(stages[verb], root, symlinks=True)
    done = run(root, verb, step)
    assert done.returncode == -9, f"step {step} of {steps[verb]}: {done.stdout} {done.stderr}"
    return root


def read(root: Path) -> tuple[str | None, int, float]:
    """Return what a reader on main gets: the version, the number of rows, and a sum of values."""
    reader = wb.open(root, branch="main")
    try:
        rows = reader.store.rows("spend")
        asked = reader.store.training_set(SPINE, "spend:total")
        assert rows.select("user", "at").is_duplicated().sum() == 0
        current = Registry.at(reader.repository, "main").record("spend").current
        return current, rows.height, float(asked["total"].sum())
    finally:
        reader.close()


def nothing_left(project: Project) -> None:
    """Assert that one collection leaves no file that nobody names."""
    collect_garbage(project._rooms, delete=True, safety=timedelta(0))
    assert LakeWriter(project._rooms.lake).orphans(older_than=timedelta(0)) == []
    assert collect_garbage(project._rooms, safety=timedelta(0)).found == ()
    work = project.root / ".workbench" / "views" / ".work"
    assert not work.exists() or list(work.iterdir()) == []
    assert git(project.root, "fsck", "--connectivity-only", "--no-dangling") == ""


@pytest.mark.parametrize("point", range(POINTS["promote"]))
def test_a_promotion_is_whole_or_not_at_all(
    stages: dict[str, Path], steps: dict[str, int], tmp_path: Path, point: int
) -> None:
    version, rows, total = read(stages["promote"])
    assert (version, rows) == ("1.0", 240)
    root = killed(stages, steps, tmp_path, "promote", point)
    assert read(root) in {("1.0", 240, total), ("2.0", 240, 2 * total)}
    project = wb.open(root, branch="exp/first")
    with suppress(PromotionError):  # where it was published already
        project.promote("spend", accept={"spend": "twice"})
    assert read(root) == ("2.0", 240, 2 * total)
    assert git(root, "status", "--porcelain", "--untracked-files=no") == ""
    nothing_left(project)
    assert read(root) == ("2.0", 240, 2 * total)
    project.close()


@pytest.mark.parametrize("point", range(POINTS["materialize"]))
def test_fresh_data_arrives_whole_or_not_at_all(
    stages: dict[str, Path], steps: dict[str, int], tmp_path: Path, point: int
) -> None:
    root = killed(stages, steps, tmp_path, "materialize", point)
    assert read(root)[:2] in {("1.0", 200), ("1.0", 240)}
    project = wb.open(root, branch="exp/first")
    project.materialize()
    assert read(root) == read(stages["promote"])
    nothing_left(project)
    assert read(root) == read(stages["promote"])
    project.close()


@pytest.mark.parametrize("point", range(POINTS["rollback"]))
def test_a_rollback_is_whole_or_not_at_all(
    stages: dict[str, Path], steps: dict[str, int], tmp_path: Path, point: int
) -> None:
    _, rows, total = read(stages["rollback"])
    root = killed(stages, steps, tmp_path, "rollback", point)
    assert read(root) in {("1.0", rows, total / 2), ("2.0", rows, total)}
    project = wb.open(root, branch="exp/first")
    project.rollback("spend", "1.0")
    assert read(root) == ("1.0", rows, total / 2)
    assert "* 2" not in (root / "features" / "spend.py").read_text()
    assert git(root, "status", "--porcelain", "--untracked-files=no") == ""
    nothing_left(project)
    project.close()


@pytest.mark.parametrize("point", range(POINTS["gc"]))
def test_collecting_garbage_never_takes_what_is_read(
    stages: dict[str, Path], steps: dict[str, int], tmp_path: Path, point: int
) -> None:
    before = read(stages["gc"])
    root = killed(stages, steps, tmp_path, "gc", point)
    assert read(root) == before
    project = wb.open(root, branch="exp/first")
    nothing_left(project)
    assert read(root) == before
    project.rollback("spend", "1.0")
    assert read(root)[0] == "1.0"
    project.close()


def test_a_crash_then_a_rivals_promotion_then_recovery_leaves_the_rivals(
    stages: dict[str, Path], steps: dict[str, int], tmp_path: Path
) -> None:
    root = killed(stages, steps, tmp_path, "promote", POINTS["promote"] - 1)
    rival = wb.open(root)
    rival.branch("exp/rival", objective="Another way")
    rival.define(SPEND.replace('pl.col("amount").cum_sum()', '(pl.col("amount") * 5).cum_sum()'), log=False)
    number = rival.promote("spend", accept={"spend": "five"}).versions["spend"]
    mine = wb.open(root, branch="exp/first")
    mine.materialize()
    mine.gc(delete=True)
    assert Registry.at(mine.repository, "main").record("spend").current == number
    _, _, total = read(stages["promote"])
    assert read(root)[2] == total * 5
    mine.close()
    rival.close()
