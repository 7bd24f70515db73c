"""What a promotion left that died between git's files and git's index is finished, or said, by whatever runs next."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING

import pytest

import workbench as wb
from tests.promote.conftest import git
from workbench.cli.main import main
from workbench.git.worktrees import UnfinishedWarning

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.project import Project


def half_followed(project: Project) -> str:
    """Promote, and put the index back as a git leaves it that is killed before it renames it; return main's tip."""
    root, old = project.root, git(project.root, "rev-parse", "main")
    project.promote("spend")
    git(root, "read-tree", old)
    git(root, "update-index", "-q", "--refresh")
    note = root / ".git" / "workbench" / "following-1-1.json"
    note.write_text(json.dumps({"folder": str(root), "branch": "main", "old": old}))
    return git(root, "rev-parse", "main")


def test_the_next_command_brings_the_index_along_and_the_next_commit_unpublishes_nothing(
    shop: Project,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    half_followed(shop)
    root: Path = shop.root
    assert git(root, "status", "--porcelain", "-uno") != ""
    monkeypatch.chdir(root)
    assert main(["catalog"]) == 0
    assert git(root, "status", "--porcelain", "-uno") == ""
    (root / "workbench.toml").write_text((root / "workbench.toml").read_text() + "# note\n")
    git(root, "commit", "-qam", "A note")
    assert main(["catalog", "--json"]) == 0
    out = capsys.readouterr()
    assert "spend" in out.out
    assert out.err == ""


def test_what_cannot_be_finished_is_said_by_every_command_and_by_opening(
    shop: Project,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    half_followed(shop)
    edited = shop.root / "features" / "spend.py"
    edited.write_text("# the user's own work\n")
    monkeypatch.chdir(shop.root)
    for verb in ("status", "catalog"):
        with warnings.catch_warnings():
            warnings.simplefilter("default", UnfinishedWarning)
            assert main([verb, "--json"]) == 0
        out = capsys.readouterr()
        json.loads(out.out)
        assert "features/spend.py: it has edits of yours" in out.err
        assert "git restore" in out.err
    with pytest.warns(UnfinishedWarning, match=r"features/spend\.py"):
        wb.open(shop.root).close()
    assert edited.read_text() == "# the user's own work\n"
    edited.unlink()
    wb.open(shop.root).close()
    assert git(shop.root, "status", "--porcelain", "-uno") == ""
