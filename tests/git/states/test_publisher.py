from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.git.plain import TOP, Plain, at_once
from tests.git.states.test_remote import colleague
from workbench.errors import BranchError, BranchMoved, BranchNotFound
from workbench.git import Publisher, Repository
from workbench.git.worktrees import UnfinishedWarning

if TYPE_CHECKING:
    from workbench.git import Remote

NEW = {"features/delay.py": "DELAY = 2\n", "features/new.py": "NEW = 1\n"}


def publish(publisher: Publisher, *parents: str, remote: Remote | None = None) -> str:
    tip = publisher.resolve("main")
    tree = publisher.tree_with(tip, dict(NEW))
    return publisher.commit("main", tree, expected=tip, message="Publish", parents=parents, remote=remote)


def is_followed(plain: Plain) -> bool:
    return plain("status", "--porcelain") == "" and (plain.root / "features/new.py").read_text() == "NEW = 1\n"


def test_main_moves_and_its_working_tree_follows(publisher: Publisher, plain: Plain) -> None:
    before = plain("rev-parse", "main")
    commit = publish(publisher)
    assert plain("rev-parse", "main", "main~1").split() == [commit, before]
    assert is_followed(plain)


def test_several_parents_are_kept_in_order_each_once(
    publisher: Publisher, repository: Repository, plain: Plain
) -> None:
    tip, side = plain("rev-parse", "main"), repository.commit("exp/a", {"features/x.py": "1\n"}, message="m")
    commit = publish(publisher, tip, side, side)
    assert repository.show(commit).parents == (tip, side)
    assert repository.contains("main", "exp/a")
    assert [each.id for each in repository.first_parents("main")] == [commit, tip]
    assert plain("fsck", "--strict", "--no-dangling") == ""


def test_it_goes_on_from_the_expected_tip_or_not_at_all(
    publisher: Publisher, repository: Repository, plain: Plain
) -> None:
    old = plain("rev-parse", "main")
    side = repository.commit("exp/a", {"features/x.py": "1\n"}, message="m")
    tree = publisher.tree_with(old, dict(NEW))
    with pytest.raises(BranchError, match="goes on from its tip"):
        publisher.commit("main", tree, expected=old, parents=[side, old], message="m")
    theirs = plain.save("workbench.toml", "theirs\n")
    with pytest.raises(BranchMoved):
        publisher.commit("main", tree, expected=old, message="m")
    for wrong in ({"expected": "main"}, {"expected": theirs, "parents": [theirs, "exp/a"]}):
        with pytest.raises(BranchError, match="full object ids"):
            publisher.commit("main", tree, message="m", **wrong)
    for name in ("nope", "--force", "refs/heads/main", ""):
        with pytest.raises(BranchNotFound):
            publisher.commit(name, tree, expected=theirs, message="m")
    assert plain("rev-parse", "main") == theirs


def test_edits_that_would_be_lost_stop_it_before_anything_is_pushed(
    publisher: Publisher, plain: Plain, shared: Plain
) -> None:
    plain.write("features/delay.py", "the user's own work\n")
    before = plain("rev-parse", "main")
    for remote in (None, publisher.remote()):
        with pytest.raises(BranchError, match="edits there would be lost"):
            publish(publisher, remote=remote)
    assert plain("rev-parse", "main") == shared("rev-parse", "main") == before


def test_with_a_remote_the_push_comes_first_and_the_branch_here_follows(
    publisher: Publisher, plain: Plain, shared: Plain
) -> None:
    commit = publish(publisher, remote=publisher.remote())
    assert shared("rev-parse", "main") == plain("rev-parse", "main") == commit
    assert is_followed(plain)


def test_a_projects_own_remote_will_do(plain: Plain, shared: Plain, publisher: Publisher) -> None:
    with Repository.open(plain.root, protected=["main"]) as careful:
        commit = publish(publisher, remote=careful.remote())
    assert shared("rev-parse", "main") == commit


def test_commits_that_the_remote_has_not_seen_are_not_published_along(
    publisher: Publisher, plain: Plain, shared: Plain
) -> None:
    remote, before = publisher.remote(), shared("rev-parse", "main")
    assert remote is not None
    remote.fetch("main")
    ours = plain.save("workbench.toml", "[policy]\n")  # by hand, and past everybody's review
    assert publisher.follow_remote("main") == ours
    with pytest.raises(BranchError, match="would be published along") as caught:
        publish(publisher, remote=remote)
    assert "git push origin main" in caught.value.remedy
    assert (plain("rev-parse", "main"), shared("rev-parse", "main")) == (ours, before)
    plain("push", "--quiet", "origin", "main")
    assert publish(publisher, remote=remote) == shared("rev-parse", "main")


def test_what_was_fetched_and_not_followed_comes_first(publisher: Publisher, plain: Plain, shared: Plain) -> None:
    remote, theirs = publisher.remote(), colleague(shared)
    assert remote is not None
    remote.fetch("main")
    with pytest.raises(BranchMoved):
        publish(publisher, remote=remote)
    publisher.follow_remote("main")
    commit = publish(publisher, remote=remote)
    assert shared("rev-parse", "main", "main~1").split() == [commit, theirs]


def test_losing_the_race_at_the_remote_changes_nothing_here(publisher: Publisher, plain: Plain, shared: Plain) -> None:
    theirs, before = colleague(shared), (plain("for-each-ref"), plain.local())
    with pytest.raises(BranchMoved, match="pushed to 'main'"):
        publish(publisher, remote=publisher.remote())
    assert (plain("for-each-ref"), plain.local()) == before
    assert shared("rev-parse", "main") == theirs


def test_a_branch_that_cannot_follow_after_the_push_follows_later(
    publisher: Publisher, plain: Plain, shared: Plain
) -> None:
    lock = plain.root / ".git" / "refs" / "heads" / "main.lock"
    before = plain("rev-parse", "main")
    lock.touch()
    with pytest.warns(UnfinishedWarning, match=r"published at origin, but main here could not follow(.|\n)*main\.lock"):
        commit = publish(publisher, remote=publisher.remote())
    assert shared("rev-parse", "main") == commit  # it is published
    assert plain("rev-parse", "main") == before
    lock.unlink()
    assert publisher.follow_remote("main") == commit
    assert plain("rev-parse", "main") == commit
    assert is_followed(plain)


KILLED = """
import os
(root / ".git" / "pid").write_text(str(os.getpid()))
publisher = Publisher.open(root)
tip = publisher.resolve("main")
tree = publisher.tree_with(tip, {"features/delay.py": "DELAY = 2\\n", "features/new.py": "NEW = 1\\n"})
publisher.commit("main", tree, expected=tip, message="Publish", remote=publisher.remote())
"""


def test_who_is_killed_between_the_push_and_the_branch_here_has_published(
    repository: Repository, plain: Plain, shared: Plain
) -> None:
    before = plain("rev-parse", "main")
    hook = shared.write("hooks/post-receive", f"#!/bin/sh\nkill -9 $(cat {plain.root}/.git/pid)\n")
    hook.chmod(0o755)
    (ended,) = at_once(plain.root, KILLED, 1)
    assert ended.returncode == -signal.SIGKILL
    assert plain("rev-parse", "main") == before
    with Publisher.open(plain.root) as publisher:
        remote = publisher.remote()
        assert remote is not None
        remote.fetch("main")
        commit = publisher.follow_remote("main")
    assert commit == shared("rev-parse", "main") == plain("rev-parse", "main") != before
    assert is_followed(plain)


def test_following_brings_main_and_every_working_tree_up_to_the_remotes(
    publisher: Publisher, plain: Plain, shared: Plain
) -> None:
    plain("switch", "--quiet", "--create", "elsewhere")
    plain("worktree", "add", "--quiet", "../linked", "main")
    linked = Plain(plain.root.parent / "linked")
    theirs = colleague(shared)
    assert publisher.follow_remote("main") != theirs  # nothing was fetched yet
    remote = publisher.remote()
    assert remote is not None
    remote.fetch("main")
    assert publisher.follow_remote("main") == theirs
    assert linked("status", "--porcelain") == plain("status", "--porcelain") == ""
    assert (linked.root / "features/theirs.py").exists()
    assert not (plain.root / "features/theirs.py").exists()
    assert publisher.follow_remote("main") == theirs


def test_following_stops_where_edits_would_be_lost(publisher: Publisher, plain: Plain, shared: Plain) -> None:
    theirs, before = colleague(shared), plain("rev-parse", "main")
    plain.write("features/theirs.py", "mine\n")
    remote = publisher.remote()
    assert remote is not None
    remote.fetch("main")
    with pytest.raises(BranchError, match="edits there would be lost"):
        publisher.follow_remote("main")
    assert plain("rev-parse", "main") == before
    (plain.root / "features/theirs.py").unlink()
    assert publisher.follow_remote("main") == theirs


def test_a_branch_ahead_stays_and_one_that_diverged_is_an_error(
    publisher: Publisher, plain: Plain, shared: Plain
) -> None:
    remote = publisher.remote()
    assert remote is not None
    remote.fetch("main")
    ours = plain.save("features/mine.py", "1\n")
    assert publisher.follow_remote("main") == ours
    colleague(shared)
    remote.fetch("main")
    with pytest.raises(BranchError, match="have diverged") as caught:
        publisher.follow_remote("main")
    assert "git branch mine main" in caught.value.remedy
    assert plain("rev-parse", "main") == ours


def test_without_a_remote_or_its_branch_there_is_nothing_to_follow(publisher: Publisher, plain: Plain) -> None:
    tip = plain("rev-parse", "main")
    assert publisher.follow_remote("main") == tip
    plain("init", "--quiet", "--bare", "../empty.git")
    plain("remote", "add", "origin", "../empty.git")
    remote = publisher.remote()
    assert remote is not None
    remote.fetch("main")
    assert publisher.follow_remote("main") == tip
    assert publisher.follow_remote("nowhere") is None
    remote.push(tip, "main")  # the first to arrive
    assert Plain(plain.root.parent / "empty.git")("rev-parse", "main") == tip


def test_a_branch_that_is_not_here_yet_is_made(publisher: Publisher, plain: Plain, shared: Plain) -> None:
    shared("branch", "stable", "main")
    remote = publisher.remote()
    assert remote is not None
    remote.fetch("stable")
    assert publisher.follow_remote("stable") == plain("rev-parse", "stable") == shared("rev-parse", "stable")


def test_a_clone_without_a_commit_is_not_given_files_behind_its_back(shared: Plain, fresh: Plain) -> None:
    fresh("remote", "add", "origin", str(shared.root))
    with Publisher.open(fresh.root) as publisher:
        remote = publisher.remote()
        assert remote is not None
        remote.fetch("main")
        with pytest.raises(BranchError, match="without a commit yet"):
            publisher.follow_remote("main")


def test_an_interrupt_while_pushing_leaves_one_state_or_the_other(plain: Plain, shared: Plain) -> None:
    hook = shared.write("hooks/post-receive", f"#!/bin/sh\nkill -2 $(cat {plain.root}/.git/pid)\nsleep 0.3\n")
    hook.chmod(0o755)
    head = f"from pathlib import Path\nfrom workbench.git import Publisher\nroot = Path({str(plain.root)!r})\n"
    done = subprocess.run(
        [sys.executable, "-c", f"import signal\nsignal.signal(2, signal.default_int_handler)\n{head}{KILLED}"],
        capture_output=True,
        text=True,
        cwd=TOP,
        check=False,
        env=os.environ | {"PYTHONFAULTHANDLER": "1"},
    )
    assert "KeyboardInterrupt" in done.stderr
    with Publisher.open(plain.root) as publisher:
        remote = publisher.remote()
        assert remote is not None
        remote.fetch("main")
        publisher.follow_remote("main")
    assert plain("rev-parse", "main") == shared("rev-parse", "main")
    assert is_followed(plain)
