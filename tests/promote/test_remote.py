"""Two clones of one repository: approvals and releases reach who has to see them."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import polars as pl
import pytest

import workbench as wb
from tests.promote.conftest import SPEND, git, record_of
from tests.promote.test_policy_repository import BRANCH, rule
from workbench.errors import BranchError, PromotionError
from workbench.promote.approve import approvals_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.promote.team import Team


@pytest.fixture
def clones(root: Path, tmp_path: Path, team: Team) -> tuple[Path, Path]:
    """Ann's and Bo's clones of a bare repository; they share a lake, and main demands Bo's signed approval."""
    team.sit_down("ann")
    toml = root / "workbench.toml"
    data, lake = (root / "data" / "events.parquet").as_posix(), (tmp_path / "lake").as_posix()
    text = toml.read_text().replace('path = "data/events.parquet"', f'path = "{data}"')
    toml.write_text(f'{text}\n[lake]\nuri = "{lake}"\n')
    (root / "signers").write_text(team.signer("ann") + team.signer("bo"))
    signed = 'require_signed = true\nallowed_signers = "signers"'
    rule(root, 'approvals = 1\napprovers = ["bo@example.org"]', policy=signed)
    git(root, "clone", "-q", "--bare", str(root), str(tmp_path / "bare.git"))
    for name in ("ann", "bo"):
        git(tmp_path, "clone", "-q", str(tmp_path / "bare.git"), name)
    return tmp_path / "ann", tmp_path / "bo"


def started(root: Path) -> str:
    """Let Ann define ``spend`` on her branch, and give it to the remote; return the branch's commit."""
    with closing(wb.open(root)) as project:
        project.branch(BRANCH, objective="Sell more")
        project.define(SPEND, log=False)
    git(root, "checkout", "-q", BRANCH)
    git(root, "commit", "-q", "--allow-empty", "-m", "Ready")  # as git makes it: signed where it is told to
    git(root, "checkout", "-q", "main")
    git(root, "push", "-q", "origin", BRANCH)
    return git(root, "rev-parse", BRANCH)


def test_a_signed_approval_in_one_clone_opens_the_gate_in_the_other(clones: tuple[Path, Path], team: Team) -> None:
    ann, bo = clones
    team.sit_down("ann", key="ann")
    commit = started(ann)
    with closing(wb.open(ann, branch=BRANCH)) as project, pytest.raises(PromotionError, match="approv"):
        project.promote("spend")
    team.sit_down("bo", key="bo")
    git(bo, "fetch", "-q")
    git(bo, "branch", "-q", BRANCH, f"origin/{BRANCH}")
    with closing(wb.open(bo)) as project:
        assert project.approve(branch=BRANCH).counting
    assert f"refs/workbench/approvals/{commit}/" in git(bo, "ls-remote", "origin")
    team.sit_down("ann", key="ann")
    with closing(wb.open(ann, branch=BRANCH)) as project:
        project.promote("spend")
        assert [entry.signature for entry in approvals_of(project._workspace, BRANCH).entries] == ["good"]
        assert record_of(project).version().number == "1.0"
    assert git(ann, "rev-parse", "main") == git(bo, "ls-remote", "origin", "refs/heads/main").split()[0]
    assert "Approved-By: Bo <bo@example.org>" in git(ann, "log", "-1", "--format=%B", "main")


def test_an_approval_by_another_key_does_not_count_in_the_other_clone(clones: tuple[Path, Path], team: Team) -> None:
    ann, bo = clones
    team.sit_down("ann", key="ann")
    started(ann)
    team.sit_down("bo", key="eve")
    git(bo, "fetch", "-q")
    git(bo, "branch", "-q", BRANCH, f"origin/{BRANCH}")
    with closing(wb.open(bo)) as project:
        assert not project.approve(branch=BRANCH).counting
    team.sit_down("ann", key="ann")
    with closing(wb.open(ann, branch=BRANCH)) as project, pytest.raises(PromotionError, match="approv"):
        project.promote("spend")


def test_an_approval_that_the_remote_does_not_get_is_an_error(clones: tuple[Path, Path], team: Team) -> None:
    ann, bo = clones
    team.sit_down("ann", key="ann")
    started(ann)
    team.sit_down("bo", key="bo")
    git(bo, "fetch", "-q")
    git(bo, "branch", "-q", BRANCH, f"origin/{BRANCH}")
    away = ann.parent / "away.git"
    bare = (ann.parent / "bare.git").rename(away)
    with closing(wb.open(bo)) as project:
        with pytest.raises(BranchError):
            project.approve(branch=BRANCH)
        bare.rename(ann.parent / "bare.git")
        project.approve(branch=BRANCH)
    assert "refs/workbench/approvals/" in git(bo, "ls-remote", "origin")


def test_a_release_cut_in_one_clone_is_read_in_the_other(clones: tuple[Path, Path], team: Team) -> None:
    ann, bo = clones
    toml = ann / "workbench.toml"
    toml.write_text(toml.read_text().partition("[policy]")[0])
    git(ann, "commit", "-qam", "No policy")
    git(ann, "push", "-q", "origin", "main")
    started(ann)
    with closing(wb.open(ann, branch=BRANCH)) as project:
        project.promote("spend")
        project.cut_release("2026.11")
        spine = pl.DataFrame({"user": ["u1"], "event_timestamp": [project.store.rows("spend")["at"].max()]})
        mine = project.store.training_set(spine, "spend:total", release="2026.11")
    git(bo, "fetch", "-q")
    git(bo, "merge", "-q", "--ff-only", "origin/main")
    with closing(wb.open(bo)) as project:
        assert [release.name for release in project.releases().releases] == ["2026.11"]
        assert project.store.training_set(spine, "spend:total", release="2026.11").frame.equals(mine.frame)
