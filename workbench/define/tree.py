"""The Python files of one git tree of definitions: read once, kept in the cache, verified on reuse."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from workbench.errors import ProjectError

FOLDER = "features"
_NO_TREE = "empty"


class Repository(Protocol):
    """What loading definitions needs of a repository."""

    def subtree(self, commit_or_tree: str, path: str = ..., /) -> str | None:
        """Return the id of the tree at `path`, None where there is none."""

    def files(self, commit_or_tree: str, under: str = ...) -> Mapping[str, str]:
        """Return the blob id of each file below `under`, by its path from the root."""

    def read_blob(self, blob: str, /) -> bytes:
        """Return a blob's content."""


@dataclass(frozen=True, slots=True)
class TreeFiles:
    """The Python files below ``features/`` in one tree.

    Attributes
    ----------
    tree
        The git id of ``features/``; ``empty`` where there is none.
    folder
        Where the files stand in the cache, for tracebacks and editors.
    sources
        Each file's content by its path below ``features/``. What runs is this, never what is on disk.
    """

    tree: str
    folder: Path
    sources: Mapping[str, bytes]

    def stems(self) -> Iterator[str]:
        """Yield the modules that may hold definitions: those directly below ``features/``, tests left out."""
        for path in sorted(self.sources):
            stem = path.removesuffix(".py")
            if "/" not in path and stem not in ("__init__", "conftest") and not stem.startswith("test_"):
                yield stem

    def has_folder(self, path: str) -> bool:
        """Say whether there are files below `path`."""
        return any(known.startswith(f"{path}/") for known in self.sources)

    def relative(self, filename: str) -> str | None:
        """Return the path below ``features/`` of the cached file `filename`; None for any other file."""
        prefix = f"{self.folder}{os.sep}"
        path = filename.removeprefix(prefix).replace(os.sep, "/")
        return path if filename.startswith(prefix) and path in self.sources else None


def read_tree(repository: Repository, commit_or_tree: str, *, tree: str | None, cache: Path) -> TreeFiles:
    """Return the files of ``features/`` in a commit, and write them to the cache unless they are there.

    Parameters
    ----------
    repository
        Where the commit is.
    commit_or_tree
        The commit, or its root tree.
    tree
        The id of its ``features/``.
    cache
        The files go to ``definitions/<tree>/`` in it, read-only. A file there that is not what git holds is
        written anew. Any number of processes may do so at once.

    Raises
    ------
    ProjectError
        The cache cannot be written.
    """
    folder = _folder(cache, tree)
    if tree is None:
        return TreeFiles(_NO_TREE, folder, {})
    listed = repository.files(commit_or_tree, under=FOLDER)
    blobs = {path.removeprefix(f"{FOLDER}/"): blob for path, blob in listed.items()}
    blobs = {path: blob for path, blob in blobs.items() if _importable(path)}
    sources = {path: content for path, blob in blobs.items() if (content := _kept(folder / path, blob)) is not None}
    missing = [path for path in blobs if path not in sources]
    sources |= {path: repository.read_blob(blobs[path]) for path in missing}
    try:
        _write(folder, sources, missing)
    except OSError as error:
        raise ProjectError.not_writable(str(folder), error.strerror or str(error)) from error
    return TreeFiles(tree, folder, sources)


def package_name(cache: Path, tree: str | None) -> str:
    """Return the name that the modules of `tree` are imported under: its own for each tree and cache."""
    place = hashlib.sha256(str(_folder(cache, tree)).encode()).hexdigest()
    return f"features_{(tree or _NO_TREE)[:16]}_{place[:8]}"


def _folder(cache: Path, tree: str | None) -> Path:
    return cache.absolute() / "definitions" / (tree or _NO_TREE)


def _importable(path: str) -> bool:
    """Say whether `path` is a module. Data files are left out: their content would not be part of an identity."""
    return path.endswith(".py") and all(part.isidentifier() for part in path.removesuffix(".py").split("/"))


def _kept(path: Path, blob: str) -> bytes | None:
    """Return the cached content if it is the blob's."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    digest = hashlib.sha256() if len(blob) == 64 else hashlib.sha1(usedforsecurity=False)
    digest.update(b"blob %d\0" % len(content) + content)
    return content if digest.hexdigest() == blob else None


def _write(folder: Path, sources: Mapping[str, bytes], missing: Iterable[str]) -> None:
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder.parent))
        try:
            for path, content in sources.items():
                _write_file(made / path, content)
            made.chmod(0o755)
            made.rename(folder)
        except OSError:
            shutil.rmtree(made, ignore_errors=True)
            if not folder.is_dir():  # else another process was first, with the same content
                raise
        else:
            return
    for path in missing:
        _replace_file(folder / path, sources[path])


def _write_file(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o444)


def _replace_file(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, made = tempfile.mkstemp(prefix=".writing-", dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    Path(made).chmod(0o444)
    Path(made).replace(path)
