"""The object database: reads go through one ``git cat-file --batch``, writes through ``git hash-object``.

Trees are read and edited there, without an index. GitPython's database asks the same process again after an interrupted
answer and so returns another object's bytes, cannot read SHA-256, and does not flush what it writes to the disk.
"""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import tempfile
import threading
import weakref
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from workbench.errors import BranchError
from workbench.git.command import GIT, Git, GitFailed, environment, explain_failure, is_full_id
from workbench.git.damage import unreadable_object

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

FILE, FOLDER, SUBMODULE = 0o100644, 0o040000, 0o160000
Changes = dict[tuple[str, ...], bytes | str | None]
"""What becomes of files: their content, or the id of the blob that has it; None where they are deleted."""
_Blobs = dict[tuple[str, ...], str | None]
_KNOWN = 32
"""Trees whose entries are remembered."""


class _ReaderGone(Exception):
    """The reading process is gone, or its answers can no longer be told apart."""


class Objects:
    """Objects by their full ids.

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
        self._trees: dict[str, Mapping[str, tuple[int, str]]] = {}
        self._end: weakref.finalize[..., Objects] | None = None

    def read(self, object_id: str) -> tuple[str, bytes]:
        """Return kind (``blob``, ``tree``, ``commit``, ``tag``) and content of an object."""
        if not is_full_id(object_id):
            raise BranchError(f"{object_id[:80]!r} is not a full object id.", remedy="Resolve the name first.")
        with self._lock:
            try:
                return self._ask(object_id)
            except _ReaderGone:  # killed since the last question: a new process answers
                try:
                    return self._ask(object_id)
                except _ReaderGone:  # it dies of this very object
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
                raise _ReaderGone from error
            raise

    def _answer(self, object_id: str, out: IO[bytes]) -> tuple[str, bytes]:
        head = out.readline().split()
        if len(head) == 2:
            raise unreadable_object(self._git, object_id)
        if len(head) != 3 or head[0] != object_id.encode():
            raise _ReaderGone
        size = int(head[2])
        data = out.read(size + 1)
        if len(data) != size + 1:
            raise _ReaderGone
        return head[1].decode(), data[:-1]

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._process is None or self._owner != os.getpid():  # a forked child would share its parent's pipe
            self._forget()
            self._start()
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise _ReaderGone
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
            raise self._git.start_error(error) from None
        self._process, self._owner = process, os.getpid()
        self._end = weakref.finalize(self, _stop, process, self._owner)

    def write(self, kind: str, data: bytes) -> str:
        """Write an object and return its id; objects that no ref reaches harm nobody."""
        try:
            return self._git.run("hash-object", "-w", "-t", kind, "--stdin", stdin=data).strip()
        except GitFailed as failure:
            raise explain_failure(failure, f"writing a {kind}") from None

    def write_blobs(self, contents: Sequence[bytes]) -> list[str]:
        """Write the contents of files and return their ids; one process writes them all."""
        return self._write_all("blob", contents)

    def _write_all(self, kind: str, contents: Sequence[bytes]) -> list[str]:
        if len(contents) < 2:
            return [self.write(kind, content) for content in contents]
        with tempfile.TemporaryDirectory(prefix="workbench-blobs-") as name:
            paths = [Path(name) / str(place) for place in range(len(contents))]
            for path, content in zip(paths, contents, strict=True):
                path.write_bytes(content)
            given = "".join(f"{path}\n" for path in paths).encode()
            try:
                words = ("hash-object", "-w", "-t", kind, "--no-filters", "--stdin-paths")
                return self._git.run(*words, stdin=given).split()
            except GitFailed as failure:
                raise explain_failure(failure, f"writing {kind}s") from None

    def entries(self, tree: str) -> Mapping[str, tuple[int, str]]:
        """Return mode and object id of each entry of `tree`, by name."""
        known = self._trees.get(tree)
        if known is None:
            if len(self._trees) >= _KNOWN:
                self._trees.clear()
            known = self._trees[tree] = self._entries(tree)
        return known

    def _entries(self, tree: str) -> dict[str, tuple[int, str]]:
        data, found, at, width = self.read(tree)[1], {}, 0, len(tree) // 2
        while at < len(data):
            space = data.index(b" ", at)
            end = data.index(b"\0", space) + 1
            name = data[space + 1 : end - 1].decode("utf-8", "surrogateescape")
            found[name] = (int(data[at:space], 8), data[end : end + width].hex())
            at = end + width
        return found

    def find(self, tree: str, path: tuple[str, ...]) -> tuple[int, str] | None:
        """Return mode and id of what is at `path` in `tree`, or `None`."""
        mode, object_id = FOLDER, tree
        for name in path:
            if not stat.S_ISDIR(mode):
                return None
            found = self.entries(object_id).get(name)
            if found is None:
                return None
            mode, object_id = found
        return mode, object_id

    def walk(self, tree: str, under: str = "") -> Iterator[tuple[str, str]]:
        """Yield path and blob id of every regular file below `tree`."""
        for name, (mode, object_id) in self.entries(tree).items():
            if stat.S_ISDIR(mode):
                yield from self.walk(object_id, f"{under}{name}/")
            elif stat.S_ISREG(mode):
                yield f"{under}{name}", object_id

    def write_empty_tree(self) -> str:
        """Write a tree without entries and return its id."""
        return self.write("tree", b"")

    def edit_tree(self, tree: str | None, changes: Changes) -> str | None:
        """Return the id of `tree` with files written, or deleted where the content is `None`; `None` if empty."""
        written = {path: content for path, content in changes.items() if isinstance(content, bytes)}
        blobs: _Blobs = {path: blob for path, blob in changes.items() if not isinstance(blob, bytes)}
        blobs |= dict(zip(written, self.write_blobs([*written.values()]), strict=True))
        trees: dict[str, bytes] = {}
        found = self._edit_tree(tree, blobs, trees)
        for name, made in zip(trees, self._write_all("tree", [*trees.values()]), strict=True):
            assert made == name, (made, name)  # noqa: S101 - a tree above it names it so
        return found

    def _edit_tree(self, tree: str | None, changes: _Blobs, trees: dict[str, bytes], above: str = "") -> str | None:
        """Return the id of a tree with changes, and note in `trees` what is to be written for it."""
        members = dict(self.entries(tree)) if tree else {}
        below: dict[str, _Blobs] = {}
        for (name, *rest), blob in changes.items():
            if rest:
                below.setdefault(name, {})[tuple(rest)] = blob
            elif members.get(name, (FILE, ""))[0] in (FOLDER, SUBMODULE):
                raise _in_the_way(f"{above}{name}", is_folder=True)
            elif blob is None:
                members.pop(name, None)
            else:
                mode = members.get(name, (FILE, ""))[0]
                members[name] = (mode if stat.S_ISREG(mode) else FILE, blob)
        for name, inner in below.items():
            mode, child = members.get(name, (FOLDER, None))
            if not stat.S_ISDIR(mode):
                if any(blob is not None for blob in inner.values()):
                    raise _in_the_way(f"{above}{name}", is_folder=False)
                continue  # nothing below a file to delete
            changed = self._edit_tree(child, inner, trees, f"{above}{name}/")
            if changed is None:
                members.pop(name, None)
            else:
                members[name] = (FOLDER, changed)
        if not members:
            return None
        data = _tree_data(members)
        made = _id_of("tree", data, like=next(iter(members.values()))[1])
        trees[made] = data
        return made

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


def _tree_data(members: Mapping[str, tuple[int, str]]) -> bytes:
    """Return a tree as git stores it: folders are sorted as if their names ended in a slash."""
    named = [(name.encode("utf-8", "surrogateescape"), *member) for name, member in members.items()]
    ordered = sorted(named, key=lambda entry: entry[0] + (b"/" if stat.S_ISDIR(entry[1]) else b""))
    return b"".join(b"%o %s\0%s" % (mode, name, bytes.fromhex(object_id)) for name, mode, object_id in ordered)


def _id_of(kind: str, data: bytes, *, like: str) -> str:
    """Return the id of an object in a repository whose ids are as long as the one in `like`."""
    whole = b"%s %d\0%s" % (kind.encode(), len(data), data)
    return (hashlib.sha1(whole, usedforsecurity=False) if len(like) == 40 else hashlib.sha256(whole)).hexdigest()


def _in_the_way(path: str, *, is_folder: bool) -> BranchError:
    what, other = ("folder", "file") if is_folder else ("file", "folder")
    return BranchError(
        f"{path} is a {what} on this branch, so there cannot be a {other} of that name.",
        remedy=f"Choose another name, or move the {what} first. Nothing was changed.",
    )


def _stop(process: subprocess.Popen[bytes], owner: int) -> None:
    if owner != os.getpid():
        return
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):  # what was not flushed has no reader
                pipe.close()
