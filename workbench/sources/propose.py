"""What ``workbench.toml`` may say of a file: found by reading it, and following the errors and notes to their cures."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from workbench.config import SourceSettings, read_toml
from workbench.errors import SourceError
from workbench.sources.base import Source
from workbench.sources.faults import guess_time_format

_CURE = re.compile(r"`((?:separator|encoding|time_format|dtypes) = [^`]+)`")
_NOTED = re.compile(r"""((?:decimal|thousands) = "[^"]+"|null_values = \[[^\]]*\])""")
_STAYS_TEXT = re.compile(r"^'(.+)' is read as text")
_SWAPPED = {"%d/%m": "%m/%d", "%d-%m": "%m-%d", "%d.%m": "%m.%d"}
_ATTEMPTS = 12


@dataclass(frozen=True, slots=True)
class Proposal:
    """Settings of a source, why, what is left to decide, and its first rows as they are read."""

    settings: dict[str, Any]
    reasons: tuple[str, ...]
    open_questions: tuple[str, ...]
    rows: pl.DataFrame


def propose_source(name: str, path: str, *, root: Path) -> Proposal:
    """Return settings by which the file at `path` is read; raise where none were found."""
    settings, reasons = _readable(name, {"path": path, "static": True}, root)
    frame = _read(name, settings, root)
    times = _times(frame)
    if not times:
        key = _key(frame)
        said = (f"No column of {path} holds times: it is taken as a table that is known always.",)
        ask = () if key else (f"Which columns tell its rows apart? Write key = [...] in [sources.{name}].",)
        return Proposal({**settings, **({"key": [key]} if key else {})}, (*reasons, *said), ask, frame.head(5))
    column = next(iter(times))
    settings = {key: value for key, value in settings.items() if key != "static"} | {"event_time": column}
    reasons.append(f"event_time: {column} holds times.")
    settings, more = _readable(name, settings, root)
    questions = []
    if len(times) > 1:
        questions.append(
            f"{', '.join(list(times)[1:])} hold times as well: if one says when a row became known, write it as "
            f"available_at in [sources.{name}]."
        )
    settings, undecided = _day_or_month(name, settings, root)
    found = _read(name, settings, root)
    if frame.schema[column] == pl.String or frame.schema[column] in (pl.Datetime("us"), pl.Date()):
        questions.append(f'Times that state no zone are read as UTC; else write time_zone = "..." in [sources.{name}].')
    if key := _key(found, without=column):
        settings["key"] = [key]
        reasons.append(f"key: no two rows share a value of {key}.")
    return Proposal(settings, (*reasons, *more), (*undecided, *questions), found.head(5))


def _read(name: str, settings: dict[str, Any], root: Path) -> pl.DataFrame:
    with tempfile.TemporaryDirectory() as cache:
        source = Source(name, SourceSettings(**settings), root=root, cache=Path(cache))
        return source.frame(source.snapshot()).collect()


def _readable(name: str, settings: dict[str, Any], root: Path) -> tuple[dict[str, Any], list[str]]:
    """Return the settings with the cures that errors and notes name, one after the other, and what they were."""
    reasons: list[str] = []
    for _ in range(_ATTEMPTS):
        with tempfile.TemporaryDirectory() as cache:
            source = Source(name, SourceSettings(**settings), root=root, cache=Path(cache))
            try:
                notes = [warning.message for warning in source.check(source.snapshot())]
            except SourceError as error:
                cure = _CURE.search(error.remedy or "")
                found = {} if cure is None else read_toml(cure[1].split(" or ")[0])
                if not found or all(settings.get(key) == value for key, value in found.items()):
                    swapped = _swap(settings.get("time_format", ""))
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
    texts = [
        name
        for name, dtype in frame.schema.items()
        if dtype == pl.String and guess_time_format(str(frame[name].drop_nulls().head(1).to_list()[:1])[2:-2])
    ]
    return sorted([*typed, *texts], key=lambda name: frame.schema[name] == pl.Date)


def _swap(time_format: str) -> str | None:
    return next((time_format.replace(a, b) for a, b in _SWAPPED.items() if a in time_format), None)


def _day_or_month(name: str, settings: dict[str, Any], root: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Say where the day may as well be the month."""
    swapped = _swap(settings.get("time_format", ""))
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
        name for name, dtype in frame.schema.items() if name != without and (dtype == pl.String or dtype.is_integer())
    ]
    found = [name for name in able if frame[name].null_count() == 0 and frame[name].n_unique() == frame.height]
    return next((name for name in found if name == frame.columns[0] or name.lower().endswith("id")), None)
