"""What ``workbench.toml`` may say of a file: found by reading it, and following the errors and notes to their cures."""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from workbench.config import SourceSettings, read_toml
from workbench.errors import SourceError
from workbench.lazy import deferred
from workbench.redaction import redact
from workbench.sources.base import Source
from workbench.sources.faults import guess_time_format, swap_day_and_month
from workbench.sources.times import ISO

if TYPE_CHECKING:
    import polars as pl
else:
    pl = deferred("polars")

_CURE = re.compile(r"`((?:separator|encoding|time_format|dtypes) = [^`]+)`")
_NOTED = re.compile(r"""((?:decimal|thousands) = "[^"]+"|null_values = \[[^\]]*\])""")
_STAYS_TEXT = re.compile(r"^'(.+)' is read as text")
_ATTEMPTS = 12
_DUCKDB_FILE = re.compile(r"[^?]+\.(?:duckdb|ddb|db)(?:\?.*)?", re.IGNORECASE)
_LOOK = 10_000
"""How many rows of a table are looked at."""
_LIKE_A_TIME = re.compile(
    r"(?:^|[\W_])(?:date|time|datetime|timestamp|day|month|year|at)$|[a-z](?:Date|Time)", re.IGNORECASE
)
_A_NAME = re.compile(r"name$|^title$", re.IGNORECASE)
_YEARS = (1000, 3000)


@dataclass(frozen=True, slots=True)
class Proposal:
    """Settings of a source, why, what is left to decide, its first rows as they are read, and its times' usual gap."""

    settings: dict[str, Any]
    reasons: tuple[str, ...]
    open_questions: tuple[str, ...]
    rows: pl.DataFrame
    gap: timedelta | None = None


def propose_source(name: str, path: str, *, root: Path) -> Proposal:
    """Return settings by which the file at `path` is read; raise where none were found."""
    settings, reasons = _readable(name, {"path": path, "static": True}, root)
    frame = _read(name, settings, root)
    times = _times(frame)
    if not times:
        return _without_times(name, path, settings, reasons, frame)
    column = times[0]
    settings = {key: value for key, value in settings.items() if key != "static"} | {"event_time": column}
    reasons.append(f"event_time: {column} holds times.")
    settings, more = _readable(name, settings, root)
    questions = []
    if len(times) > 1:
        questions.append(_later(name, times[1:]))
    settings, undecided = _day_or_month(name, settings, root)
    found = _read(name, settings, root)
    if frame.schema[column] == pl.String or frame.schema[column] in (pl.Datetime("us"), pl.Date()):
        questions.append(_zone(name))
    if key := _key(found, without=column):
        settings["key"] = [key]
        reasons.append(f"key: no two rows share a value of {key}.")
    return Proposal(settings, (*reasons, *more), (*undecided, *questions), found.head(5), usual_gap(found[column]))


def _without_times(
    name: str, place: str, settings: dict[str, Any], reasons: list[str], frame: pl.DataFrame
) -> Proposal:
    """Return the proposal for a table without times that are understood, and ask where one seems to hold some."""
    key, asked = _key(frame), _unread_times(name, frame)
    if not key:
        asked.append(f"Which columns tell its rows apart? Write key = [...] in [sources.{name}].")
    said = f"No column of {place} holds times: it is taken as a table that is known always."
    settings |= {"static": True, **({"key": [key]} if key else {})}
    return Proposal(settings, (*reasons, said), tuple(asked), frame.head(5))


def _unread_times(name: str, frame: pl.DataFrame) -> list[str]:
    """Return what to do about a column that is called like a time and was not read as one."""
    for column in filter(_LIKE_A_TIME.search, frame.columns):
        values = frame[column].drop_nulls()
        if values.dtype == pl.String and values.len():
            said = f"write event_time = {json.dumps(column)}, and time_format for {values[0]!r}, instead of static"
            return [f"If {column} says when a row was known, {said} in [sources.{name}]."]
        if values.dtype.is_integer() and values.len() and values.is_between(*_YEARS).all():
            said = f"make a date of it by sql: make_date({column}, 12, 31) as known_at, and event_time"
            return [f'If {column} says when a row was known, {said} = "known_at" in [sources.{name}].']
    return []


def usual_gap(times: pl.Series) -> timedelta | None:
    """Return how far one time usually lies from the next one; None where there are not two."""
    found = times.unique().drop_nulls().sort().cast(pl.Datetime("us", "UTC")).diff().drop_nulls().median()
    return found if isinstance(found, timedelta) else None


def is_database(place: str) -> bool:
    """Whether `place` names a table of a database: a URL, or a DuckDB file with ``?table=``."""
    return "://" in place or bool(_DUCKDB_FILE.fullmatch(place))


def table_of(place: str) -> str:
    """Return the table that a database's URL names; empty where it names none.

    Examples
    --------
    >>> table_of("duckdb:///shop.db?table=sales.orders")
    'sales.orders'
    """
    return dict(parse_qsl(place.partition("?")[2])).get("table", "")


def propose_table(name: str, place: str, *, root: Path) -> Proposal:
    """Return settings by which a table of a database is read. A password in `place` is used, and not kept.

    Parameters
    ----------
    name
        The source's name.
    place
        ``duckdb:///file.db?table=orders`` (a path from the working directory), or a URL of PostgreSQL with ``table``.
    root
        The project's root.
    """
    database, kept = _database(place, root)
    table = table_of(place)
    if not table:
        raise SourceError(
            f"{redact(place)} names no table.",
            remedy=f"Add ?table=NAME. It has: {', '.join(_tables(database, root)) or 'none'}.",
        )
    quoted = ".".join('"' + part.replace('"', '""') + '"' for part in table.split("."))
    settings: dict[str, Any] = {"sql": f"select * from {quoted}", "database": kept}  # noqa: S608 - quoted above
    looked = {"sql": f"select * from {quoted} limit {_LOOK}", "database": database}  # noqa: S608 - quoted above
    frame = _read(name, {**looked, "static": True}, root)
    note = f" in the first {_LOOK:,} rows" if frame.height == _LOOK else ""
    times = [each for each, dtype in frame.schema.items() if isinstance(dtype, pl.Datetime | pl.Date)]
    times.sort(key=lambda each: frame.schema[each] == pl.Date)
    reasons = [f"{len(frame.columns)} columns of {table}"]
    questions = []
    if "://" in kept and kept != database:
        questions.append("The password is not written down: set PGPASSWORD, or use a password file.")
    if not times:
        plain = _without_times(name, table, settings, reasons, frame)
        return replace(plain, open_questions=(*questions, *plain.open_questions))
    column = times[0]
    reasons.append(f"event_time: {column} holds times.")
    if len(times) > 1:
        questions.append(_later(name, times[1:]))
    if getattr(frame.schema[column], "time_zone", None) is None:
        questions.append(_zone(name))
    key = _key(frame, without=column)
    if key:
        reasons.append(f"key: no two rows share a value of {key}{note}.")
    settings |= {"event_time": column, **({"key": [key]} if key else {})}
    found = _read(name, {**looked, "event_time": column}, root)
    return Proposal(settings, tuple(reasons), tuple(questions), found.head(5), usual_gap(found[column]))


def _database(place: str, root: Path) -> tuple[str, str]:
    """Return what the table is read from, and what of it is written down: without a password."""
    address, _, query = place.partition("?")
    if address.startswith("duckdb://") or "://" not in address:
        path = Path(address.removeprefix("duckdb://").removeprefix("/") if "://" in address else address)
        path = path.expanduser().resolve()
        if not path.is_file():
            raise SourceError(f"There is no file {path}.", remedy="Write duckdb:///FILE?table=NAME, from this folder.")
        kept = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
        return str(path), kept
    given = [(key, value) for key, value in parse_qsl(query, keep_blank_values=True) if key != "table"]
    open_ones = [(key, value) for key, value in given if "password" not in key.lower()]
    scheme, _, rest = address.partition("://")
    user, at, host = rest.rpartition("@")
    plain = f"{scheme}://{user.partition(':')[0]}{at}{host}"
    return (
        address + (f"?{urlencode(given)}" if given else ""),
        plain + (f"?{urlencode(open_ones)}" if open_ones else ""),
    )


def _tables(database: str, root: Path) -> list[str]:
    query = (
        "select table_schema, table_name from information_schema.tables "
        "where table_schema not in ('information_schema', 'pg_catalog') order by 1, 2 limit 100"
    )
    rows = _read("tables", {"sql": query, "database": database, "static": True}, root).rows()
    return [name if schema in ("main", "public") else f"{schema}.{name}" for schema, name in rows]


def _later(name: str, times: list[str]) -> str:
    return (
        f"{', '.join(times)} hold times as well: if one says when a row became known, write it as "
        f"available_at in [sources.{name}]."
    )


def _zone(name: str) -> str:
    return f'Times that state no zone are read as UTC; else write time_zone = "..." in [sources.{name}].'


def _read(name: str, settings: dict[str, Any], root: Path) -> pl.DataFrame:
    with tempfile.TemporaryDirectory() as cache:
        source = Source(name, SourceSettings.read(settings), root=root, cache=Path(cache))
        return source.frame(source.snapshot()).collect()


def _readable(name: str, settings: dict[str, Any], root: Path) -> tuple[dict[str, Any], list[str]]:
    """Return the settings with the cures that errors and notes name, one after the other, and what they were."""
    reasons: list[str] = []
    for _ in range(_ATTEMPTS):
        with tempfile.TemporaryDirectory() as cache:
            source = Source(name, SourceSettings.read(settings), root=root, cache=Path(cache))
            try:
                notes = [warning.message for warning in source.check(source.snapshot())]
            except SourceError as error:
                cure = _CURE.search(error.remedy or "")
                found = {} if cure is None else read_toml(cure[1].split(" or ")[0])
                if not found or all(settings.get(key) == value for key, value in found.items()):
                    swapped = swap_day_and_month(settings.get("time_format", ""))
                    if swapped is None or f"time_format: {swapped}" in reasons:
                        raise
                    found = {"time_format": swapped}
                reasons += [f"{key}: {value}" for key, value in found.items()]
                settings = _merged(settings, found)
                continue
        cures = [found for note in notes for found in _NOTED.findall(note)]
        fresh = [read_toml(cure) for cure in cures]
        fresh = [found for found in fresh if not found.keys() & settings.keys()]
        if not fresh:
            texts = [match[1] for note in notes if (match := _STAYS_TEXT.match(note))]
            reasons += [f"{column}: text, as no number keeps how it is written" for column in texts]
            return _merged(settings, {"dtypes": dict.fromkeys(texts, "str")} if texts else {}), reasons
        reasons += [f"{key}: {value}" for key, value in fresh[0].items()]
        settings = _merged(settings, fresh[0])
    return settings, reasons


def _merged(settings: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    dtypes = {**settings.get("dtypes", {}), **found.get("dtypes", {})}
    return {**settings, **found, **({"dtypes": dtypes} if dtypes else {})}


def _times(frame: pl.DataFrame) -> list[str]:
    """Return the columns that hold times, those of a time of day first."""
    typed = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.Datetime | pl.Date)]
    texts = [name for name, dtype in frame.schema.items() if dtype == pl.String and _are_times(frame[name])]
    return sorted([*typed, *texts], key=lambda name: frame.schema[name] == pl.Date)


def _are_times(texts: pl.Series) -> bool:
    """Whether these are times of one known format, but for some that are mistakes."""
    texts = texts.drop_nulls().filter(texts.drop_nulls() != "")
    if texts.is_empty():
        return False
    if texts.str.contains(ISO).all():
        return True
    form = guess_time_format(texts[0])
    mistakes = 0 if texts[0].isdigit() else texts.len() // 2  # digits alone may as well be an id
    return any(
        texts.str.strptime(pl.Datetime, each, strict=False).null_count() <= mistakes
        for each in (form, swap_day_and_month(form or ""))
        if each is not None
    )


def _day_or_month(name: str, settings: dict[str, Any], root: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Say where the day may as well be the month."""
    swapped = swap_day_and_month(settings.get("time_format", ""))
    if swapped is None:
        return settings, ()
    try:
        _read(name, {**settings, "time_format": swapped}, root)
    except SourceError:
        return settings, ()
    said = (
        f'Days and months cannot be told apart: time_format = "{settings["time_format"]}" is a guess; '
        f'if the month comes first write time_format = "{swapped}" in [sources.{name}].'
    )
    return settings, (said,)


def _key(frame: pl.DataFrame, *, without: str = "") -> str | None:
    """Return the column that tells rows apart, where there is one that may be meant to."""
    if frame.height < 2:
        return None
    able = [
        name
        for name, dtype in frame.schema.items()
        if name != without
        and (dtype == pl.String or dtype.is_integer())
        and not (_LIKE_A_TIME.search(name) or _A_NAME.search(name))
    ]
    found = [name for name in able if frame[name].null_count() == 0 and frame[name].n_unique() == frame.height]
    return next((name for name in found if name == frame.columns[0] or name.lower().endswith("id")), None)
