"""Index and files that a killed git, or a power cut, left half done come to the branch's tip; nothing local is lost."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.git.plain import TOP, Plain, at_once
from tests.worker.test_pool import wait_until_gone
from workbench.git import Repository
from workbench.git.worktrees import UnfinishedWarning

if TYPE_CHECKING:
    from collections.abc import Callable

OLD, NEW = "old = 1\nsecond line\n", "new = 1\nsecond line\nthird line\n"
PARTS = {"old": OLD, "new": NEW, "piece": NEW[:9], "empty": "", "zeros": "\0" * len(NEW), "absent": None}
"""What a file can be when git died, or the power, while it was written."""

SPECIAL = {("deleted", "new"): None, ("deleted", "piece"): OLD[:5], ("added", "old"): None}

CHANGES = {"features/delay.py": "DELAY = 2\n", "features/new.py": "NEW = 1\n", "features/sub/deep.py": None}


def is_followed(tree: Plain) -> bool:
    return tree("status", "--porcelain") == "" and (tree.root / "features/new.py").read_text() == "NEW = 1\n"


def note(git: Plain, tree: Plain, branch: str, old: str, **more: object) -> Path:
    """Write what a process leaves that was killed after the branch moved and before its working tree followed."""
    folder = Path(git("rev-parse", "--path-format=absolute", "--git-common-dir")) / "workbench"
    folder.mkdir(exist_ok=True)
    path = folder / f"following-1-{len(list(folder.iterdir()))}.json"
    path.write_text(json.dumps({"folder": str(tree.root), "branch": branch, "old": old, **more}))
    return path


def moved(repository: Repository, git: Plain, branch: str = "main") -> str:
    """Move a branch behind its working tree's back, and return where it was."""
    old = git("rev-parse", branch)
    new = repository.commit("exp/a", CHANGES, message="m") if branch == "main" else ""
    git("update-ref", f"refs/heads/{branch}", new)
    return old


def opened(git: Plain) -> None:
    Repository.open(git.root).close()


def leftovers(git: Plain) -> list[str]:
    """Return the names of what ought not to be left in the git directory."""
    folder = Path(git("rev-parse", "--path-format=absolute", "--git-common-dir"))
    found = [path.name for path in folder.rglob("*.lock") if path.parent.name != "workbench"]
    return sorted(found + [path.name for path in (folder / "workbench").glob("*") if path.suffix != ".lock"])


def split_index(git: Plain, _folder: Path) -> Plain:
    git("config", "core.splitIndex", "true")
    git("update-index", "--split-index")
    return git


def autocrlf(git: Plain, _folder: Path) -> Plain:
    git("config", "core.autocrlf", "true")
    return git


def filtered(git: Plain, _folder: Path) -> Plain:
    git("config", "filter.rot.clean", "tr a-z n-za-m")
    git("config", "filter.rot.smudge", "tr a-z n-za-m")
    git("config", "filter.rot.required", "true")
    git.save(".gitattributes", "*.py filter=rot\n")
    return git


def sparse(git: Plain, _folder: Path) -> Plain:
    git.save("elsewhere/big.txt", "1\n")
    git("sparse-checkout", "set", "--cone", "--sparse-index", "features")
    return git


def many_files(git: Plain, _folder: Path) -> Plain:
    git("config", "feature.manyFiles", "true")
    git("update-index", "--index-version", "4")
    return git


def elsewhere(git: Plain, folder: Path) -> Plain:
    git("init", "--quiet", f"--separate-git-dir={folder / 'elsewhere.git'}")
    return git


def linked(git: Plain, _folder: Path) -> Plain:
    git("switch", "--quiet", "--create", "aside")
    git("worktree", "add", "--quiet", "../linked", "main")
    return Plain(git.root.parent / "linked")


def plainly(git: Plain, _folder: Path) -> Plain:
    return git


KINDS = [plainly, linked, split_index, autocrlf, filtered, sparse, many_files, elsewhere]


@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_state_that_a_killed_git_can_leave_comes_to_the_tip(
    tmp_path: Path, identity: None, kind: Callable[[Plain, Path], Plain], object_format: str
) -> None:
    """Each file has a state of its own, so that all of them, and all mixtures, are there at once."""
    if object_format == "sha256" and kind is not plainly:
        pytest.skip("once is enough")
    git = Plain(tmp_path / "project")
    git.root.mkdir()
    git("init", "--quiet", "--initial-branch=main", f"--object-format={object_format}")
    git.save("workbench.toml", "[project]\n")
    tree = kind(git, tmp_path)
    states = [(index, part) for index in ("old", "new") for part in PARTS]
    names = {f"{index}_{part}": (index, part) for index, part in states}
    for name in names:
        tree.write(f"features/changed/{name}.py", OLD)
        tree.write(f"features/deleted/{name}.py", OLD)
    tree.write("features/was_folder/inner.py", OLD)
    tree.write("features/was_file", OLD)
    tree("add", ".")
    tree("commit", "--quiet", "-m", "Old")
    old, kept = tree("rev-parse", "HEAD"), tree("ls-files", "-s", "-z")
    tree("rm", "--quiet", "-r", "features/deleted", "features/was_folder", "features/was_file")
    for name in names:
        tree.write(f"features/changed/{name}.py", NEW)
        tree.write(f"features/added/{name}.py", NEW)
    tree.write("features/was_folder", NEW)
    tree.write("features/was_file/inner.py", NEW)
    tree("add", ".")
    tree("commit", "--quiet", "-m", "New")
    new = tree("rev-parse", "HEAD")
    lines = []
    zero = "0" * len(old)
    before = {line.split("\t")[1]: line for line in kept.split("\0") if "\t" in line}
    for name, (index, part) in names.items():
        for folder in ("changed", "deleted", "added"):
            path = f"features/{folder}/{name}.py"
            if index == "old":
                lines.append(before.get(path, f"0 {zero}\t{path}"))
            text = SPECIAL.get((folder, part), PARTS[part])
            if text is None:
                (tree.root / path).unlink(missing_ok=True)
            else:
                tree.write(path, text)
    tree("rm", "-r", "-f", "--quiet", "--cached", "features/was_folder", "features/was_file")
    lines += [line for path, line in before.items() if "was_" in path]
    (tree.root / "features/was_folder").unlink()
    tree.write("features/was_folder/inner.py", OLD)
    tree("update-index", "-z", "--index-info", given="".join(f"{line}\0" for line in lines))
    assert tree("status", "--porcelain") != ""

    git("config", "core.safecrlf", "true")
    note(git, tree, "main", old)
    opened(tree)
    assert tree("status", "--porcelain", "-uall") == ""
    assert tree("rev-parse", "HEAD") == new
    shown = tree("ls-files", "features")
    assert "features/was_file/inner.py" in shown
    assert "deleted" not in shown
    if kind is not autocrlf:
        assert (tree.root / "features/added/old_piece.py").read_text() == NEW
    assert leftovers(git) == []
    assert git("fsck", "--strict", "--no-dangling") == ""
    opened(tree)  # again, with nothing left to do
    assert tree("status", "--porcelain", "-uall") == ""


@pytest.mark.parametrize("index", ["old", "new"])
def test_edits_stay_and_are_named_in_every_command_until_they_are_settled(
    repository: Repository, plain: Plain, index: str
) -> None:
    old = moved(repository, plain)
    if index == "new":
        plain("read-tree", "HEAD")
    plain.write("features/delay.py", "the user's own work\n")
    note(plain, plain, "main", old)
    for _ in range(2):
        with pytest.warns(UnfinishedWarning, match=r"features/delay\.py: it has edits of yours") as caught:
            opened(plain)
        assert len(caught) == 1
        assert "git restore" in str(caught[0].message)
    assert (plain.root / "features/delay.py").read_text() == "the user's own work\n"
    assert plain("status", "--porcelain") == " M features/delay.py"  # a commit takes nothing back
    plain("restore", "--staged", "--worktree", "--", "features/delay.py")
    opened(plain)
    assert is_followed(plain)
    assert leftovers(plain) == []


def test_edits_that_are_committed_since_are_settled(repository: Repository, plain: Plain) -> None:
    old = moved(repository, plain)
    plain.write("features/delay.py", "the user's own work\n")
    note(plain, plain, "main", old)
    with pytest.warns(UnfinishedWarning):
        opened(plain)
    plain("commit", "--quiet", "--all", "-m", "Mine")
    opened(plain)
    assert leftovers(plain) == []
    assert plain("show", "main:features/delay.py") == "the user's own work"
    assert plain("show", "main:features/new.py") == "NEW = 1"


def test_what_is_staged_by_hand_stays_and_is_named(repository: Repository, plain: Plain) -> None:
    old = moved(repository, plain)
    plain.write("features/delay.py", "the user's own work\n")
    plain("add", "features/delay.py")
    plain.write("features/new.py", "also the user's\n")
    note(plain, plain, "main", old)
    with pytest.warns(UnfinishedWarning) as caught:
        opened(plain)
    said = str(caught[0].message)
    assert "features/delay.py: something else is staged" in said
    assert "features/new.py: it has edits" in said
    assert plain("status", "--porcelain").splitlines() == ["M  features/delay.py", " M features/new.py"]
    assert not (plain.root / "features/sub").exists()


@pytest.mark.parametrize("place", ["a link", "a folder", "a link above"])
def test_nothing_is_written_or_deleted_through_a_link_or_over_a_folder(
    repository: Repository, plain: Plain, place: str
) -> None:
    old = moved(repository, plain)
    outside = plain.root.parent / "outside"
    outside.mkdir()
    (outside / "deep.py").write_text("DEEP = 1\n")
    (outside / "delay.py").write_text("DELAY = 1\n")
    (plain.root / "features/delay.py").unlink()
    if place == "a link":
        (plain.root / "features/delay.py").symlink_to(outside / "delay.py")
    elif place == "a folder":
        plain.write("features/delay.py/mine.txt", "the user's own work\n")
    else:
        (plain.root / "features/sub/deep.py").unlink()
        (plain.root / "features/sub").rmdir()
        (plain.root / "features/sub").symlink_to(outside)
    note(plain, plain, "main", old)
    with pytest.warns(UnfinishedWarning):
        opened(plain)
    assert sorted(path.name for path in outside.iterdir()) == ["deep.py", "delay.py"]
    assert (outside / "delay.py").read_text() == "DELAY = 1\n"
    if place == "a folder":
        assert (plain.root / "features/delay.py/mine.txt").read_text() == "the user's own work\n"


def test_several_branches_in_several_working_trees_come_along(repository: Repository, plain: Plain) -> None:
    plain("worktree", "add", "--quiet", "../linked", "exp/a")
    plain("worktree", "add", "--quiet", "--detach", "../third", "main")
    side, old = Plain(plain.root.parent / "linked"), plain("rev-parse", "main")
    commit = plain("commit-tree", repository.tree_with(old, CHANGES), "-p", old, "-m", "m")
    for branch, tree in (("main", plain), ("exp/a", side)):
        plain("update-ref", f"refs/heads/{branch}", commit)
        note(plain, tree, branch, old, new=commit)
    opened(Plain(plain.root.parent / "third"))
    assert is_followed(plain)
    assert is_followed(side)
    assert leftovers(plain) == []


def test_moves_that_came_on_top_are_known_too(repository: Repository, plain: Plain) -> None:
    """Two commands were killed one after the other, and the index is at the first one's commit."""
    old = moved(repository, plain)
    middle = plain("rev-parse", "main")
    plain("read-tree", "-m", "-u", old, middle)
    new = repository.commit("exp/a", {"features/delay.py": "DELAY = 3\n"}, message="m")
    plain("update-ref", "refs/heads/main", new)
    plain.write("features/delay.py", "DELAY = 1\n")
    note(plain, plain, "main", old)
    note(plain, plain, "main", middle)
    opened(plain)
    assert plain("status", "--porcelain") == ""
    assert (plain.root / "features/delay.py").read_text() == "DELAY = 3\n"


def test_a_move_that_never_happened_is_forgotten(repository: Repository, plain: Plain) -> None:
    new = repository.commit("exp/a", CHANGES, message="m")
    plain.write("features/delay.py", "the user's own work\n")
    note(plain, plain, "main", plain("rev-parse", "main"), new=new)
    before = plain.local()
    opened(plain)
    assert plain.local() == before
    assert leftovers(plain) == []


def test_where_another_branch_was_checked_out_since_nothing_is_left_lying(repository: Repository, plain: Plain) -> None:
    old = moved(repository, plain)
    plain.write("features/new.py", "NEW = 1\n")  # git wrote this one, then it died
    plain("symbolic-ref", "HEAD", "refs/heads/other")
    plain("update-ref", "refs/heads/other", old)
    note(plain, plain, "main", old)
    opened(plain)
    assert plain("status", "--porcelain") == ""
    plain("switch", "--quiet", "main")
    assert is_followed(plain)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"folder": 1}', '{"folder": "/nowhere", "branch": "main", "old": "x"}']
)
def test_a_note_that_says_nothing_is_removed(plain: Plain, text: str) -> None:
    path = note(plain, plain, "main", "")
    path.write_text(text)
    before = plain.local()
    opened(plain)
    assert not path.exists()
    assert plain.local() == before


def test_a_working_tree_out_of_reach_comes_along_when_it_is_back(repository: Repository, plain: Plain) -> None:
    plain("worktree", "add", "--quiet", "../linked", "exp/a")
    side = Plain(plain.root.parent / "linked")
    old = plain("rev-parse", "exp/a")
    commit = plain("commit-tree", repository.tree_with(old, CHANGES), "-p", old, "-m", "m")
    plain("update-ref", "refs/heads/exp/a", commit)
    path = note(plain, side, "exp/a", old)
    side.root.rename(side.root.with_name("unmounted"))
    opened(plain)
    assert path.exists()
    side.root.with_name("unmounted").rename(side.root)
    opened(plain)
    assert is_followed(side)
    assert not path.exists()


def test_an_index_that_a_power_cut_emptied_is_written_anew(repository: Repository, plain: Plain) -> None:
    old = moved(repository, plain)
    (plain.root / ".git/index").write_bytes(b"")
    note(plain, plain, "main", old)
    opened(plain)
    assert is_followed(plain)
    assert len(list((plain.root / ".git").glob("index.damaged-*"))) == 1


def test_a_filter_that_is_missing_is_said_and_what_it_kept_back_follows_when_it_is_there(
    repository: Repository, plain: Plain
) -> None:
    plain("config", "filter.secret.smudge", "no-such-program")
    plain("config", "filter.secret.clean", "cat")
    plain("config", "filter.secret.required", "true")
    plain.write(".git/info/attributes", "features/*.py filter=secret\n")
    with pytest.warns(UnfinishedWarning, match="smudge filter secret failed"):
        commit = repository.commit("main", CHANGES, message="m")
    assert plain("rev-parse", "main") == commit
    assert plain("diff", "--cached", "--name-only") == ""  # a commit takes nothing back
    with pytest.warns(UnfinishedWarning, match="smudge filter secret failed"):
        opened(plain)
    plain("config", "filter.secret.smudge", "cat")
    opened(plain)
    assert is_followed(plain)
    assert leftovers(plain) == []


def test_a_commit_that_took_back_what_was_published_is_named_with_what_brings_it_back(
    repository: Repository, plain: Plain
) -> None:
    old = plain("rev-parse", "main")
    published = {"features/spend.py": "SPEND = 1\n", "registry/spend.toml": "format = 1\n"}
    new = repository.commit("exp/a", published, message="m")
    plain("update-ref", "refs/heads/main", new)
    for path, text in published.items():
        plain.write(path, text)  # git wrote the files, and died before the index
    note(plain, plain, "main", old)
    plain.write("workbench.toml", "# a note\n")
    plain("commit", "--quiet", "-m", "A note", "workbench.toml", "features", "registry")
    by = plain("rev-parse", "--short", "HEAD")
    assert plain("ls-tree", "-r", "--name-only", "HEAD", "registry") != ""  # named paths are taken as they are

    plain("rm", "--quiet", "--cached", "features/spend.py", "registry/spend.toml")
    plain("commit", "--quiet", "-m", "Another")
    by = plain("rev-parse", "--short", "HEAD")
    with pytest.warns(UnfinishedWarning, match=f"commit {by} took back what was published") as caught:
        opened(plain)
    remedy = re.search(r"`(git checkout [^`]+)`", str(caught[0].message))
    assert remedy is not None
    plain(*remedy[1].split()[1:])
    plain("commit", "--quiet", "-m", "Bring it back")
    opened(plain)
    assert plain("show", "main:registry/spend.toml") == "format = 1"
    assert leftovers(plain) == []
    assert plain("status", "--porcelain") == ""


WRAPPER = """#!/bin/sh
here=$(dirname "$0")
PATH=$(echo "$PATH" | sed "s|^$here:||"); export PATH
case " $* " in *" {without} "*) exec git "$@";; *" {verb} "*) ;; *) exec git "$@";; esac
test -e "$here/done" && exec git "$@"
echo $$ > "$here/done"
cd "$(git rev-parse --absolute-git-dir)"
{body}
{python}
kill -9 $$
"""

BETWEEN = """
cp index index.old
cd ..; git "$@"; cd .git
cp index index.lock
mv index.old index
"""
BEFORE = "touch index.lock"
REF = "touch refs/heads/main.lock HEAD.lock"
AFTER_REF = 'cd ..; git "$@"; cd .git; touch HEAD.lock'

DOOMED = """
import os
(root.parent / "bin" / "pid").write_text(str(os.getpid()))
import warnings
warnings.simplefilter("default")
Repository.open(root).commit("main", {changes!r}, message="m")
"""


@pytest.mark.parametrize("python", [True, False])
@pytest.mark.parametrize(
    ("verb", "without", "body"),
    [
        ("read-tree", "-n", BETWEEN),
        ("read-tree", "-n", BEFORE),
        ("read-tree", "--reset", BEFORE),
        ("update-index", "--index-info", BEFORE),
        ("update-ref", "-d", REF),
        ("update-ref", "-d", AFTER_REF),
    ],
    ids=[
        *("between files and index", "at its start", "at the rehearsal", "at the refresh", "at the ref"),
        "after the ref",
    ],
)
def test_git_killed_at_any_of_its_steps_leaves_what_the_next_command_finishes(
    plain: Plain, monkeypatch: pytest.MonkeyPatch, verb: str, without: str, body: str, *, python: bool
) -> None:
    killer = "kill -9 $(cat $here/pid)" if python else ""
    tool = plain.write("../bin/git", WRAPPER.format(verb=verb, without=without, body=body, python=killer))
    tool.chmod(0o755)
    with monkeypatch.context() as patched:
        patched.setenv("PATH", str(tool.parent), prepend=os.pathsep)
        (ended,) = at_once(plain.root, DOOMED.format(changes=CHANGES), 1)
    wait_until_gone(int((tool.parent / "done").read_text()))  # it may outlive Python
    assert ended.returncode == (-9 if python else ended.returncode)
    opened(plain)
    assert plain("status", "--porcelain") == ""
    assert leftovers(plain) == []
    with Repository.open(plain.root) as repository:
        repository.commit("main", CHANGES, message="m")
    assert is_followed(plain)
    assert int(plain("rev-list", "--count", "main")) == 2
    assert plain("fsck", "--strict", "--no-dangling") == ""


REFUSED = """#!/bin/sh
PATH=$(echo "$PATH" | sed "s|^$(dirname "$0"):||"); export PATH
git "$@" || exit
case " $* " in *" update-ref "*) touch .git/HEAD.lock; echo "{said}" >&2;; esac
"""


def test_a_lock_that_git_may_not_take_away_is_taken_away_by_the_next_command(
    plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = plain.write("../bin/git", REFUSED.format(said="warning: unable to unlink '.git/HEAD.lock': Not permitted"))
    tool.chmod(0o755)
    with monkeypatch.context() as patched:
        patched.setenv("PATH", str(tool.parent), prepend=os.pathsep)
        with Repository.open(plain.root) as repository:
            repository.commit("main", CHANGES, message="m")
    assert (plain.root / ".git/HEAD.lock").exists()
    opened(plain)
    assert leftovers(plain) == []


def test_a_lock_that_was_there_before_our_git_died_is_left(repository: Repository, plain: Plain) -> None:
    lock = plain.root / ".git/index.lock"
    lock.touch()
    earlier = time.time() - 60
    os.utime(lock, (earlier, earlier))
    old = moved(repository, plain)
    note(plain, plain, "main", old)
    with pytest.warns(UnfinishedWarning, match="do not commit there") as caught:
        opened(plain)
    assert str(lock) in str(caught[0].message)
    lock.unlink()
    opened(plain)
    assert is_followed(plain)


def test_a_lock_of_a_git_at_work_is_left(repository: Repository, plain: Plain) -> None:
    old = moved(repository, plain)
    note(plain, plain, "main", old)
    editor = plain.write("../editor", "#!/bin/sh\necho > ../waiting\nread line < ../go\necho Mine > $1\n")
    editor.chmod(0o755)
    os.mkfifo(plain.root.parent / "go")
    os.mkfifo(plain.root.parent / "waiting")
    plain.write("workbench.toml", "[project]\n")
    process = subprocess.Popen(
        ["git", "commit", "--quiet", "-a"], cwd=plain.root, env=os.environ | {"GIT_EDITOR": str(editor)}
    )
    (plain.root.parent / "waiting").read_text()
    assert (plain.root / ".git/index.lock").exists()
    with pytest.warns(UnfinishedWarning, match="do not commit there"):
        opened(plain)
    assert (plain.root / ".git/index.lock").exists()
    (plain.root.parent / "go").write_text("\n")
    assert process.wait(60) == 0
    opened(plain)
    assert plain("status", "--porcelain") == ""


def test_an_interrupt_ends_git_in_a_way_that_leaves_no_lock(plain: Plain, tmp_path: Path) -> None:
    script = """
import os
from pathlib import Path
from workbench.git.command import run_in_own_session
run_in_own_session(["sh", "-c", '''
trap "rm x.lock; exit 1" TERM
touch x.lock
echo > ready
while true; do sleep 0.01; done
'''], folder=Path("."), environment=os.environ, timeout=3.0)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(TOP)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "TimeoutExpired" in done.stderr
    assert (tmp_path / "ready").exists()
    assert not (tmp_path / "x.lock").exists()


KILLED_INIT = """#!/bin/sh
PATH=$(echo "$PATH" | sed "s|^$(dirname "$0"):||"); export PATH
case " $* " in *" init "*) git "$@"; touch .git/config.lock; kill -9 {who}; exit 1;; esac
exec git "$@"
"""


@pytest.mark.parametrize("who", ["$$", "$PPID"])
def test_a_repository_is_made_after_git_or_python_was_killed_while_making_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, identity: None, who: str
) -> None:
    root, tool = tmp_path / "project", tmp_path / "bin" / "git"
    tool.parent.mkdir()
    tool.write_text(KILLED_INIT.format(who=who))
    tool.chmod(0o755)
    root.mkdir()
    with monkeypatch.context() as patched:
        patched.setenv("PATH", str(tool.parent), prepend=os.pathsep)
        (ended,) = at_once(root, "Repository.init(root)", 1)
    assert ended.returncode != 0
    assert not (root / ".git").exists()
    Repository.init(root).close()
    assert [path.name for path in root.iterdir()] == [".git"]
    assert Plain(root)("rev-parse", "--show-toplevel") == str(root)
