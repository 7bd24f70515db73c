"""`Jobs`: verbs that take long, each in a process of its own, which an interrupt ends as Ctrl-C ends a command."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import msgspec

from workbench.lab.answers import Job, JobResult, Problem, Step
from workbench.lab.problem import Refused, bad_request, problem_of

LOG = logging.getLogger(__name__)
ACTIONS: Mapping[str, tuple[str, ...]] = {
    "check": ("check",),
    "diff": ("diff",),
    "drift": ("drift",),
    "plan": ("promote", "--dry-run"),
    "promote": ("promote",),
    "rollback": ("rollback",),
}
"""The words that each action begins with on the command line."""
AT_ONCE, KEPT = 4, 50
"""How many jobs run at once, and how many that ended are remembered."""
PATIENCE = 20.0
"""Seconds that a cancelled job has to end by itself."""
LONGEST = 64 * 1024 * 1024
"""Bytes of a line that a job says: a result is one line."""
_TAIL = 4_000
_SECRETS = ("JUPYTERHUB_", "JUPYTER_TOKEN", "JPY_")
"""How variables of the environment begin that are the server's own, and none of a definition's business."""


def words_of(action: str, view: str | None, arguments: Mapping[str, object]) -> list[str]:
    """Return the words that the command line has for an action: its view, and the options that `arguments` name.

    Examples
    --------
    >>> words_of("plan", "spend", {"accept": {"spend:total": "new prices"}, "with_downstream": True})
    ['promote', '--dry-run', '--accept=spend:total=new prices', '--with-downstream', '--', 'spend']
    """
    if action not in ACTIONS:
        raise bad_request(f"There is no action {action[:80]!r}.", remedy=f"There are: {', '.join(ACTIONS)}.")
    words = [*ACTIONS[action]]
    for name, value in arguments.items():
        option = f"--{name.replace('_', '-')}"
        if isinstance(value, bool) or value is None:
            words += [option] if value else []
        elif isinstance(value, Mapping):
            words += [f"{option}={key}={each}" for key, each in value.items()]
        elif isinstance(value, list):
            words += [f"{option}={each}" for each in value]
        else:
            words.append(f"{option}={value}")
    return [*words, "--", view] if view else words


@dataclass(slots=True)
class Running:
    """One job, from its start on."""

    id: str
    action: str
    view: str | None
    state: Literal["running", "done", "failed", "cancelled"] = "running"
    steps: dict[str, Step] = field(default_factory=dict)
    result: JobResult | None = None
    problem: Problem | None = None
    is_cancelled: bool = False
    changes: int = 0
    process: asyncio.subprocess.Process | None = None
    task: asyncio.Task[None] | None = None
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    def answer(self) -> Job:
        """Return the job as it is answered."""
        return Job(
            id=self.id,
            action=self.action,
            view=self.view,
            state=self.state,
            progress=list(self.steps.values()),
            result=self.result,
            problem=self.problem,
        )

    def hear(self, said: Mapping[str, Any]) -> None:
        """Take in a line of the job's process."""
        if "step" in said:
            self.steps[said["step"]] = Step(step=said["step"], text=said["text"])
        elif "result" in said:
            self.result = msgspec.convert(said["result"], JobResult)
        else:
            self.problem = msgspec.convert(said["problem"], Problem)
        self.tell()

    def tell(self) -> None:
        """Wake those who follow the job."""
        self.changes += 1
        self.moved.set()
        self.moved = asyncio.Event()

    def end(self, code: int, errors: str) -> None:
        """Take in that the process has ended."""
        if self.result is not None:
            self.state = "done"
        elif self.is_cancelled:
            self.state, self.problem = "cancelled", None
        else:
            self.state = "failed"
            if self.problem is None or self.problem.status == 500:
                LOG.error("job %s (%s) ended with %s:\n%s", self.id, self.action, code, errors)
            self.problem = self.problem or _died(code)
        self.tell()


@dataclass(slots=True)
class Jobs:
    """The jobs of a server, by id."""

    _jobs: dict[str, Running] = field(default_factory=dict)

    def start(self, root: Path, branch: str | None, action: str, view: str | None, words: list[str]) -> Running:
        """Start a job on a project, and return it at once."""
        if sum(job.state == "running" for job in self._jobs.values()) >= AT_ONCE:
            raise Refused(
                429, "busy", f"{AT_ONCE} jobs are running.", remedy="Wait until one of them has ended, or cancel one."
            )
        ended = [name for name, job in self._jobs.items() if job.state != "running"]
        for name in ended[: max(0, len(ended) - KEPT)]:
            del self._jobs[name]
        job = Running(uuid4().hex, action, view)
        self._jobs[job.id] = job
        told = {"root": str(root), "branch": branch, "words": words}
        job.task = asyncio.get_running_loop().create_task(_follow(job, told))
        return job

    def __getitem__(self, name: str) -> Running:
        """Return the job with this id."""
        if name not in self._jobs:
            raise Refused(404, "job-not-found", "There is no such job.", remedy="Start it again.")
        return self._jobs[name]

    async def cancel(self, name: str) -> Running:
        """Interrupt a job, and return it once it has ended; one that does not end by itself is killed."""
        job = self[name]
        if job.state == "running":
            job.is_cancelled = True
            _signal(job, signal.SIGINT)
            if job.task is not None:
                with suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.shield(job.task), PATIENCE)
                    return job
                _signal(job, signal.SIGKILL)
                await asyncio.shield(job.task)
        return job


async def follow(job: Running) -> AsyncGenerator[Job, None]:
    """Yield a job as it is, and again whenever it moved, until it has ended."""
    while True:
        moved = job.moved
        yield job.answer()
        if job.state != "running":
            return
        await moved.wait()


async def _follow(job: Running, told: Mapping[str, object]) -> None:
    """Run the process of a job, and take in what it says."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_SECRETS)}
    try:
        process = job.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # no module of the folder that the server was started in takes the place of another
            "-m",
            "workbench.lab.job_process",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # an interrupt reaches its workers too, and none of the server's reaches it
            limit=LONGEST,
            env=environment,
        )
        if job.is_cancelled:
            _signal(job, signal.SIGINT)
        assert process.stdin is not None  # noqa: S101 - asked for above, as the next two
        assert process.stdout is not None  # noqa: S101
        assert process.stderr is not None  # noqa: S101
        process.stdin.write(json.dumps(told).encode() + b"\n")  # and it stays open: its end is the server's end
        errors = asyncio.get_running_loop().create_task(_tail(process.stderr))
        async for line in process.stdout:
            job.hear(msgspec.json.decode(line))
        code = await process.wait()
        process.stdin.close()
        job.end(code, await errors)
    except Exception as error:
        LOG.exception("job %s (%s) is lost", job.id, job.action)
        _signal(job, signal.SIGKILL)
        job.problem = problem_of(error)
        job.end(1, "")


async def _tail(stream: asyncio.StreamReader) -> str:
    """Return the end of what a stream has."""
    kept = b""
    while chunk := await stream.read(65_536):
        kept = (kept + chunk)[-_TAIL:]
    return kept.decode("utf-8", "replace")


def _signal(job: Running, sign: signal.Signals) -> None:
    if job.process is not None and job.process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(job.process.pid, sign)


def _died(code: int) -> Problem:
    return Problem(
        type="job-ended",
        title=f"The job's process ended with {code} before it was done.",
        status=500,
        remedy="Memory may have run out. Nothing is half done: run it again.",
    )
