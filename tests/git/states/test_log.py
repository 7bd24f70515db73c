from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.git.plain import Plain
    from workbench.git import Repository


def test_a_commit_is_shown_with_all_that_it_says(repository: Repository, plain: Plain) -> None:
    commit = repository.commit(
        "exp/a", {"features/x.py": "1\n"}, message="Define x\n\nWhy so.", trailers=[("Feature-View", "x")]
    )
    shown = repository.show("exp/a")
    assert (shown.id, shown.parents) == (commit, (plain("rev-parse", "exp/a~1"),))
    assert shown.tree == plain("rev-parse", "exp/a^{tree}")
    assert shown.author == "Test Researcher <test@example.org>"
    assert (shown.subject, shown.trailers) == ("Define x", (("Feature-View", "x"),))
    assert shown.time.tzinfo is UTC
    assert abs((datetime.now(UTC) - shown.time).total_seconds()) < 60


def test_history_is_newest_first_and_follows_a_path(repository: Repository) -> None:
    for number in range(3):
        repository.commit("exp/a", {f"features/v{number % 2}.py": f"{number}\n"}, message=f"Round {number}")
    assert [commit.subject for commit in repository.history("exp/a")] == [
        "Round 2",
        "Round 1",
        "Round 0",
        "Start exp/a",
        "Start",
    ]
    assert [commit.subject for commit in repository.history("exp/a", path="features/v0.py")] == ["Round 2", "Round 0"]
    assert [commit.subject for commit in repository.history("exp/a", limit=1)] == ["Round 2"]
    assert repository.history("exp/a", path="features/*.py") == []


@pytest.mark.parametrize("odd", ["\x01", "\x1e", "\r", "a\n\n\n\nb", "é", "%H%n", "\x1b[31m"])
def test_what_others_write_into_messages_does_not_hide_commits(repository: Repository, plain: Plain, odd: str) -> None:
    plain("commit", "--quiet", "--allow-empty", "-m", f"Odd {odd} end")
    plain("commit", "--quiet", "--allow-empty", "-m", "Next")
    subjects = [commit.subject for commit in repository.history("main")]
    assert len(subjects) == 3
    assert (subjects[0], subjects[2]) == ("Next", "Start")
    assert subjects[1].startswith("Odd")


def test_what_the_user_has_configured_for_log_does_not_matter(repository: Repository, plain: Plain) -> None:
    plain("commit", "--quiet", "--allow-empty", "-m", "Größe")
    before = repository.history("main")
    assert before[0].subject == "Größe"
    for key, value in [
        ("log.showSignature", "true"),
        ("color.ui", "always"),
        ("log.decorate", "full"),
        ("format.pretty", "oneline"),
        ("i18n.logOutputEncoding", "latin1"),
        ("log.diffMerges", "on"),
    ]:
        plain("config", key, value)
    assert repository.history("main") == before


def test_other_encodings_and_impossible_times_are_readable(repository: Repository, plain: Plain) -> None:
    tree = plain("rev-parse", "main^{tree}")
    who = "\xe9 <a@b> 99999999999999999 +0000"
    raw = f"tree {tree}\nauthor {who}\ncommitter {who}\n\nBad \xff\n"
    bad = plain.store("commit", raw.encode("latin1"))
    shown = repository.show(bad)
    assert shown.subject == "Bad \N{REPLACEMENT CHARACTER}"
    assert shown.time == datetime.fromtimestamp(0, UTC)


def test_signatures_that_git_checks_do_not_mix_with_what_commits_say(repository: Repository, plain: Plain) -> None:
    checker = plain.write("checker", "#!/bin/sh\necho 'gpg: noise about the key' >&2\necho '[GNUPG:] GOODSIG 1 me'\n")
    checker.chmod(0o755)
    plain("config", "gpg.program", str(checker))
    plain("config", "log.showSignature", "true")
    who = "c <a@b> 1700000000 +0000"
    signature = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----"
    raw = f"tree {plain('rev-parse', 'main^{tree}')}\nauthor {who}\ncommitter {who}\n{signature}\n\nSigned\n"
    signed = plain.store("commit", raw.encode())
    assert "noise" in plain("log", "-1", signed)
    assert repository.show(signed).id == signed
    plain("switch", "--quiet", "--detach")
    plain("update-ref", "refs/heads/main", signed)
    assert (repository.create("exp/s").base, repository.branch("exp/s").ahead) == (signed, 1)
