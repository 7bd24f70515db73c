"""What was computed in this project, when, from what: one line a view and computation.

The journal is a convenience of this machine (``status``, ``why-changed``, ``history``), never a truth: MLflow and
git hold that. Lines are appended whole, so that many kernels may write at once; a torn line is passed over.
"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from workbench.files import replace_atomically, stamps
from workbench.records import read_record, to_json
from workbench.sources import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from workbench.fingerprint import CodeRecord
    from workbench.git import Lifetime
    from workbench.tracking.journal import RunSummary


class RecordedView(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a view that was computed: which definition, what it was made from, and what came out.

    `inputs` has the digest of each input, `sources` that of each source behind it, `data_digest` that of its rows,
    `rounded_digest` the same with floats rounded to 12 significant digits.
    """

    view: str
    branch: str
    commit: str
    view_id: str
    code_hash: str = ""
    inputs: dict[str, str] = {}
    sources: dict[str, str] = {}
    versions: dict[str, str] = {}
    data_digest: str = ""
    rounded_digest: str = ""


class Entry(RecordedView, frozen=True, kw_only=True):
    """One computation of a view.

    `definition` is the hash of its file, `run` the key of its MLflow run, `checks` the state of each check by name.
    """

    at: datetime
    parameters: str
    definition: str
    run: str | None = None
    checks: dict[str, str] = {}

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return "fail" not in self.checks.values()


def own_runs(runs: Iterable[RunSummary], branch: str, lifetime: Lifetime | None) -> list[RunSummary]:
    """Return the runs that were logged on `branch`, none of another branch that had its name before."""
    own = [run for run in runs if run.branch == branch]
    if lifetime is None:
        return own
    return [run for run in own if lifetime.has(run.commit, datetime.fromtimestamp(run.start / 1000, UTC))]


class ComputationJournal:
    """The project's journal, under `folder`.

    Parameters
    ----------
    folder
        Where it is kept.
    lifetime
        Says since when there is a branch of a name, so that a branch which was deleted and made again does not inherit
        what was computed on the old one.
    """

    def __init__(self, folder: Path, *, lifetime: Callable[[str], Lifetime | None]) -> None:
        self._folder = folder
        self._lifetime = lifetime
        self._decoder = msgspec.json.Decoder(Entry)

    def append(self, entry: Entry, code: CodeRecord, snapshots: Sequence[Snapshot] = ()) -> None:
        """Write `entry`, what its code was made of, and the snapshots of its sources; each of them once."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._keep("code", entry.code_hash, code)
        for taken in snapshots:
            self._keep("snapshots", taken.digest, taken)
        line = msgspec.json.encode(entry) + b"\n"
        handle = os.open(self._folder / f"{entry.view}.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(handle, line)
        finally:
            os.close(handle)

    def snapshots(self, recorded: RecordedView) -> dict[str, Snapshot]:
        """Return the snapshots of the sources behind `recorded`, by source, so far as they were kept."""
        found = {
            name: read_record(self._folder / "snapshots" / f"{digest}.json", Snapshot)
            for name, digest in recorded.sources.items()
        }
        return {name: replace(taken, source=name) for name, taken in found.items() if taken is not None}

    def mark(self) -> object:
        """Return what is another value after something was computed."""
        return stamps(self._folder)

    def everything(self) -> list[Entry]:
        """Return the entries of all views, each view's oldest first."""
        views = sorted(path.stem for path in self._folder.glob("*.jsonl"))
        return [entry for view in views for entry in self.entries(view)]

    def code(self, code_hash: str) -> CodeRecord | None:
        """Return what the code with this hash was made of, or `None` where it was never computed here."""
        from workbench.fingerprint import CodeRecord  # with all that explains a change, which few ask for

        return read_record(self._folder / "code" / f"{code_hash}.json", CodeRecord)

    def entries(self, view: str, *, branch: str | None = None) -> list[Entry]:
        """Return the entries of `view`, oldest first; of `branch` alone where one is given."""
        if branch is None:
            return list(self._read(view))
        own = [entry for entry in self._read(view) if entry.branch == branch]
        lifetime = self._lifetime(branch) if own else None
        return [entry for entry in own if lifetime is None or lifetime.has(entry.commit, entry.at)]

    def last(self, view: str, *, branch: str | None = None) -> Entry | None:
        """Return the newest entry of `view`, or `None`."""
        entries = self.entries(view, branch=branch)
        return entries[-1] if entries else None

    def last_on(self, branch: str, views: Iterable[str]) -> dict[str, Entry]:
        """Return the newest entry on `branch` of each of `views` that has one."""
        found = {}
        lifetime = self._lifetime(branch)
        for view in views:
            own = [entry for entry in self._read(view) if entry.branch == branch]
            last = next((one for one in reversed(own) if lifetime is None or lifetime.has(one.commit, one.at)), None)
            if last is not None:
                found[view] = last
        return found

    def _keep(self, kind: str, name: str, facts: object) -> None:
        path = self._folder / kind / f"{name}.json"
        if not path.exists():
            replace_atomically(path, to_json(facts))

    def _read(self, view: str) -> Iterator[Entry]:
        path = self._folder / f"{view}.jsonl"
        if not path.exists():
            return
        for line in path.read_bytes().splitlines():
            try:
                yield self._decoder.decode(line)
            except msgspec.DecodeError:
                continue
