"""The one place that runs git, and the object database, through GitPython."""

from __future__ import annotations

import os
import re
import shutil
import threading
from io import BytesIO
from typing import TYPE_CHECKING, Any

from workbench.errors import BranchError, GitMissing, ProjectError

if TYPE_CHECKING:
    from pathlib import Path

    import git

OURS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_NAMESPACE")
"""Variables under which git would work on another repository than the project's."""


class GitFailed(Exception):
    """Git ended with an error; what it said is the argument."""


class Git:
    """Runs git in `folder`. Arguments are ours or validated; no shell, no pager, no prompt."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("git") is None:
            raise GitMissing.on_path()
        self.folder = folder
        self._lock = threading.RLock()
        self._repo: git.Repo | None = None

    def run(self, *arguments: str, env: dict[str, str] | None = None) -> str:
        """Return what git prints.

        Raises
        ------
        GitFailed
            Where git ends with an error.
        """
        import git

        cleared: dict[str, Any] = dict.fromkeys(name for name in OURS if name in os.environ)
        surroundings = {**cleared, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", **(env or {})}
        command = git.cmd.Git(str(self.folder))
        try:
            status, out, err = command.execute(
                ["git", "--no-pager", *arguments],
                env=surroundings,
                with_extended_output=True,
                with_exceptions=False,
                strip_newline_in_stdout=False,
            )
        except git.GitCommandNotFound:
            raise GitMissing.on_path() from None
        if status:
            raise GitFailed(str(err).strip())
        return str(out)

    @property
    def repo(self) -> git.Repo:
        """The opened repository; its object database reads through one ``git cat-file`` that `close` ends."""
        if self._repo is None:
            import git

            self._repo = git.Repo(self.folder, search_parent_directories=True)
        return self._repo

    def read(self, object_id: str) -> tuple[str, bytes]:
        """Return kind and content of the object with this full id."""
        with self._lock:
            stream = self.repo.odb.stream(bytes.fromhex(object_id))
            return stream.type.decode(), stream.read()

    def store(self, kind: str, data: bytes) -> str:
        """Write an object and return its id; objects that no ref reaches harm nobody.

        Raises
        ------
        ProjectError
            Where the repository cannot be written.
        """
        import git
        from gitdb import IStream

        with self._lock:
            try:
                stored = self.repo.odb.store(IStream(kind.encode(), len(data), BytesIO(data)))
            except git.GitCommandError as error:
                reason = "permission denied" if "permission" in str(error.stderr) else str(error.stderr).strip(" '\n")
                raise ProjectError.not_writable(str(self.repo.common_dir), reason) from None
            except OSError as error:
                raise ProjectError.not_writable(str(self.repo.common_dir), error.strerror or str(error)) from None
        return str(stored.hexsha.decode())

    def close(self) -> None:
        """End the child processes."""
        with self._lock:
            if self._repo is not None:
                self._repo.close()
                self._repo = None


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
    lock = re.search(r"Unable to create '(.+?\.lock)': File exists", said)
    if lock:
        return BranchError(
            f"Git is busy, or was killed, while {doing}: {lock[1]} exists.",
            remedy="Wait for the other git command to end. If there is none, delete that file and try again.",
        )
    if "Permission denied" in said or "Read-only file system" in said or "No space left" in said:
        return ProjectError.not_writable("the git repository", said.splitlines()[-1])
    last = said.splitlines()[-1] if said else "no reason given"
    return BranchError(f"Git refused {doing}: {last}", remedy="Look at `git status`; nothing was changed.")
