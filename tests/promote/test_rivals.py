"""Processes promote at once: every success is on main exactly once, every loser has a clear answer."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

import workbench as wb
from tests.forks import fork
from tests.promote import rival
from tests.promote.conftest import SPEND, git, record_of
from workbench.errors import BranchError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from multiprocessing.connection import Connection
    from pathlib import Path

    from workbench.project import Project

pytestmark = pytest.mark.journey

races = pytest.mark.parametrize(
    ("with_remote", "rivals"),
    [
        pytest.param(False, 4, id="local"),
        pytest.param(True, 3, id="remote"),
        pytest.param(False, 8, id="local-many", marks=pytest.mark.slow),
        pytest.param(True, 6, id="remote-many", marks=pytest.mark.slow),
    ],
)
"""How many race, in one folder and over a remote that two clones share."""

PATIENCE = 300.0
"""Seconds after which a rival hangs."""


def race(entries: Sequence[tuple[Path, str, str]]) -> list[dict[str, Any]]:
    """Let (root, branch, view) promote at the same time, and return what each of them said."""
    running = [fork(rival.promote, root, branch, view, dict(os.environ)) for root, branch, view in entries]
    try:
        assert [heard(connection) for _, connection in running] == ["ready"] * len(running)
        for _, connection in running:
            connection.send("go")
        return [heard(connection) for _, connection in running]
    finally:
        for process, connection in running:
            connection.close()
            process.kill()
            process.join()


def heard(connection: Connection) -> Any:
    """Return what a process says next."""
    assert connection.poll(PATIENCE), "it hangs"
    return connection.recv()


def cell(view: str, factor: int) -> str:
    model = view.title().replace("_", "")
    text = SPEND.replace("def spend", f"def {view}").replace("Spend", model)
    return text.replace('pl.col("amount").cum_sum()', f'(pl.col("amount") * {factor}).cum_sum()')


def define(root: Path, branch: str, view: str, factor: int, *, promote: bool = False) -> None:
    """Define a view on an experiment, as its own process would."""
    project = wb.open(root)
    try:
        project.branch(branch, objective="Race")
        project.define(cell(view, factor), log=False)
        if promote:
            project.promote(view)
    finally:
        project.close()


@contextmanager
def current(root: Path) -> Iterator[Project]:
    """Open a project on main as the remote has it, where there is one."""
    if git(root, "remote"):
        git(root, "pull", "-q", "--ff-only", "origin", "main")
    project = wb.open(root, branch="main")
    try:
        yield project
    finally:
        project.close()


def published(project: Project) -> list[str]:
    """Return every version that main's history published, oldest first."""
    log = git(project.root, "log", "main", "--first-parent", "--reverse", "--format=%(trailers:key=Promoted-View)")
    return [line.removeprefix("Promoted-View: ") for line in log.splitlines() if line]


def rows(project: Project, view: str) -> float:
    version = record_of(project, view).version()
    lake = project._workspace.lake.scan(view, version.major, version.delta_version, version.contract)
    return float(lake.collect()["total"].sum())


@pytest.fixture
def shared(shop: Project, tmp_path: Path) -> list[Path]:
    """A bare repository, and two clones that share a lake and its data."""
    bare = tmp_path / "bare.git"
    lake = tmp_path / "lake"
    toml = shop.root / "workbench.toml"
    data = (shop.root / "data" / "events.parquet").as_posix()
    text = toml.read_text().replace('path = "data/events.parquet"', f'path = "{data}"')
    toml.write_text(f'{text}\n[lake]\nuri = "{lake.as_posix()}"\n')
    git(shop.root, "commit", "-qam", "Share the lake")
    git(shop.root, "clone", "-q", "--bare", str(shop.root), str(bare))
    clones = []
    for name in ("one", "two"):
        git(tmp_path, "clone", "-q", str(bare), name)
        clones.append(tmp_path / name)
    return clones


@races
def test_different_views_all_arrive_once(shop: Project, shared: list[Path], *, with_remote: bool, rivals: int) -> None:
    roots = shared if with_remote else [shop.root]
    entries = [(roots[number % len(roots)], f"exp/r{number}", f"view_{number}") for number in range(rivals)]
    for number, (root, branch, view) in enumerate(entries):
        define(root, branch, view, number + 1)
    answers = race(entries)
    assert [answer.get("versions") for answer in answers] == [{f"view_{n}": "1.0"} for n in range(rivals)]
    with current(roots[0]) as project:
        assert sorted(published(project)) == [f"view_{number} 1.0" for number in range(rivals)]
        base = rows(project, "view_0")
        assert [rows(project, f"view_{n}") for n in range(rivals)] == [base * (n + 1) for n in range(rivals)]
    assert git(roots[0], "status", "--porcelain", "--untracked-files=no") == ""


@races
def test_the_same_promotion_many_times_happens_once(
    shop: Project, shared: list[Path], *, with_remote: bool, rivals: int
) -> None:
    roots = shared if with_remote else [shop.root]
    for root in roots:
        define(root, "exp/same", "spend", 1)
    answers = race([(roots[number % len(roots)], "exp/same", "spend") for number in range(rivals)])
    won = [answer for answer in answers if "versions" in answer]
    assert len(won) == 1
    assert all("already published" in answer["message"] for answer in answers if "error" in answer)
    with current(roots[0]) as project:
        assert published(project) == ["spend 1.0"]


@races
def test_of_conflicting_promotions_one_wins_and_the_others_are_shown_why(
    shop: Project, shared: list[Path], *, with_remote: bool, rivals: int
) -> None:
    roots = shared if with_remote else [shop.root]
    define(roots[0], "exp/base", "spend", 1, promote=True)
    entries = [(roots[number % len(roots)], f"exp/r{number}", "spend") for number in range(rivals)]
    for number, (root, branch, view) in enumerate(entries):
        with current(root):
            define(root, branch, view, number + 2)
    answers = race(entries)
    won = [place for place, answer in enumerate(answers) if "versions" in answer]
    assert len(won) == 1
    lost = [answer for answer in answers if "error" in answer]
    assert {answer["error"] for answer in lost} == {"PromotionRefused"}
    assert all("features/spend.py" in answer["message"] for answer in lost)
    with current(roots[0]) as project:
        assert published(project) == ["spend 1.0", "spend 2.0"]
        assert f"* {won[0] + 2}" in project.repository.read("main", "features/spend.py")


def test_a_push_that_loses_publishes_nothing_here(shop: Project, shared: list[Path]) -> None:
    one, two = (wb.open(root) for root in shared)
    one.branch("exp/one", objective="First")
    one.define(cell("view_1", 1), log=False)
    one.promote("view_1")
    two.branch("exp/two", objective="Second")
    two.define(cell("view_2", 1), log=False)
    git(shared[0].parent / "bare.git", "config", "receive.denyNonFastForwards", "true")
    report = two.promote("view_2")
    assert report.versions == {"view_2": "1.0"}
    assert published(two) == ["view_1 1.0", "view_2 1.0"]
    assert git(shared[1], "rev-parse", "main") == git(shared[0].parent / "bare.git", "rev-parse", "main")
    one.close()
    two.close()


def test_without_its_remote_nothing_is_promoted(shop: Project, shared: list[Path]) -> None:
    project = wb.open(shared[0])
    project.branch("exp/one", objective="First")
    project.define(cell("view_1", 1), log=False)
    before = git(shared[0], "rev-parse", "main")
    (shared[0].parent / "bare.git").rename(shared[0].parent / "gone.git")
    with pytest.raises(BranchError, match="cannot be reached"):
        project.promote("view_1")
    assert git(shared[0], "rev-parse", "main") == before
    project.close()
