from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from workbench.errors import BranchNotFound, RepositoryUnreadable

if TYPE_CHECKING:
    from tests.git.plain import Plain
    from workbench.git import Repository

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def commit(plain: Plain, minutes: int, *parents: str, message: str = "m") -> str:
    """Write a commit made so many minutes after noon, and return it."""
    seconds = int((NOON + timedelta(minutes=minutes)).timestamp())
    ident = f"A <a@example.org> {seconds} +0500"
    lines = [f"tree {plain('rev-parse', 'main^{tree}')}", *(f"parent {parent}" for parent in parents)]
    return plain.store("commit", "\n".join([*lines, f"author {ident}", f"committer {ident}", "", message, ""]).encode())


@pytest.fixture
def merged(plain: Plain) -> list[str]:
    """Main with three commits, ten minutes apart, the last a merge of a branch with one commit of its own."""
    first = commit(plain, 0)
    second = commit(plain, 10, first)
    side = commit(plain, 15, first)
    third = commit(plain, 20, second, side, message="Publish\n\nPromoted-View: delay 1.1\n")
    plain("update-ref", "refs/heads/line", third)
    plain("update-ref", "refs/heads/side", side)
    return [first, second, third]


def test_what_a_branch_was_leaves_out_what_was_merged_into_it(repository: Repository, merged: list[str]) -> None:
    found = repository.first_parents("line")
    assert [each.id for each in found] == merged[::-1]
    assert found[0].trailers == (("Promoted-View", "delay 1.1"),)
    assert [each.id for each in repository.first_parents(merged[2], limit=2)] == [merged[2], merged[1]]


def test_the_commit_at_a_time_is_the_newest_made_by_then(repository: Repository, merged: list[str]) -> None:
    for minutes, made in ((-1, 0), (0, 1), (9.99, 1), (10, 2), (15, 2), (19.99, 2), (20, 3), (9999999, 3)):
        time = NOON + timedelta(minutes=minutes)
        found = repository.commit_at("line", time)
        assert found == (merged[made - 1] if made else None)
        assert repository.commit_at("line", time.replace(tzinfo=None)) == found  # without a zone it is UTC
        assert repository.commit_at("line", time.astimezone(timezone(timedelta(hours=-7)))) == found
        assert [each.id for each in repository.first_parents("line", until=time)] == merged[:made][::-1]


def test_within_a_second_the_time_that_a_commit_says_of_itself_decides(repository: Repository, plain: Plain) -> None:
    def made(microseconds: int, *parents: str, wrong: int = 0) -> str:
        at = NOON + timedelta(microseconds=microseconds, seconds=wrong)
        return commit(plain, 0, *parents, message=f"Publish\n\nMade-At: {at.isoformat(timespec='microseconds')}\n")

    first = made(250_000)
    second = made(250_001, first)
    third = made(900_000, second)
    plain("update-ref", "refs/heads/line", third)
    for microseconds, right in ((0, None), (249_999, None), (250_000, first), (250_001, second), (999_999, third)):
        assert repository.commit_at("line", NOON + timedelta(microseconds=microseconds)) == right
    plain("update-ref", "refs/heads/odd", made(500_000, wrong=3600))
    assert repository.commit_at("odd", NOON) is not None, "what is not of its second is not believed"


def test_before_the_first_second_of_all_there_was_nothing(repository: Repository, merged: list[str]) -> None:
    assert repository.commit_at("line", datetime(1969, 12, 31, tzinfo=UTC)) is None
    assert repository.first_parents("line", until=datetime(1900, 1, 1, tzinfo=UTC)) == []


def test_a_commit_with_a_wrong_clock_does_not_hide_those_below_it(repository: Repository, plain: Plain) -> None:
    first = commit(plain, 0)
    late = commit(plain, 60, first)
    early = commit(plain, 5, late)
    plain("update-ref", "refs/heads/line", early)
    assert repository.commit_at("line", NOON + timedelta(minutes=6)) == early
    assert repository.commit_at("line", NOON + timedelta(minutes=1)) == first


def test_containing_is_descending_from_or_being(repository: Repository, merged: list[str]) -> None:
    first, second, third = merged
    assert repository.contains(third, third)
    assert repository.contains("line", first)
    assert repository.contains("line", "side")
    assert not repository.contains(first, third)
    assert not repository.contains("side", second)
    assert not repository.contains("main", "line")


def test_what_is_not_there_is_said_to_be_so(repository: Repository) -> None:
    gone = "1" * 40
    for wrong in (("main", gone), (gone, "main")):
        with pytest.raises(RepositoryUnreadable):
            repository.contains(*wrong)
    for hostile in ("--all", "main~99", "nope"):
        with pytest.raises(BranchNotFound):
            repository.contains("main", hostile)
        with pytest.raises(BranchNotFound):
            repository.commit_at(hostile, NOON)
        with pytest.raises(BranchNotFound):
            repository.first_parents(hostile)
