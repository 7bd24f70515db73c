"""The object database: reads go through one ``git cat-file --batch``, writes through ``git hash-object``."""

from __future__ import annotations

import os
import subprocess
import threading
import weakref
from contextlib import suppress
from typing import IO

from workbench.errors import BranchError
from workbench.git.command import GIT, Git, GitFailed, environment, explained, is_full_id
from workbench.git.damage import unreadable_object


class _Lost(Exception):
    """The reading process is gone, or its answers can no longer be told apart."""


class Objects:
    """Objects by their full ids.

    GitPython's database asks the same process again after an interrupted answer and so returns another object's bytes,
    cannot read SHA-256, and does not flush what it writes to the disk.

    Parameters
    ----------
    git
        Runs git in the repository.
    """

    def __init__(self, git: Git) -> None:
        self._git = git
        self._lock = threading.RLock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._end: weakref.finalize[..., Objects] | None = None

    def read(self, object_id: str) -> tuple[str, bytes]:
        """Return kind (``blob``, ``tree``, ``commit``, ``tag``) and content of an object.

        Raises
        ------
        BranchError
            For what is not a full id.
        RepositoryUnreadable
            Where the repository does not hold it, or it is damaged.
        """
        if not is_full_id(object_id):
            raise BranchError(f"{object_id[:80]!r} is not a full object id.", remedy="Resolve the name first.")
        with self._lock:
            try:
                return self._ask(object_id)
            except _Lost:  # killed since the last question: a new process answers
                try:
                    return self._ask(object_id)
                except _Lost:  # it dies of this very object
                    raise unreadable_object(self._git, object_id) from None

    def _ask(self, object_id: str) -> tuple[str, bytes]:
        try:
            into, out = self._pipes()
            into.write(f"{object_id}\n".encode())
            into.flush()
            return self._answer(object_id, out)
        except BaseException as error:
            self.close()  # after a half-read answer the next one would be another object's
            if isinstance(error, (OSError, ValueError)):
                raise _Lost from error
            raise

    def _answer(self, object_id: str, out: IO[bytes]) -> tuple[str, bytes]:
        head = out.readline().split()
        if len(head) == 2:
            raise unreadable_object(self._git, object_id)
        if len(head) != 3 or head[0] != object_id.encode():
            raise _Lost
        size = int(head[2])
        data = out.read(size + 1)
        if len(data) != size + 1:
            raise _Lost
        return head[1].decode(), data[:-1]

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._process is None or self._owner != os.getpid():  # a forked child would share its parent's pipe
            self._forget()
            self._start()
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise _Lost
        return process.stdin, process.stdout

    def _start(self) -> None:
        try:
            process = subprocess.Popen(
                [*GIT, "cat-file", "--batch"],
                cwd=self._git.folder,
                env=environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise self._git.unusable(error) from None
        self._process, self._owner = process, os.getpid()
        self._end = weakref.finalize(self, _stop, process, self._owner)

    def store(self, kind: str, data: bytes) -> str:
        """Write an object and return its id; objects that no ref reaches harm nobody.

        Raises
        ------
        ProjectError
            Where the repository cannot be written.
        """
        try:
            return self._git.run("hash-object", "-w", "-t", kind, "--stdin", given=data).strip()
        except GitFailed as failure:
            raise explained(failure, f"writing a {kind}") from None

    def close(self) -> None:
        """End the reading process; the next `read` starts another."""
        with self._lock:
            if self._end is not None:
                self._end()
            self._forget()

    def _forget(self) -> None:
        if self._end is not None:
            self._end.detach()
        self._process = self._end = None


def _stop(process: subprocess.Popen[bytes], owner: int) -> None:
    if owner != os.getpid():
        return
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):  # what was not flushed has no reader
                pipe.close()
