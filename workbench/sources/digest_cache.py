"""What was found out before, kept as small JSON files that may be lost at any time.

Many processes read and write them at once: a file is replaced as a whole, the last writer wins, and a file that is
damaged or of another scheme counts as absent. Where nothing can be written, nothing is remembered.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.files import replace_atomically

_SCHEME = 1
_CLOCK_TICK_NS = 20_000_000
_COARSE_CLOCK_NS = 2_000_000_000


def read_json(path: Path) -> dict[str, Any]:
    """Return what `write_json` wrote to `path`; empty where it is absent, damaged or of another scheme."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(content, dict) or content.get("scheme") != _SCHEME or not isinstance(content.get("values"), dict):
        return {}
    values: dict[str, Any] = content["values"]
    return values


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Replace `path` by `values` in one step; do nothing where the disk refuses."""
    content = json.dumps({"scheme": _SCHEME, "values": values}, separators=(",", ":"))
    with suppress(OSError):
        replace_atomically(path, content)


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells that a file has not been touched: size, times and inode, without reading it.

    `changed_ns` (ctime) catches a file that was overwritten in place and given its old mtime back.
    """

    size: int
    modified_ns: int
    changed_ns: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """Return the stamp in `status`."""
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)

    @property
    def settled(self) -> bool:
        """Whether a write from now on would get other times.

        A file system's clock has a tick: a write within the tick of the last one leaves the same times behind, so a
        digest of so fresh a file is not remembered. Times in whole seconds mean a coarse clock.
        """
        newest = max(self.modified_ns, self.changed_ns)
        tick = _COARSE_CLOCK_NS if newest % 1_000_000_000 == 0 else _CLOCK_TICK_NS
        return time.time_ns() - newest > tick


class DigestMemo:
    """Digests of files by path and stamp, for one source.

    Parameters
    ----------
    path
        The memo's file.
    """

    __slots__ = ("_path", "_values")

    def __init__(self, path: Path) -> None:
        self._path = path
        self._values = read_json(path)

    def get(self, file: Path, stamp: Stamp) -> str | None:
        """Return the SHA-256 of `file` if it was remembered with this `stamp`."""
        match self._values.get(str(file)):
            case [int(size), int(modified), int(changed), int(inode), str(digest)] if len(digest) == 64:
                return digest if Stamp(size, modified, changed, inode) == stamp else None
        return None

    def replace(self, known: dict[Path, tuple[Stamp, str]]) -> None:
        """Remember just `known`: a stamp and a SHA-256 a file."""
        values = {
            str(file): [stamp.size, stamp.modified_ns, stamp.changed_ns, stamp.inode, digest]
            for file, (stamp, digest) in known.items()
        }
        if values != self._values:
            write_json(self._path, values)
            self._values = values
