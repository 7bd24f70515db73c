"""Definitions in packages of their own, and their fingerprints."""

from __future__ import annotations

import contextlib
import itertools
import linecache
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from workbench.errors import NotFingerprintable
from workbench.fingerprint.identity import Fingerprint, code_hash

COUNT = itertools.count()


@contextlib.contextmanager
def package(files: Mapping[str, str], *, name: str | None = None) -> Iterator[ModuleType]:
    """Import `files` (module name to text, in the order given) as a package that lives in memory only."""
    top = name or f"_workbench_definitions_{next(COUNT):06x}"
    modules = {top: ModuleType(top)}
    modules[top].__path__ = []
    sys.modules[top] = modules[top]
    try:
        for stem, text in files.items():
            full, place = f"{top}.{stem}", f"/nowhere/{top}/{stem}.py"
            module = modules[full] = sys.modules[full] = ModuleType(full)
            module.__file__, module.__package__ = place, top
            linecache.cache[place] = (len(text), None, text.splitlines(keepends=True), place)
            exec(compile(text, place, "exec", dont_inherit=True), vars(module))
            setattr(modules[top], stem, module)
        yield modules[top]
    finally:
        for full in modules:
            del sys.modules[full]
            linecache.cache.pop(f"/nowhere/{full.replace('.', '/', 1)}.py", None)


def view_of(function: Any) -> Any:
    """Return what `code_hash` needs of a view."""
    return SimpleNamespace(
        name=function.__name__,
        function=function,
        parameters=dict(function.__kwdefaults__ or {}),
        entities=("carrier",),
        event_time="at",
        created=None,
        files=(),
    )


def fingerprint(text: str, *, helpers: str = "", name: str = "view", top: str | None = None) -> Fingerprint:
    """Return the fingerprint of the function `name` in a module with this text, beside a module ``helpers``."""
    with package({"helpers": textwrap.dedent(helpers), "views": textwrap.dedent(text)}, name=top) as made:
        return code_hash(view_of(getattr(made.views, name)))


def hash_of(text: str, *, helpers: str = "") -> str:
    return fingerprint(text, helpers=helpers).code_hash


def refusal(text: str, *, helpers: str = "") -> NotFingerprintable:
    with pytest.raises(NotFingerprintable) as caught:
        fingerprint(text, helpers=helpers)
    assert caught.value.remedy
    return caught.value


DELAY = '''
import polars as pl

WINDOW = 7
LIMITS = {"low": -90.0, "high": 1500.0}
CARRIERS = ["UA", "AA"]


def minutes(column, *, scale=60):
    """Seconds as minutes."""
    return pl.col(column).cast(pl.Float64) / scale


def clean(frame, low: float = LIMITS["low"]):
    LOCAL1 = pl.col("arr_delay")
    return frame.filter(LOCAL1.is_not_null() & (LOCAL1 >= low), LOCAL1 <= LIMITS["high"])


def view(flights, *, days: int = 7, closed="left"):
    """Delay of a carrier."""
    LOCAL2 = clean(flights.filter(pl.col("carrier").is_in(CARRIERS)), -60.0)
    LOCAL3 = [pl.col(LOCAL4).mean().alias(f"{LOCAL4}_mean_{days}d") for LOCAL4 in ("arr_delay", "dep_delay") if LOCAL4]
    if days > 30 or not LOCAL3:
        LOCAL2 = LOCAL2.drop_nulls()
    elif days == 1:
        return LOCAL2.head(days)
    return (
        LOCAL2.with_columns(minutes("air_time", scale=30), late=pl.when(pl.col("arr_delay") > 15).then(1).otherwise(0))
        .sort("landed_at", descending=False)
        .rolling("landed_at", period=f"{days}d", offset="-7d", group_by="carrier", closed=closed)
        .agg(*LOCAL3, flights=pl.len(), first=pl.col("arr_delay").first())
        .filter(pl.col("flights") * 2 - 1 >= WINDOW)
    )
'''

WEATHER = """
import math
import polars as pl
from . import helpers
from .helpers import wind as gust, Scale

STEPS = (1, 3, 6)


def view(weather, flights):
    LOCAL1 = weather.select("origin", "hour", pl.col("wind_speed").clip(0.0, helpers.STRONGEST))
    LOCAL2 = {LOCAL3: LOCAL3 ** 2 + helpers.OFFSET for LOCAL3 in STEPS}
    for LOCAL4, LOCAL5 in LOCAL2.items():
        LOCAL1 = LOCAL1.with_columns(gust(LOCAL4).alias(f"wind_{LOCAL5:02d}"))
    try:
        LOCAL6 = max(LOCAL2.values())
    except (ValueError, KeyError) as LOCAL7:
        raise TypeError("no steps") from LOCAL7
    LOCAL8 = lambda value, /, by=2: value // by  # halves
    while LOCAL6 > 10 and (LOCAL9 := LOCAL8(LOCAL6)) != LOCAL6:
        LOCAL6 = LOCAL9 if LOCAL9 >= 0 else -LOCAL9
    def inner(frame):
        nonlocal LOCAL6
        LOCAL6 += math.floor(1.5)
        return frame.join(flights, on=["origin", "hour"], how="left")
    with pl.Config(tbl_rows=5) as LOCAL10:
        LOCAL11 = inner(LOCAL1), LOCAL10
    match LOCAL11:
        case [LOCAL12, *LOCAL13] if LOCAL13:
            return LOCAL12.with_columns(scale=pl.lit(Scale(LOCAL6).factor("knots")), kind=pl.lit(b"w"), half=0.5j)
        case {"frame": LOCAL14}:
            return LOCAL14
    del LOCAL1
    return weather[1:], weather[:, ::2]
"""

WEATHER_HELPERS = '''
import polars as pl
from dataclasses import dataclass

STRONGEST = 60.0
OFFSET = 1
UNITS = {"knots": 1.94, "mph": 2.24}


def wind(hours: int):
    """Wind some hours ago."""
    return pl.col("wind_speed").shift(hours).over("origin")


@dataclass(frozen=True)
class Scale:
    """Doc."""

    base: float
    power: float = 2.0

    def factor(self, unit):
        return UNITS[unit] * self.base ** self.power
'''

RECURSIVE = """
import functools


def even(n):
    return n == 0 or odd(n - 1)


def odd(n):
    return n != 0 and even(n - 1)


def traced(times):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            return [function(*args, **kwargs) for LOCAL1 in range(times)][0]
        return wrapper
    return decorate


@traced(3)
def pick(frame, *, column="delay"):
    return frame.select(column)


@functools.lru_cache(maxsize=4)
def label(n):
    return "even" if even(n) else "odd"


class Base:
    unit = "minute"

    def name(self):
        return self.unit


class Child(Base):
    def __init__(self, size):
        self.size = size

    @property
    def title(self):
        return super().name() + label(self.size)

    @staticmethod
    def tidy(text):
        return text.strip()


def view(flights):
    LOCAL2 = Child(5)
    return pick(flights).rename({"delay": Child.tidy(LOCAL2.title)})
"""

DEFINITIONS = {"delay": (DELAY, ""), "weather": (WEATHER, WEATHER_HELPERS), "recursive": (RECURSIVE, "")}


def plain(text: str) -> str:
    """Return a template with its locals named."""
    return re.sub(r"LOCAL(\d+)", r"local_\1", text)
