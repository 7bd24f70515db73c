from __future__ import annotations

import os
import select
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.git.plain import Plain, at_once
from tests.git.test_names import HOSTILE
from workbench.errors import BranchError, BranchMoved, InvalidName
from workbench.git import Publisher, Remote, Repository

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def remote(publisher: Publisher, shared: Plain) -> Remote:
    """The remote, to push to."""
    found = publisher.remote()
    assert found is not None
    return found


def colleague(shared: Plain, path: str = "features/theirs.py") -> str:
    """Somebody else pushes a commit to main; it is returned."""
    place = shared.root.parent / "colleague"
    if not place.exists():
        shared("clone", "--quiet", ".", str(place))
    other = Plain(place)
    commit = other.save(path, f"{path}\n")
    other("push", "--quiet", "origin", "main")
    return commit


def step(publisher: Publisher, text: str = "1\n") -> str:
    """Write a commit on main's tip that no branch has."""
    tip = publisher.resolve("main")
    tree = publisher.tree_with(tip, {"features/ours.py": text})
    return publisher._store_commit(tree, [tip], "ours\n", publisher._stamp(), branch="main")


def test_it_is_the_one_that_main_tracks_else_origin_else_none(repository: Repository, plain: Plain) -> None:
    assert repository.remote() is None
    plain("remote", "add", "upstream", "../upstream.git")
    assert repository.remote() is None
    plain("remote", "add", "origin", "../origin.git")
    found = repository.remote()
    assert found is not None
    assert (found.name, found.url) == ("origin", "../origin.git")
    plain("config", "branch.main.remote", "upstream")
    found = repository.remote()
    assert found is not None
    assert found.name == "upstream"
    plain("config", "branch.main.remote", ".")  # it tracks a branch of this repository
    assert repository.remote() == repository.remote("origin")
    assert repository.remote("nowhere") is None
    plain("config", "branch.trunk.remote", "upstream")
    with Repository.open(plain.root, protected=["trunk", "main"]) as opened:
        found = opened.remote()
    assert found is not None
    assert found.name == "upstream"


def test_names_and_addresses_that_could_run_a_command_are_refused(
    repository: Repository, plain: Plain, tmp_path: Path
) -> None:
    touched = tmp_path / "touched"
    for address in (
        f"ext::sh -c touch% {touched}",
        f"EXT::sh -c touch% {touched}",
        f"--upload-pack=touch {touched}",
        f"-oProxyCommand=touch {touched}",
        "fd::17",
        "a\x1b[31m",
    ):
        plain("config", "remote.origin.url", address)
        with pytest.raises(BranchError, match="could run a command") as caught:
            repository.remote()
        assert "git remote set-url origin" in caught.value.remedy
    plain("config", "remote.origin.url", "../fine.git")
    plain("config", "remote.origin.pushurl", f"ext::sh -c touch% {touched}")
    with pytest.raises(BranchError, match="could run a command"):
        repository.remote()
    plain("config", "--unset", "remote.origin.pushurl")
    plain("config", f"url.ext::sh -c touch% {touched} #.insteadOf", "../fine")
    with pytest.raises(BranchError, match="could run a command"):
        repository.remote()
    for name in ("--upload-pack=x", "-x", "a b", f"ext::sh -c touch% {touched}", "https://example.org/x.git"):
        plain("config", "branch.main.remote", name)
        with pytest.raises(InvalidName, match="not a valid remote name"):
            repository.remote()
    assert not touched.exists()


def test_git_itself_is_kept_to_plain_transports(remote: Remote, plain: Plain, tmp_path: Path) -> None:
    plain("config", "protocol.ext.allow", "always")
    plain("config", "remote.origin.url", f"ext::sh -c touch% {tmp_path}/touched")  # after it was looked at
    with pytest.raises(BranchError, match="cannot be reached"):
        remote.fetch("main")
    assert not (tmp_path / "touched").exists()


def test_hostile_branches_and_refs_are_not_pushed(remote: Remote, publisher: Publisher, shared: Plain) -> None:
    before, tip = shared("for-each-ref"), publisher.resolve("main")
    for name in HOSTILE:
        with pytest.raises(InvalidName):
            remote.push(tip, name)
        with pytest.raises(InvalidName):
            remote.fetch(name)
    for commit in ("main", "--force", "", "+main", "1" * 39):
        with pytest.raises(BranchError):
            remote.push(commit, "new")
    refs = ["refs/heads/new", "refs/notes/x", "refs/tags/--force", "refs/tags/a:b", "refs/tags/", "+refs/tags/v1", "v1"]
    refs += ["--mirror", "refs/workbench/approvals/x/y", f"refs/workbench/approvals/{tip}/a:refs/heads/main"]
    for ref in refs:
        with pytest.raises((BranchError, InvalidName)):
            remote.push_refs([ref])
    assert shared("for-each-ref") == before


def test_fetching_brings_branches_approvals_and_tags_and_moves_nothing_here(
    remote: Remote, repository: Repository, plain: Plain, shared: Plain
) -> None:
    assert remote.tip("main") is None
    theirs = colleague(shared)
    place = shared.root.parent / "colleague"
    Plain(place)("tag", "--annotate", "-m", "Release", "v1")
    Plain(place)("push", "--quiet", "origin", "v1", "HEAD:refs/heads/exp/other")
    with Repository.open(place) as other:
        approval = other.approve("main", message="Fine")
        found = other.remote()
        assert found is not None
        found.push_refs(Plain(place)("for-each-ref", "--format=%(refname)", "refs/workbench").splitlines())
    plain("config", "fetch.prune", "true")
    plain("config", "fetch.pruneTags", "true")
    plain("tag", "mine", "main")
    before = plain("for-each-ref", "refs/heads"), plain.local()
    remote.fetch("main")
    assert (remote.tip("main"), remote.tip("exp/other")) == (theirs, None)
    assert [each.object_id for each in repository.approvals(theirs)] == [approval]
    assert plain("tag").splitlines() == ["mine", "v1"]
    remote.fetch()
    assert remote.tip("exp/other") == theirs
    assert (plain("for-each-ref", "refs/heads"), plain.local()) == before
    assert not (plain.root / ".git" / "FETCH_HEAD").exists()


def test_a_tag_of_ones_own_is_not_replaced_by_the_remotes_and_stops_no_fetch(
    remote: Remote, plain: Plain, shared: Plain
) -> None:
    plain("config", "remote.origin.tagOpt", "--tags")
    plain("tag", "nightly", "main")
    theirs = colleague(shared)
    for name in ("nightly", "other"):
        shared("tag", name, "main")
    remote.fetch("main")
    assert (remote.tip("main"), plain("rev-parse", "other")) == (theirs, theirs)
    assert plain("rev-parse", "nightly") == plain("rev-parse", "main")


def test_a_branch_that_the_remote_lost_is_forgotten(remote: Remote, shared: Plain, plain: Plain) -> None:
    remote.fetch("main")
    assert remote.tip("main") == plain("rev-parse", "main")
    shared("update-ref", "-d", "refs/heads/main")
    shared("update-ref", "refs/heads/other", plain("rev-parse", "main"))
    plain("push", "--quiet", "origin", "main:refs/heads/other")
    remote.fetch("main", "other", "never")
    assert (remote.tip("main"), remote.tip("never")) == (None, None)
    assert remote.tip("other") == plain("rev-parse", "main")


def test_a_push_gives_exactly_that_commit_to_exactly_that_branch(
    remote: Remote, publisher: Publisher, plain: Plain, shared: Plain
) -> None:
    plain("tag", "--annotate", "-m", "Mine", "mine")
    for name, value in (("push.followTags", "true"), ("push.default", "matching"), ("remote.origin.mirror", "true")):
        plain("config", name, value)
    plain("config", "--add", "remote.origin.push", "+refs/heads/*:refs/heads/*")
    commit = step(publisher)
    remote.push(commit, "main")
    assert shared("for-each-ref", "--format=%(objectname) %(refname)") == f"{commit} refs/heads/main"
    assert remote.tip("main") == commit
    remote.push(commit, "main")  # again, it is no fault


def test_losing_the_race_is_told_and_nothing_is_forced(
    remote: Remote, publisher: Publisher, plain: Plain, shared: Plain
) -> None:
    commit = step(publisher)
    theirs = colleague(shared)
    plain("config", "--add", "remote.origin.push", "+refs/heads/*:refs/heads/*")
    with pytest.raises(BranchMoved, match="Somebody else pushed to 'main' at origin first") as caught:
        remote.push(commit, "main")  # what they pushed is not even known here
    assert "Nothing was published" in caught.value.message
    remote.fetch("main")
    with pytest.raises(BranchMoved):
        remote.push(commit, "main")
    assert shared("rev-parse", "main") == theirs


MANY = """
from workbench.errors import BranchMoved
publisher = Publisher.open(root)
remote = publisher.remote()
for round in range(40):
    remote.fetch("main")
    tip = remote.tip("main")
    tree = publisher.tree_with(tip, {f"features/p{number}.py": "1\\n"})
    commit = publisher._store_commit(tree, [tip], "m\\n", publisher._stamp(), branch="main")
    try:
        remote.push(commit, "main")
    except BranchMoved:
        continue
    print(round)
    break
"""


def test_of_many_who_push_at_once_nobodys_commit_is_lost(remote: Remote, plain: Plain, shared: Plain) -> None:
    places = []
    for number in range(3):
        plain("clone", "--quiet", "../shared.git", f"../clone{number}")
        places.append(plain.root.parent / f"clone{number}")
    script = f"root = Path({str(plain.root.parent)!r}) / f'clone{{number}}'\n{MANY}"
    ended = at_once(plain.root, script, len(places))
    assert [(process.returncode, process.stdout != "") for process in ended] == [(0, True)] * 3, ended[0].stderr
    assert shared("rev-list", "--count", "main") == "4"
    names = shared("ls-tree", "--name-only", "main", "features/").splitlines()
    assert {"features/p0.py", "features/p1.py", "features/p2.py"} <= set(names)


FETCH = """
remote = Repository.open(root).remote()
for _ in range(8):
    remote.fetch("main")
    print(remote.tip("main"))
"""


@pytest.mark.journey
def test_many_fetch_at_once_while_others_push(remote: Remote, plain: Plain, shared: Plain) -> None:
    tip = shared("rev-parse", "main")
    tips = [tip := shared("commit-tree", f"{tip}^{{tree}}", "-p", tip, "-m", str(number)) for number in range(60)]
    hook = shared.root.parent / "move"
    hook.write_text(
        f"#!/bin/sh\ncd {shared.root}\nfor tip in {' '.join(tips)}\ndo git update-ref refs/heads/main $tip\ndone\n"
    )
    hook.chmod(0o755)
    with subprocess.Popen([str(hook)]) as pushing:
        ended = at_once(plain.root, FETCH, 3)
        pushing.wait()
    assert [process.returncode for process in ended] == [0] * 3, [process.stderr for process in ended]
    remote.fetch("main")
    assert remote.tip("main") == tips[-1]


def test_a_remote_out_of_reach_says_that_nothing_was_published(
    remote: Remote, publisher: Publisher, plain: Plain, shared: Plain
) -> None:
    commit = step(publisher)
    publisher.tag("v1", "main", message="m")
    shared.root.rename(shared.root.parent / "away.git")
    with pytest.raises(BranchError, match=r"'origin' cannot be reached\. Nothing was published") as caught:
        remote.push(commit, "main")
    assert type(caught.value) is BranchError
    assert "git ls-remote origin" in caught.value.remedy
    assert "does not appear to be a git repository" in str(caught.value)
    with pytest.raises(BranchError, match=r"cannot be reached\. Nothing was fetched"):
        remote.fetch("main")
    with pytest.raises(BranchError, match="cannot be reached"):
        remote.push_refs(["refs/tags/v1"])
    with pytest.raises(BranchError, match="cannot be reached"):
        publisher.drop_tag("v1", remote=remote)
    assert plain("tag") == "v1"


def test_secrets_in_an_address_are_not_shown(
    publisher: Publisher, plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    plain("remote", "add", "origin", "http://ada:s3cret@127.0.0.1:1/x.git")
    remote = publisher.remote()
    assert remote is not None
    with pytest.raises(BranchError, match=r"127\.0\.0\.1") as caught:
        remote.fetch("main")
    assert "s3cret" not in str(caught.value) + repr(remote) + remote.url


def test_a_remote_that_never_answers_is_given_up_and_leaves_no_process(
    remote: Remote, publisher: Publisher, plain: Plain, tmp_path: Path
) -> None:
    slow, fifo = tmp_path / "slow", tmp_path / "fifo"
    slow.write_text(f"#!/bin/sh\nexec 3>{fifo}\necho started >&3\nsleep 300\n")
    slow.chmod(0o755)
    os.mkfifo(fifo)
    alive = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    plain("config", "core.sshCommand", str(slow))
    plain("config", "remote.origin.url", "ssh://example.org/x.git")
    hasty = replace(remote, timeout=3.0)
    with pytest.raises(BranchError, match=r"cannot be reached\. Whether it was published will be seen"):
        hasty.push(step(publisher), "main")
    assert os.read(alive, 99) == b"started\n" * 2  # to push, and to see whether the push arrived
    assert select.select([alive], [], [], 60)[0]
    assert os.read(alive, 99) == b""  # nobody is left who could write
    os.close(alive)


def test_ssh_is_called_as_the_user_has_it_but_asks_nothing(
    remote: Remote, plain: Plain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ssh = tmp_path / "ssh"
    ssh.write_text(f'#!/bin/sh\necho "$SSH_ASKPASS_REQUIRE $GIT_TERMINAL_PROMPT $@" > {tmp_path}/called\nexit 255\n')
    ssh.chmod(0o755)
    plain("config", "remote.origin.url", "ssh://example.org/x.git")
    for how in ("path", "core.sshCommand", "GIT_SSH_COMMAND", "GIT_SSH"):
        with monkeypatch.context() as patched:
            if how == "path":
                patched.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
            elif how == "core.sshCommand":
                plain("config", how, f"{ssh} -i key")
            else:
                patched.setenv(how, str(ssh))
            with pytest.raises(BranchError, match="cannot be reached"):
                remote.fetch("main")
        called = (tmp_path / "called").read_text()
        (tmp_path / "called").unlink()
        assert called.startswith("never 0 ")
        assert ("BatchMode=yes" in called) is (how != "GIT_SSH")  # a program's name takes no options of ours
        assert ("-i key" in called) is (how == "core.sshCommand")
        if how == "core.sshCommand":
            plain("config", "--unset", how)


def test_a_remotes_own_rules_are_told_in_its_words(remote: Remote, publisher: Publisher, shared: Plain) -> None:
    hook = shared.write("hooks/pre-receive", "#!/bin/sh\necho 'main takes reviewed commits only' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(BranchError, match="refused the push") as caught:
        remote.push(step(publisher), "main")
    assert type(caught.value) is BranchError
    assert "main takes reviewed commits only" in str(caught.value)
    assert "Nothing was published" in str(caught.value)


@pytest.mark.parametrize("built_upon", [False, True])
def test_a_push_whose_answer_was_lost_is_known_to_have_arrived(
    remote: Remote, publisher: Publisher, shared: Plain, *, built_upon: bool
) -> None:
    commit = step(publisher)
    further = f"git update-ref refs/heads/main $(git commit-tree {commit}^{{tree}} -p {commit} -m more)" * built_upon
    hook = shared.write(
        "hooks/reference-transaction",
        f'#!/bin/sh\n[ "$1" = committed ] || exit 0\nrm hooks/reference-transaction\n{further}\nkill -9 $PPID\n',
    )
    hook.chmod(0o755)
    remote.push(commit, "main")
    assert not hook.exists()
    assert shared("merge-base", commit, "main") == commit
    assert (shared("rev-parse", "main") != commit) is built_upon


def test_a_connection_that_breaks_before_it_arrived_is_no_publication(
    remote: Remote, publisher: Publisher, shared: Plain
) -> None:
    tip = shared("rev-parse", "main")
    shared.write("hooks/pre-receive", "#!/bin/sh\nkill -9 $PPID\n").chmod(0o755)
    with pytest.raises(BranchError, match="Nothing was published"):
        remote.push(step(publisher), "main")
    assert shared("rev-parse", "main") == tip


def test_tags_and_approvals_are_given_as_they_are(
    remote: Remote, publisher: Publisher, repository: Repository, plain: Plain, shared: Plain
) -> None:
    publisher.tag("v1", "main", message="One")
    repository.approve("exp/a", message="Fine")
    refs = plain("for-each-ref", "--format=%(refname)", "refs/tags", "refs/workbench").splitlines()
    remote.push_refs(refs)
    remote.push_refs(refs)
    remote.push_refs([])
    subprocess.run(["git", "config", "user.name", "Renamed"], cwd=plain.root, check=True)
    again = repository.approve("exp/a", message="Still fine")
    remote.push_refs(refs)  # one's own approval is replaced
    assert shared("for-each-ref", "--format=%(refname)", "refs/tags", "refs/workbench").splitlines() == refs
    assert again in shared("for-each-ref", "--format=%(objectname)")
    plain("tag", "--delete", "v1")
    plain("tag", "--annotate", "-m", "Another", "v1")
    with pytest.raises(BranchError, match="another tag of that name: refs/tags/v1"):
        remote.push_refs(["refs/tags/v1"])


def test_what_a_remote_says_obeys_no_terminal(repository: Repository, plain: Plain, shared: Plain) -> None:
    hook = shared.write(
        "hooks/pre-receive",
        "#!/bin/sh\nprintf '\\033[31mred\\033]0;title\\007\\033[2J gone\\r\\b\\302\\233' >&2\nexit 1\n",
    )
    hook.chmod(0o755)
    remote = repository.remote()
    assert remote is not None
    commit = repository.commit("exp/a", {"features/x.py": "1\n"}, message="m")
    with pytest.raises(BranchError) as caught:
        remote.push(commit, "exp/a")
    said = str(caught.value)
    assert "red gone" in said
    assert all(letter.isprintable() or letter == "\n" for letter in said)
