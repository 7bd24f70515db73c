"""Trailers: whatever is written is read back, also after git kept it in a commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import BranchError
from workbench.git.history import KEY, add_trailers, parse_trailers

if TYPE_CHECKING:
    from tests.git.plain import Plain
    from workbench.git import Repository

ODD = [
    "plain",
    "two\nlines",
    "blank\n\nline",
    "  indented\n    more",
    "ends in spaces   ",
    "\n",
    "",
    '"quoted"',
    '"half',
    "Key: value\nSigned-off-by: Nobody <n@example.org>",
    "carriage\r\nreturn",
    "\x1b[31mred\x00nul",
    "µ ≤ 3 % — ünïcode 🚆",
    "\u2028\u202e\u00a0",
    "# comment",
    "-----",
    "--- a/x\n+++ b/x",
    "\\n \\u0041",
    "lone \ud800 surrogate",
    "x" * 5000,
]

KEYS = st.from_regex(KEY, fullmatch=True)
VALUES = st.one_of(st.sampled_from(ODD), st.text(), st.text(alphabet=' a\n\r\t":\\'))
MESSAGES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@given(MESSAGES, st.lists(st.tuples(KEYS, VALUES), min_size=1, max_size=6))
def test_any_text_round_trips(message: str, trailers: list[tuple[str, str]]) -> None:
    written = add_trailers(message, trailers)
    assert list(parse_trailers(written)) == trailers
    assert written.startswith(message.strip() or "No message")


def test_odd_text_survives_a_commit(repository: Repository) -> None:
    repository.create("exp/odd")
    for number, value in enumerate(ODD):
        told = (("Objective", value), ("Metric", "rmse"), ("Objective", value))
        repository.commit("exp/odd", {"features/x.py": f"{number}\n"}, message="Write", trailers=told)
        (newest,) = repository.history("exp/odd", limit=1)
        assert (newest.subject, newest.trailers) == ("Write", told)


def test_git_itself_reads_the_same_trailers(plain: Plain) -> None:
    message = add_trailers("Start", [("Objective", "Fewer\nlate trains"), ("Metric", "rmse"), ("Tag", "team=rail")])
    parsed = plain("interpret-trailers", "--parse", "--unfold", given=message)
    assert parsed.splitlines() == ["Objective: Fewer late trains", "Metric: rmse", "Tag: team=rail"]


@pytest.mark.parametrize("key", ["", "Has space", "Colon:", "New\nline", "-Dash", "Ünï", "Under_score"])
def test_a_key_that_could_be_taken_for_something_else_is_refused(key: str) -> None:
    with pytest.raises(BranchError, match="not a trailer's key"):
        add_trailers("Write", [(key, "value")])


@pytest.mark.parametrize("message", ["nul \0", "lone \ud800"])
def test_a_message_that_git_cannot_keep_is_refused(repository: Repository, message: str) -> None:
    with pytest.raises(BranchError, match="cannot keep"):
        repository.commit("main", {"features/x.py": "X\n"}, message=message)
    assert len(repository.history("main")) == 1


def test_prose_is_not_taken_for_trailers() -> None:
    assert parse_trailers("Define spend\n\nNote: this is\nprose after all\n") == ()
    assert parse_trailers("Objective: only a subject\n") == ()
    assert parse_trailers("") == ()


def test_trailer_like_lines_in_the_message_are_not_mixed_with_ours() -> None:
    text = add_trailers("Define spend\n\nObjective: forged", [("Objective", "true")])
    assert parse_trailers(text) == (("Objective", "true"),)
