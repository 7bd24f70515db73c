"""Trees edited without an index are the trees that git would have written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.branches.plain_git import VIEW, checked_out, git, refs
from workbench.errors import BranchError

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.branches import Repository

FOLDERS = st.lists(st.sampled_from(["a", "a.b", "a-b", "features"]), max_size=2)
FILES = st.sampled_from(["x", "x.py", "a0", "a,b", "ünï.py", "-n"])
PATHS = st.builds(lambda above, name: "/".join([*above, name]), FOLDERS, FILES)
CHANGES = st.dictionaries(PATHS, st.one_of(st.none(), st.sampled_from(["", "one\n", "two\r\nlines"])), max_size=5)

OUTSIDE = [
    "../x.py",
    "features/../../x.py",
    "/etc/passwd",
    "a/./b",
    "./a",
    "a//b",
    "a/",
    "",
    ".git/config",
    "a/.GIT/config",
    "a/git~1/x",
    ".git./config",
    ".git /config",
    ".git::$INDEX_ALLOCATION/config",
    ".g\u200cit/config",
    "a\\..\\b",
    "a\nb",
    "a\0b",
    "a\ud800",
]


def listed(root: Path, tree: str) -> dict[str, str]:
    lines = git(root, "-c", "core.quotePath=false", "ls-tree", "-r", tree).splitlines()
    return {path: facts for facts, path in (line.split("\t") for line in lines)}


@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # objects pile up in one repository, which harms none
)
@given(CHANGES, CHANGES)
def test_edits_give_the_tree_that_an_index_gives(
    repository: Repository, root: Path, first: dict[str, str | None], second: dict[str, str | None]
) -> None:
    texts = {path: text for path, text in {**first, **second}.items() if text is not None}
    middle = repository.tree_with(repository.tree_with("main", {VIEW: None, "features/other.py": None}), first)
    tree = repository.tree_with(middle, second)
    index = root / ".git" / "expected.index"
    index.unlink(missing_ok=True)
    pairs = [(path, git(root, "hash-object", "-w", "--stdin", given=text)) for path, text in texts.items()]
    readme = git(root, "rev-parse", "main:README.md")
    given_lines = "".join(f"100644 {blob}\t{path}\0" for path, blob in [("README.md", readme), *pairs])
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("GIT_INDEX_FILE", str(index))
        git(root, "update-index", "-z", "--index-info", given=given_lines)
        assert git(root, "write-tree") == tree


def test_everything_written_passes_fsck(repository: Repository, root: Path) -> None:
    repository.create("exp/a")
    repository.commit("exp/a", {"a/x": "1\n", "a.b/x": "2\n", "a-b": "3\n", "a0": "4\n", VIEW: None}, message="Write")
    assert git(root, "fsck", "--strict", "--no-dangling", "--no-progress") == ""


def test_the_same_content_is_the_same_tree(repository: Repository) -> None:
    tree = git(repository.root, "rev-parse", "main^{tree}")
    assert repository.tree_with("main", {VIEW: "VALUE = 1\n"}) == tree
    assert repository.tree_with("main", {"features/none.py": None, "none/none.py": None}) == tree
    assert repository.tree_with("main", {}) == tree


def test_a_folder_goes_with_its_last_file_and_a_tree_may_become_empty(repository: Repository, root: Path) -> None:
    tree = repository.tree_with("main", {VIEW: None, "features/other.py": None})
    assert repository.subtree(tree) is None
    assert list(listed(root, tree)) == ["README.md"]
    empty = repository.tree_with(tree, {"README.md": None})
    assert empty == git(root, "hash-object", "-t", "tree", "--stdin")


def test_executable_symlink_and_submodule_entries_survive(repository: Repository, root: Path) -> None:
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    (root / "features" / "link.py").symlink_to("spend.py")
    git(root, "add", "run.sh", "features/link.py")
    git(root, "update-index", "--add", "--cacheinfo", f"160000,{repository.resolve('main')},features/library")
    git(root, "commit", "--quiet", "-m", "Odd entries")
    before = listed(root, "main")
    after = listed(root, repository.tree_with("main", {VIEW: "VALUE = 2\n", "run.sh": "#!/bin/sh\nexit\n"}))
    assert after["run.sh"].startswith("100755 blob")
    assert after["run.sh"] != before["run.sh"]
    untouched = ["README.md", "features/library", "features/link.py", "features/other.py"]
    assert {path: after[path] for path in untouched} == {path: before[path] for path in untouched}
    assert "features/link.py" not in repository.files("main")
    assert "features/library" not in repository.files("main")


def test_a_submodule_is_not_replaced_by_a_file(repository: Repository, root: Path) -> None:
    git(root, "update-index", "--add", "--cacheinfo", f"160000,{repository.resolve('main')},library")
    git(root, "commit", "--quiet", "-m", "A submodule")
    for path in ("library", "library/x.py"):
        with pytest.raises(BranchError, match="library is a"):
            repository.tree_with("main", {path: "X = 1\n"})


@pytest.mark.parametrize(
    ("path", "what"), [("features", "features is a folder"), ("README.md/x.py", "README.md is a file")]
)
def test_a_file_and_a_folder_do_not_replace_each_other(repository: Repository, path: str, what: str) -> None:
    with pytest.raises(BranchError, match=what) as caught:
        repository.commit("main", {path: "X = 1\n"}, message="Write")
    assert "Nothing was changed" in caught.value.remedy


def test_a_file_may_take_the_place_of_one_deleted_with_it(repository: Repository, root: Path) -> None:
    tree = repository.tree_with("main", {"README.md": None, "README.md/part.md": "Part\n"})
    assert "README.md/part.md" in listed(root, tree)


def test_paths_that_leave_the_project_are_refused(repository: Repository, root: Path) -> None:
    before = checked_out(root), refs(root)
    for path in OUTSIDE:
        for text in ("X = 1\n", None):
            with pytest.raises(BranchError) as caught:
                repository.tree_with("main", {path: text})
            assert "relative path" in caught.value.remedy, path
    assert (checked_out(root), refs(root)) == before


def test_text_that_is_not_unicode_is_refused(repository: Repository) -> None:
    with pytest.raises(BranchError, match="not Unicode"):
        repository.tree_with("main", {VIEW: "lone \ud800"})


def test_line_endings_are_kept_whatever_git_is_configured_to_do(repository: Repository, root: Path) -> None:
    git(root, "config", "core.autocrlf", "true")
    tree = repository.tree_with("main", {VIEW: "one\r\ntwo\n"})
    assert repository.read(tree, VIEW) == "one\r\ntwo\n"
