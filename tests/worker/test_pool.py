"""Worker processes: clean, in a world of their own, gone with whoever needed them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.worker import jobs
from workbench.errors import UsageError, WorkerEnded
from workbench.worker import ELSEWHERE, HERE, WorkerPool, World, pool

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def own_pool() -> Iterator[WorkerPool]:
    """A pool whose interpreters a test may end."""
    made = WorkerPool()
    yield made
    made.close()


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(process: int) -> None:
    while is_alive(process):
        os.sched_yield()


def test_calls_share_a_state_within_a_worker_and_none_between_workers() -> None:
    with pool().worker() as one, pool().worker() as other:
        one.call(jobs.keep, 7)
        assert one.call(jobs.kept) == 7
        with pytest.raises(AttributeError):
            other.call(jobs.kept)
        assert len({os.getpid(), one.call(jobs.process), other.call(jobs.process)}) == 3


def test_elsewhere_everything_is_another() -> None:
    with pool().worker(HERE) as one, pool().worker(ELSEWHERE) as other:
        here, elsewhere = one.call(jobs.surroundings), other.call(jobs.surroundings)
    assert [name for name, value in here.items() if value == elsewhere[name]] == []
    for clock in ("clock", "now", "perf_counter"):
        assert elsewhere[clock] - here[clock] == pytest.approx(ELSEWHERE.clock, abs=600)
    first, second = (datetime.fromtimestamp(world["clock"], UTC) for world in (here, elsewhere))
    assert first.year != second.year
    assert first.month != second.month
    assert first.weekday() != second.weekday()
    assert first.hour != second.hour


def test_here_is_the_same_each_time_whatever_the_kernel_is_set_to(monkeypatch: pytest.MonkeyPatch) -> None:
    with pool().worker() as worker:
        before = worker.call(jobs.surroundings)
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("POLARS_ENGINE_AFFINITY", "streaming")
    monkeypatch.setenv("AWS_REGION", "somewhere")
    with pool().worker() as worker:
        after = worker.call(jobs.surroundings)
    assert [after[name] for name in ("zone", "hash", "host")] == [before[name] for name in ("zone", "hash", "host")]
    assert after["variables"]["LC_ALL"] == "C.UTF-8"
    assert "POLARS_ENGINE_AFFINITY" not in after["variables"]
    assert after["variables"]["AWS_REGION"] == "somewhere"


def test_each_aspect_of_a_world_changes_alone() -> None:
    with pool().worker(World(clock=1e8)) as worker:
        found = worker.call(jobs.surroundings)
    with pool().worker() as worker:
        plain = worker.call(jobs.surroundings)
    same = ("zone", "hash", "numpy", "host", "processors")
    assert [found[name] for name in same] == [plain[name] for name in same]
    assert found["clock"] - plain["clock"] == pytest.approx(1e8, abs=600)


def test_what_is_printed_comes_out_here(capsys: pytest.CaptureFixture[str]) -> None:
    with pool().worker() as worker:
        worker.call(jobs.say, "hello")
    assert capsys.readouterr() == ("hello\n", "hello!\n")


def test_errors_come_out_as_they_are_and_leave_the_worker_in_use() -> None:
    with pool().worker() as worker:
        with pytest.raises(UsageError, match="wrong") as caught:
            worker.call(jobs.raise_error)
        assert caught.value.lines == ("  1 | x",)
        with pytest.raises(BrokenPipeError):
            worker.call(jobs.raise_io_error)
        assert worker.call(jobs.process)


def test_a_worker_that_ends_is_told_with_how() -> None:
    with pool().worker() as worker, pytest.raises(WorkerEnded, match="exit code 3"):
        worker.call(jobs.end)
    with pool().worker() as worker:
        worker.start(jobs.wait)
        os.kill(worker.process, signal.SIGKILL)
        with pytest.raises(WorkerEnded, match="SIGKILL"):
            worker.result()


def test_a_ctrl_c_ends_the_worker_and_goes_on_up() -> None:
    with pool().worker() as worker:
        worker.start(jobs.wait)
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            worker.result()
        wait_until_gone(worker.process)
        assert not worker.folder.exists()


@pytest.mark.journey
def test_an_interpreter_that_somebody_ended_is_started_anew(own_pool: WorkerPool) -> None:
    with own_pool.worker() as first:
        parent = int(Path(f"/proc/{first.process}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(parent, signal.SIGKILL)
        wait_until_gone(parent)
        wait_until_gone(first.process)
    with own_pool.worker() as second:
        assert second.call(jobs.process)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
@pytest.mark.parametrize(("parent", "code"), [("os.getppid()", 7), ("os.getppid() + 1", 1)])
def test_a_fork_whose_parent_is_gone_already_ends_by_itself(parent: str, code: int) -> None:
    script = f"import os; from workbench.worker.zygote import _die_with_parent as follow; follow({parent}); os._exit(7)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == code


@pytest.mark.journey
def test_nothing_is_left_when_the_pool_closes(own_pool: WorkerPool) -> None:
    worker = own_pool.worker()
    worker.start(jobs.wait)
    own_pool.close()
    wait_until_gone(worker.process)
    assert not worker.folder.exists()
    worker.close()


def test_nothing_is_left_of_a_kernel_that_is_killed() -> None:
    code = (
        "import sys; from tests.worker import jobs; from workbench.worker import pool; worker = pool().worker();"
        "worker.start(jobs.wait); print(worker.process, worker.folder, flush=True); sys.stdin.read()"
    )
    kernel = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert kernel.stdout is not None
    assert kernel.stdin is not None
    process, folder = kernel.stdout.readline().split()
    assert is_alive(int(process))
    kernel.kill()
    kernel.wait()
    kernel.stdin.close()
    kernel.stdout.close()
    wait_until_gone(int(process))
    while Path(folder).parent.exists():
        os.sched_yield()


def test_a_worker_starts_with_no_thread_of_the_engine() -> None:
    with pool().worker() as worker:
        assert worker.call(jobs.threads) <= 2  # its own, and the one that waits for the kernel's end
