"""What was computed in this project, when, from what: one line a view and computation.

The journal is a convenience of this machine (``status``, ``why-changed``, ``history``), never a truth: MLflow and
git hold that. Lines are appended whole, so that many kernels may write at once; a torn line is passed over.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Entry:
    """One computation of a view: `definition` is the hash of its file, `run` the key of its MLflow run."""

    at: datetime
    view: str
    branch: str
    commit: str
    view_id: str
    code_hash: str
    parameters: str
    inputs: dict[str, str]
    passed: bool
    definition: str
    run: str | None = None


class Journal:
    """The project's journal, under `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._decoder = msgspec.json.Decoder(Entry)

    def append(self, entry: Entry, code: Mapping[str, Any]) -> None:
        """Write `entry`, and what its code was made of, which `code` returns later."""
        path = self._folder / "code" / f"{entry.code_hash}.json"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_suffix(f".{os.getpid()}")
            unfinished.write_bytes(msgspec.json.encode(code))
            unfinished.replace(path)
        line = msgspec.json.encode(asdict(entry)) + b"\n"
        handle = os.open(self._folder / f"{entry.view}.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(handle, line)
        finally:
            os.close(handle)

    def code(self, code_hash: str) -> dict[str, Any] | None:
        """Return what the code with this hash was made of, or `None` where it was never computed here."""
        path = self._folder / "code" / f"{code_hash}.json"
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any]) if path.exists() else None

    def entries(self, view: str, *, branch: str | None = None) -> list[Entry]:
        """Return the entries of `view`, oldest first; of `branch` alone where one is given."""
        return [entry for entry in self._read(view) if branch is None or entry.branch == branch]

    def last(self, view: str, *, branch: str | None = None) -> Entry | None:
        """Return the newest entry of `view`, or `None`."""
        entries = self.entries(view, branch=branch)
        return entries[-1] if entries else None

    def _read(self, view: str) -> Iterator[Entry]:
        path = self._folder / f"{view}.jsonl"
        if not path.exists():
            return
        for line in path.read_bytes().splitlines():
            try:
                yield self._decoder.decode(line)
            except msgspec.DecodeError:
                continue
