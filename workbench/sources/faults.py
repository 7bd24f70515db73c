"""What can be wrong with a source, as errors that carry the facts and the remedy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from workbench.errors import SourceError, SourceNotFound, did_you_mean

_SHOWN = 5


def some(names: Iterable[object]) -> str:
    """Return the first few of `names` as words."""
    listed = [str(name) for name in names]
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more


def vanished(source: str, place: object) -> SourceNotFound:
    """Return the error for data that is not where ``workbench.toml`` says."""
    return SourceNotFound(
        f"The data of source {source!r} is not there: {place}.",
        remedy=f"Bring it back, or correct [sources.{source}] in workbench.toml; "
        "a relative path starts at the project's root.",
    )


def no_match(source: str, pattern: str, *, folders: bool = False) -> SourceNotFound:
    """Return the error for a glob or a folder that holds no file."""
    hint = " It matches folders: end it with /**/*.parquet or the like." if folders else ""
    return SourceNotFound(
        f"Source {source!r} finds no file at {pattern}.",
        remedy=f"Correct `path` in [sources.{source}], or put the data there.{hint}",
    )


def mixed_formats(source: str, place: object, examples: dict[str, str]) -> SourceError:
    """Return the error for files of several formats; `examples` has a file of each."""
    return SourceError(
        f"Source {source!r} reads {place}, which holds more than one kind of file.",
        lines=[f"  {kind}: {name}" for kind, name in sorted(examples.items())],
        remedy='Name one kind with a glob such as `path = "data/**/*.parquet"`, or set `format` to read all as one.',
    )


def unknown_format(source: str, name: str) -> SourceError:
    """Return the error for a file whose suffix says nothing."""
    return SourceError(
        f"Source {source!r}: the format of {name} is not known from its name.",
        remedy=f'Set `format = "parquet"`, "csv", "json" or "ndjson" in [sources.{source}].',
    )


def is_delta(source: str, place: object) -> SourceError:
    """Return the error for a Delta table that is declared as a folder of files."""
    return SourceError(
        f"Source {source!r}: {place} is a Delta table; read as plain files it would show deleted rows.",
        remedy=f'Write `delta = "..."` instead of `path` in [sources.{source}].',
    )


def remote_path(source: str, shown: str) -> SourceError:
    """Return the error for a URL where a local path is meant."""
    return SourceError(
        f"Source {source!r}: `path` is {shown}, and files are read from this machine only.",
        remedy="Use `delta` for a Delta table in an object store, `sql` for a database, or a mounted folder.",
    )


def unreadable(source: str, place: object, reason: str) -> SourceError:
    """Return the error for data that the operating system refuses."""
    return SourceError(
        f"Source {source!r}: {place} cannot be read: {reason}.",
        remedy="Give yourself read permission on it (and on the folders above), then run the same again.",
    )


def corrupt(source: str, place: object, reason: str) -> SourceError:
    """Return the error for data that is not what its format says."""
    return SourceError(
        f"Source {source!r}: {place} cannot be understood.",
        lines=[f"  {line}" for line in reason.strip().splitlines()[:6]],
        remedy="It may be half written or damaged: wait for its writer, or write it again. "
        f"If it is of another format, set `format` in [sources.{source}].",
    )


def still_written(source: str, place: object) -> SourceError:
    """Return the error for a file that changed each time it was read."""
    return SourceError(
        f"Source {source!r}: {place} changes while it is read.",
        remedy="Wait until its writer is done; a writer should write under another name and rename at the end.",
    )


def moved_on(source: str, place: object) -> SourceError:
    """Return the error for a snapshot whose data is not there any more."""
    return SourceError(
        f"The data of source {source!r} changed after its snapshot was taken: {place}.",
        remedy="Run the same again: it takes a new snapshot. Nothing computed before is lost.",
    )


def nothing(source: str, name: str) -> SourceError:
    """Return the error for text files that hold neither rows nor the names of columns."""
    return SourceError(
        f"The files of source {source!r} are empty, e.g. {name}: they do not even name their columns.",
        remedy="Write them again; a CSV file without rows still needs its header.",
    )


def schemas_differ(source: str, lines: Sequence[str]) -> SourceError:
    """Return the error for files that do not hold the same columns."""
    return SourceError(
        f"The files of source {source!r} do not have the same columns:",
        lines=[f"  {line}" for line in lines[:_SHOWN]],
        remedy="Write these files again with the same columns and types, or leave them out with a narrower glob.",
    )


def missing_column(source: str, role: str, column: str, known: Iterable[str]) -> SourceError:
    """Return the error for a declared `column` that the data does not have."""
    return SourceError(
        f"Source {source!r} has no column {column!r}, which workbench.toml names as its {role}.",
        remedy=f"{did_you_mean(column, known)} Correct `{role}` in [sources.{source}].".strip(),
    )


def not_a_time(source: str, role: str, column: str, dtype: object) -> SourceError:
    """Return the error for a time column that holds `dtype`."""
    return SourceError(
        f"Source {source!r}: its {role} {column!r} is {dtype}, not a time.",
        remedy="Name a column of type Datetime or Date; or make one where the data is written, or with "
        f'`sql = "select *, {column}::timestamptz as ..."` (whole numbers: `to_timestamp(...)`) as the source.',
    )


def not_iso(source: str, role: str, column: str, *, count: int, example: str) -> SourceError:
    """Return the error for texts that cannot be read as times without guessing."""
    shown = example if len(example) <= 40 else example[:37] + "..."
    return SourceError(
        f"Source {source!r}: {count} values of its {role} {column!r} are not ISO 8601, e.g. {shown!r}.",
        remedy="Write times as 2024-03-01T12:30:00Z (or with an offset); 03/04/2024 could be two days.",
    )


def query_failed(source: str, reason: str) -> SourceError:
    """Return the error for SQL that the database refused; `reason` holds no secret."""
    return SourceError(
        f"The query of source {source!r} failed.",
        lines=[f"  {line}" for line in reason.strip().splitlines()[:8]],
        remedy=f"Correct `sql` or `database` in [sources.{source}]; relative paths start at the project's root.",
    )


def not_a_select(source: str) -> SourceError:
    """Return the error for SQL that is not one reading statement."""
    return SourceError(
        f"The query of source {source!r} is not a single SELECT.",
        remedy="A source only reads: give one SELECT (WITH and FROM are fine). PIVOT needs `in (...)` with its values.",
    )


def found_elsewhere(source: str, literal: str, here: object) -> SourceError:
    """Return the error for a relative path that the working directory would answer to."""
    return SourceError(
        f"The query of source {source!r} reads {literal!r}, which is also a file in {here}.",
        remedy="Relative paths are meant from the project's root: write the absolute path, "
        "or start from the project's root.",
    )


def twice_named(source: str, columns: Iterable[str]) -> SourceError:
    """Return the error for a result with two columns of one name."""
    return SourceError(
        f"The query of source {source!r} returns these columns twice: {some(sorted(columns))}.",
        remedy="Give each its own name with `as`.",
    )


def inexact(source: str, column: str) -> SourceError:
    """Return the error for whole numbers too long for a float."""
    return SourceError(
        f"Source {source!r}: the numeric column {column!r} holds whole numbers of more than 15 digits.",
        remedy=f"Say how to read it: `{column}::bigint` or `{column}::text` in `sql`.",
    )


def unknown_database(source: str, scheme: str) -> SourceError:
    """Return the error for a connection URL of a kind that is not read."""
    return SourceError(
        f"Source {source!r}: there is no reader for {scheme}:// databases.",
        remedy="Use postgresql://user@host/database, the path of a DuckDB file, or no `database` to query files.",
    )


def driver_missing(source: str) -> SourceError:
    """Return the error for PostgreSQL without its driver."""
    return SourceError(
        f"Source {source!r} reads PostgreSQL, whose driver is not installed.",
        remedy='Install it: pip install "feature-workbench[postgres]".',
    )


def no_version(source: str, uri: str, version: object, reason: str) -> SourceError:
    """Return the error for a Delta version that cannot be read any more."""
    return SourceError(
        f"Source {source!r}: version {version} of the Delta table {uri} cannot be read: {reason}.",
        remedy="It was vacuumed, or the table was made anew. Run the same again to take a new snapshot, "
        "or restore the table.",
    )


def partitions_differ(source: str, place: object) -> SourceError:
    """Return the error for hive folders that do not agree, or that begin above the source."""
    return SourceError(
        f"Source {source!r}: the key=value folders of {place} are not the same for every file, or begin above it.",
        remedy="Set `path` to the folder that holds the first key=value level, with the same levels for every file.",
    )


def partitioned_text(source: str, place: object) -> SourceError:
    """Return the error for hive folders of text files."""
    return SourceError(
        f"Source {source!r}: {place} has key=value folders, which are read for Parquet only.",
        remedy="Write the files as Parquet, or query them: "
        "`sql = \"select * from read_csv('data/**/*.csv', hive_partitioning=true)\"`.",
    )
