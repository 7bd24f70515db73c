"""The whole loop in whatever repository a team has: a trunk of any name, long object ids, settings of all kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import workbench as wb
from tests.conftest import EVENTS_TOML, events, in_part
from tests.promote.conftest import SPEND, VALUED, git
from workbench.cli.main import main
from workbench.errors import SigningFailed
from workbench.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SETTINGS: dict[str, list[tuple[str, str]]] = {
    "split index": [("core.splitIndex", "true")],
    "many files": [("feature.manyFiles", "true"), ("index.version", "4")],
    "line ends": [("core.autocrlf", "true")],
}


def begin(root: Path, *, branch: str, options: Iterable[str] = (), settings: Iterable[tuple[str, str]] = ()) -> None:
    """Make a repository with one commit on `branch`, as people have them before they hear of us."""
    root.mkdir()
    git(root, "init", "-q", f"--initial-branch={branch}", *options)
    for name, value in settings:
        git(root, "config", name, value)
    (root / "README").write_text("Ours\n")
    git(root, "add", ".")
    git(root, "commit", "-qm", "Before")


def is_healthy(root: Path) -> bool:
    return git(root, "status", "--porcelain", "-uno") == "" and git(root, "fsck", "--no-dangling", "--strict") == ""


def walk(root: Path, trunk: str) -> None:
    """Walk the loop by verbs that name no branch but the experiment."""
    wb.init(root).close()
    written = (root / "workbench.toml").read_text()
    assert f'protected = ["{trunk}"]' in written
    sources = EVENTS_TOML[EVENTS_TOML.index("[sources") :]
    (root / "workbench.toml").write_text(written + sources + "[tracking]\nsend = false\n")
    (root / "data").mkdir()
    events().write_parquet(root / "data" / "events.parquet")
    git(root, "add", "workbench.toml", ".gitignore", "features", "registry")
    git(root, "commit", "-qm", "Declare the project")
    project = wb.open(root)
    assert project.repository.trunk == trunk
    assert project.branch("exp/first", objective="Sell more").base == git(root, "rev-parse", trunk)
    project.define(SPEND, log=False)
    assert project.branches().trunk == trunk
    assert f"ahead of {trunk}" in project.branches().report().text()
    assert f"against {trunk}" in project.status().report().text()
    assert project.promote("spend").commit == git(root, "rev-parse", trunk)
    assert is_healthy(root)
    project.define(VALUED, log=False)
    project.promote("spend", accept={"spend": "twice"})
    project.rollback("spend", "1.0")
    assert Registry.at(project.repository, trunk).record("spend").current == "1.0"
    assert wb.open(root, branch=trunk).store.rows("spend").height == 200
    project.branch("exp/second", objective="Again")
    project.delete_branch("exp/second")
    assert project.repository.remote() is None
    project.close()
    assert is_healthy(root)


@pytest.mark.parametrize(
    "trunk", in_part({name: name for name in ("master", "trunk", "team/integration", "develop")}, 2)
)
def test_a_trunk_of_any_name(tmp_path: Path, identity: None, trunk: str) -> None:
    begin(tmp_path / "project", branch=trunk)
    walk(tmp_path / "project", trunk)


def test_long_object_ids_from_the_first_commit_on(tmp_path: Path, identity: None) -> None:
    root = tmp_path / "project"
    root.mkdir()
    git(root, "init", "-q", "--initial-branch=main", "--object-format=sha256")
    wb.init(root).close()
    assert git(root, "log", "-1", "--format=%s") == "Start the project"
    assert is_healthy(root)
    wb.init(root).close()  # a second time nothing happens
    assert git(root, "rev-list", "--count", "HEAD") == "1"


@pytest.mark.journey
@pytest.mark.parametrize("kind", SETTINGS)
def test_settings_that_change_the_index(tmp_path: Path, identity: None, kind: str) -> None:
    begin(tmp_path / "project", branch="main", settings=SETTINGS[kind])
    walk(tmp_path / "project", "main")


@pytest.mark.journey
def test_long_object_ids(tmp_path: Path, identity: None) -> None:
    begin(tmp_path / "project", branch="main", options=["--object-format=sha256"])
    walk(tmp_path / "project", "main")


@pytest.mark.parametrize("staged", ["nothing", "ours", "others"])
def test_a_repository_without_a_commit_gets_its_first_one_unless_something_else_is_staged(
    tmp_path: Path, identity: None, staged: str
) -> None:
    root = tmp_path / "project"
    root.mkdir()
    git(root, "init", "-q", "--initial-branch=stem")
    if staged != "nothing":
        name = "workbench.toml" if staged == "ours" else "own.py"
        (root / name).write_text('[project]\nname = "own"\nprotected = ["stem"]\n')
        git(root, "add", name)
    project = wb.init(root)
    assert project.repository.trunk == "stem"
    assert (project.repository.names() == []) is (staged == "others")
    assert 'protected = ["stem"]' in (root / "workbench.toml").read_text()
    assert project.branch("exp/a").base == project.repository._find_tip("stem")
    project.close()
    if staged != "others":
        assert is_healthy(root)


def test_a_project_below_the_top_is_begun_with_its_own_files(tmp_path: Path, identity: None) -> None:
    git(tmp_path, "init", "-q", "--initial-branch=main")
    wb.init(tmp_path / "team one" / "project").close()
    assert "team one/project/workbench.toml" in git(tmp_path, "ls-tree", "-r", "--name-only", "HEAD")
    assert is_healthy(tmp_path)


DECLARED = '[project]\nname = "p"\n{}'


@pytest.mark.parametrize(
    ("branches", "checked_out", "trunk"),
    [
        ({"main": 'protected = ["main"]', "exp/x": 'protected = ["exp/x"]'}, "exp/x", "main"),
        ({"master": "", "exp/x": 'protected = ["exp/x"]'}, "exp/x", "master"),
        ({"master": 'protected = ["main", "master"]'}, "master", "master"),
        ({"main": None, "develop": 'protected = ["develop"]'}, "develop", "develop"),
        ({"main": 'protected = ["develop"]', "develop": 'protected = ["develop"]'}, "main", "develop"),
        ({"main": None, "release": 'protected = ["release"]'}, "release", "release"),
        ({"main": 'protected = ["main', "exp/x": 'protected = ["exp/x"]'}, "exp/x", "main"),
    ],
)
def test_the_trunk_is_where_the_project_stands_whatever_an_experiment_says(
    tmp_path: Path, identity: None, branches: dict[str, str | None], checked_out: str, trunk: str
) -> None:
    begin(tmp_path / "project", branch="seed")
    root = tmp_path / "project"
    for name, text in branches.items():
        git(root, "switch", "-q", "--create", name, "seed")
        if text is not None:
            (root / "workbench.toml").write_text(DECLARED.format(text))
            git(root, "add", "workbench.toml")
            git(root, "commit", "-qm", name)
    git(root, "switch", "-q", checked_out)
    git(root, "branch", "-q", "-D", "seed")
    project = wb.open(root)
    assert project.repository.trunk == trunk
    assert trunk in project.repository.protected
    project.close()


def test_a_clone_goes_by_what_its_remote_calls_the_trunk(tmp_path: Path, identity: None) -> None:
    begin(tmp_path / "origin", branch="main")
    git(tmp_path / "origin", "switch", "-q", "--create", "production")
    (tmp_path / "origin" / "workbench.toml").write_text(DECLARED.format(""))
    git(tmp_path / "origin", "add", ".")
    git(tmp_path / "origin", "commit", "-qm", "Declare")
    git(tmp_path, "clone", "-q", str(tmp_path / "origin"), "clone")
    git(tmp_path / "clone", "branch", "main", "origin/main")
    project = wb.open(tmp_path / "clone")
    assert project.repository.trunk == "production"
    project.close()


def test_what_promote_says_where_nothing_was_committed_yet(
    tmp_path: Path, identity: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[Any]
) -> None:
    root = tmp_path / "project"
    root.mkdir()
    git(root, "init", "-q", "--initial-branch=main")
    (root / "own.py").write_text("1\n")
    git(root, "add", "own.py")
    monkeypatch.chdir(root)
    assert main(["init"]) == 0
    assert main(["branch", "exp/a", "--objective", "x"]) == 0
    capsys.readouterr()
    assert main(["promote"]) == 1
    assert "'main' has no commit yet" in capsys.readouterr().err
    assert main(["catalog"]) == 0


def test_a_project_is_begun_where_git_signs_and_no_key_is_usable(tmp_path: Path, identity: None) -> None:
    root = tmp_path / "project"
    root.mkdir()
    git(root, "init", "-q", "--initial-branch=main")
    git(root, "config", "commit.gpgsign", "true")
    git(root, "config", "user.signingkey", "nobody's")
    git(root, "config", "gpg.program", "false")
    project = wb.init(root)
    assert project.repository.names() == []
    with pytest.raises(SigningFailed, match="sign = false"):
        project.branch("exp/a")
    with project.unsigned():
        project.branch("exp/a")
    project.close()
