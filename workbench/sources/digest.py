"""Content digests of files: streamed, in parallel, and only of what is not known yet."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from workbench.sources import faults
from workbench.sources.digest_cache import DigestMemo, Stamp

_BLOCK = 4 * 1024 * 1024
_ATTEMPTS = 3
_PAUSE_SECONDS = 0.05
_THREADS = 4

Blocks = Callable[[Path], Iterator[memoryview]]


@dataclass(frozen=True, slots=True)
class FileDigest:
    """A file and its content: size in bytes and SHA-256 in hexadecimal digits."""

    path: Path
    size: int
    sha256: str


def read_blocks(path: Path) -> Iterator[memoryview]:
    """Yield the bytes of the file at `path` in big blocks, each valid until the next."""
    block = memoryview(bytearray(_BLOCK))
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(block):
            yield block[:count]


def hash_file(source: str, path: Path, *, blocks: Blocks = read_blocks) -> tuple[Stamp, str]:
    """Return the stamp and SHA-256 of a file that did not change while it was read."""
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(_PAUSE_SECONDS * attempt)
        before = stamp_of(source, path)
        digest = hashlib.sha256()
        try:
            for block in blocks(path):
                digest.update(block)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise faults.unreadable(source, path, error.strerror or str(error)) from None
        if stamp_of(source, path) == before:
            return before, digest.hexdigest()
    raise faults.still_written(source, path)


def stamp_of(source: str, path: Path) -> Stamp:
    """Return the stamp of the file at `path`."""
    try:
        return Stamp.of(path.stat())
    except (FileNotFoundError, NotADirectoryError):
        raise faults.vanished(source, path) from None
    except OSError as error:
        raise faults.unreadable(source, path, error.strerror or str(error)) from None


def digest_files(source: str, files: Sequence[Path], memo: DigestMemo, *, recheck: bool) -> list[FileDigest]:
    """Return the digests of `files`, in their order, reading only those that `memo` does not know."""
    found: dict[Path, tuple[Stamp, str]] = {}
    for path in files:
        stamp = stamp_of(source, path)
        known = None if recheck else memo.get(path, stamp)
        if known is not None:
            found[path] = (stamp, known)
    unknown = [path for path in files if path not in found]
    found.update(zip(unknown, _hash_all(source, unknown), strict=True))
    if unknown or recheck:
        memo.replace({path: entry for path, entry in found.items() if entry[0].settled})
    return [FileDigest(path, found[path][0].size, found[path][1]) for path in files]


def _hash_all(source: str, files: Sequence[Path]) -> list[tuple[Stamp, str]]:
    """Hash `files`, several at once: hashing leaves the interpreter free."""
    threads = min(_THREADS, os.cpu_count() or 1, len(files))
    if threads < 2:
        return [hash_file(source, path) for path in files]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda path: hash_file(source, path), files))
