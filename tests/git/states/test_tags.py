from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.git.plain import Plain
from tests.git.test_names import HOSTILE
from workbench.errors import BranchError, InvalidName
from workbench.git import Publisher
from workbench.git.names import valid_tag
from workbench.git.tags import approval_ref

if TYPE_CHECKING:
    from workbench.git import Repository

ADA = "Test Researcher <test@example.org>"


def tag_object(plain: Plain, about: str, name: str, tagger: str = ADA, kind: str = "commit", seconds: int = 9) -> str:
    """Write a tag object that nobody's tool made, and return its id."""
    lines = [f"object {about}", f"type {kind}", f"tag {name}", f"tagger {tagger} {seconds} +0000", "", "Text", ""]
    return plain.store("tag", "\n".join(lines).encode())


def test_a_tag_is_what_git_reads_too(publisher: Publisher, repository: Repository, plain: Plain) -> None:
    made = publisher.tag(
        "release/2026.11", "main", message="Release", trailers=[("Pins", "delay 1.0"), ("Pins", "x 2")]
    )
    assert made == repository.tag("release/2026.11")
    assert (made.commit, made.tagger) == (plain("rev-parse", "main"), ADA)
    assert made.trailers == (("Pins", "delay 1.0"), ("Pins", "x 2"))
    assert plain("cat-file", "-t", "release/2026.11") == "tag"
    assert plain("rev-parse", "release/2026.11") == made.object_id
    assert made.time is not None
    shown = plain("tag", "--list", "--format=%(contents:subject)|%(taggername)|%(taggerdate:unix)", "release/2026.11")
    assert shown == f"Release|Test Researcher|{made.time.timestamp():.0f}"
    assert plain("fsck", "--strict", "--no-dangling") == ""
    assert repository.resolve("release/2026.11") == made.commit
    assert plain("status", "--porcelain") == ""


def test_a_tag_is_never_overwritten(publisher: Publisher, repository: Repository, plain: Plain) -> None:
    made = publisher.tag("v1", "main", message="Release")
    for target in ("main", "exp/a"):
        with pytest.raises(BranchError, match="'v1' exists"):
            publisher.tag("v1", target, message="Another")
    with pytest.raises(BranchError, match="in the way"):
        publisher.tag("v1/a", "main", message="Below it")
    with pytest.raises(BranchError, match="upper and lower case"):
        publisher.tag("V1", "main", message="In capitals")
    with pytest.raises(BranchError, match="is a branch"):
        publisher.tag("exp/a", "main", message="git would take it for the branch")
    assert repository.tags() == [made]
    assert plain("tag").splitlines() == ["v1"]


class Overtaken(Publisher):
    """Somebody else makes the tag between the look at what there is and the making of it."""

    def _store_tag(self, commit: str, name: str, message: str, *, is_signed: bool, is_demanded: bool = True) -> str:
        Plain(self.root)("tag", name, "exp/a")
        return super()._store_tag(commit, name, message, is_signed=is_signed, is_demanded=is_demanded)


def test_of_two_who_make_a_tag_at_once_one_does(repository: Repository, plain: Plain) -> None:
    with Overtaken.open(plain.root) as late, pytest.raises(BranchError, match="'v1' exists since a moment ago"):
        late.tag("v1", "main", message="Late")
    assert plain("rev-parse", "v1") == repository.resolve("exp/a")


def test_hostile_names_and_targets_are_refused(publisher: Publisher, repository: Repository, plain: Plain) -> None:
    before = plain("for-each-ref")
    for name in HOSTILE:
        with pytest.raises(InvalidName):
            publisher.tag(name, "main", message="m")
        with pytest.raises(InvalidName):
            repository.tag(name)
        with pytest.raises(InvalidName):
            publisher.drop_tag(name)
    for target in ("--all", "nope", "", "main^{tree}", "1" * 40):
        with pytest.raises(BranchError):
            publisher.tag("v1", target, message="m")
        with pytest.raises(BranchError):
            repository.approve(target, message="m")
    assert plain("for-each-ref") == before


def test_ordinary_names_are_accepted() -> None:
    for name in ("2026.11", "v1", "release/2026.11-rc_1", "a+b"):
        assert valid_tag(name) == name


def test_tags_are_found_by_pattern_and_those_that_lie_are_left_out(
    publisher: Publisher, repository: Repository, plain: Plain
) -> None:
    publisher.tag("release/1", "main", message="One")
    publisher.tag("release/2", "exp/a", message="Two")
    publisher.tag("other", "main", message="Other")
    plain("tag", "light", "main")
    plain("tag", "file", "main:workbench.toml")
    plain("update-ref", "refs/tags/release/3", plain("rev-parse", "release/1"))  # an old release under a new name
    assert [tag.name for tag in repository.tags("release/*")] == ["release/1", "release/2"]
    assert [tag.name for tag in repository.tags()] == ["light", "other", "release/1", "release/2"]
    assert repository.tags("nope*") == []
    light = repository.tag("light")
    assert light is not None
    assert (light.object_id, light.commit, light.tagger, light.time) == (
        light.commit,
        plain("rev-parse", "main"),
        None,
        None,
    )
    for name in ("file", "release/3"):
        with pytest.raises(BranchError, match="not about a commit, or was made under another name") as caught:
            repository.tag(name)
        assert f"git tag -d {name}" in caught.value.remedy
    assert repository.tag("release/4") is None
    assert repository.tag("release") is None


def test_a_dropped_tag_is_gone_here_and_at_the_remote(publisher: Publisher, shared: Plain, plain: Plain) -> None:
    remote = publisher.remote()
    assert remote is not None
    for name in ("v1", "v2", "v3"):
        publisher.tag(name, "main", message="m")
    remote.push_refs(["refs/tags/v1", "refs/tags/v3"])
    publisher.drop_tag("v1", remote=remote)
    publisher.drop_tag("v2", remote=remote)  # the remote never had it
    publisher.drop_tag("v2", remote=remote)
    shared("tag", "--force", "v3", "main")
    with pytest.raises(BranchError, match="another tag 'v3'; nothing was deleted"):
        publisher.drop_tag("v3", remote=remote)
    assert plain("tag") == shared("tag") == "v3"
    publisher.drop_tag("v3")
    assert plain("tag") == ""


def test_an_approval_is_kept_for_its_commit_and_replaces_ones_own(repository: Repository, plain: Plain) -> None:
    tip, branches = repository.resolve("exp/a"), plain("for-each-ref", "refs/heads")
    repository.approve("exp/a", message="Fine", trailers=[("Plan", "1")])
    second = repository.approve(tip, message="Still fine", trailers=[("Plan", "2")])
    (found,) = repository.approvals("exp/a")
    assert (found.object_id, found.commit, found.identity) == (second, tip, ADA)
    assert (found.message, found.trailers) == ("Still fine\n\nPlan: 2\n", (("Plan", "2"),))
    assert repository.approvals("main") == []
    assert plain("for-each-ref", "refs/heads") == branches
    assert plain("fsck", "--strict", "--no-dangling") == ""
    plain("gc", "--quiet", "--prune=now")
    assert repository.approvals(tip) == [found]


def test_several_people_approve_and_letters_case_makes_nobody_two(
    repository: Repository, plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, (name, email) in enumerate(
        [
            ("Bea", "bea@example.org"),
            ("Ann", "ann@example.org"),
            ("Bea B", "BEA@example.org"),
            ("Bea", "b.ea@example.org"),
        ]
    ):
        monkeypatch.setenv("GIT_AUTHOR_NAME", name)
        monkeypatch.setenv("GIT_AUTHOR_EMAIL", email)
        monkeypatch.setenv("GIT_AUTHOR_DATE", f"{1700000000 + number} +0000")
        repository.approve("exp/a", message="Fine")
    assert [each.identity for each in repository.approvals("exp/a")] == [
        "Ann <ann@example.org>",
        "Bea B <BEA@example.org>",
        "Bea <b.ea@example.org>",
    ]


def test_approvals_that_are_not_what_their_ref_says_do_not_count(repository: Repository, plain: Plain) -> None:
    tip, main = repository.resolve("exp/a"), repository.resolve("main")
    own = approval_ref(tip, ADA)
    name = own.removeprefix("refs/")
    boss = approval_ref(tip, "Boss <boss@example.org>")
    for ref, object_id in (
        (own, tag_object(plain, main, name)),  # about another commit
        (own, tag_object(plain, tip, "v1")),  # a release's tag
        (own, tag_object(plain, tip, approval_ref(main, ADA).removeprefix("refs/"))),  # an approval of another commit
        (own, tag_object(plain, plain("rev-parse", f"{tip}^{{tree}}"), name, kind="tree")),
        (own, tip),  # no tag at all
        (boss, tag_object(plain, tip, name)),  # one's own in the boss's place
        (own, tag_object(plain, tip, boss.removeprefix("refs/"), "Boss <boss@example.org>")),
        (f"{own}-2", tag_object(plain, tip, name)),  # counted twice
        (f"refs/workbench/fetched/{own.removeprefix('refs/workbench/')}", tag_object(plain, tip, "v1")),
    ):
        plain("update-ref", ref, object_id)
        assert repository.approvals(tip) == [], ref
        plain("update-ref", "-d", ref)
    plain("update-ref", own, tag_object(plain, tip, name))
    assert [each.identity for each in repository.approvals(tip)] == [ADA]


def test_of_what_was_fetched_and_what_is_here_the_newest_counts(repository: Repository, plain: Plain) -> None:
    tip = repository.resolve("exp/a")
    own = approval_ref(tip, ADA)
    older, newer = (tag_object(plain, tip, own.removeprefix("refs/"), seconds=seconds) for seconds in (100, 200))
    there = f"refs/workbench/fetched/origin/{own.removeprefix('refs/workbench/')}"
    for here, fetched in ((older, newer), (newer, older)):
        plain("update-ref", own, here)
        plain("update-ref", there, fetched)
        assert [each.object_id for each in repository.approvals(tip)] == [newer]


def test_an_approvals_ref_is_one_that_git_takes(plain: Plain) -> None:
    odd = ["A <>", "A <a..b@x.lock>", "A <@{-1}>", "A <../../heads/main>", "Ü <ü@ü>", "A <" + "a" * 500 + ">", "nobody"]
    refs = [approval_ref("1f" * 20, person) for person in odd]
    assert len(set(refs)) == len(odd)
    for ref in refs:
        plain("check-ref-format", ref)
        assert ref.count("/") == 4
        assert len(ref) < 170
