"""Whose definitions may run: the user's, those of main's authors, and of whom the user named."""

from __future__ import annotations

import pytest

from tests.git.plain import Plain
from workbench.errors import NotTrusted, UsageError
from workbench.git import Repository

MINE = "test@example.org"


def written(plain: Plain, path: str, *, by: str, branch: str = "side") -> str:
    """Commit a file on `branch`, made from main where there is none, as somebody else's address says."""
    if branch != "main":
        known = plain("branch", "--list", branch)
        plain("checkout", "-q", *([] if known else ["-b"]), branch)
    plain.write(path, f"# {by}\n")
    plain("add", "--", path)
    plain("commit", "-q", "-m", "Write", "--author", f"Somebody <{by}>")
    commit = plain("rev-parse", "HEAD")
    plain("checkout", "-q", "main")
    return commit


def refused(plain: Plain, ref: str = "side") -> bool:
    with Repository.open(plain.root) as opened:
        try:
            opened.refuse_untrusted(ref)
        except NotTrusted:
            return True
    return False


@pytest.mark.parametrize(
    ("path", "by", "expected"),
    [
        ("features/x.py", "eve@example.org", True),
        ("features/sub/x.py", "eve@example.org", True),
        ("features/test_x.py", "eve@example.org", True),
        ("README.md", "eve@example.org", False),
        ("features/x.py", MINE, False),
        ("features/x.py", MINE.upper(), False),
        ("features/x.py", "e", True),
        ("features/x.py", ".*", True),
    ],
)
def test_definitions_of_somebody_new_may_not_run(plain: Plain, path: str, by: str, *, expected: bool) -> None:
    written(plain, path, by=by)
    assert refused(plain) is expected


def test_an_author_of_main_is_known_here_and_as_the_remote_has_it(plain: Plain, shared: Plain) -> None:
    written(plain, "features/x.py", by="Eve@example.org")
    assert refused(plain)
    assert shared("rev-parse", "main")
    before = plain("rev-parse", "main")
    written(plain, "README.md", by="eve@example.org", branch="main")
    assert not refused(plain)
    plain("push", "-q", "--set-upstream", "origin", "main")
    plain("reset", "-q", "--hard", before)
    assert not refused(plain)
    plain("branch", "--unset-upstream")
    assert refused(plain)


def test_a_merge_or_a_commit_on_top_does_not_hide_who_wrote_what(plain: Plain) -> None:
    written(plain, "features/x.py", by="eve@example.org")
    written(plain, "features/y.py", by=MINE)
    assert refused(plain)
    written(plain, "features/z.py", by=MINE, branch="own")
    assert not refused(plain, "own")
    plain("checkout", "-q", "own")
    plain("merge", "-q", "--no-edit", "side")
    assert refused(plain, "own")


def test_trust_is_by_author_and_kept_for_all_working_trees(plain: Plain, repository: Repository) -> None:
    first = written(plain, "features/x.py", by="eve@example.org")
    written(plain, "features/y.py", by="fay@example.org", branch="other")
    with pytest.raises(NotTrusted) as caught:
        repository.refuse_untrusted("side")
    assert "Somebody <eve@example.org>" in caught.value.message
    assert first[:10] in caught.value.lines[0]
    assert "workbench trust side" in caught.value.remedy
    assert [commit.id for commit in repository.trust("side")] == [first]
    assert list(repository.trusted()) == ["eve@example.org"]
    repository.refuse_untrusted("side")
    written(plain, "features/x.py", by="EVE@example.org")
    assert (refused(plain), refused(plain, "other")) == (False, True)
    plain("worktree", "add", "-q", "../linked", "side")
    assert not refused(Plain(plain.root.parent / "linked"))
    assert repository.trust("side") == []


def test_trust_is_taken_back(plain: Plain, repository: Repository) -> None:
    written(plain, "features/x.py", by="eve@example.org")
    written(plain, "features/y.py", by="fay@example.org", branch="other")
    repository.trust("side")
    repository.trust("other")
    repository.refuse_untrusted("side")
    assert repository.revoke_trust("Eve <EVE@example.org>") == "eve@example.org"
    with pytest.raises(NotTrusted):
        repository.refuse_untrusted("side")
    assert (refused(plain), refused(plain, "other")) == (True, False)
    with pytest.raises(UsageError) as caught:
        repository.revoke_trust("fai@example.org")
    assert "did you mean 'fay@example.org'?" in caught.value.remedy


def test_a_shallow_copy_is_told_to_fetch_the_authors_of_main(plain: Plain) -> None:
    written(plain, "features/x.py", by="eve@example.org", branch="main")
    written(plain, "README.md", by=MINE, branch="main")
    written(plain, "features/y.py", by="eve@example.org")
    plain("clone", "-q", "--depth", "1", "--no-single-branch", f"file://{plain.root}", "../shallow")
    copy = Plain(plain.root.parent / "shallow")
    with Repository.open(copy.root) as opened, pytest.raises(NotTrusted) as caught:
        opened.refuse_untrusted("origin/side")
    assert "git fetch --unshallow" in caught.value.remedy
    copy("fetch", "-q", "--unshallow")
    assert not refused(copy, "origin/side")


def test_a_list_that_cannot_be_read_trusts_nobody(plain: Plain, repository: Repository) -> None:
    written(plain, "features/x.py", by="eve@example.org")
    repository.trust("side")
    for text in ("{", "[]", '{"authors": 3}', "[" * 100_000, "\udcff"):
        (repository.home / "trusted.json").write_bytes(text.encode("utf-8", "surrogateescape"))
        assert refused(plain)


def test_who_git_does_not_know_owns_nothing(plain: Plain, monkeypatch: pytest.MonkeyPatch) -> None:
    written(plain, "features/x.py", by="eve@example.org")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    assert refused(plain)
    assert not refused(plain, "main")
