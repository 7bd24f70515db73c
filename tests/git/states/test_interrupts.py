from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from tests.git.plain import TOP
from workbench.git.worktrees import Follower, Worktree, uninterrupted

if TYPE_CHECKING:
    from tests.git.plain import Plain
    from workbench.git import Repository

LOOP = """
import sys
from pathlib import Path
from workbench.git import Repository
with Repository.open(Path(sys.argv[1])) as repository:
    for number in range(10_000):
        repository.commit("main", {"features/delay.py": f"{number}\\n"}, message=str(number))
        print(number, flush=True)
"""


def test_an_interrupt_comes_at_the_end_of_the_block() -> None:
    reached = []

    def work() -> None:
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            reached.append("the end")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert reached == ["the end"]
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_an_error_in_the_block_comes_through() -> None:
    with pytest.raises(ValueError, match="own"), uninterrupted():
        raise ValueError("own")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_other_threads_need_nothing() -> None:
    done = threading.Event()

    def work() -> None:
        with uninterrupted():
            done.set()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done.is_set()


@pytest.mark.parametrize("after", [1, 3, 4])
def test_ctrl_c_in_the_middle_leaves_nothing_half_done(plain: Plain, after: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", LOOP, str(plain.root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=TOP,
        start_new_session=True,
    )
    assert process.stdout is not None
    for _ in range(after):
        assert process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)  # what a kernel's interrupt and a terminal's Ctrl-C do
    _, err = process.communicate(timeout=120)
    assert "KeyboardInterrupt" in err
    assert plain("status", "--porcelain") == ""
    locks = [path.name for path in (plain.root / ".git").rglob("*.lock")]
    assert locks in ([], ["worktrees.lock"])  # the latter is free: the system lets go of it
    assert plain("show", "main:features/delay.py") == (plain.root / "features/delay.py").read_text().strip()
    assert plain("fsck", "--strict", "--no-dangling") == ""


def test_ctrl_c_between_the_branch_and_its_files_waits_for_the_files(repository: Repository, plain: Plain) -> None:
    old = repository.resolve("main")
    tree = repository.tree_with(old, {"features/delay.py": "DELAY = 2\n"})
    new = plain("commit-tree", tree, "-p", old, "-m", "Next")

    def swap() -> None:
        plain("update-ref", "refs/heads/main", new, old)
        signal.raise_signal(signal.SIGINT)

    follower = Follower(repository.git_dir)
    with follower.lock(), pytest.raises(KeyboardInterrupt):
        follower.move([Worktree(plain.root, "main")], old, new, swap)
    assert plain("rev-parse", "main") == new
    assert plain("status", "--porcelain") == ""
    assert not follower.is_unfinished()
