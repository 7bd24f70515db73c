"""Training sets from a file and into a file, and what a query returns: the verbs ``training-set`` and ``sql``."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.errors import ProjectError, SourceError, UsageError
from workbench.files import replacing
from workbench.render import Report, Reported
from workbench.sources import SUFFIXES, Dialect, Origin, format_of, is_naive, read_file
from workbench.store import DeprecatedVersionWarning, Ledger, LowMatchWarning, NaiveTimeWarning

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workbench.project.feature_store import FeatureStore
    from workbench.sql import Answer


@dataclass(frozen=True, slots=True)
class TrainingSetReport(Reported):
    """A training set that was built from a file: its columns, its row ledger, and where it is now."""

    columns: Mapping[str, str]
    ledger: Ledger
    out: Path | None
    saved: str | None
    remarks: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return columns, ledger and places as JSON-ready values."""
        return {
            **self.ledger.to_dict(),
            "columns": dict(self.columns),
            "out": None if self.out is None else str(self.out),
            "saved": self.saved,
            "remarks": list(self.remarks),
        }

    def report(self) -> Report:
        """Return the ledger, and where the rows are."""
        ledger = self.ledger.report()
        kept = (("written to", self.out), ("saved as", self.saved))
        places = tuple((label, place) for label, place in kept if place is not None)
        hint = (
            ()
            if places
            else ("Nothing was written: --out FILE writes the rows to a file, --save NAME saves the training set.",)
        )
        return Report(ledger.title, (*ledger.facts, *places), ledger.tables, (*self.remarks, *ledger.notes, *hint))


def training_set_of_file(
    store: FeatureStore,
    file: Path,
    features: Sequence[str],
    *,
    label: str | None,
    time: str,
    time_zone: str | None,
    full_names: bool,
    release: str | None,
    save: str | None,
    out: Path | None,
) -> TrainingSetReport:
    """Build the training set for the spine in `file`.

    The file is read as a source's is, and its key columns stay texts where they are texts in the views. What was
    decided about it, and what the ledger warns of, stands in the report.
    """
    if out is not None:
        _require_writable(out)
        if out.resolve() == file.resolve():
            raise UsageError(f"--out {out} is the spine itself.", remedy="Name another file.")
    store = store if release is None else store.at(release=release)
    keys = store.key_dtypes(features)
    texts = frozenset(name for name, dtype in keys.items() if isinstance(dtype, pl.String | pl.Categorical | pl.Enum))
    dialect = Dialect(time_zone=time_zone, texts=texts, side="question")
    try:
        spine, remarks = read_file(Origin("spine", "The spine"), file, times={"time": time}, dialect=dialect)
    except SourceError as error:
        raise UsageError(error.message, lines=error.lines, remedy=error.remedy) from None
    if time_zone is not None and isinstance(spine.schema.get(time), pl.Datetime) and not is_naive(spine.schema[time]):
        time_zone = None  # some texts state a zone, and the reader gave the others this one
    with warnings.catch_warnings():
        for category in (LowMatchWarning, DeprecatedVersionWarning, NaiveTimeWarning):
            warnings.simplefilter("ignore", category)
        train = store.training_set(
            spine, features, time=time, time_zone=time_zone, label=label, full_names=full_names, save=save
        )
    if out is not None:
        _write(train.frame.lazy(), out)
    columns = {name: str(dtype) for name, dtype in train.frame.schema.items()}
    said = tuple(f"{remark.message}." for remark in remarks)
    return TrainingSetReport(columns, train.ledger, out, save, said)


def answer_into_file(store: FeatureStore, query: str, *, out: Path | None) -> Answer:
    """Return what `query` returns, written to the file `out` as well where one is named."""
    if out is None:
        return store.answer(query)
    _require_writable(out)
    return replace(store.answer(query, write=lambda rows: _write(rows, out, what="result")), out=out)


def _require_writable(out: Path) -> None:
    if format_of(out) in {None, "excel"}:
        known = [suffix for suffix in SUFFIXES if format_of(Path("a" + suffix)) != "excel"]
        raise UsageError(
            f"--out {out} has a suffix that is not written.",
            remedy=f"Give a file that ends in one of {', '.join(known)}.",
        )


_COMPRESSION = {".gz": "gzip", ".zst": "zstd"}


def _write(frame: pl.LazyFrame, out: Path, *, what: str = "training set") -> None:
    """Write `frame` so that `out` is there whole or as it was; a link is written through."""
    compression: Any = _COMPRESSION.get(out.suffix.lower(), "uncompressed")
    try:
        with replacing(out.resolve(), for_user=True) as unfinished:
            match format_of(out):
                case "csv":
                    frame.sink_csv(unfinished, compression=compression, check_extension=False)
                case "ndjson":
                    frame.sink_ndjson(unfinished, compression=compression, check_extension=False)
                case "json":
                    _write_json(frame, unfinished, _COMPRESSION.get(out.suffix.lower()))
                case _:
                    frame.sink_parquet(unfinished)
    except OSError as error:
        raise ProjectError.not_writable(str(out), error.strerror or str(error)) from None
    except pl.exceptions.PolarsError as error:
        raise UsageError(
            f"The {what} cannot be written to {out}: {str(error).splitlines()[0]}.", remedy="Write .parquet."
        ) from None


def _write_json(frame: pl.LazyFrame, file: Path, compression: str | None) -> None:
    import pyarrow as pa

    with pa.output_stream(str(file), compression=compression) as stream:
        mark = "["
        for batch in frame.collect_batches():
            if batch.height:
                stream.write((mark + batch.write_json().strip()[1:-1]).encode())
                mark = ","
        stream.write(b"[]" if mark == "[" else b"]")
