"""Signatures and hooks of the verbs that publish: as git and [git] say, and as policy demands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import workbench as wb
from tests.git.plain import make_key
from tests.promote.conftest import SPEND, VALUED, git, published, root, shop  # noqa: F401
from workbench.cli.main import main
from workbench.errors import BranchError

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.project import Project


def is_signed(project: Project, ref: str) -> bool:
    return "SIGNATURE-----" in git(project.root, "cat-file", "-p", ref)


def use_key(project: Project, path: Path, *, usable: bool = True) -> None:
    key = make_key(path)
    git(project.root, "config", "gpg.format", "ssh")
    git(project.root, "config", "user.signingkey", f"{key.path}.pub")
    if not usable:
        key.path.unlink()


def test_a_key_that_cannot_be_used_stops_no_release_that_need_not_be_signed(
    published: Project,  # noqa: F811
    tmp_path: Path,
) -> None:
    use_key(published, tmp_path / "key", usable=False)
    published.cut_release("2026.11")
    assert not is_signed(published, "release/2026.11")
    assert published.store.at(release="2026.11").rows("spend").height == 200


def test_the_whole_loop_signs_where_git_is_configured_to(shop: Project, tmp_path: Path) -> None:  # noqa: F811
    use_key(shop, tmp_path / "key")
    git(shop.root, "config", "commit.gpgsign", "true")
    git(shop.root, "config", "tag.gpgsign", "true")
    shop.define(VALUED, log=False)
    shop.promote("spend")
    shop.cut_release("r1")
    for ref in ("exp/first", "main", "release/r1"):
        assert is_signed(shop, ref)


def test_without_a_usable_key_the_option_and_the_setting_go_on(
    published: Project,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    use_key(published, tmp_path / "key", usable=False)
    git(published.root, "config", "commit.gpgsign", "true")
    with pytest.raises(BranchError, match=r"\[git\]"):
        published.define(VALUED, log=False)
    monkeypatch.chdir(published.root)
    (tmp_path / "cell.py").write_text(VALUED)
    define = ["define", str(tmp_path / "cell.py"), "--branch", "exp/first", "--no-log"]
    assert main(define) == 1
    assert "--no-sign" in capsys.readouterr().err
    assert main([*define, "--no-sign"]) == 0
    assert main(["promote", "spend", "--branch", "exp/first", "--accept", "spend=twice", "--no-sign"]) == 0
    assert main(["rollback", "spend", "--to", "1.0"]) == 1
    with (published.root / "workbench.toml").open("a") as file:
        file.write("\n[git]\nsign = false\n")
    assert main(["rollback", "spend", "--to", "1.0"]) == 0
    assert not is_signed(published, "main")


def test_the_trunk_says_whether_hooks_run_and_an_experiment_cannot_undo_it(
    shop: Project,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = shop.root  # noqa: F811
    toml = root / "workbench.toml"
    toml.write_text(toml.read_text() + "\n[git]\nhooks = true\n")
    git(root, "commit", "-qam", "Run the hooks")
    scanner = root / ".git" / "hooks" / "pre-commit"
    scanner.parent.mkdir(exist_ok=True)
    scanner.write_text("#!/bin/sh\n! git diff --cached | grep -q 'AKIA'\n")
    scanner.chmod(0o755)
    shop.close()
    toml.write_text(toml.read_text().replace("hooks = true", "hooks = false"))
    project = wb.open(root, branch="exp/first")
    tip = git(root, "rev-parse", "exp/first")
    with pytest.raises(BranchError, match="pre-commit hook refused"):
        project.define(SPEND + "\n# AKIA\n", log=False)
    assert git(root, "rev-parse", "exp/first") == tip
    project.define(VALUED, log=False)
    git(root, "checkout", "-q", "workbench.toml")
    project.promote("spend")
    assert git(root, "log", "-1", "--format=%s", "main").startswith("Promote spend")
    project.close()
