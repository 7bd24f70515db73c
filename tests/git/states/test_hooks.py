"""A team's hooks see commits that are made without a checkout as they see any other; a refused one leaves nothing."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from workbench.errors import BranchError
from workbench.git import Publisher, Repository

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.git.plain import Plain

SEEN = """#!/bin/sh
{{
  echo "cwd $(git rev-parse --show-toplevel)"
  echo "branch $(git symbolic-ref --short HEAD 2>/dev/null || echo detached)"
  echo "parent $(git rev-parse HEAD)"
  git diff --cached --name-status
  git diff --name-only | sed 's/^/unstaged /'
  git ls-files --others
}} > {file}
{more}
"""


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left in it is ours."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))


@pytest.fixture
def hooked(plain: Plain, repository: Repository) -> Iterator[Repository]:
    """The repository through a handle whose commits pass its hooks."""
    with Repository.open(plain.root, hooks=True) as opened:
        yield opened


def hook(plain: Plain, more: str = "", *, name: str = "pre-commit", place: str = ".git/hooks") -> Path:
    """Write a hook that notes what it sees, and return the file with it."""
    file = plain.root.parent / f"seen-{name}"
    plain.write(f"{place}/{name}", SEEN.format(file=file, more=more)).chmod(0o755)
    return file


def untouched(plain: Plain) -> list[object]:
    left = [path.name for path in Path(tempfile.gettempdir()).glob("workbench-commit-*")]
    return [plain("for-each-ref"), plain.local(), plain("worktree", "list"), left]


def test_a_hook_sees_what_is_to_be_committed_on_its_branch_and_nothing_else(hooked: Repository, plain: Plain) -> None:
    seen, parent = hook(plain), hooked.resolve("exp/a")
    plain.write("features/delay.py", "a local edit\n")
    before = plain.local()
    changes = {"features/delay.py": "DELAY = 2\n", "features/new.py": "1\n", "features/sub/deep.py": None}
    commit = hooked.commit("exp/a", changes, message="m")
    told = seen.read_text().splitlines()
    assert told[1:] == [
        "branch exp/a",
        f"parent {parent}",
        "M\tfeatures/delay.py",
        "A\tfeatures/new.py",
        "D\tfeatures/sub/deep.py",
    ]
    assert not Path(told[0].split()[1]).exists()
    assert plain("rev-parse", "exp/a") == commit
    assert plain.local() == before
    assert untouched(plain)[2:] == [plain("worktree", "list"), []]


KEY = {"features/x.py": "KEY = 'AKIA'\n"}
ACTS: dict[str, Callable[[Repository, Publisher], object]] = {
    "commit": lambda hooked, _: hooked.commit("exp/a", KEY, message="m"),
    "tree": lambda hooked, _: hooked.commit_tree(
        "exp/a", hooked.tree_with("exp/a", KEY), expected=hooked.resolve("exp/a"), message="m"
    ),
    "checked out": lambda hooked, _: hooked.commit("main", KEY, message="m"),
    "create": lambda hooked, _: hooked.create("exp/b"),
    "publish": lambda hooked, publisher: publisher.commit(
        "main", hooked.tree_with("main", KEY), expected=hooked.resolve("main"), message="m"
    ),
}


@pytest.mark.parametrize("act", ACTS)
def test_a_refused_commit_leaves_nothing(hooked: Repository, plain: Plain, act: str) -> None:
    hook(plain, "echo 'a secret was found'; printf '\\033[31m in features/x.py'; exit 3")
    before = untouched(plain)
    with Publisher.open(plain.root, hooks=True) as publisher, pytest.raises(BranchError) as caught:
        ACTS[act](hooked, publisher)
    assert "pre-commit hook refused" in caught.value.message
    assert [line.strip() for line in caught.value.lines] == ["a secret was found", "in features/x.py"]
    assert untouched(plain) == before


def test_without_being_asked_for_no_hook_runs(repository: Repository, plain: Plain) -> None:
    seen = hook(plain, "exit 1")
    repository.commit("exp/a", {"features/new.py": "1\n"}, message="m")
    assert not seen.exists()


@pytest.mark.parametrize("where", ["own", "relative", "absolute", "global"])
def test_the_hooks_are_where_the_user_says(
    hooked: Repository, plain: Plain, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = ".git/hooks" if where == "own" else "tools/hooks"
    seen = hook(plain, place=place)
    if where == "relative":
        plain("config", "core.hooksPath", "tools/hooks")
    elif where == "absolute":
        plain("config", "core.hooksPath", str(plain.root / "tools/hooks"))
    elif where == "global":
        plain("config", "--global", "core.hooksPath", str(plain.root / "tools/hooks"))
    hooked.commit("exp/a", {"features/new.py": "1\n"}, message="m")
    assert "A\tfeatures/new.py" in seen.read_text()


@pytest.mark.parametrize("mode", [None, 0o644])
def test_where_there_is_no_hook_although_there_must_be_nothing_is_committed(
    hooked: Repository, plain: Plain, mode: int | None
) -> None:
    if mode:
        plain.write(".git/hooks/pre-commit", "#!/bin/sh\n").chmod(mode)
    tip = hooked.resolve("exp/a")
    with pytest.raises(BranchError, match="there is no pre-commit hook") as caught:
        hooked.commit("exp/a", {"features/new.py": "1\n"}, message="m")
    assert "pre-commit install" in caught.value.remedy
    assert hooked.resolve("exp/a") == tip


def test_a_hook_that_changes_what_is_committed_is_not_followed(hooked: Repository, plain: Plain) -> None:
    hook(plain, "echo more >> features/new.py; git add features/new.py")
    tip = hooked.resolve("exp/a")
    with pytest.raises(BranchError, match="changed what is to be committed") as caught:
        hooked.commit("exp/a", {"features/new.py": "1\n"}, message="m")
    assert caught.value.lines == ("  features/new.py",)
    assert hooked.resolve("exp/a") == tip


def test_the_message_is_what_the_message_hook_makes_of_it(hooked: Repository, plain: Plain) -> None:
    hook(plain)
    hook(plain, 'printf "Change-Id: I123\\n" >> "$1"', name="commit-msg")
    commit = hooked.commit("exp/a", {"features/new.py": "1\n"}, message="Define", trailers=[("Feature-View", "new")])
    assert hooked.show(commit).trailers == (("Feature-View", "new"), ("Change-Id", "I123"))
    hook(plain, 'echo Redone > "$1"', name="commit-msg")
    with pytest.raises(BranchError, match="took away trailers"):
        hooked.commit("exp/a", {"features/more.py": "1\n"}, message="Define", trailers=[("Feature-View", "more")])
    hook(plain, 'grep -q "^[A-Z]*-[0-9]" "$1" || { echo "no ticket"; exit 1; }', name="commit-msg")
    with pytest.raises(BranchError, match="commit-msg hook refused"):
        hooked.commit("exp/a", {"features/more.py": "1\n"}, message="Define")
    assert hooked.resolve("exp/a") == commit


def test_a_new_branch_has_no_history_of_its_own_for_a_hook(hooked: Repository, plain: Plain) -> None:
    seen = hook(plain)
    hooked.create("exp/b")
    assert seen.read_text().splitlines()[1:] == ["branch detached", f"parent {plain('rev-parse', 'main')}"]


def test_a_project_in_a_subfolder_has_its_own_files_checked_out_and_those_above(plain: Plain) -> None:
    plain.write("other/huge.txt", "1\n")
    plain.write("team/other/huge.txt", "1\n")
    plain.save("team/project/features/x.py", "1\n")
    plain.save(".pre-commit-config.yaml", "repos: []\n")
    plain("add", "--all")
    plain("commit", "--quiet", "--allow-empty", "-m", "All")
    seen = hook(plain, "find . -type f -not -path './.git/*' | sort > ../../found; true")
    found = plain.root.parent / "listed"
    hook(plain, f"find . -type f -not -name .git | sort > {found}")
    with Repository.open(plain.root / "team/project", hooks=True) as hooked:
        hooked.create("exp/a")
        hooked.commit("exp/a", {"features/y.py": "1\n"}, message="m")
    assert found.read_text().split() == [
        "./.pre-commit-config.yaml",
        "./team/project/features/x.py",
        "./team/project/features/y.py",
        "./workbench.toml",
    ]
    assert seen.read_text().splitlines()[3:] == ["A\tteam/project/features/y.py"]


def test_a_hook_works_in_a_linked_working_tree_and_with_long_ids(tmp_path: Path, fresh: Plain) -> None:
    fresh("init", "--quiet", "--initial-branch=main", "--object-format=sha256", "modern")
    from tests.git.plain import Plain as Git

    modern = Git(fresh.root / "modern")
    modern.save("features/x.py", "1\n")
    modern("worktree", "add", "--quiet", "../linked", "-b", "exp/a")
    seen = hook(modern)
    with Repository.open(fresh.root / "linked", hooks=True) as hooked:
        hooked.commit("exp/a", {"features/y.py": "1\n"}, message="m")
    assert seen.read_text().splitlines()[1::2] == ["branch exp/a", "A\tfeatures/y.py"]
