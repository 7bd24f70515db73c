from __future__ import annotations

import contextlib
import itertools
import linecache
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from workbench.fingerprint.explain import CodeRecord, IdentityChange, differences, explain_change
from workbench.fingerprint.identity import code_hash
from workbench.records import from_json, to_json

COUNT = itertools.count()

VIEW = '''\
import polars as pl
from .helpers import minutes

WINDOW = 7
LIMITS = {"low": 1}


def clean(frame):
    """Doc."""
    return frame.filter(pl.col("delay") > LIMITS["low"])


def delay_mean(flights, *, days: int = 7):
    """Doc."""
    cleaned = clean(flights)
    late = pl.col("delay") > 15
    return cleaned.select(minutes("delay").mean() + WINDOW, late, days=days)
'''

HELPERS = """\
import polars as pl


def minutes(column):
    return pl.col(column) / 60
"""


@contextlib.contextmanager
def package(files: Mapping[str, str]) -> Iterator[ModuleType]:
    """Import `files` (module name to text, in the order given) as a package that lives in memory only."""
    top = f"_workbench_changed_{next(COUNT):06x}"
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
        yield modules[top]
    finally:
        for full in modules:
            del sys.modules[full]


def record(
    text: str = VIEW,
    *,
    helpers: str = HELPERS,
    inputs: Mapping[str, str] | None = None,
    offset: int = 0,
    name: str = "delay_mean",
    **facts: Any,
) -> CodeRecord:
    with package({"helpers": helpers, "views": text}) as made:
        function = getattr(sys.modules[f"{made.__name__}.views"], name)
        known = {"entities": ("carrier",), "event_time": "at", "created": None, "files": (), **facts}
        view = SimpleNamespace(name=name, function=function, parameters=dict(function.__kwdefaults__ or {}), **known)
        found = code_hash(view, offset=offset).record
    return replace(from_json(to_json(found), CodeRecord), inputs=inputs or {})


def lines(new: CodeRecord, old: CodeRecord | None = None) -> list[str]:
    return [str(change) for change in explain_change(old or record(), new)]


def changed(before: str, after: str) -> list[str]:
    assert before in VIEW
    return lines(record(VIEW.replace(before, after)))


CHANGES = {
    "constant in the view": ("> 15", "> 30", ["in delay_mean(): 15 -> 30 (line 16)"]),
    "column": ('late = pl.col("delay")', 'late = pl.col("late")', ["in delay_mean(): 'delay' -> 'late' (line 16)"]),
    "operator": (
        '("delay") > 15',
        '("delay") >= 15',
        ["in delay_mean(): pl.col('delay') > 15 -> pl.col('delay') >= 15 (line 16)"],
    ),
    "method": (".mean() +", ".sum() +", ["in delay_mean(): .mean -> .sum (line 17)"]),
    "keyword": ("days=days", "n=days", ["in delay_mean(): days=days -> n=days (line 17)"]),
    "statement added": (
        "    late = pl",
        "    cleaned = cleaned.head(5)\n    late = pl",
        ["in delay_mean(): cleaned = cleaned.head(5) was added (line 16)"],
    ),
    "argument taken out": (" late, days", " days", ["in delay_mean(): late was removed"]),
    "constant": ("WINDOW = 7", "WINDOW = 14", ["constant WINDOW: 7 -> 14"]),
    "constant in a dict": ('{"low": 1}', '{"low": 2}', ["constant LIMITS: {'low': 1} -> {'low': 2}"]),
    "parameter's default": ("days: int = 7", "days: int = 14", ["parameter days: 7 -> 14"]),
    "helper in the same file": (
        '"delay") > LIMITS',
        '"delay") < LIMITS',
        [
            "helper clean(): changed: pl.col('delay') > LIMITS['low'] -> pl.col('delay') < LIMITS['low'] (line 10)",
        ],
    ),
    "nothing": ("WINDOW = 7", "WINDOW = 7  # days", []),
    "a renamed local": ("late", "tardy", []),
}


@pytest.mark.parametrize("case", CHANGES)
def test_what_moved_is_named(case: str) -> None:
    before, after, expected = CHANGES[case]
    assert changed(before, after) == expected


def test_a_helper_elsewhere_is_named_with_its_module() -> None:
    found = lines(record(helpers=HELPERS.replace("60", "3600")))
    assert found == ["helper helpers:minutes(): changed: 60 -> 3600 (line 5)"]


def test_what_is_reached_no_longer_or_newly_is_named() -> None:
    found = changed('minutes("delay").mean() + WINDOW', 'pl.col("delay")')
    assert found[0].startswith("in delay_mean(): minutes('delay').mean() + WINDOW -> pl.col('delay')")
    assert "constant WINDOW: is no longer used: 7" in found
    assert "helper helpers:minutes(): is no longer used" in found
    back = lines(record(), record(VIEW.replace('minutes("delay").mean() + WINDOW', 'pl.col("delay")')))
    assert "constant WINDOW: is new: 7" in back


def test_a_parameter_added_or_renamed_is_named() -> None:
    assert changed("days: int = 7)", "days: int = 7, least=1)") == [
        (
            "in delay_mean(): delay_mean(flights, *, days: int=7) -> "
            "delay_mean(flights, *, days: int=7, least=1) (line 13)"
        ),
        "parameter least: is new: 1",
    ]


def test_a_local_that_is_new_does_not_name_all_the_others() -> None:
    text = VIEW.replace("    cleaned = clean(flights)\n", "    early = 1\n    cleaned = clean(flights)\n")
    assert lines(record(text)) == ["in delay_mean(): early = 1 was added (line 15)"]


def test_renamed_locals_do_not_hide_what_moved() -> None:
    assert changed('late = pl.col("delay") > 15\n', 'tardy = pl.col("delay") > 16\n') != []
    text = VIEW.replace("late", "tardy").replace("> 15", "> 16")
    assert lines(record(text)) == ["in delay_mean(): 15 -> 16 (line 16)"]


def test_lines_are_those_of_the_cell() -> None:
    assert lines(record(VIEW.replace("> 15", "> 30"), offset=4)) == ["in delay_mean(): 15 -> 30 (line 12)"]


def test_the_decorator_s_settings_are_named() -> None:
    found = lines(record(entities=("carrier", "origin"), event_time="landed", created="known"))
    assert found == [
        "setting created: none -> known",
        "setting entities: carrier -> carrier, origin",
        "setting event_time: at -> landed",
    ]


def test_the_data_of_inputs_is_named() -> None:
    old = record(inputs={"flights": "a1b2aaaa", "weather": "1111", "gone": "1"})
    new = record(inputs={"flights": "a1b2cccc", "weather": "1111", "fresh": "2"})
    assert lines(new, old) == [
        "source flights: data changed (digest a1b2a.. -> a1b2c..)",
        "source fresh: is a new input",
        "source gone: is no longer an input",
    ]
    short = lines(record(inputs={"flights": "c3d4eeee"}), record(inputs={"flights": "a1b2ffff"}))
    assert short == ["source flights: data changed (digest a1b2.. -> c3d4..)"]
    prefix = lines(record(inputs={"flights": "a1b2f"}), record(inputs={"flights": "a1b2"}))
    assert prefix == ["source flights: data changed (digest a1b2 -> a1b2f)"]
    assert lines(record(inputs={"flights": "a"}), record()) == []


def test_a_constant_whose_text_looks_alike_is_named() -> None:
    old, new = (record(VIEW.replace("WINDOW = 7", f"WINDOW = [*range(100), {n}]")) for n in (1, 2))
    assert lines(new, old) == [
        "constant WINDOW: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16...: its value changed"
    ]


CLOSURES = """\
def make(n):
    def scaled(x):
        return x * n
    return scaled


scaled = make({n})


class Limit:
    low: float = 1.0

    def of(self, x=2):
        return x > self.low


def view(flights):
    return scaled(flights), Limit().of(), (lambda x: x + 1)(2)
"""


def test_closures_classes_and_methods_are_named() -> None:
    text = CLOSURES.replace("{n}", "1")
    old = record(text, name="view")
    assert lines(record(CLOSURES.replace("{n}", "2"), name="view"), old) == ["closure n: 1 -> 2"]
    found = lines(record(text.replace("low: float = 1.0", "low: float = 2.0"), name="view"), old)
    assert found == ["class Limit: 1.0 -> 2.0 (line 11)"]
    found = lines(record(text.replace("> self", "< self"), name="view"), old)
    assert found == ["helper Limit.of(): changed: x > self.low -> x < self.low (line 14)"]
    found = lines(record(text.replace("x=2", "x=3"), name="view"), old)
    assert found == ["helper Limit.of(): changed: 2 -> 3 (line 13)"]
    found = lines(record(text.replace("x + 1", "x + 2"), name="view"), old)
    assert found == ["in view(): 1 -> 2 (line 18)"]


def test_a_change_that_no_text_shows_is_still_said() -> None:
    text = "from math import sin as f\n\n\ndef view(flights):\n    return f(flights)\n"
    found = lines(record(text.replace("sin", "cos"), name="view"), record(text, name="view"))
    assert found == ["in view(): a value behind one of its names or defaults changed"]


def test_something_is_said_whenever_the_hash_moves() -> None:
    texts = [VIEW, *(VIEW.replace(before, after) for before, after, expected in CHANGES.values() if expected)]
    for one, two in itertools.permutations(texts[:8], 2):
        assert lines(record(two), record(one))


def test_records_survive_json() -> None:
    old = record(inputs={"flights": "a"})
    assert from_json(to_json(old), CodeRecord) == old


def test_differences_in_broken_text_are_none() -> None:
    assert differences("def f(:", "def f(): pass", line=1) == []
    assert differences("g = lambda x: x + 1", "g = lambda x: x + 2", line=3) == ["1 -> 2 (line 3)"]
    assert differences('    "a": lambda x: x + 1,', '    "a": lambda x: x + 2,', line=3) == []


def test_many_differences_are_counted() -> None:
    old = "def f(x):\n" + "".join(f"    x({n})\n" for n in range(20))
    new = "def f(x):\n" + "".join(f"    x({n})\n" for n in range(100, 120))
    found = differences(old, new, line=1)
    assert len(found) == 9
    assert found[-1] == "and 12 more"


def test_a_change_reads_as_a_line() -> None:
    assert str(IdentityChange("code", "delay()", "7 -> 14 (line 12)")) == "in delay(): 7 -> 14 (line 12)"
    assert str(IdentityChange("constant", "WINDOW", "7 -> 14")) == "constant WINDOW: 7 -> 14"
    assert textwrap.dedent(str(IdentityChange("source", "flights", "x"))) == "source flights: x"
