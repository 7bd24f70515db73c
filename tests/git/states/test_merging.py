from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

import pytest

from workbench.errors import BranchError
from workbench.git import Conflict

if TYPE_CHECKING:
    from pathlib import Path

    from tests.git.plain import Plain
    from workbench.git import Repository

PATH = "features/delay.py"
LINES = [f"line {number}" for number in range(12)]
CONFIG = "[merge]\n\tconflictStyle = nonsense\n\trenames = true\n[diff]\n\talgorithm = patience\n\trenames = copies\n"

DID: list[tuple[str | None, str | None, str | None, str | None]] = [
    ("1\n", "1\n", "2\n", "2\n"),  # they changed it
    ("1\n", "2\n", "1\n", "2\n"),  # we did
    ("1\n", "2\n", "2\n", "2\n"),  # both, alike
    (None, None, "2\n", "2\n"),  # they added it
    (None, "2\n", None, "2\n"),  # we did
    (None, "2\n", "2\n", "2\n"),  # both, alike
    ("1\n", "1\n", None, None),  # they deleted it
    ("1\n", None, "1\n", None),  # we did
    ("1\n", None, None, None),  # both
    (None, None, None, None),  # nobody has it
    ("1\n", "2\n", "3\n", "conflict"),
    (None, "2\n", "3\n", "conflict"),
    ("1\n", "2\n", None, "conflict"),
    ("1\n", None, "2\n", "conflict"),
]
"""The file in the base, ours and theirs, and what becomes of it."""


def text(**changed: str) -> str:
    """Twelve lines, those at ``l<number>`` changed."""
    return "".join(f"{changed.get(f'l{number}', line)}\n" for number, line in enumerate(LINES))


def tree(repository: Repository, changes: dict[str, str | None]) -> str:
    return repository.tree_with("main", changes)


def test_edits_far_from_each_other_are_both_kept_and_the_rest_is_ours(repository: Repository) -> None:
    base = tree(repository, {PATH: text()})
    ours = tree(repository, {PATH: text(l1="ours"), "features/mine.py": "1\n"})
    theirs = tree(repository, {PATH: text(l10="theirs"), "features/theirs.py": "1\n", "workbench.toml": None})
    merged = repository.merge_files(ours, theirs, base=base, paths=[PATH])
    assert merged.conflicts == ()
    assert repository.read(merged.tree, PATH) == text(l1="ours", l10="theirs")
    assert repository.files(merged.tree, "") == repository.files(ours, "") | {
        PATH: repository.files(merged.tree, "")[PATH]
    }


def test_it_is_what_a_merge_with_a_checkout_gives(repository: Repository, plain: Plain) -> None:
    base = plain.save(PATH, text())
    plain("switch", "--quiet", "--create", "side")
    theirs = plain.save(PATH, text(l2="theirs", l11="both"))
    plain("switch", "--quiet", "main")
    ours = plain.save(PATH, text(l6="ours", l11="both"))
    merged = repository.merge_files(ours, theirs, base=base, paths=[PATH])
    plain("merge", "--quiet", "--no-edit", "side")
    assert merged.tree == plain("rev-parse", "HEAD^{tree}")


def test_branches_and_commits_are_taken_as_well_as_trees(repository: Repository) -> None:
    base = repository.resolve("main")
    tip = repository.commit("exp/a", {PATH: "DELAY = 2\n"}, message="m")
    by_name = repository.merge_files("main", "exp/a", base=base, paths=[PATH])
    by_tree = repository.merge_files(
        repository.show(base).tree, repository.show(tip).tree, base=repository.show(base).tree, paths=[PATH]
    )
    assert by_name == by_tree
    assert by_name.tree == repository.show(tip).tree


def test_what_each_side_did_decides(repository: Repository) -> None:
    name = "features/one.py"
    trees = {value: tree(repository, {PATH: None, name: value}) for value in (None, "1\n", "2\n", "3\n")}
    for base, ours, theirs, outcome in DID:
        merged = repository.merge_files(trees[ours], trees[theirs], base=trees[base], paths=[name])
        if outcome == "conflict":
            assert merged.conflicts == (Conflict(name, base, ours, theirs),)
            assert merged.tree == trees[ours]
        else:
            assert merged.conflicts == ()
            assert merged.tree == trees[outcome]


def test_without_a_base_only_equal_files_merge(repository: Repository) -> None:
    ours = tree(repository, {PATH: text(), "features/same.py": "1\n"})
    theirs = tree(repository, {PATH: text(l1="theirs"), "features/same.py": "1\n", "features/new.py": "1\n"})
    paths = [PATH, "features/same.py", "features/new.py"]
    merged = repository.merge_files(ours, theirs, base=None, paths=paths)
    assert merged.conflicts == (Conflict(PATH, None, text(), text(l1="theirs")),)
    assert repository.read(merged.tree, "features/new.py") == "1\n"


def test_one_conflict_among_many_files_leaves_ours_of_it_without_markers(repository: Repository) -> None:
    base = tree(repository, {PATH: text(), "features/b.py": text()})
    ours = tree(repository, {PATH: text(l5="ours"), "features/b.py": text(l0="ours")})
    theirs = tree(repository, {PATH: text(l5="theirs"), "features/b.py": text(l11="theirs")})
    merged = repository.merge_files(ours, theirs, base=base, paths=[PATH, "features/b.py", PATH])
    assert [conflict.path for conflict in merged.conflicts] == [PATH]
    assert repository.read(merged.tree, PATH) == text(l5="ours")
    assert repository.read(merged.tree, "features/b.py") == text(l0="ours", l11="theirs")


def test_a_file_that_is_no_text_is_a_conflict_not_a_crash(repository: Repository, plain: Plain) -> None:
    def side(data: bytes) -> str:
        blob = plain.store("blob", data)
        return plain("mktree", given=f"100644 blob {blob}\tdata.bin\n")

    merged = repository.merge_files(side(b"\0b"), side(b"\0\xffc"), base=side(b"\0a"), paths=["data.bin"])
    assert merged.conflicts == (Conflict("data.bin", "\0a", "\0b", "\0\ufffdc"),)


def test_line_endings_and_odd_bytes_are_kept(repository: Repository, plain: Plain) -> None:
    def side(data: bytes) -> str:
        return plain("mktree", given=f"100644 blob {plain.store('blob', data)}\todd.py\n")

    base, ours, theirs = (
        side(b"%s\r\n" % b"\r\n".join([first, b"\xff", b"2", b"3", b"4", last]))
        for first, last in ((b"0", b"5"), (b"a\xe9", b"5"), (b"0", b"z"))
    )
    merged = repository.merge_files(ours, theirs, base=base, paths=["odd.py"])
    blob = repository.files(merged.tree, "")["odd.py"]
    assert repository.read_blob(blob) == b"a\xe9\r\n\xff\r\n2\r\n3\r\n4\r\nz\r\n"


def test_nothing_that_a_user_configured_alters_the_outcome(
    repository: Repository, plain: Plain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tree(repository, {PATH: text(), "features/b.py": text(), "features/c.py": text()})
    ours = tree(repository, {PATH: text(l5="ours"), "features/moved.py": text(), "features/c.py": text(l0="ours")})
    theirs = tree(
        repository, {PATH: text(l5="theirs"), "features/b.py": text(l11="theirs"), "features/c.py": text(l9="theirs")}
    )
    paths = [PATH, "features/b.py", "features/c.py"]
    expected = repository.merge_files(ours, theirs, base=base, paths=paths)
    assert [conflict.path for conflict in expected.conflicts] == paths[:2]  # b.py: they changed what we moved away
    assert repository.read(expected.tree, "features/c.py") == text(l0="ours", l9="theirs")

    plain.write(".gitattributes", "* merge=union\n*.py merge=mine\n")
    plain.write(".git/info/attributes", "* merge=mine text eol=crlf\n")
    plain("config", "merge.mine.driver", "cp %B %A")
    plain("config", "merge.default", "union")
    plain("config", "merge.conflictStyle", "nonsense")  # git ends with an error where it reads that
    config = tmp_path / "theirs"
    config.write_text(f"[user]\n\tname = A\n\temail = a@b\n[core]\n\tattributesFile = {tmp_path}/attributes\n{CONFIG}")
    (tmp_path / "attributes").write_text("* merge=union\n")
    counted = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "merge.conflictStyle", "GIT_CONFIG_VALUE_0": "nonsense"}
    told = {"GIT_CONFIG_PARAMETERS": "'merge.conflictStyle=nonsense'"}
    for variables in ({"GIT_CONFIG_GLOBAL": str(config)}, counted, told):
        with monkeypatch.context() as patched:
            for name, value in variables.items():
                patched.setenv(name, value)
            patched.setattr(tempfile, "tempdir", str(plain.root))
            assert repository.merge_files(ours, theirs, base=base, paths=paths) == expected


def test_paths_are_paths_in_the_project(repository: Repository) -> None:
    for path in ("../x.py", "/etc/passwd", "", ".git/config", "a//b", "a\nb"):
        with pytest.raises(BranchError):
            repository.merge_files("main", "exp/a", base=None, paths=[path])
    assert repository.merge_files("main", "exp/a", base=None, paths=["-p", "--ours"]).conflicts == ()


def test_a_link_is_not_merged_as_if_it_were_a_definition(repository: Repository, plain: Plain) -> None:
    (plain.root / "features" / "link.py").symlink_to("/etc/passwd")
    plain("add", "features/link.py")
    plain("commit", "--quiet", "-m", "A link")
    linked, bare = repository.resolve("main"), repository.resolve("exp/a")
    for ours, theirs, base in ((linked, bare, bare), (bare, linked, bare), (bare, bare, linked)):
        with pytest.raises(BranchError, match=r"link\.py is a folder, a link or a submodule"):
            repository.merge_files(ours, theirs, base=base, paths=["features/link.py"])


def test_no_ref_index_or_file_of_the_user_moves(repository: Repository, plain: Plain) -> None:
    before = plain("for-each-ref"), plain.local()
    base = tree(repository, {PATH: text()})
    repository.merge_files(
        tree(repository, {PATH: text(l1="a")}), tree(repository, {PATH: text(l9="b")}), base=base, paths=[PATH]
    )
    assert (plain("for-each-ref"), plain.local()) == before


def test_in_a_subfolder_paths_are_the_projects(plain: Plain) -> None:
    from workbench.git import Repository

    with Repository.open(plain.root / "features") as repository:
        base = repository.resolve("main")
        theirs = repository.tree_with(base, {"sub/deep.py": "DEEP = 2\n"})
        merged = repository.merge_files(base, theirs, base=base, paths=["sub/deep.py"])
    assert merged.tree == theirs
