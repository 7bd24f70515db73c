"""A small file of facts by key, shared by many processes: written whole by rename, rebuilt when it cannot be read.

Two writers at once may lose one's facts; they are found out again, never wrong.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec


class Memo:
    """Facts in the JSON file at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, Any]:
        """Return all facts; none where the file is absent or torn."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, Any])
        except (OSError, msgspec.DecodeError):
            return {}

    def add(self, facts: dict[str, Any], *, keep: int = 20_000) -> None:
        """Add `facts`; of more than `keep` the oldest go. A cache that cannot be written is no error."""
        known = self.read()
        merged = {**{key: value for key, value in known.items() if key not in facts}, **facts}
        newest = dict(list(merged.items())[-keep:])
        unfinished = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            unfinished.write_bytes(msgspec.json.encode(newest))
            unfinished.replace(self._path)
        except OSError:
            unfinished.unlink(missing_ok=True)
