"""What can be wrong with a source, as errors that carry the facts and the remedy."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.errors import SourceError, SourceMoved, SourceNotFound, did_you_mean
from workbench.lazy import deferred

if TYPE_CHECKING:
    import polars as pl
else:
    pl = deferred("polars")

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose rows are read: a source, or a file that was named for once.

    Parameters
    ----------
    name
        What warnings call it.
    title
        How a message begins.
    section
        Where its settings are; None where it has none.
    """

    name: str
    title: str
    section: str | None = None

    @classmethod
    def of(cls, source: str | Origin) -> Origin:
        """Return the origin of a source's rows, by its name."""
        return source if isinstance(source, Origin) else cls(source, f"Source {source!r}", f"[sources.{source}]")

    @property
    def possessive(self) -> str:
        """The title as a genitive's object: ``source 'events'``."""
        return self.title[:1].lower() + self.title[1:]

    def cure(self, setting: str, otherwise: str = "") -> str:
        """Return a sentence that says where `setting`, which cures the fault, is written."""
        if self.section is not None:
            return f"Set `{setting}` in {self.section}."
        if otherwise:
            return otherwise
        return (
            f"Only sources have settings: declare the file under [sources] with `{setting}`, "
            'write it with `sql "from NAME" --out FILE.parquet`, and give that.'
        )

    @property
    def by_sql(self) -> str:
        """A sentence that shows how DuckDB reads a CSV file that no setting fits; empty where there are no settings."""
        return "" if self.section is None else " What no setting reads, `sql = \"select * from read_csv('...')\"` may."


def counted(count: int, noun: str) -> str:
    """Return a count with its noun: ``1 value``, ``2,000 values``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def some(names: Iterable[object]) -> str:
    """Return the first few of `names` as words."""
    listed = [str(name) for name in names]
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more


def vanished(source: str | Origin, place: object) -> SourceNotFound:
    """Return the error for data that is not where ``workbench.toml`` says."""
    origin = Origin.of(source)
    if origin.section is None:
        return SourceNotFound(f"{origin.title} does not exist: {place}.", remedy="Give the path of an existing file.")
    return SourceNotFound(
        f"The data of {origin.possessive} does not exist: {place}.",
        remedy=f"Restore it, or correct {origin.section} in workbench.toml; "
        "a relative path starts at the project's root.",
    )


def no_match(source: str, pattern: str, *, folders: bool = False) -> SourceNotFound:
    """Return the error for a glob or a folder that holds no file."""
    hint = " It matches folders: end it with /**/*.parquet or the like." if folders else ""
    return SourceNotFound(
        f"Source {source!r} does not match a file: {pattern}.",
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
        remedy=f'Set `format = "parquet"`, "csv", "json", "ndjson" or "excel" in [sources.{source}]; a file of fields '
        'separated by tabs is `format = "csv"` with `separator = "\\t"`.',
    )


def unknown_file(origin: Origin, file: object) -> SourceError:
    """Return the error for a file whose name does not say what it holds."""
    return SourceError(
        f"{origin.title}: the format of {file} is not known from its name.",
        remedy="Give a file of Parquet (.parquet, .pq), CSV (.csv, .csv.gz, .csv.zst), NDJSON (.ndjson, .jsonl), "
        "JSON (.json) or Excel (.xlsx).",
    )


def is_table(source: str, place: object, kind: str) -> SourceError:
    """Return the error for files that belong to a table of `kind`, whose log says which of them count."""
    remedy = (
        f'Write `delta = "{place}"` instead of `path` in [sources.{source}].'
        if kind == "Delta"
        else f"Write its rows as Parquet or as a Delta table, or leave the folder out of `path` in [sources.{source}]."
    )
    return SourceError(
        f"Source {source!r}: {place} is {'an' if kind == 'Iceberg' else 'a'} {kind} table; "
        "read as plain files, it would show deleted rows.",
        remedy=remedy,
    )


def one_place_two_keys(source: str, first: object, second: object) -> SourceError:
    """Return the error for a file or folder that links put under two different ``key=value`` paths."""
    return SourceError(
        f"Source {source!r}: {first} and {second} are the same data, linked, under two different keys.",
        remedy="Write the second one's rows into files of its own, or remove the link.",
    )


def remote_path(source: str, shown: str) -> SourceError:
    """Return the error for a URL where a local path is meant."""
    return SourceError(
        f"Source {source!r}: `path` is {shown}, and files are read from this machine only.",
        remedy="Use `delta` for a Delta table in an object store, `sql` for a database, or a mounted folder.",
    )


def unreadable(source: str | Origin, place: object, reason: str) -> SourceError:
    """Return the error for data that the operating system refuses."""
    return SourceError(
        f"{Origin.of(source).title}: {place} cannot be read: {reason}.",
        remedy="Give yourself read permission on it (and on the folders above), then run the same again.",
    )


def corrupt(source: str | Origin, place: object, reason: str) -> SourceError:
    """Return the error for data that is not what its format says."""
    origin = Origin.of(source)
    return SourceError(
        f"{origin.title}: {place} cannot be parsed.",
        lines=[f"  {line}" for line in plain(reason).splitlines()[:6]],
        remedy="It may be half written or damaged: wait for its writer, or write it again."
        + (f" If it is of another format, set `format` in {origin.section}." if origin.section else ""),
    )


def plain(reason: str) -> str:
    """Return what a driver said without colours and blank lines, at most a few hundred characters a line."""
    lines = _COLOURS.sub("", reason).strip().splitlines()
    return "\n".join(line.rstrip()[:_LONGEST_LINE] for line in lines if line.strip())


_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_LONGEST_LINE = 300


def of_driver(source: str | Origin, place: object, error: BaseException) -> SourceError:
    """Return the error for what a library or the system raised while data was read."""
    if isinstance(error, OSError):
        return damaged_file(source, error.filename or place, error)
    return corrupt(source, place, str(error) or type(error).__name__)


def no_credentials(source: str, place: str) -> SourceError:
    """Return the error for an object store without credentials."""
    store = place.partition(":")[0]
    variables = {
        "gs": "GOOGLE_APPLICATION_CREDENTIALS",
        "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
        "abfss": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
    }.get(store, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_ENDPOINT_URL for a store of your own)")
    return SourceError(
        f"Source {source!r}: there are no credentials for {place}.",
        remedy=f"Set {variables} in the environment, then run the same again.",
    )


def not_reached(source: str, place: str, reason: str) -> SourceError:
    """Return the error for an object store that does not answer, or refuses."""
    return SourceError(
        f"Source {source!r}: {place} cannot be read: {reason}.",
        remedy="Check its address, that it can be reached and that you may read it, then run the same again.",
    )


def unsupported_table(source: str, place: str, reason: str) -> SourceError:
    """Return the error for a Delta table that uses what our reader does not know."""
    return SourceError(
        f"Source {source!r}: {place} uses a feature of Delta that cannot be read: {reason}.",
        remedy="Write the table without it (a copy of its rows will do), or write its rows as Parquet and name them "
        f"by `path` in [sources.{source}].",
    )


def damaged_copy(source: str) -> SourceMoved:
    """Return the error for rows that were kept to be read again, and cannot be; they are created again."""
    return SourceMoved(
        f"The copy of source {source!r} in .workbench is damaged.",
        remedy="It was removed. Run the same command again to create it.",
    )


def damaged_file(source: str | Origin, file: object, error: OSError) -> SourceError:
    """Return the error for a file that the operating system refuses, or whose compressed bytes are cut off."""
    if isinstance(error, FileNotFoundError):
        return vanished(source, file)
    if error.errno is not None:
        return unreadable(source, file, error.strerror or str(error))
    return corrupt(source, file, str(error))


def still_written(source: str, place: object) -> SourceError:
    """Return the error for a file that changed each time it was read."""
    return SourceError(
        f"Source {source!r}: {place} changes while it is read.",
        remedy="Wait until its writer is done; a writer should write under another name and rename at the end.",
    )


def moved_on(source: str, place: object) -> SourceMoved:
    """Return the error for a snapshot whose data is not there any more."""
    return SourceMoved(
        f"The data of source {source!r} changed after its snapshot was taken: {place}.",
        remedy="Wait until its writer is done, then run the same again: it takes a new snapshot. A writer should write "
        "under another name and rename at the end. Nothing was stored.",
    )


def nothing(source: str | Origin, name: str) -> SourceError:
    """Return the error for text files that hold neither rows nor the names of columns."""
    return SourceError(
        f"The files of {Origin.of(source).possessive} are empty, e.g. {name}: they do not even name their columns.",
        remedy="Write them again; a CSV file without rows still needs its header.",
    )


def schemas_differ(source: str | Origin, lines: Sequence[str]) -> SourceError:
    """Return the error for files that do not hold the same columns."""
    return SourceError(
        f"The files of {Origin.of(source).possessive} do not have the same columns:",
        lines=[f"  {line}" for line in lines[:_SHOWN]],
        remedy="Write these files again with the same columns and types, or leave them out with a narrower glob.",
    )


def sql_name(column: str) -> str:
    """Return a column's name as SQL has it: quoted where it is not a plain one, or a word of SQL such as ``at``."""
    import duckdb

    is_plain = re.fullmatch(r"[a-z_][a-z0-9_]*", column)
    if is_plain and all(kind != duckdb.token_type.keyword for _, kind in duckdb.tokenize(column)):
        return column
    return '"' + column.replace('"', '""') + '"'


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


def not_iso(origin: Origin, role: str, column: str, *, count: int, example: str) -> SourceError:
    """Return the error for texts that cannot be read as times without guessing."""
    return SourceError(
        f"{origin.title}: {counted(count, 'value')} of its {role} {column!r} {_are(count)} not ISO 8601, "
        f"e.g. {_short(example)!r}.",
        remedy=_cure_of_times(origin, column, example),
    )


def _cure_of_times(origin: Origin, column: str, example: str) -> str:
    forms = [form for form in _forms_of(example) if reads_as_time(example, form)]
    if forms:
        cure = origin.cure(f'time_format = "{forms[0]}"', _WRITE_ISO)
        is_open = forms[0].startswith(("%d/", "%d-%m", "%d."))
        return f"{cure.removesuffix('.')}, or %m before %d: 03/04/2024 could be two days." if is_open else cure
    if origin.section is None:
        return _WRITE_ISO
    if counts := _COUNTS.get(len(example) if example.isdecimal() else 0):
        unit, function = counts
        name = sql_name(column)
        query = f"select * replace ({function}({name}::bigint) as {name}) from read_csv('...')"  # noqa: S608  # is shown
        return f"They seem to count {unit} since 1970: `sql = '''{query}'''` in {origin.section} reads them."
    return (
        f"Set `time_format` in {origin.section} to how they are written: %d/%m/%Y %H:%M:%S is 31/12/2024 10:30:00."
        f"{origin.by_sql}"
    )


_WRITE_ISO = "Write times as 2024-03-01T12:30:00Z (or with an offset)."
_COUNTS = {13: ("milliseconds", "epoch_ms"), 16: ("microseconds", "make_timestamp")}
"""By the digits of this century's times: what they count, and DuckDB's function that reads it."""
_TIME_FORMATS = (
    (r"\d{1,2}/\d{1,2}/\d{4}", "%d/%m/%Y"),
    (r"\d{1,2}-\d{1,2}-\d{4}", "%d-%m-%Y"),
    (r"\d{1,2}\.\d{1,2}\.\d{4}", "%d.%m.%Y"),
    (r"\d{4}/\d{1,2}/\d{1,2}", "%Y/%m/%d"),
    (r"\d{4}-\d{1,2}-\d{1,2}", "%Y-%m-%d"),
    (r"\d{4}\.\d{1,2}\.\d{1,2}", "%Y.%m.%d"),
    (r"\d{1,2}/\d{1,2}/\d{2}(?!\d)", "%d/%m/%y"),
    (r"[A-Z][a-z]{2} \d{1,2} \d{4}", "%b %d %Y"),
    (r"[A-Z][a-z]{2} \d{1,2}, \d{4}", "%b %d, %Y"),
    (r"\d{1,2} [A-Z][a-z]{2} \d{4}", "%d %b %Y"),
    (r"\d{1,2}-[A-Z][a-z]{2}-\d{4}", "%d-%b-%Y"),
    (r"\d{1,2}-[A-Z][a-z]{2}-\d{2}(?!\d)", "%d-%b-%y"),
    (r"\d{8}(?!\d)", "%Y%m%d"),
    (r"\d{9,10}(?!\d)", "%s"),
)
_TIME_OF_DAY = re.compile(
    r"(?P<gap>[ T]*)\d{1,2}:\d{2}(?P<seconds>:\d{2})?(?P<parts>\.\d+)?(?P<half> ?[AaPp][Mm])?"
    r"(?P<zone> ?[+-]\d{2}:?\d{2})?"
)


_SWAPPED = {"%d/%m": "%m/%d", "%d-%m": "%m-%d", "%d.%m": "%m.%d"}


def _forms_of(example: str) -> list[str]:
    """Return the formats that `example` may have, the day before the month first."""
    form = guess_time_format(example)
    swapped = swap_day_and_month(form or "")
    return [each for each in (form, swapped) if each is not None]


def guess_time_format(example: str) -> str | None:
    """Return the format of a known kind that `example` has; None where some of it would have no meaning."""
    for pattern, found in _TIME_FORMATS:
        match = re.match(pattern, example)
        rest = _time_of_day(example[match.end() :]) if match else None
        if rest is not None:
            return found + rest
    return None


def _time_of_day(text: str) -> str | None:
    """Return the format of what stands behind a date."""
    if not text:
        return ""
    match = _TIME_OF_DAY.fullmatch(text)
    if match is None:
        return None
    hours = "%I:%M" if match["half"] else "%H:%M"
    half, zone = match["half"] or "", match["zone"] or ""
    return "".join(
        (
            match["gap"] + hours,
            ":%S" if match["seconds"] else "",
            "%.f" if match["parts"] else "",
            " %p" if half.startswith(" ") else "%p" if half else "",
            " %z" if zone.startswith(" ") else "%z" if zone else "",
        )
    )


def swap_day_and_month(time_format: str) -> str | None:
    """Return the format with the month where the day is, or the day where the month is; None where neither leads."""
    return next((time_format.replace(a, b) for a, b in _SWAPPED.items() if a in time_format), None)


def reads_as_time(example: str, time_format: str) -> bool:
    """Whether a text is a time of that format."""
    return pl.Series([example]).str.strptime(pl.Datetime("us"), time_format, strict=False).null_count() == 0


def no_such_time(
    origin: Origin, role: str, column: str, time_format: str | None, *, count: int, example: str
) -> SourceError:
    """Return the error for texts that look like times and name none, or that are not of their declared format."""
    said = f"not of the time_format {time_format!r}" if time_format else "not a valid date or time"
    return SourceError(
        f"{origin.title}: {counted(count, 'value')} of its {role} {column!r} {_are(count)} {said}, "
        f"e.g. {_short(example)!r}.",
        remedy=f"Correct `time_format` in {origin.section}; %y reads two digits of a year, %Y four. SQL reads "
        f"several formats in one column: `strptime({sql_name(column)}, ['{time_format}', '...'])`."
        if time_format
        else "Correct these values where they are written, or leave them empty.",
    )


def bad_time_format(origin: Origin, time_format: str, reason: str) -> SourceError:
    """Return the error for a declared format that says nothing to Polars."""
    return SourceError(
        f"{origin.title}: times cannot be read by the time_format {time_format!r}.",
        lines=[f"  {line}" for line in plain(reason).splitlines()[:2]],
        remedy=f'Correct it in {origin.section}, as in time_format = "%d/%m/%Y %H:%M".',
    )


def skipped_hour(origin: Origin, role: str, column: str, zone: str, found: Mapping[str, Any]) -> SourceError:
    """Return the error for times that their zone's clock never showed; `found` is of `times.clock_changes`."""
    return SourceError(
        f"{origin.title}: {counted(found['skipped'], 'time')} of its {role} {column!r} never {_was(found['skipped'])} "
        f"on a clock in {zone}, e.g. {found['example']}: it was put forward.",
        remedy="The times are of another zone: correct `time_zone`; a clock without summer time is one like Etc/GMT+5, "
        "which is 5 hours behind UTC.",
    )


def header_repeats(origin: Origin, file: object, names: Sequence[str]) -> SourceError:
    """Return the error for a CSV file whose header names a column twice."""
    return SourceError(
        f"{origin.title}: line 1 of {file} names these columns twice: {some(map(repr, names))}.",
        remedy="Give each column its own name in the file, or query it: "
        "`sql = \"select * from read_csv('...')\"` with names for all of them.",
    )


def other_separator(origin: Origin, file: object, header: str, mark: str) -> SourceError:
    """Return the error for a CSV file that is separated by another character than is read."""
    shown = "\\t" if mark == "\t" else mark
    return SourceError(
        f"{origin.title}: {file} has one column, {_short(header)!r}.",
        remedy="It seems to be separated by another character. "
        + origin.cure(f'separator = "{shown}"')
        + origin.by_sql,
    )


def row_of_other_length(origin: Origin, file: object, line: int, fields: Sequence[str], width: int) -> SourceError:
    """Return the error for a row of a CSV file with fewer or more fields than its header."""
    return SourceError(
        f"{origin.title}: line {line:,} of {file} has {counted(len(fields), 'field')}, its header {width}: "
        f"{_short(', '.join(fields), 60)!r}.",
        remedy="It may be half written: wait for its writer, or correct the line; a value that holds the separator is "
        "quoted."
        + (
            f" If another character separates the fields or encloses them, set `separator` or `quote` in "
            f"{origin.section}.{origin.by_sql}"
            if origin.section
            else ""
        ),
    )


def not_a_record(origin: Origin, file: object, line: int, reason: str) -> SourceError:
    """Return the error for a line of a CSV file whose quotes do not fit."""
    return SourceError(
        f"{origin.title}: line {line:,} of {file} cannot be understood: {reason}.",
        remedy="A quoted field ends with a quote before the next separator, and a quote within is written twice; "
        "a file that ends within a field is half written."
        + (
            f" If another character encloses fields, or none, set `quote` in {origin.section}.{origin.by_sql}"
            if origin.section
            else ""
        ),
    )


def two_line_ends(origin: Origin, file: object) -> SourceError:
    """Return the error for a CSV file some of whose lines end in a carriage return alone, and some in a line feed."""
    return SourceError(
        f"{origin.title}: some lines of {file} end in a carriage return and some in a line feed.",
        remedy="A value that holds a carriage return must be quoted; or write all lines with one kind of end."
        + origin.by_sql,
    )


def not_in_encoding(origin: Origin, file: object, line: int, encoding: str, error: UnicodeError) -> SourceError:
    """Return the error for bytes that are no text in the encoding that is read."""
    start = bytes(getattr(error, "object", b"")[:2])
    likely = "utf-16" if start in {b"\xff\xfe", b"\xfe\xff"} else "cp1252"
    return SourceError(
        f"{origin.title}: line {line:,} of {file} is not {encoding}: {getattr(error, 'reason', str(error))}.",
        remedy=origin.cure(f'encoding = "{likely}"')
        + " Use the encoding that its program writes: cp1252 is that of Windows in the West, and nearly Latin-1."
        if encoding == "utf-8"
        else f"Correct `encoding` in {origin.section}.",
    )


def not_json(origin: Origin, file: object, reason: str) -> SourceError:
    """Return the error for what is not JSON."""
    return SourceError(
        f"{origin.title}: {file} cannot be parsed.",
        lines=[f"  {line}" for line in plain(reason).splitlines()[:3]],
        remedy="It may be half written or damaged: wait for its writer, or write it again; "
        "one object a line, or a list of objects.",
    )


def excel_missing(origin: Origin, file: object) -> SourceError:
    """Return the error for an Excel file where its reader is not installed."""
    return SourceError(
        f"{origin.title}: {file} is an Excel file, whose reader is not installed.",
        remedy='Install it: pip install "feature-workbench[excel]"; or save the sheet as CSV.',
    )


def no_sheet(origin: Origin, file: object, sheet: str, known: Iterable[str]) -> SourceError:
    """Return the error for an Excel file without the declared sheet."""
    return SourceError(
        f"{origin.title}: {file} has no sheet {sheet!r}; it has {some(map(repr, known))}.",
        remedy=f"{did_you_mean(sheet, known)} Correct `sheet` in {origin.section}.".strip(),
    )


def mixed_cells(origin: Origin, file: object, reason: str) -> SourceError:
    """Return the error for a column of an Excel sheet whose cells are of several kinds."""
    lines = [line.strip() for line in plain(reason).splitlines()]
    column = next((line.rpartition(" ")[2] for line in lines if "dtype for column" in line), "COLUMN")
    return SourceError(
        f"{origin.title}: the cells of the column {column!r} in {file} are of several kinds.",
        lines=[f"  {line}" for line in lines[:1]],
        remedy="Write cells of one kind. "
        + origin.cure(f'dtypes = {{ {toml_key(column)} = "str" }}').removesuffix(".")
        + " to read them as text."
        if origin.section
        else "Write cells of one kind.",
    )


def toml_key(name: str) -> str:
    """Return a column's name as a key in TOML."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def mixed_kinds(origin: Origin, file: object, path: str, before: str, after: str) -> SourceError:
    """Return the error for a JSON column whose values are of several kinds."""
    column, _, inner = path.partition("/")
    cure = f'dtypes = {{ {column} = "String" }}' if not inner and not {"an object", "a list"} & {before, after} else ""
    write = f"Write values of one kind for {path!r}."
    return SourceError(
        f"{origin.title}: {path!r} is {before} and {after} in {file}.",
        remedy=f"{write} {origin.cure(cure).removesuffix('.')} to read them as text."
        if cure and origin.section
        else write,
    )


def empty_objects(origin: Origin, column: str) -> SourceError:
    """Return the error for a JSON column of objects without a key."""
    return SourceError(
        f"{origin.title}: {column!r} holds nothing but objects without a key, which no table carries.",
        remedy="Leave the key out where the data is written, or write null.",
    )


def inexact_number(origin: Origin, file: object, column: str, literal: str) -> SourceError:
    """Return the error for a JSON number that its column's dtype does not carry exactly."""
    return SourceError(
        f"{origin.title}: {column!r} holds {literal} in {file}, which a float would round.",
        remedy=origin.cure(
            f'dtypes = {{ {column} = "String" }}', "Write these numbers as texts, or as Parquet."
        ).removesuffix(".")
        + ", or Decimal(38, 0), or Float64 where rounding is meant."
        if origin.section
        else "Write these numbers as texts, or as Parquet.",
    )


def not_carried(origin: Origin, column: str, kind: str, cure: str) -> SourceError:
    """Return the error for a column of a type that no column of ours holds; `cure` is a sentence."""
    return SourceError(f"{origin.title}: {column!r} is {kind}, which cannot be carried exactly.", remedy=cure)


def repeated_columns(origin: Origin, file: object, names: Sequence[str]) -> SourceError:
    """Return the error for a file with two columns of one name."""
    return SourceError(
        f"{origin.title}: {file} has these columns twice: {some(map(repr, names))}.",
        remedy="Give each column its own name where the file is written.",
    )


def folder_and_column(origin: Origin, key: str, what: str) -> SourceError:
    """Return the error for files that have a column of the name that their ``key=value`` folders have, and differ."""
    return SourceError(
        f"{origin.title}: {key!r} is the name of its folders and of a column in its files, and they differ: {what}.",
        remedy="Leave the column out of the files, or give it another name; or move the files out of these folders.",
    )


def time_of_day_key(origin: Origin, key: str) -> SourceError:
    """Return the error for a folder's key that is declared as a time of day."""
    return SourceError(
        f"{origin.title}: the folders' key {key!r} cannot be read as Time.",
        remedy=f'Declare `dtypes = {{ {key} = "String" }}` in {origin.section}.',
    )


def setting_without_use(origin: Origin, setting: str, format: str) -> SourceError:  # noqa: A002  the word of workbench.toml
    """Return the error for a setting that means nothing to files of this format."""
    return SourceError(
        f"{origin.title}: `{setting}` says nothing about {format} files.",
        remedy=f"Take it out of {origin.section}."
        + (" The file states its types; cast in the view." if setting == "dtypes" else ""),
    )


def missing_declared(origin: Origin, column: str, known: Iterable[str]) -> SourceError:
    """Return the error for a column in `dtypes` that the data does not have."""
    return SourceError(
        f"{origin.title} has no column {column!r}, which `dtypes` names.",
        remedy=f"{did_you_mean(column, known)} Correct `dtypes` in {origin.section}.".strip(),
    )


def not_of_dtype(origin: Origin, column: str, dtype: object, *, count: int, example: str) -> SourceError:
    """Return the error for values that are not of their column's declared dtype."""
    return SourceError(
        f"{origin.title}: {counted(count, 'value')} of {column!r} cannot be {dtype}, e.g. {_short(example)!r}.",
        remedy=f"Correct `dtypes` in {origin.section}, say which texts mean nothing "
        '(`null_values = ["NA"]`), or read the file with `sql`.',
    )


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _was(count: int) -> str:
    return "was" if count == 1 else "were"


def _short(text: str, longest: int = 40) -> str:
    return text if len(text) <= longest else text[: longest - 3] + "..."


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


def found_elsewhere(source: str, what: str, here: object) -> SourceError:
    """Return the error for a relative path that the working directory would answer to."""
    return SourceError(
        f"The query of source {source!r} reads {what} in the working directory, {here}.",
        remedy="Relative paths are meant from the project's root: write the absolute path, "
        "or start from the project's root.",
    )


def twice_named(source: str, columns: Iterable[str]) -> SourceError:
    """Return the error for a result with two columns of one name."""
    return SourceError(
        f"The query of source {source!r} returns these columns twice: {some(sorted(columns))}.",
        remedy="Give each its own name with `as`.",
    )


def query_not_carried(source: str, column: str, what: str, cast: str) -> SourceError:
    """Return the error for a query's column that is or holds `what`, which a column of ours does not hold exactly."""
    return SourceError(
        f"Source {source!r}: {column!r} is or holds {what}, which cannot be carried exactly.",
        remedy=f"Say in `sql` how to read it: `{cast}`.",
    )


def moment_out_of_range(source: str, column: str) -> SourceError:
    """Return the error for a time or day that no calendar of ours shows."""
    return SourceError(
        f"Source {source!r}: {column!r} holds a moment outside the years 1 to 9999, such as a database's 'infinity'.",
        remedy="Write null where the data is written, or read it with `sql` and "
        f"`case when isfinite({sql_name(column)}) then {sql_name(column)} end as {sql_name(column)}`.",
    )


def bad_connection_url(source: str) -> SourceError:
    """Return the error for a connection URL that cannot be taken apart; it holds a password, so none of it is shown."""
    return SourceError(
        f"Source {source!r}: `database` is not a connection URL.",
        remedy="Write postgresql://user:password@host:5432/database. In a user's name or password write %25 for a "
        "percent sign, %40 for @, %3A for :, %2F for /, %3F for ? and %23 for #.",
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
