"""Trees edited without an index are the trees that git would have written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.git.plain import Plain
from workbench.errors import BranchError

if TYPE_CHECKING:
    from workbench.git import Repository

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


def listed(plain: Plain, tree: str) -> dict[str, str]:
    lines = plain("-c", "core.quotePath=false", "ls-tree", "-r", tree).splitlines()
    return {path: facts for facts, path in (line.split("\t") for line in lines)}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CHANGES, CHANGES)
def test_edits_give_the_tree_that_an_index_gives(
    repository: Repository, plain: Plain, first: dict[str, str | None], second: dict[str, str | None]
) -> None:
    texts = {path: text for path, text in {**first, **second}.items() if text is not None}
    middle = repository.tree_with(
        repository.tree_with("main", {"features/delay.py": None, "features/sub/deep.py": None}), first
    )
    tree = repository.tree_with(middle, second)
    index = plain.root / ".git" / "expected.index"
    index.unlink(missing_ok=True)
    pairs = [(path, plain("hash-object", "-w", "--stdin", given=text)) for path, text in texts.items()]
    readme = plain("rev-parse", "main:workbench.toml")
    given_lines = "".join(f"100644 {blob}\t{path}\0" for path, blob in [("workbench.toml", readme), *pairs])
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("GIT_INDEX_FILE", str(index))
        plain("update-index", "-z", "--index-info", given=given_lines)
        assert plain("write-tree") == tree


def test_everything_written_passes_fsck(repository: Repository, plain: Plain) -> None:
    repository.commit(
        "exp/a", {"a/x": "1\n", "a.b/x": "2\n", "a-b": "3\n", "a0": "4\n", "features/delay.py": None}, message="Write"
    )
    assert plain("fsck", "--strict", "--no-dangling", "--no-progress") == ""


def test_the_same_content_is_the_same_tree(repository: Repository) -> None:
    tree = Plain(repository.root)("rev-parse", "main^{tree}")
    assert repository.tree_with("main", {"features/delay.py": "DELAY = 1\n"}) == tree
    assert repository.tree_with("main", {"features/none.py": None, "none/none.py": None}) == tree
    assert repository.tree_with("main", {}) == tree


def test_a_folder_goes_with_its_last_file_and_a_tree_may_become_empty(repository: Repository, plain: Plain) -> None:
    tree = repository.tree_with("main", {"features/delay.py": None, "features/sub/deep.py": None})
    assert repository.subtree(tree) is None
    assert list(listed(plain, tree)) == ["workbench.toml"]
    empty = repository.tree_with(tree, {"workbench.toml": None})
    assert empty == plain("hash-object", "-t", "tree", "--stdin")


def test_executable_symlink_and_submodule_entries_survive(repository: Repository, plain: Plain) -> None:
    (plain.root / "run.sh").write_text("#!/bin/sh\n")
    (plain.root / "run.sh").chmod(0o755)
    (plain.root / "features" / "link.py").symlink_to("delay.py")
    plain("add", "run.sh", "features/link.py")
    plain("update-index", "--add", "--cacheinfo", f"160000,{repository.resolve('main')},features/library")
    plain("commit", "--quiet", "-m", "Odd entries")
    before = listed(plain, "main")
    after = listed(
        plain, repository.tree_with("main", {"features/delay.py": "DELAY = 2\n", "run.sh": "#!/bin/sh\nexit\n"})
    )
    assert after["run.sh"].startswith("100755 blob")
    assert after["run.sh"] != before["run.sh"]
    untouched = ["workbench.toml", "features/library", "features/link.py", "features/sub/deep.py"]
    assert {path: after[path] for path in untouched} == {path: before[path] for path in untouched}
    assert "features/link.py" not in repository.files("main")
    assert "features/library" not in repository.files("main")


def test_a_submodule_is_not_replaced_by_a_file(repository: Repository, plain: Plain) -> None:
    plain("update-index", "--add", "--cacheinfo", f"160000,{repository.resolve('main')},library")
    plain("commit", "--quiet", "-m", "A submodule")
    for path in ("library", "library/x.py"):
        with pytest.raises(BranchError, match="library is a"):
            repository.tree_with("main", {path: "X = 1\n"})


@pytest.mark.parametrize(
    ("path", "what"), [("features", "features is a folder"), ("workbench.toml/x.py", "workbench.toml is a file")]
)
def test_a_file_and_a_folder_do_not_replace_each_other(repository: Repository, path: str, what: str) -> None:
    with pytest.raises(BranchError, match=what) as caught:
        repository.commit("main", {path: "X = 1\n"}, message="Write")
    assert "Nothing was changed" in caught.value.remedy


def test_a_file_may_take_the_place_of_one_deleted_with_it(repository: Repository, plain: Plain) -> None:
    tree = repository.tree_with("main", {"workbench.toml": None, "workbench.toml/part.md": "Part\n"})
    assert "workbench.toml/part.md" in listed(plain, tree)


def test_paths_that_leave_the_project_are_refused(repository: Repository, plain: Plain) -> None:
    before = plain.local(), plain("for-each-ref")
    for path in OUTSIDE:
        for text in ("X = 1\n", None):
            with pytest.raises(BranchError) as caught:
                repository.tree_with("main", {path: text})
            assert "relative path" in caught.value.remedy, path
    assert (plain.local(), plain("for-each-ref")) == before


def test_text_that_is_not_unicode_is_refused(repository: Repository) -> None:
    with pytest.raises(BranchError, match="not Unicode"):
        repository.tree_with("main", {"features/delay.py": "lone \ud800"})


def test_line_endings_are_kept_whatever_git_is_configured_to_do(repository: Repository, plain: Plain) -> None:
    plain("config", "core.autocrlf", "true")
    tree = repository.tree_with("main", {"features/delay.py": "one\r\ntwo\n"})
    assert repository.read(tree, "features/delay.py") == "one\r\ntwo\n"
