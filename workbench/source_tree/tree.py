"""The files of one git tree of definitions: read once, kept in the cache, verified on reuse."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from workbench.errors import DefinitionError, ProjectError
from workbench.files import replacing
from workbench.source_tree import data_files

FOLDER = "features"
_NO_TREE = "empty"


class DefinitionRepository(Protocol):
    """What loading definitions needs of a repository."""

    def subtree(self, commit_or_tree: str, path: str = ..., /) -> str | None:
        """Return the id of the tree at `path`, None where there is none."""

    def files(self, commit_or_tree: str, under: str = ...) -> Mapping[str, str]:
        """Return the blob id of each file below `under`, by its path from the root."""

    def read_blob(self, blob: str, /) -> bytes:
        """Return a blob's content."""

    def refuse_untrusted(self, ref: str, /) -> None:
        """Raise `NotTrusted` if an author of definitions below a commit is not trusted."""


@dataclass(frozen=True, slots=True)
class TreeFiles:
    """The Python files below ``features/`` in one tree, and the data files that these declare.

    Attributes
    ----------
    tree
        The git id of ``features/``; ``empty`` where there is none.
    folder
        Where the files stand in the cache, for tracebacks and editors.
    sources
        Each Python file's content by its path below ``features/``. What runs is this, never what is on disk.
    data
        The git id of each declared data file's content, by its path below ``features/``. It is read from `folder`.
    problems
        What is wrong with a declared data file that git holds and that cannot be used, by its path.
    blobs
        The git id of every file below ``features/``, by its path; none where the files are of no tree.
    kept
        The folder where what is found out about the files is kept; None to keep nothing.
    """

    tree: str
    folder: Path
    sources: Mapping[str, bytes]
    data: Mapping[str, str] = field(default_factory=dict)
    problems: Mapping[str, DefinitionError] = field(default_factory=dict)
    blobs: Mapping[str, str] = field(default_factory=dict)
    kept: Path | None = None

    @property
    def contents(self) -> Mapping[str, bytes | str]:
        """What tells one version of a file from another, by its path: a module's content, a data file's id."""
        return {**self.sources, **self.data}

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


def read_tree(repository: DefinitionRepository, commit_or_tree: str, *, tree: str | None, cache: Path) -> TreeFiles:
    """Return the files of ``features/`` in a commit, and write them to the cache unless they are there."""
    folder = _folder(cache, tree)
    if tree is None:
        return TreeFiles(_NO_TREE, folder, {})
    listed = repository.files(commit_or_tree, under=FOLDER)
    blobs = {path.removeprefix(f"{FOLDER}/"): blob for path, blob in listed.items()}
    kept, missing = _contents(repository, folder, {path: blob for path, blob in blobs.items() if _importable(path)})
    sources = kept | missing
    names = {name for source in sources.values() for name in data_files.written_names(source)}
    kept, new = _contents(repository, folder, {name: blobs[name] for name in sorted(names) if name in blobs})
    checked = {name: data_files.problem(name, content) for name, content in (kept | new).items()}
    problems = {name: error for name, error in checked.items() if error is not None}
    problems |= {name: data_files.is_folder(name) for name in names if any(p.startswith(f"{name}/") for p in blobs)}
    data = {name: blobs[name] for name in checked if name not in problems}
    missing |= {name: content for name, content in new.items() if name in data}
    try:
        _write(folder, sources | {name: content for name, content in (kept | new).items() if name in data}, missing)
    except OSError as error:
        raise ProjectError.not_writable(str(folder), error.strerror or str(error)) from error
    with suppress(OSError):  # it is in use: not to be collected
        os.utime(folder)
    return TreeFiles(tree, folder, sources, data, problems, blobs, cache.absolute() / "known")


def package_name(cache: Path, tree: str | None) -> str:
    """Return the name that the modules of `tree` are imported under: its own for each tree and cache."""
    place = hashlib.sha256(str(_folder(cache, tree)).encode()).hexdigest()
    return f"features_{(tree or _NO_TREE)[:16]}_{place[:8]}"


def _folder(cache: Path, tree: str | None) -> Path:
    return cache.absolute() / "definitions" / (tree or _NO_TREE)


def _importable(path: str) -> bool:
    """Say whether `path` is a module. Of other files those count that a definition declares."""
    return path.endswith(".py") and all(part.isidentifier() for part in path.removesuffix(".py").split("/"))


def _contents(
    repository: DefinitionRepository, folder: Path, blobs: Mapping[str, str]
) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Return the files' contents by path: those that the cache has, and those that git alone has."""
    kept = {
        path: content for path, blob in blobs.items() if (content := _cached_content(folder / path, blob)) is not None
    }
    return kept, {path: repository.read_blob(blob) for path, blob in blobs.items() if path not in kept}


def _cached_content(path: Path, blob: str) -> bytes | None:
    """Return the cached content if it is the blob's."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    digest = hashlib.sha256() if len(blob) == 64 else hashlib.sha1(usedforsecurity=False)
    digest.update(b"blob %d\0" % len(content) + content)
    return content if digest.hexdigest() == blob else None


def _write(folder: Path, contents: Mapping[str, bytes], missing: Iterable[str]) -> None:
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder.parent))
        try:
            for path, content in contents.items():
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
        _replace_file(folder / path, contents[path])


def _write_file(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o444)


def _replace_file(path: Path, content: bytes) -> None:
    with replacing(path) as unfinished:
        unfinished.write_bytes(content)
        unfinished.chmod(0o444)
