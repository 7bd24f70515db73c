"""The one place that runs git: no shell, no prompt, no hooks, nothing inherited that points at another repository.

Other programs that must neither ask anything nor outlive their time are run the same way. GitPython's wrapper cannot
take a variable out of the environment, leaves git running when it is interrupted, and ends it by SIGKILL alone, which
leaves git's locks behind.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from contextlib import nullcontext, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import BranchError, GitMissing, ProjectError, WorkbenchError
from workbench.git.locks import LockNotes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NEVER_ASK = {
    "GIT_ASKPASS": "",  # empty, it also keeps git from SSH_ASKPASS and core.askPass
    "GIT_TERMINAL_PROMPT": "0",
    "SSH_ASKPASS_REQUIRE": "never",
}

GRACE = 2.0
"""Seconds that a program gets to clean up when it is told to end."""


def run_in_own_session(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    stdin: bytes = b"",
    timeout: float | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run `command` in a session of its own, which has no terminal to ask on, and return how it ended.

    A kernel's interrupt goes to the whole process group, and must not stop it halfway. `environment` is all that it
    gets; after `timeout` seconds it is killed with the programs that it started.
    """
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            out, err = process.communicate(stdin, timeout)
        except BaseException:
            _end_group(process)
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End a program and those that it started; git removes its locks on SIGTERM, and not on SIGKILL."""
    try:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # git's ssh would hold its pipes open
        process.kill()


REPOSITORY_VARIABLES = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_DIR",
    "GIT_GLOB_PATHSPECS",
    "GIT_GRAFT_FILE",
    "GIT_ICASE_PATHSPECS",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
)
"""Variables that point git at another repository, as in a kernel that a git hook started (``git help rev-parse``), or
contradict `OWN_VARIABLES`, by which paths are no patterns."""

OWN_VARIABLES = {
    "GIT_LITERAL_PATHSPECS": "1",  # a path is a path, also with '*' or ':' in it
    "GIT_NO_REPLACE_OBJECTS": "1",  # an id stands for its own content; results are stored by it
    "GIT_OPTIONAL_LOCKS": "0",  # looking does not write the user's index
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}

GIT = (
    "git",
    "--no-pager",
    "-c",
    f"core.hooksPath={os.devnull}",
    "-c",
    "core.filesRefLockTimeout=1000",  # milliseconds: other kernels hold a ref's lock for a few
    # a power cut must not lose what a ref leads to, nor the ref; by itself git leaves both to the system's cache
    "-c",
    "core.fsync=objects,reference,index",
    "-c",
    "core.fsyncMethod=fsync",
)

OLDEST = (2, 38)

LOCKING_COMMANDS = {
    *("add", "branch", "checkout-index", "fetch", "gc", "init", "push", "read-tree", "sparse-checkout"),
    *("symbolic-ref", "update-index", "update-ref", "write-tree"),
}
"""Commands of ours that take locks, which stay behind when they are killed."""

_FULL_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_LOCK = re.compile(r"Unable to create '(.+?\.lock)': File exists")
_CONFIG_LOCK = re.compile(r"could not lock config file (.+): File exists")
_NOT_WRITABLE = {
    "permission denied": "permission denied",
    "insufficient permission": "permission denied",
    "operation not permitted": "permission denied",
    "read-only file system": "it is a read-only file system",
    "no space left": "no space is left on the disk",
    "file too large": "no space is left on the disk",  # a limit on the size of files
    "quota exceeded": "the disk quota is used up",
    "input/output error": "the disk does not answer (input/output error)",
}
_TERMINAL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]?"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


class GitFailed(WorkbenchError):
    """Git ended with an error; its `status` is `None` where it was killed for taking too long.

    A caller that knows what the error means raises a better one.
    """

    def __init__(self, stderr: str, *, stdout: str = "", status: int | None = 128) -> None:
        last = stderr.splitlines()[-1].removeprefix("fatal: ") if stderr else "no reason given"
        super().__init__(f"Git failed: {last}", remedy="Look at `git status` and `git fsck`, then try again.")
        self.stderr = stderr
        self.stdout = stdout
        self.status = status

    def __str__(self) -> str:
        return self.stderr


def is_full_id(text: str) -> bool:
    """Whether `text` is a full object id, SHA-1 or SHA-256."""
    return _FULL_ID.fullmatch(text) is not None


def environment() -> dict[str, str]:
    """Return the environment that git gets."""
    return {**{name: value for name, value in os.environ.items() if name not in REPOSITORY_VARIABLES}, **OWN_VARIABLES}


class Git:
    """Runs git in `folder`. Arguments are ours, validated, or full object ids.

    Commands that take locks leave notes in `locks`, by which the lock of one that was killed is known.
    """

    def __init__(self, folder: Path, *, locks: LockNotes | None = None) -> None:
        self.folder = folder
        self.locks = locks

    def run(
        self,
        *arguments: str,
        stdin: bytes = b"",
        variables: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> str:
        """Return what git prints; its environment has `variables` besides, and after `timeout` seconds it is killed."""
        surroundings = environment() | dict(variables or {})
        try:
            return self._run(arguments, surroundings, stdin, timeout)
        except GitFailed as failure:
            lock = find_blocking_lock(failure)
            if self.locks is None or lock is None or not self.locks.remove_stale(self.folder / lock):
                raise
        return self._run(arguments, surroundings, stdin, timeout)

    def _run(
        self, arguments: tuple[str, ...], surroundings: dict[str, str], stdin: bytes, timeout: float | None
    ) -> str:
        takes_locks = self.locks is not None and not LOCKING_COMMANDS.isdisjoint(arguments)
        with self.locks.during() if self.locks and takes_locks else nullcontext() as note:
            try:
                done = run_in_own_session(
                    [*GIT, *arguments], folder=self.folder, environment=surroundings, stdin=stdin, timeout=timeout
                )
            except OSError as error:
                raise self.start_error(error) from None
            except BaseException as error:
                if note is not None:
                    note.killed()
                if isinstance(error, subprocess.TimeoutExpired):
                    raise GitFailed(f"no answer in {error.timeout:.0f} seconds", status=None) from None
                raise
            if note is not None and (is_killed(done.returncode) or _has_left_lock(done.stderr)):
                note.killed()
        out = done.stdout.decode("utf-8", "surrogateescape")
        if done.returncode:
            raise GitFailed(
                strip_terminal_codes(done.stderr.decode("utf-8", "replace")), stdout=out, status=done.returncode
            )
        return out

    def read_setting(self, name: str) -> str | None:
        """Return what the user has configured under `name`, or `None`."""
        try:
            return self.run("config", "--get", name).rstrip("\n") or None
        except GitFailed:
            return None

    def read_settings(self, pattern: str) -> dict[str, str]:
        """Return what is configured under each name that `pattern` finds, as git writes names; the last of many."""
        try:
            said = self.run("config", "--null", "--get-regexp", pattern)
        except GitFailed:
            return {}
        return {name: value for name, _, value in (entry.partition("\n") for entry in said.split("\0")) if name}

    def is_enabled(self, name: str) -> bool:
        """Whether the user has switched on what is configured under `name`."""
        try:
            return self.run("config", "--type=bool", "--get", name).strip() == "true"
        except GitFailed:
            return False

    def start_error(self, error: OSError) -> GitMissing | ProjectError:
        """Return why git could not be started."""
        if isinstance(error, FileNotFoundError) and self.folder.is_dir():
            return GitMissing(
                "git was not found on PATH.", remedy="Install git 2.38 or newer, then run the same command again."
            )
        return ProjectError(
            f"Git cannot be run in {self.folder}: {error.strerror or error}.",
            remedy="Check that the folder still exists and may be entered, then open the project again.",
        )


def is_killed(code: int) -> bool:
    """Whether an exit status is that of a program that was killed, also as a shell around it tells."""
    return code < 0 or code > 129  # git itself ends with 128 and 129


def _has_left_lock(said: bytes) -> bool:
    """Whether git could not remove a lock of its own: it warns of that, and succeeds."""
    return any(b"unable to unlink" in line and b".lock'" in line for line in said.splitlines())


def strip_terminal_codes(text: str) -> str:
    r"""Return what a program said without control sequences for terminals; a remote may send any.

    Examples
    --------
    >>> strip_terminal_codes("\x1b[31mno\x1b[0m\x07 way \n")
    'no way'
    """
    return _TERMINAL.sub("", text).strip()


@cache
def refuse_old(program: str) -> None:
    """Refuse a git at `program` that lacks what we use."""
    try:
        said = run_in_own_session(
            [program, "version"], folder=Path(program).parent, environment=environment(), timeout=60
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return  # the next command of git says why
    found = re.match(r"git version (\d+)\.(\d+)", said.decode("utf-8", "replace"))
    if found and (int(found[1]), int(found[2])) < OLDEST:
        raise _too_old(found[0].removeprefix("git version "))


def find_blocking_lock(failure: GitFailed) -> str | None:
    """Return the lock file because of which git failed, if that is why."""
    said = str(failure)
    if found := _LOCK.search(said):
        return found[1]
    found = _CONFIG_LOCK.search(said)
    return f"{found[1]}.lock" if found else None


def explain_failure(failure: GitFailed, doing: str) -> BranchError | ProjectError:
    """Return an error with a remedy for what git refused while `doing` something, e.g. ``"moving exp/a"``."""
    said = str(failure)
    lock = find_blocking_lock(failure)
    if lock:
        return BranchError(
            f"Git is busy, or was killed earlier: {lock} was in the way of {doing}.",
            remedy="Wait for the other git command to end. If no git is at work here, delete that file and try again.",
        )
    if "dubious ownership" in said:
        return BranchError(
            "Git does not trust this repository: its files belong to another user.",
            remedy="If you trust them: `git config --global --add safe.directory <the project's folder>`.",
        )
    if not said and failure.status is not None and is_killed(failure.status):
        return BranchError(f"Git was killed at {doing}.", remedy="Try again.")
    last = said.splitlines()[-1].removeprefix("fatal: ") if said else "no reason given"
    for clue, reason in _NOT_WRITABLE.items():
        if clue in said.lower():
            return ProjectError.not_writable("the git repository", f"{reason} ({doing})")
    return BranchError(f"Git refused {doing}: {last}", remedy="Look at `git status`, then try again.")


def _too_old(version: str) -> GitMissing:
    """Return the error for a git older than the required version."""
    return GitMissing(
        f"git {version} is too old: it cannot flush commits to disk.",
        remedy="Install git 2.38 or newer, then run the same command again.",
    )
