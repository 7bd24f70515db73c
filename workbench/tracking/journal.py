"""The journal: one line for each run that MLflow has, so that listing runs does not import MLflow."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

import msgspec
from msgspec.structs import replace

from workbench.files import replace_atomically
from workbench.records import Serialisable, from_json, read_record, to_json
from workbench.tracking.paths import Places
from workbench.tracking.runs import RunRecord

RunKind = Literal["view", "training set", "model"]
MODEL_TAG = "workbench.experiment"
"""On runs of `project.experiment`; its value is the experiment's name."""
REGISTERED_TAG = "workbench.registered."
"""Begins the tags of delivered runs that say which versions of a registered model were made from them."""
TRAINING = "training.json"
"""The artifact of an experiment's run that says what it was trained on."""
KEPT = (TRAINING,)


class RunSummary(Serialisable, msgspec.Struct, frozen=True, kw_only=True):
    """A run in a list.

    Parameters
    ----------
    key
        The record's key.
    run_id, experiment_id
        MLflow's; None while the run is queued.
    state
        ``queued`` or ``sent``.
    name
        The run's name.
    experiment
        The experiment's name.
    status
        ``FINISHED``, ``FAILED`` or ``KILLED``.
    start
        Milliseconds since 1970, UTC.
    seconds
        How long it ran.
    view, branch, commit, view_id
        From the record's tags; empty where it has none.
    user
        Who ran it.
    kind
        ``view`` for a run that computed one, ``training set`` for one that saved one, ``model`` for an experiment's.
    """

    key: str
    run_id: str | None
    experiment_id: str | None
    state: Literal["queued", "sent"]
    name: str
    experiment: str
    status: str
    start: int
    seconds: float
    view: str
    branch: str
    commit: str
    view_id: str
    user: str
    kind: RunKind = "view"

    @property
    def started(self) -> datetime:
        """When the run started, UTC."""
        return datetime.fromtimestamp(self.start / 1000, UTC)


def summary(record: RunRecord) -> RunSummary:
    """Return `record`, not delivered yet, as it appears in a list."""
    tags = record.tags
    return RunSummary(
        key=record.key,
        run_id=None,
        experiment_id=None,
        state="queued",
        name=record.name,
        experiment=record.experiment,
        status=record.status,
        start=record.start,
        seconds=max(0, record.end - record.start) / 1000,
        view=tags.get("workbench.view", record.name),
        branch=tags.get("workbench.branch", ""),
        commit=tags.get("mlflow.source.git.commit", ""),
        view_id=tags.get("workbench.view_id", ""),
        user=record.user,
        kind=_kind(tags),
    )


def _kind(tags: Mapping[str, str]) -> RunKind:
    if MODEL_TAG in tags:
        return "model"
    return "training set" if "workbench.training_set" in tags and "workbench.view" not in tags else "view"


class Facts(msgspec.Struct, frozen=True):
    """The tags, parameters and metrics of one run, and those of its artifacts that are read back (`KEPT`)."""

    tags: Mapping[str, str] = {}
    params: Mapping[str, str] = {}
    metrics: Mapping[str, float] = {}
    artifacts: Mapping[str, str] = {}

    @classmethod
    def of(cls, record: RunRecord) -> Facts:
        """Return what `record` says."""
        kept = {path: text for path, text in record.artifacts.items() if path in KEPT}
        return cls(record.tags, record.params, record.metrics, kept)


@dataclass(slots=True)
class RunJournal:
    """Delivered runs, in order of delivery. One process appends; many read, each line once.

    Parameters
    ----------
    places
        The project's files.
    """

    places: Places
    _offset: int = field(default=0, init=False)
    _file: tuple[int, int] = field(default=(0, 0), init=False)
    _runs: dict[str, RunSummary] = field(default_factory=dict, init=False)

    def append(self, record: RunRecord, *, run_id: str, experiment_id: str) -> None:
        """Note that MLflow has `record`, as `run_id`."""
        replace_atomically(self.places.sent / f"{record.key}.json", to_json(Facts.of(record)))
        entry = replace(summary(record), run_id=run_id, experiment_id=experiment_id, state="sent")
        with self.places.journal.open("ab+") as stream:
            if stream.seek(0, os.SEEK_END) and stream.seek(-1, os.SEEK_END) >= 0 and stream.read(1) != b"\n":
                stream.write(b"\n")  # a killed writer's torn line ends here
            stream.write(to_json(entry).encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())

    def runs(self) -> Mapping[str, RunSummary]:
        """Return every delivered run by its record's key, oldest first."""
        try:
            with self.places.journal.open("rb") as stream:
                status = os.fstat(stream.fileno())
                identity = (status.st_dev, status.st_ino)
                if identity != self._file or status.st_size < self._offset:
                    self._runs, self._offset, self._file = {}, 0, identity
                stream.seek(self._offset)
                new = stream.read()
        except FileNotFoundError:
            self._runs, self._offset = {}, 0
            return self._runs
        whole = new[: new.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.splitlines():
            entry = _parse(line)
            if entry is not None:
                self._runs[entry.key] = entry
        return self._runs

    def facts(self, key: str) -> Facts:
        """Return what run `key` logged; empty where its file is gone."""
        return read_record(self.places.sent / f"{key}.json", Facts) or Facts()


def _parse(line: bytes) -> RunSummary | None:
    """Return the run in `line`; None for a torn line, whose record is still in the outbox."""
    try:
        return from_json(line, RunSummary)
    except ValueError:
        return None
