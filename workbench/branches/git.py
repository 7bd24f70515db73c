"""The one place that runs git: no shell, no prompt, no hooks, nothing inherited that points at another repository."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

from workbench.branches.processes import run_apart
from workbench.errors import BranchError, GitMissing, ProjectError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LOCAL = (
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
"""Variables under which git would work elsewhere, as in a kernel that a git hook started (``git help rev-parse``), or
would take our paths for patterns and fail, since they are said to be literal."""

ALWAYS = {
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
)

_FULL_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_LOCK = re.compile(r"Unable to create '(.+?\.lock)': File exists")
_NOT_WRITABLE = {
    "permission denied": "permission denied",
    "insufficient permission": "permission denied",
    "operation not permitted": "permission denied",
    "read-only file system": "it is a read-only file system",
    "no space left": "no space is left on the disk",
    "quota exceeded": "the disk quota is used up",
}


class GitFailed(Exception):
    """Git ended with an error.

    Parameters
    ----------
    said
        What it printed as errors.
    out
        What it printed otherwise.
    code
        Its exit status; `None` where it was killed for taking too long.
    """

    def __init__(self, said: str, *, out: str = "", code: int | None = 128) -> None:
        super().__init__(said)
        self.out = out
        self.code = code


def is_full_id(text: str) -> bool:
    """Whether `text` is a full object id, SHA-1 or SHA-256."""
    return _FULL_ID.fullmatch(text) is not None


def environment() -> dict[str, str]:
    """Return the environment that git gets."""
    return {**{name: value for name, value in os.environ.items() if name not in LOCAL}, **ALWAYS}


class Git:
    """Runs git in `folder`. Arguments are ours, validated, or full object ids."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(
        self, *arguments: str, given: bytes = b"", more: Mapping[str, str] | None = None, timeout: float | None = None
    ) -> str:
        """Return what git prints, reading `given`.

        Parameters
        ----------
        arguments
            The command and its arguments.
        given
            What git reads.
        more
            Further variables of its environment.
        timeout
            Seconds after which git is killed.

        Raises
        ------
        GitFailed
            Where git ends with an error, or takes too long.
        GitMissing
            Where there is no git.
        ProjectError
            Where the folder is gone.
        """
        command, variables = [*GIT, *arguments], environment() | dict(more or {})
        try:
            done = run_apart(command, folder=self.folder, environment=variables, given=given, timeout=timeout)
        except OSError as error:
            raise self.unusable(error) from None
        except subprocess.TimeoutExpired as error:
            raise GitFailed(f"no answer in {error.timeout:.0f} seconds", code=None) from None
        out = done.stdout.decode("utf-8", "surrogateescape")
        if done.returncode:
            raise GitFailed(done.stderr.decode("utf-8", "replace").strip(), out=out, code=done.returncode)
        return out

    def configured(self, name: str) -> str | None:
        """Return what the user has configured under `name`, or `None`."""
        try:
            return self.run("config", "--get", name).rstrip("\n") or None
        except GitFailed:
            return None

    def unusable(self, error: OSError) -> GitMissing | ProjectError:
        """Return why git could not be started."""
        if isinstance(error, FileNotFoundError) and self.folder.is_dir():
            return GitMissing.on_path()
        return ProjectError(
            f"Git cannot be run in {self.folder}: {error.strerror or error}.",
            remedy="Check that the folder still exists and may be entered, then open the project again.",
        )


def lock_in_the_way(failure: GitFailed) -> str | None:
    """Return the lock file over which git stumbled, if that is why it failed."""
    found = _LOCK.search(str(failure))
    return found[1] if found else None


def explained(failure: GitFailed, doing: str) -> BranchError | ProjectError:
    """Return what git said as an error with a remedy.

    Parameters
    ----------
    failure
        What git said.
    doing
        What was attempted, e.g. ``"moving exp/a"``.
    """
    said = str(failure)
    lock = lock_in_the_way(failure)
    if lock:
        return BranchError(
            f"Git is busy, or was killed earlier: {lock} was in the way of {doing}.",
            remedy="Wait for the other git command to end. If there is none, delete that file and try again.",
        )
    if "dubious ownership" in said:
        return BranchError(
            "Git does not trust this repository: its files belong to another user.",
            remedy="If you trust them: `git config --global --add safe.directory <the project's folder>`.",
        )
    last = said.splitlines()[-1].removeprefix("fatal: ") if said else "no reason given"
    for clue, reason in _NOT_WRITABLE.items():
        if clue in said.lower():
            return ProjectError.not_writable("the git repository", f"{reason} ({doing})")
    return BranchError(f"Git refused {doing}: {last}", remedy="Look at `git status`; nothing was changed.")
