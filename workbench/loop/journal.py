"""What was computed in this project, when, from what: one line a view and computation.

The journal is a convenience of this machine (``status``, ``why-changed``, ``history``), never a truth: MLflow and
git hold that. Lines are appended whole, so that many kernels may write at once; a torn line is passed over.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Entry:
    """One computation of a view: what it was made from, and what came out.

    `definition` is the hash of its file, `run` the key of its MLflow run, `sources` the digest of each source behind
    it, `data_digest` that of its rows.
    """

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
    sources: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    data_digest: str = ""


class Journal:
    """The project's journal, under `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._decoder = msgspec.json.Decoder(Entry)

    def append(self, entry: Entry, code: Mapping[str, Any], snapshots: Sequence[Mapping[str, Any]] = ()) -> None:
        """Write `entry`, what its code was made of, and the snapshots of its sources; each of them once."""
        self._keep("code", entry.code_hash, code)
        for taken in snapshots:
            self._keep("snapshots", str(taken["digest"]), taken)
        line = msgspec.json.encode(asdict(entry)) + b"\n"
        handle = os.open(self._folder / f"{entry.view}.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(handle, line)
        finally:
            os.close(handle)

    def snapshots(self, entry: Entry) -> dict[str, dict[str, Any]]:
        """Return the snapshots of the sources behind `entry`, by source, so far as they were kept."""
        paths = {name: self._folder / "snapshots" / f"{digest}.json" for name, digest in entry.sources.items()}
        return {
            name: msgspec.json.decode(path.read_bytes(), type=dict[str, Any]) | {"source": name}
            for name, path in paths.items()
            if path.exists()
        }

    def everything(self) -> list[Entry]:
        """Return the entries of all views, each view's oldest first."""
        views = sorted(path.stem for path in self._folder.glob("*.jsonl"))
        return [entry for view in views for entry in self.entries(view)]

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

    def _keep(self, kind: str, name: str, values: Mapping[str, Any]) -> None:
        path = self._folder / kind / f"{name}.json"
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}")
        unfinished.write_bytes(msgspec.json.encode(values))
        unfinished.replace(path)

    def _read(self, view: str) -> Iterator[Entry]:
        path = self._folder / f"{view}.jsonl"
        if not path.exists():
            return
        for line in path.read_bytes().splitlines():
            try:
                yield self._decoder.decode(line)
            except msgspec.DecodeError:
                continue
