"""Training sets from a file and into a file, and what a query returns: the verbs ``training-set`` and ``sql``."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import polars as pl

from workbench.errors import ProjectError, UsageError
from workbench.serve.deprecation import DeprecatedVersionWarning
from workbench.serve.ledger import Ledger, LowMatchWarning
from workbench.sources.times import iso_columns, parsed
from workbench.widgets import Report, Reported

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workbench.serve.sql import Answer
    from workbench.serve.store import FeatureStore

KINDS = (".parquet", ".csv", ".ndjson")


@dataclass(frozen=True, slots=True)
class TrainingSetReport(Reported):
    """A training set that was built from a file: its columns, its row ledger, and where it is now."""

    columns: Mapping[str, str]
    ledger: Ledger
    out: Path | None
    saved: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return columns, ledger and places as JSON-ready values."""
        return {
            **self.ledger.to_dict(),
            "columns": dict(self.columns),
            "out": None if self.out is None else str(self.out),
            "saved": self.saved,
        }

    def report(self) -> Report:
        """Return the ledger, and where the rows are."""
        ledger = self.ledger.report()
        kept = (("written to", self.out), ("saved as", self.saved))
        places = tuple((label, place) for label, place in kept if place is not None)
        hint = () if places else ("Nothing was written: --out FILE writes the rows, --save NAME keeps them.",)
        return Report(ledger.title, (*ledger.facts, *places), ledger.tables, (*ledger.notes, *hint))


def training_set_of_file(
    store: FeatureStore,
    file: Path,
    features: Sequence[str],
    *,
    label: str | None,
    time: str,
    full_names: bool,
    release: str | None,
    save: str | None,
    out: Path | None,
) -> TrainingSetReport:
    """Build the training set for the spine in `file`.

    A CSV file's key columns are read with the views' dtypes, so that ``007`` stays a text where it is one. What the
    ledger warns of stands in the report.

    Raises
    ------
    UsageError
        Where a file cannot be read, or is of a kind that is not known.
    WorkbenchError
        As `FeatureStore.training_set` raises.
    """
    if out is not None and (_kind(out) is None or out.resolve() == file.resolve()):
        raise UsageError(
            f"--out {out} is the spine itself." if _kind(out) else f"--out {out} is of no known kind.",
            remedy=f"Name another file that ends in {', '.join(KINDS)}.",
        )
    store = store if release is None else store.at(release=release)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LowMatchWarning)
        warnings.simplefilter("ignore", DeprecatedVersionWarning)
        spine = _timed(_read(file, store.key_dtypes(features) if _kind(file) == ".csv" else {}), time)
        frame = store.training_set(spine, features, time=time, label=label, full_names=full_names, save=save)
    if out is not None:
        _write(frame, out)
    columns = {name: str(dtype) for name, dtype in frame.schema.items()}
    return TrainingSetReport(columns, store.explain(frame), out, save)


def answer_into_file(store: FeatureStore, query: str, *, out: Path | None) -> Answer:
    """Return what `query` returns, written to the file `out` as well where one is named.

    Raises
    ------
    UsageError
        Where the file is of a kind that is not known.
    ProjectError
        Where it cannot be written.
    WorkbenchError
        As the query fails.
    """
    if out is not None and _kind(out) is None:
        raise UsageError(f"--out {out} is of no known kind.", remedy=f"Name a file that ends in {', '.join(KINDS)}.")
    answer = store.answer(query)
    if out is None:
        return answer
    _write(answer.frame, out, what="result")
    return replace(answer, out=out)


def _kind(file: Path) -> str | None:
    return file.suffix.lower() if file.suffix.lower() in KINDS else None


def _read(file: Path, keys: Mapping[str, pl.DataType]) -> pl.DataFrame:
    try:
        match _kind(file):
            case ".parquet":
                return pl.read_parquet(file, glob=False)
            case ".csv":
                return pl.read_csv(file, try_parse_dates=True, schema_overrides=keys, glob=False)
            case ".ndjson":
                return pl.read_ndjson(file)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise UsageError(
            f"The spine {file} cannot be read: {str(error).splitlines()[0]}.",
            remedy="Give the path of a readable file.",
        ) from None
    raise UsageError(f"The spine {file} is of no known kind.", remedy=f"Give a file that ends in {', '.join(KINDS)}.")


def _timed(spine: pl.DataFrame, time: str) -> pl.DataFrame:
    """Return `spine` with ISO 8601 texts in its time column as times; anything else is left for the join to refuse."""
    if spine.schema.get(time) != pl.String or not iso_columns(spine.lazy().select(time)):
        return spine
    return parsed("spine", spine.lazy(), {"event_time": time}).collect()


def _write(frame: pl.DataFrame, out: Path, *, what: str = "training set") -> None:
    """Write `frame` so that `out` is there whole or as it was."""
    unfinished = out.with_name(f".{out.name}.{uuid4().hex}")
    try:
        match _kind(out):
            case ".csv":
                frame.write_csv(unfinished)
            case ".ndjson":
                frame.write_ndjson(unfinished)
            case _:
                frame.write_parquet(unfinished)
        unfinished.replace(out)
    except OSError as error:
        raise ProjectError.not_writable(str(out), error.strerror or str(error)) from None
    except pl.exceptions.PolarsError as error:
        raise UsageError(
            f"The {what} cannot be written to {out}: {str(error).splitlines()[0]}.", remedy="Write .parquet."
        ) from None
    finally:
        unfinished.unlink(missing_ok=True)
