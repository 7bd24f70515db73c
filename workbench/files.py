"""Writing files so that a reader, a crash or a power cut sees the old file or the new one, never a part."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

UNFINISHED = ".new-"
"""How the name of a file begins that is being written; `gc` takes away what a killed process left of them."""


@contextmanager
def replacing(path: Path, *, durable: bool = False, for_user: bool = False) -> Iterator[Path]:
    """Give a new file beside `path`, which takes its place at the end, or is removed where the block raises."""
    if not for_user:
        path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{UNFINISHED}{uuid4().hex}")
    os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666 if for_user else 0o600))
    try:
        yield unfinished
        if durable:
            sync(unfinished)
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    if durable:
        sync(path.parent)


def replace_atomically(path: Path, text: str, *, durable: bool = False, for_user: bool = False) -> None:
    """Write `text` to `path`, in one step: see `replacing`."""
    with replacing(path, durable=durable, for_user=for_user) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def link_or_copy(source: Path, target: Path) -> None:
    """Link a file, or copy it where the file system cannot link."""
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copyfile(source, target)


def stamp(path: str | os.PathLike[str]) -> tuple[int, ...] | None:
    """Return what is another value after a file was written or replaced; None where there is none."""
    try:
        facts = os.stat(path)  # noqa: PTH116 - a Path takes twice as long
    except OSError:
        return None
    return facts.st_mtime_ns, facts.st_ctime_ns, facts.st_size, facts.st_ino


def stamps(folder: Path) -> frozenset[tuple[str, object]]:
    """Return the stamps of the files in a folder, by name; of none where there is no folder."""
    try:
        with os.scandir(folder) as entries:
            return frozenset((entry.name, stamp(entry.path)) for entry in entries)
    except OSError:
        return frozenset()


def sync(path: Path) -> None:
    """Have the system write `path`, a file or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
