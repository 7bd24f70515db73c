"""Named training sets: immutable, with all that is needed to build them again.

::

    <home>/training-sets/<name>/data.parquet, record.json     never changed once they are there

A training set appears by one rename of its folder, so a killed process leaves at most a folder whose name begins with
a dot.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import polars as pl

from workbench.compute import disk_refusal, versions
from workbench.config import valid_name
from workbench.drivers import reason, require_uninterrupted
from workbench.errors import ProjectError, UsageError, WorkbenchError, did_you_mean
from workbench.files import sync
from workbench.records import from_plain, to_plain
from workbench.render import Report, Reported
from workbench.sources import Snapshot
from workbench.store.join import JoinedSpine, Question
from workbench.store.ledger import Ledger
from workbench.store.resolve import joined_views
from workbench.store.training_rows import TrainingRows
from workbench.tracking import VersionedView

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDER = "training-sets"
DATA, RECORD = "data.parquet", "record.json"


class SourceView(VersionedView, frozen=True, kw_only=True):
    """A view as a training set read it; with the version of the Delta table where it is a published version."""

    code_hash: str
    data_digest: str
    delta_version: int | None = None


@dataclass(frozen=True, slots=True)
class SavedTrainingSet(TrainingRows, Reported):
    """A named training set and its lineage; its rows are read from their file when they are asked for.

    Parameters
    ----------
    name, path
        What it is called, and where its rows are.
    branch, commit
        Whose views were read, and at which commit; release and registry are in its ledger.
    question
        The features, time, label and options that were asked for.
    spine_columns, spine_digest
        The columns that were the spine's, and the identity of their rows in their order.
    data_digest
        The identity of all columns' rows in their order, floats rounded to 12 significant digits.
    dtypes
        Dtype of each column, as text.
    views
        What was joined.
    snapshots
        What the sources behind the views were.
    versions
        Of python, polars and workbench.
    ledger
        What became of every row.
    created_at
        When it was saved.
    run
        The key of its MLflow run.
    """

    name: str
    path: Path
    branch: str
    commit: str
    question: Question
    spine_columns: tuple[str, ...]
    spine_digest: str
    data_digest: str
    dtypes: Mapping[str, str]
    views: tuple[SourceView, ...]
    snapshots: Mapping[str, Snapshot]
    versions: Mapping[str, str]
    ledger: Ledger
    created_at: datetime
    run: str

    @property
    def columns(self) -> list[str]:
        """Names of the columns: the spine's, then one for each feature."""
        return list(self.dtypes)

    def _select(self, columns: Sequence[str] | None) -> pl.DataFrame:
        try:
            return pl.read_parquet(self.path, columns=None if columns is None else list(columns), glob=False)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise UsageError(
                f"The rows of training set {self.name!r} cannot be read: {reason(error)}.",
                remedy=f"Restore {self.path}, or remove its folder and save the training set again.",
            ) from None

    def to_dict(self) -> dict[str, Any]:
        """Return the record as JSON-ready values."""
        plain: dict[str, Any] = to_plain(self)
        del plain["path"]  # wherever the project is
        return plain | {"columns": plain.pop("dtypes"), "ledger": self.ledger.to_dict()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], path: Path) -> SavedTrainingSet:
        """Return the training set at `path` that `to_dict` described; keys of later versions are ignored."""
        return from_plain({**values, "dtypes": values["columns"], "path": path}, cls)

    def report(self) -> Report:
        """Return the lineage and the ledger."""
        asked = self.question
        return Report(
            f"Training set {self.name}: {self.ledger.rows_out:,} rows, {len(self.columns)} columns",
            facts=(
                ("features", ", ".join(map(str, asked.features))),
                ("time, label", f"{asked.time}, {asked.label or 'none'}"),
                ("built", f"{self.created_at:%Y-%m-%d %H:%M} UTC"),
                *self.ledger.facts(),
                ("data", self.data_digest[:16]),
                ("file", self.path),
            ),
            tables=self.ledger.tables,
            notes=self.ledger.notes(),
        )


def save_training_set(home: Path, name: str, joined: JoinedSpine, *, run: str) -> SavedTrainingSet:
    """Save `joined` under `name`; the same content under the same name is there already, and stays."""
    folder = home / FOLDER / valid_name("training set", name)
    saved = _describe(name, folder / DATA, joined, run)
    if folder.exists():
        return _existing_record(saved, saved_training_set(home, name))
    work = folder.with_name(f".{name}.{uuid4().hex}")
    try:
        work.mkdir(parents=True)
        _write(work, joined.frame, saved)
        try:
            work.rename(folder)
        except OSError:
            if not folder.exists():
                raise
            return _existing_record(saved, saved_training_set(home, name))  # another process was first
    except OSError as error:
        raise ProjectError.not_writable(str(folder.parent), error.strerror or str(error)) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return saved


def saved_training_set(home: Path, name: str) -> SavedTrainingSet:
    """Return the training set that was saved under `name`."""
    folder = home / FOLDER / valid_name("training set", name)
    try:
        values = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return SavedTrainingSet.from_dict(values, folder / DATA)
    except FileNotFoundError:
        raise UsageError(
            f"There is no training set {name!r}.",
            remedy=did_you_mean(name, names(home)) or "Save one with training_set(..., save='name').",
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"The record of training set {name!r} cannot be read: {error}.",
            remedy=f"Restore {folder / RECORD}, or remove the folder and save the training set again.",
        ) from None


def names(home: Path) -> list[str]:
    """Return the names of the saved training sets."""
    try:
        return sorted(path.parent.name for path in (home / FOLDER).glob(f"[!.]*/{RECORD}"))
    except OSError:
        return []


def saved_sets(home: Path) -> list[SavedTrainingSet]:
    """Return every saved training set whose record can be read."""
    found = []
    for name in names(home):
        with suppress(WorkbenchError):
            found.append(saved_training_set(home, name))
    return found


def _describe(name: str, path: Path, joined: JoinedSpine, run: str) -> SavedTrainingSet:
    served = {part.label: part.view for part in joined_views(joined.wanted)}
    views = (
        SourceView(
            view=view.name,
            version=view.version,
            view_id=view.data.view_id,
            code_hash=view.data.code_hash,
            data_digest=view.data.data_digest,
            delta_version=view.data.delta_version,
        )
        for view in served.values()
    )
    return SavedTrainingSet(
        name=name,
        path=path,
        branch=joined.reading.branch,
        commit=joined.reading.commit,
        question=joined.question,
        spine_columns=joined.spine_columns,
        spine_digest=joined.spine_digest,
        data_digest=joined.data_digest,
        dtypes={column: str(dtype) for column, dtype in joined.frame.schema.items()},
        views=tuple(views),
        snapshots=joined.reading.snapshots,
        versions=versions(),
        ledger=joined.ledger,
        created_at=datetime.now(UTC),
        run=run,
    )


def _existing_record(new: SavedTrainingSet, old: SavedTrainingSet) -> SavedTrainingSet:
    """Return `old` where it holds what `new` would."""
    aspects = {
        "rows or values": new.data_digest == old.data_digest,
        "columns": dict(new.dtypes) == dict(old.dtypes),
        "label": new.question.label == old.question.label,
        "time": new.question.time == old.question.time,
    }
    other = [aspect for aspect, same in aspects.items() if not same]
    if other:
        raise UsageError(
            f"A training set {new.name!r} exists with different {' and '.join(other)}, saved "
            f"{old.created_at:%Y-%m-%d %H:%M} UTC.",
            remedy="A saved training set is immutable: save this one under another name.",
        )
    return old


def _write(work: Path, frame: pl.DataFrame, saved: SavedTrainingSet) -> None:
    try:
        frame.write_parquet(work / DATA)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        require_uninterrupted(error)
        reason = disk_refusal(error, work / DATA)
        if reason is not None:
            raise ProjectError.not_writable(str(work.parent), reason) from None
        raise UsageError(
            f"The training set cannot be stored: {str(error).splitlines()[0]}.",
            remedy="Drop or cast the spine's columns that Parquet has no dtype for.",
        ) from None
    (work / RECORD).write_text(json.dumps(saved.to_dict(), indent=1), encoding="utf-8")
    for path in (work / DATA, work / RECORD, work):
        sync(path)
