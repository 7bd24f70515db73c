from __future__ import annotations

import ast
import builtins
import contextlib
import copy
import itertools
import keyword
import linecache
import random
import re
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.define import feature_view
from workbench.errors import NotFingerprintable
from workbench.fingerprint.identity import Fingerprint, code_hash, metadata_hash, parameters_of, view_id

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


# -- definitions as users write them ----------------------------------------------------------------

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


# -- what does not move the hash --------------------------------------------------------------------

ANNOTATIONS = ("int", '"pl.LazyFrame"', "list[int] | None")


def named(text: str, choose: random.Random) -> str:
    """Return a template with other names for its locals."""
    taken = {*re.findall(r"\w+", text), *keyword.kwlist, *keyword.softkwlist, *dir(builtins)}
    for local in sorted(set(re.findall(r"LOCAL\d+", text)), key=len, reverse=True):
        name = local
        while name in taken:
            name = "".join(choose.choices("abcxyz_é", k=choose.randint(1, 5)))
        taken.add(name)
        text = re.sub(rf"\b{local}\b", name, text)
    return text


def reformatted(text: str, choose: random.Random) -> str:
    """Return `text` written by another hand: it computes the same."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            if choose.random() < 0.5:
                document = ast.Expr(ast.Constant(choose.choice(["What it is.", "pl.col('x')"])))
                has_one = ast.get_docstring(node) is not None
                node.body[: int(has_one)] = (
                    [document] if choose.random() < 0.7 or (has_one and len(node.body) == 1) else []
                )
            for argument in ast.walk(node.args):
                if isinstance(argument, ast.arg) and not node.decorator_list:
                    chosen = choose.choice([None, *ANNOTATIONS])
                    argument.annotation = None if chosen is None else ast.parse(chosen, mode="eval").body
    if choose.random() < 0.5:
        moved = [node for node in tree.body if isinstance(node, ast.FunctionDef) and not node.decorator_list]
        first = tree.body.index(moved[0])
        before, after = tree.body[:first], [node for node in tree.body[first:] if node not in moved]
        choose.shuffle(moved)
        tree.body = [*before, *moved, *after]
    lines: list[str] = []
    step = choose.choice([1, 2, 3, 8])
    for line in ast.unparse(ast.fix_missing_locations(tree)).splitlines():
        depth = len(line) - len(line.lstrip(" "))
        if choose.random() < 0.3:
            lines.append(" " * choose.randint(0, 9) + "# a comment: pl.col('x')")
        lines.append(" " * (depth // 4 * step) + line.lstrip(" ") + choose.choice(["", "", "  # why", "   "]))
        if choose.random() < 0.2:
            lines.append("")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("case", DEFINITIONS)
@given(seed=st.integers(0, 2**32))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_writing_it_differently_costs_nothing(case: str, seed: int) -> None:
    text, helpers = DEFINITIONS[case]
    choose = random.Random(seed)
    written = reformatted(named(text, choose), choose)
    beside = reformatted(helpers, choose) if helpers else ""
    assert hash_of(written, helpers=beside) == hash_of(plain(text), helpers=helpers), written


def test_the_name_of_the_package_and_the_module_does_not_count() -> None:
    text, helpers = plain(WEATHER), WEATHER_HELPERS
    one = fingerprint(text, helpers=helpers, top="_workbench_definitions_aaaaaa")
    two = fingerprint(text, helpers=helpers, top="_workbench_definitions_bbbbbb")
    assert one == two
    assert "_workbench" not in repr(dict(one.parts))
    with package({"helpers": helpers, "other": text}) as made:
        assert code_hash(view_of(made.other.view)).code_hash == one.code_hash


def test_code_that_is_not_reached_does_not_count() -> None:
    more = "\nUNUSED = object()\n\ndef unused():\n    return eval('1') + LIMITS\n"
    assert hash_of(plain(DELAY) + more) == hash_of(plain(DELAY))


def test_the_file_s_own_aliases_do_not_count() -> None:
    one = "import polars as pl\ndef view(f):\n    return f.select(pl.col('a'))"
    two = "import polars.selectors\nimport polars as pl\ndef view(f):\n    return f.select(pl.col('a'))"
    assert hash_of(one) == hash_of(two)


def test_a_cell_and_a_file_have_one_hash() -> None:
    text = "K = 3\ndef helper(x):\n    return x + K\ndef view(f, *, n=1):\n    return helper(f) + n\n"
    cell: dict[str, Any] = {"__name__": "__main__"}
    linecache.cache["<cell 1>"] = (len(text), None, text.splitlines(keepends=True), "<cell 1>")
    exec(compile(text, "<cell 1>", "exec", dont_inherit=True), cell)
    assert code_hash(view_of(cell["view"])).code_hash == hash_of(text)


# -- what moves it: every mutation of every node ----------------------------------------------------

SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.FloorDiv,
    ast.FloorDiv: ast.Div,
    ast.Pow: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitXor,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Not: ast.USub,
    ast.USub: ast.UAdd,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.Is: ast.IsNot,
}


def constants(value: Any) -> list[Any]:
    """Return other constants in place of `value`."""
    match value:
        case bool():
            return [not value, int(value), None]
        case int():
            return [value + 1, float(value), -value or 7, str(value)]
        case float() | complex():
            return [value + 1, value * 1.0000001 or 0.1, str(value)]
        case str():
            return [value + "x", value.upper() if value != value.upper() else value.lower(), value.encode(), ""]
        case bytes():
            return [value + b"x", value.decode()]
    return [0, False]


def documents(tree: ast.AST) -> set[int]:
    """Return the ids of nodes that do not count: docstrings and annotations of plain functions."""
    found: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module) and ast.get_docstring(node) is not None:
            found.update(id(inner) for inner in ast.walk(node.body[0]))
        if isinstance(node, ast.arg) and node.annotation is not None:
            found.update(id(inner) for inner in ast.walk(node.annotation))
    return found


def edits(tree: ast.Module) -> Iterator[tuple[str, ast.Module]]:
    """Yield every small change to a tree, made in place and undone after."""
    skipped = documents(tree)
    for node in ast.walk(tree):
        if id(node) in skipped or isinstance(node, ast.Import | ast.ImportFrom):
            continue
        for what, field, value in changes(node):
            before = getattr(node, field)
            same = ast.dump(tree)
            setattr(node, field, value)
            if ast.dump(tree) != same:
                yield f"{what} at line {getattr(node, 'lineno', '?')}", tree
            setattr(node, field, before)


def changes(node: ast.AST) -> Iterator[tuple[str, str, Any]]:
    match node:
        case ast.Constant():
            for value in constants(node.value):
                yield f"{node.value!r} -> {value!r}", "value", value
        case ast.BinOp() | ast.BoolOp() | ast.UnaryOp() | ast.AugAssign():
            yield f"another {type(node.op).__name__}", "op", SWAPS[type(node.op)]()
        case ast.Compare():
            for place, operator in enumerate(node.ops):
                swapped = [*node.ops[:place], SWAPS[type(operator)](), *node.ops[place + 1 :]]
                yield f"another {type(operator).__name__}", "ops", swapped
        case ast.Attribute():
            yield f"renamed .{node.attr}", "attr", node.attr + "_x"
        case ast.keyword() if node.arg:
            yield f"renamed {node.arg}=", "arg", node.arg + "_x"
        case ast.arg():
            yield f"renamed parameter {node.arg}", "arg", node.arg + "_x"
        case ast.Name() if isinstance(node.ctx, ast.Load):
            yield f"another name than {node.id}", "id", "flights_x"
        case ast.FormattedValue():
            yield "another conversion", "conversion", 115 if node.conversion != 115 else 114
    yield from shape(node)


def shape(node: ast.AST) -> Iterator[tuple[str, str, Any]]:
    """Yield changes of what a node holds: dropped, swapped."""
    counted = ("args", "keywords", "elts", "values", "keys", "ops", "comparators", "generators", "ifs", "handlers")
    for field in (*counted, "body", "orelse", "decorator_list", "bases", "cases", "targets", "items", "kw_defaults"):
        held = getattr(node, field, None)
        if not isinstance(held, list):
            continue
        parallel = isinstance(node, ast.Dict | ast.Compare) or field == "kw_defaults"
        for place in range(len(held)):
            if (
                any(isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant) for item in held[:2])
                and place < 2
            ):
                continue  # a docstring
            least = 0 if field in ("args", "keywords", "ifs", "elts", "orelse", "decorator_list", "bases") else 1
            if not parallel and len(held) > least and not (isinstance(node, ast.BoolOp) and len(held) == 2):
                yield f"{field}[{place}] dropped", field, [*held[:place], *held[place + 1 :]]
            if place and not isinstance(node, ast.Module):
                swapped = [*held[: place - 1], held[place], held[place - 1], *held[place + 1 :]]
                yield f"{field}[{place - 1}] and [{place}] swapped", field, swapped
    if isinstance(node, ast.IfExp):
        yield "branches swapped", "body", node.orelse
    if isinstance(node, ast.Slice):
        yield "slice", "lower", ast.Constant(9)
    if isinstance(node, ast.Return):
        yield "returns nothing", "value", None


@pytest.mark.parametrize("case", DEFINITIONS)
def test_every_mutation_of_every_node_moves_the_hash(case: str) -> None:
    text, helpers = (plain(part) for part in DEFINITIONS[case])
    known = hash_of(text, helpers=helpers)
    tried = 0
    for which, part in (("views", text), ("helpers", helpers)):
        for what, changed in edits(ast.parse(part)):
            try:
                written = ast.unparse(ast.fix_missing_locations(changed))
                files = {"helpers": helpers, "views": text, which: written}
                with package(files) as made:
                    found = code_hash(view_of(made.views.view)).code_hash
            except NotFingerprintable:
                tried += 1
                continue  # refused: not reused either
            except Exception:  # noqa: BLE001  # the changed text is no program, or cannot be imported
                continue
            tried += 1
            assert found != known, f"{which}: {what}"
    assert tried > 150


# -- what moves it: objects -------------------------------------------------------------------------

MOVES = {
    "constant": ("K = 1", "K = 2", "return f + K"),
    "constant's type": ("K = 1", "K = True", "return f + K"),
    "float": ("K = 0.0", "K = -0.0", "return f + K"),
    "nan": ("K = float('nan')", "K = None", "return f + K"),
    "int and float": ("K = 1", "K = 1.0", "return f + K"),
    "text and bytes": ("K = 'a'", "K = b'a'", "return f + K"),
    "list and tuple": ("K = [1]", "K = (1,)", "return f + K"),
    "order in a dict": ("K = {'a': 1, 'b': 2}", "K = {'b': 2, 'a': 1}", "return f + K"),
    "set and frozenset": ("K = {1}", "K = frozenset({1})", "return f + K"),
    "nested": ("K = {'a': [1, {2}]}", "K = {'a': [1, {3}]}", "return f + K"),
    "datetime's zone": (
        "from datetime import datetime, timezone\nK = datetime(2013, 1, 1)",
        "from datetime import datetime, timezone\nK = datetime(2013, 1, 1, tzinfo=timezone.utc)",
        "return f + K",
    ),
    "datetime's named zone": (
        "from datetime import datetime as D\nfrom zoneinfo import ZoneInfo as Z\nK = D(2013, 1, 1, tzinfo=Z('UTC'))",
        "from datetime import datetime as D\nfrom zoneinfo import ZoneInfo as Z\nK = D(2013, 1, 1, tzinfo=Z('Zulu'))",
        "return f + K",
    ),
    "datetime's fold": (
        "from datetime import datetime\nK = datetime(2013, 1, 1)",
        "from datetime import datetime\nK = datetime(2013, 1, 1, fold=1)",
        "return f + K",
    ),
    "date and datetime": (
        "from datetime import datetime, date\nK = datetime(2013, 1, 1)",
        "from datetime import datetime, date\nK = date(2013, 1, 1)",
        "return f + K",
    ),
    "duration": (
        "from datetime import timedelta\nK = timedelta(1)",
        "from datetime import timedelta\nK = timedelta(0, 1)",
        "return f + K",
    ),
    "decimal": (
        "from decimal import Decimal\nK = Decimal('1.0')",
        "from decimal import Decimal\nK = Decimal('1.00')",
        "return f + K",
    ),
    "path": ("from pathlib import Path\nK = Path('a')", "from pathlib import Path\nK = Path('b')", "return f + K"),
    "pattern": ("import re\nK = re.compile('a')", "import re\nK = re.compile('a', re.I)", "return f + K"),
    "enum member": (
        "from enum import Enum\nclass C(Enum):\n    A = 1\n    B = 2\nK = C.A",
        "from enum import Enum\nclass C(Enum):\n    A = 1\n    B = 2\nK = C.B",
        "return f + K",
    ),
    "enum's value": (
        "from enum import IntEnum\nclass C(IntEnum):\n    A = 1",
        "from enum import IntEnum\nclass C(IntEnum):\n    A = 2",
        "return f + C.A",
    ),
    "enum and its value": ("K = 1", "from enum import IntEnum\nclass C(IntEnum):\n    A = 1\nK = C.A", "return f + K"),
    "enum by call": (
        "from enum import Enum\nC = Enum('C', 'A B')",
        "from enum import Enum\nC = Enum('C', 'B A')",
        "return f + C.A",
    ),
    "named tuple by call": (
        "from collections import namedtuple\nC = namedtuple('C', 'a b')",
        "from collections import namedtuple\nC = namedtuple('C', 'b a')",
        "return C(f, 1).a",
    ),
    "named tuple": (
        "from typing import NamedTuple\nclass C(NamedTuple):\n    a: int\n    b: int = 1",
        "from typing import NamedTuple\nclass C(NamedTuple):\n    a: int\n    b: int = 2",
        "return C(f).b",
    ),
    "dataclass instance": (
        "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass C:\n    a: int\nK = C(1)",
        "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass C:\n    a: int\nK = C(2)",
        "return K.a",
    ),
    "dataclass field order": (
        "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass C:\n    a: int\n    b: int\nK = C(1, 1)",
        "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass C:\n    b: int\n    a: int\nK = C(1, 1)",
        "return K.a",
    ),
    "partial": (
        "from functools import partial\ndef g(a, b): return a + b\nK = partial(g, 1)",
        "from functools import partial\ndef g(a, b): return a + b\nK = partial(g, 2)",
        "return K(f)",
    ),
    "partial of what": (
        "from functools import partial\ndef g(a, b): return a + b\nK = partial(g, 1)",
        "from functools import partial\ndef g(a, b): return a - b\nK = partial(g, 1)",
        "return K(f)",
    ),
    "item getter": (
        "from operator import itemgetter\nK = itemgetter(1)",
        "from operator import itemgetter\nK = itemgetter(2)",
        "return K(f)",
    ),
    "bound method of text": ("K = 'a'.join", "K = 'b'.join", "return K(f)"),
    "expression": (
        "import polars as pl\nK = pl.col('a').mean()",
        "import polars as pl\nK = pl.col('a').sum()",
        "return f.select(K)",
    ),
    "expression's column": (
        "import polars as pl\nK = pl.col('a')",
        "import polars as pl\nK = pl.col('b')",
        "return f.select(K)",
    ),
    "expression's nan": (
        "import polars as pl\nK = pl.lit(float('nan'))",
        "import polars as pl\nK = pl.lit(None)",
        "return f.select(K)",
    ),
    "dtype": (
        "import polars as pl\nK = pl.Datetime('us', 'UTC')",
        "import polars as pl\nK = pl.Datetime('ms', 'UTC')",
        "return f.cast(K)",
    ),
    "dtype class": ("import polars as pl\nK = pl.Int64", "import polars as pl\nK = pl.Int32", "return f.cast(K)"),
    "categories": (
        "import polars as pl\nK = pl.Enum([str(i) for i in range(99)])",
        "import polars as pl\nK = pl.Enum([str(i) for i in range(50)] + [str(i) for i in range(51, 100)])",
        "return f.cast(K)",
    ),
    "series": (
        "import polars as pl\nK = pl.Series('a', [1, 2])",
        "import polars as pl\nK = pl.Series('a', [1, None])",
        "return f.filter(K)",
    ),
    "table": (
        "import polars as pl\nK = pl.DataFrame({'a': [1.0]})",
        "import polars as pl\nK = pl.DataFrame({'a': [1.5]})",
        "return f.join(K)",
    ),
    "table's dtype": (
        "import polars as pl\nK = pl.DataFrame({'a': [1]}, schema={'a': pl.Int8})",
        "import polars as pl\nK = pl.DataFrame({'a': [1]}, schema={'a': pl.Int64})",
        "return f.join(K)",
    ),
    "selector": (
        "import polars.selectors as cs\nK = cs.numeric()",
        "import polars.selectors as cs\nK = cs.string()",
        "return f.select(K)",
    ),
    "array": ("import numpy as np\nK = np.array([1, 2])", "import numpy as np\nK = np.array([1, 3])", "return f + K"),
    "array's dtype": (
        "import numpy as np\nK = np.zeros(2, 'i4')",
        "import numpy as np\nK = np.zeros(1, 'i8')",
        "return f + K",
    ),
    "array's shape": (
        "import numpy as np\nK = np.zeros((2, 1))",
        "import numpy as np\nK = np.zeros((1, 2))",
        "return f + K",
    ),
    "library function": ("from math import sin as K", "from math import cos as K", "return K(f)"),
    "library module": ("import math as m", "import cmath as m", "return m.sin(f)"),
    "builtin or own": ("", "def max(a): return a", "return max(f)"),
    "defined or not": ("", "K = 1", "return f + K"),
    "default value": ("def g(a, b=1): return a + b", "def g(a, b=2): return a + b", "return g(f)"),
    "default by constant": ("D = 1\ndef g(a, b=D): return b", "D = 2\ndef g(a, b=D): return b", "return g(f)"),
    "mutable default": ("def g(a, b=[]): return b", "def g(a, b=[1]): return b", "return g(f)"),
    "lambda": ("g = lambda a: a + 1", "g = lambda a: a + 2", "return g(f)"),
    "lambda on a shared line": (
        "g, h = (lambda a: a + 1), (lambda a: a + 2)",
        "h, g = (lambda a: a + 1), (lambda a: a + 2)",
        "return g(f)",
    ),
    "functions in a dict": (
        "def a(x): return x\ndef b(x): return -x\nK = {'a': a, 'b': b}",
        "def a(x): return x\ndef b(x): return -x\nK = {'a': b, 'b': a}",
        "return K['a'](f)",
    ),
    "closure": (
        "def make(n):\n    def g(a): return a + n\n    return g\ng = make(1)",
        "def make(n):\n    def g(a): return a + n\n    return g\ng = make(2)",
        "return g(f)",
    ),
    "which closure": (
        "def make(n):\n    def g(a): return a + n\n    return g\ng, h = make(1), make(2)",
        "def make(n):\n    def g(a): return a + n\n    return g\nh, g = make(1), make(2)",
        "return g(f) - h(f)",
    ),
    "closures that swap values": (
        "def make(n, m):\n    def g(a): return a + n - m\n    return g\ng = make(1, 2)",
        "def make(n, m):\n    def g(a): return a + n - m\n    return g\ng = make(2, 1)",
        "return g(f)",
    ),
    "decorator": (
        "def d(g):\n    return lambda a: g(a) + 1\n@d\ndef g(a): return a",
        "def d(g):\n    return lambda a: g(a) + 2\n@d\ndef g(a): return a",
        "return g(f)",
    ),
    "decorated or not": (
        "def d(g):\n    return lambda a: g(a) + 1\n@d\ndef g(a): return a",
        "def d(g):\n    return lambda a: g(a) + 1\ndef g(a): return a",
        "return g(f)",
    ),
    "decorated with what": (
        "def d(n):\n    def e(g):\n        return lambda a: g(a) + n\n    return e\n@d(1)\ndef g(a): return a",
        "def d(n):\n    def e(g):\n        return lambda a: g(a) + n\n    return e\n@d(2)\ndef g(a): return a",
        "return g(f)",
    ),
    "cached function": (
        "from functools import cache\n@cache\ndef g(a): return a + 1",
        "from functools import cache\n@cache\ndef g(a): return a + 2",
        "return g(f)",
    ),
    "annotations that something reads": (
        "from functools import singledispatchmethod as d\nclass C:\n    @d\n    def g(self, a: int): return 1",
        "from functools import singledispatchmethod as d\nclass C:\n    @d\n    def g(self, a: str): return 1",
        "return C().g(f)",
    ),
    "base class": (
        "class A:\n    def g(self): return 1\nclass B(A):\n    pass",
        "class A:\n    def g(self): return 2\nclass B(A):\n    pass",
        "return B().g()",
    ),
    "which base": (
        "class A:\n    x = 1\nclass Z:\n    x = 2\nclass B(A):\n    pass",
        "class A:\n    x = 1\nclass Z:\n    x = 2\nclass B(Z):\n    pass",
        "return B().x",
    ),
    "order of bases": (
        "class A:\n    x = 1\nclass Z:\n    x = 2\nclass B(A, Z):\n    pass",
        "class A:\n    x = 1\nclass Z:\n    x = 2\nclass B(Z, A):\n    pass",
        "return B().x",
    ),
    "metaclass": (
        "class M(type):\n    def x(cls): return 1\nclass B(metaclass=M):\n    pass",
        "class M(type):\n    def x(cls): return 2\nclass B(metaclass=M):\n    pass",
        "return B.x()",
    ),
    "base set later": (
        "class A:\n    x = 1\nclass Z:\n    x = 2\nclass B(A):\n    pass",
        "class A:\n    x = 1\nclass Z:\n    x = 2\nclass B(A):\n    pass\nB.__bases__ = (Z,)",
        "return B().x",
    ),
    "metaclass set later": (
        "class M(type):\n    x = 1\nclass N(type):\n    x = 2\nclass B(metaclass=M):\n    pass",
        "class M(type):\n    x = 1\nclass N(type):\n    x = 2\nclass B(metaclass=M):\n    pass\nB.__class__ = N",
        "return B.x",
    ),
    "class attribute set later": ("class B:\n    x = 1", "class B:\n    x = 1\nB.x = 2", "return B.x"),
    "new class attribute": ("class B:\n    pass", "class B:\n    pass\nB.x = 2", "return B.x"),
    "method replaced": (
        "class B:\n    def x(self): return 1",
        "class B:\n    def x(self): return 1\ndef y(self): return 2\nB.x = y",
        "return B().x()",
    ),
    "function's attribute": ("def g(a): return g.n\ng.n = 1", "def g(a): return g.n\ng.n = 2", "return g(f)"),
    "property": (
        "class B:\n    @property\n    def x(self): return 1",
        "class B:\n    @property\n    def x(self): return 2",
        "return B().x",
    ),
    "setter": (
        "class B:\n    @property\n    def x(self): return 1\n    @x.setter\n    def x(self, v): self.y = 1",
        "class B:\n    @property\n    def x(self): return 1\n    @x.setter\n    def x(self, v): self.y = 2",
        "return B().x",
    ),
    "constant behind a method": (
        "K = 1\nclass B:\n    def x(self): return K",
        "K = 2\nclass B:\n    def x(self): return K",
        "return B().x()",
    ),
    "private global in a class": (
        "_B__k = 1\nclass B:\n    def x(self): return __k",
        "_B__k = 2\nclass B:\n    def x(self): return __k",
        "return B().x()",
    ),
    "bound method": (
        "class B:\n    @classmethod\n    def x(cls): return 1\ng = B.x",
        "class B:\n    @classmethod\n    def x(cls): return 2\ng = B.x",
        "return g()",
    ),
    "conditional binding": ("if 1:\n    K = 1\nelse:\n    K = 2", "if 0:\n    K = 1\nelse:\n    K = 2", "return K"),
    "bound again": ("K = 1", "K = 1\nfor K in (2, 3):\n    pass", "return K"),
    "own docstring that is a value": ("'one'\nK = __doc__", "'two'\nK = __doc__", "return K"),
    "mutual recursion": (
        "def a(n): return b(n - 1)\ndef b(n): return n and a(n)",
        "def a(n): return b(n - 1)\ndef b(n): return n and a(n - 1)",
        "return a(f)",
    ),
    "a name inside a lambda": ("K = 1", "K = 2", "return (lambda x: x + K)(f)"),
    "a name inside a comprehension": ("K = 1", "K = 2", "return [x + K for x in f]"),
    "a name inside a nested function": ("K = 1", "K = 2", "\n    def g(x):\n        return x + K\n    return g(f)"),
    "a name inside a class": ("K = 1", "K = 2", "\n    class A:\n        k = K\n    return A.k"),
    "a name that a class binds too": ("K = 1", "K = 2", "\n    class A:\n        K = K\n    return A.K"),
    "a name in a default": ("K = 1", "K = 2", "return (lambda x=K: x)()"),
    "a name in a decorator": (
        "def K(g): return g",
        "def K(g): return 1",
        "\n    @K\n    def g(): pass\n    return g",
    ),
    "a name in an f-string": ("K = 1", "K = 2", "return f'{f:{K}}'"),
    "a name in a pattern": (
        "class K:\n    x = 1",
        "class K:\n    x = 2",
        "\n    match f:\n        case K(): return 1\n        case _: return 2",
    ),
    "a name in an except": ("K = ValueError", "K = KeyError", "\n    try: return f()\n    except K: return 1"),
}


@pytest.mark.parametrize("case", MOVES)
def test_what_a_name_stands_for_counts(case: str) -> None:
    one, two, body = MOVES[case]
    assert hash_of(f"{one}\ndef view(f):\n    {body}\n") != hash_of(f"{two}\ndef view(f):\n    {body}\n")


OWN_MODULES = {
    "attribute of a module": ("W = 1", "W = 2", "from . import helpers", "return f + helpers.W"),
    "attribute of an attribute": (
        "class W:\n    x = 1",
        "class W:\n    x = 2",
        "from . import helpers",
        "return helpers.W.x",
    ),
    "imported name": ("W = 1", "W = 2", "from .helpers import W", "return f + W"),
    "starred import": ("W = 1", "W = 2", "from .helpers import *", "return f + W"),
    "renamed import": ("def g(a): return 1", "def g(a): return 2", "from .helpers import g as h", "return h(f)"),
    "import inside": ("W = 1", "W = 2", "", "\n    from .helpers import W\n    return f + W"),
    "module imported inside": ("W = 1", "W = 2", "", "\n    from . import helpers\n    return f + helpers.W"),
    "module renamed inside": ("W = 1", "W = 2", "", "\n    from . import helpers as h\n    return [h.W for x in f]"),
    "set from elsewhere": ("W = 1", "W = 1", "from . import helpers\nhelpers.W = {n}", "return f + helpers.W"),
    "helper's constant": (
        "K = 1\ndef g(a): return a + K",
        "K = 2\ndef g(a): return a + K",
        "from .helpers import g",
        "return g(f)",
    ),
    "same name in two modules": (
        "K = 1\ndef g(a): return a + K",
        "K = 2\ndef g(a): return a + K",
        "from .helpers import g\nK = 1",
        "return g(f) + K",
    ),
}


@pytest.mark.parametrize("case", OWN_MODULES)
def test_the_view_s_other_modules_count_by_what_is_used_of_them(case: str) -> None:
    one, two, top, body = OWN_MODULES[case]
    texts = [f"{top.replace('{n}', n)}\ndef view(f):\n    {body}\n" for n in "12"]
    hashes = [hash_of(text, helpers=helpers) for text, helpers in zip(texts, (one, two), strict=True)]
    assert hashes[0] != hashes[1]
    assert hash_of(texts[0], helpers=one + "\nUNUSED = 9\n") == hashes[0]


POLARS = """
import polars as pl
import polars.selectors as cs
import numpy as np

K = {
    "mean": pl.col("a").mean().over("b").cast(pl.Enum(["x", "y"])),
    "when": pl.when(pl.col("a") > 1).then(pl.lit(None)).otherwise(pl.lit([1, 2])),
    "selected": cs.numeric() - cs.by_name("x", require_all=False),
    "replaced": pl.col("a").replace({"x": 1.5, "y": 2.5}),
    "series": pl.Series("s", [1.5, None, float("nan")]),
    "table": pl.DataFrame({"a": ["x", None], "b": [[1], []]}),
    "literal": pl.lit(pl.Series([1, 2])),
    "array": np.array([[1.5, 2]]),
    "scalar": np.float32(1.5),
}


def view(f):
    return f.select(K["mean"])
"""


def test_values_of_libraries_have_one_hash_in_every_process(tmp_path: Path) -> None:
    (tmp_path / "polars_definitions.py").write_text(POLARS)
    script = (
        "import sys, types; sys.path.insert(0, sys.argv[1]); from polars_definitions import view\n"
        "from workbench.fingerprint.identity import code_hash\n"
        "print(code_hash(types.SimpleNamespace(name='view', function=view, parameters={}, entities=(), event_time='t',"
        " files=(), created=None)).code_hash)"
    )
    found = set()
    for seed in ("1", "2"):
        ran = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path)],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        found.add(ran.stdout.strip())
    assert found == {hash_of(POLARS)}


def test_a_set_s_order_does_not_count() -> None:
    body = "\ndef view(f):\n    return f + K\n"
    assert hash_of("K = {'a', 'b', 'c'}" + body) == hash_of("K = set('cab')" + body)


def test_a_parameter_s_name_and_default_count() -> None:
    hashes = [
        hash_of(f"def view(f, *, {parameter}):\n    return f\n")
        for parameter in ("days=7", "days=8", "days=7.0", "day=7", "days=7, more=1", "days=None", "days=(7,)")
    ]
    assert len(set(hashes)) == len(hashes)


def test_an_input_s_name_counts() -> None:
    assert hash_of("def view(f):\n    return f") != hash_of("def view(g):\n    return g")


def test_each_part_that_is_reached_is_named() -> None:
    found = fingerprint(plain(WEATHER), helpers=WEATHER_HELPERS)
    assert set(found.parts) == {
        *("view", "helpers:wind", "helpers:Scale", "helpers:Scale.factor"),
        *("constant STEPS", "constant helpers:STRONGEST", "constant helpers:OFFSET", "constant helpers:UNITS"),
    }
    assert set(fingerprint(plain(RECURSIVE)).parts) >= {
        "even",
        "odd",
        "pick",
        "traced",
        "traced.decorate.wrapper",
        "Base",
    }


def test_what_is_reached_moves_its_own_part_alone() -> None:
    one = fingerprint(plain(DELAY))
    two = fingerprint(plain(DELAY).replace("/ scale", "* scale"))
    assert {key for key in one.parts if one.parts[key] != two.parts[key]} == {"minutes"}


# -- names that something may look up ---------------------------------------------------------------


def test_local_names_count_where_sql_may_read_them() -> None:
    text = "import polars as pl\ndef view(f):\n    {0} = f.head(1)\n    {1} = f.tail(2)\n    return pl.sql('from a')\n"
    assert hash_of(text.format("a", "b")) != hash_of(text.format("b", "a"))


def test_local_names_of_all_that_is_reached_count_where_sql_may_read_them() -> None:
    text = (
        "import polars as pl\ndef query(q):\n    return pl.sql(q)\n"
        "def view(f):\n    {0} = f.head(1)\n    {1} = f.tail(2)\n    return query('select * from a')\n"
    )
    assert hash_of(text.format("a", "b")) != hash_of(text.format("b", "a"))


def test_tables_that_sql_may_read_count() -> None:
    text = "import polars as pl\nT = pl.DataFrame({{'a': [{0}]}})\ndef view(f):\n    return pl.sql('select * from T')\n"
    assert hash_of(text.format(1)) != hash_of(text.format(2))
    lazy = "import polars as pl\nT = pl.LazyFrame({'a': [1]})\ndef view(f):\n    return pl.sql('select * from T')\n"
    assert "T" in refusal(lazy).message


def test_globals_that_a_query_may_name_count() -> None:
    text = "K = {0}\ndef view(f):\n    return f.to_pandas().query('x > @K')\n"
    assert hash_of(text.format(1)) != hash_of(text.format(2))
    assert "G" in refusal("G = iter([1])\ndef view(f):\n    return f.query('x > @G')\n").message


def test_the_class_behind_super_counts() -> None:
    text = (
        "class A:\n    def x(self): return 1\nclass Z:\n    def x(self): return 2\n"
        "class B({0}):\n    def x(self): return super().x()\ng = B.x\nh = [B()]\n"
        "def view(f):\n    return g(f)\n"
    )
    assert hash_of(text.format("A")) != hash_of(text.format("Z"))


# -- our own functions ------------------------------------------------------------------------------


def test_our_functions_count_by_name_and_semantics(monkeypatch: pytest.MonkeyPatch) -> None:
    from workbench.define import windowed

    texts = [
        "from workbench import windowed\ndef view(f):\n    return windowed(f)\n",
        "import workbench as wb\ndef view(f):\n    return wb.windowed(f)\n",
        "def view(f):\n    from workbench import windowed\n    return windowed(f)\n",
    ]
    before = [hash_of(text) for text in texts]
    monkeypatch.setattr(windowed, "__semantics__", 99)
    after = [hash_of(text) for text in texts]
    assert all(one != two for one, two in zip(before, after, strict=True))


DECORATED = '''
import polars as pl
from workbench import UTC, Feature, FeatureModel, LazyFrame, feature_view


class Delay(FeatureModel):
    carrier: str
    at: UTC
    known: UTC
    delay: float = Feature(unit="minute")


@feature_view(entities="carrier", event_time="at"{options})
def view(flights: pl.LazyFrame, *, days: int = 7) -> LazyFrame[Delay]:
    """{document}"""
    return flights.head(days)
'''


def test_our_decorator_and_the_contract_do_not_count() -> None:
    def found(text: str) -> tuple[str, str, str]:
        with package({"views": text}) as made:
            view = made.views.view
            return code_hash(view).code_hash, metadata_hash(view), parameters_of(view)

    one = found(DECORATED.format(options="", document="One."))
    two = found(DECORATED.format(options=', ttl="2d", owner="me", tags={"a": "b"}', document="Two."))
    three = found(DECORATED.format(options=', created="known"', document="One.").replace('"minute"', '"second"'))
    assert one[0] == two[0] == three[0]
    assert one[1] != two[1]
    assert one[1] == three[1]
    assert one[2] == two[2] != three[2]


def test_a_view_that_another_view_calls_counts() -> None:
    text = DECORATED.format(options="", document="") + (
        "\n\n@feature_view(entities='carrier', event_time='at')\n"
        "def second(flights: pl.LazyFrame) -> LazyFrame[Delay]:\n    return view(flights).tail(3)\n"
    )
    hashes = set()
    for changed in (text, text.replace("head(days)", "tail(days)")):
        with package({"views": changed}) as made:
            hashes.add(code_hash(made.views.second).code_hash)
    assert len(hashes) == 2


def test_a_model_may_be_used_in_the_body() -> None:
    text = DECORATED.format(options="", document="").replace("head(days)", "select(Delay.to_schema().columns)")
    hashes = set()
    for changed in (text, text.replace("    delay: float", "    late: float")):
        with package({"views": changed}) as made:
            hashes.add(code_hash(made.views.view).code_hash)
    assert len(hashes) == 2


# -- what is refused --------------------------------------------------------------------------------

REFUSED = {
    "eval": ("", "return eval('f')", "eval"),
    "exec": ("", "exec('x = 1')\n    return f", "exec"),
    "globals": ("", "return globals()['f']", "globals"),
    "locals": ("", "return locals()", "locals"),
    "vars": ("", "return vars()", "vars"),
    "__import__": ("", "return __import__('math')", "__import__"),
    "eval by another name": ("run = eval", "return run('f')", "run"),
    "open": ("", "return open('x').read()", "open"),
    "importlib": ("import importlib", "return importlib.import_module('math')", "importlib"),
    "import_module": ("from importlib import import_module as im", "return im('math')", "im"),
    "sys.modules": ("import sys", "return sys.modules['math']", "sys.modules"),
    "import inside": ("", "import importlib\n    return importlib.import_module('a')", "importlib"),
    "sys inside": ("", "import sys\n    return sys.modules['a']", "sys.modules"),
    "frames": ("import sys", "return sys._getframe()", "_getframe"),
    "code object": ("def g(): pass", "return g.__code__", "__code__"),
    "docstring": ("def g(): 'doc'", "return g.__doc__", "__doc__"),
    "annotations": ("def g(a: int): pass", "return g.__annotations__", "__annotations__"),
    "file": ("", "return __file__", "__file__"),
    "file handle": ("H = open(__import__('os').devnull)", "return H.read()", "H"),
    "generator": ("G = (x for x in [1])", "return next(G)", "G"),
    "iterator": ("G = iter([1])", "return next(G)", "G"),
    "lock": ("import threading\nL = threading.Lock()", "with L:\n        return f", "L"),
    "instance": ("class A:\n    pass\nA1 = A()", "return A1.x", "A1"),
    "changing dataclass": (
        "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int\nA1 = A(1)",
        "return A1.x",
        "frozen=True",
    ),
    "instance in a dict": ("class A:\n    pass\nD = {'a': [A()]}", "return D", "D"),
    "itself": ("D = []\nD.append(D)", "return D", "D"),
    "own class of dict": ("class A(dict):\n    pass\nD = A()", "return D", "D"),
    "lazy frame": ("import polars as pl\nL = pl.LazyFrame({'a': [1]})", "return L", "L"),
    "python function in an expression": (
        "import polars as pl\nE = pl.col('a').map_elements(lambda x: x, return_dtype=pl.Int64)",
        "return f.select(E)",
        "E",
    ),
    "reads a file": ("import polars as pl", "return pl.scan_parquet('x')", "scan_parquet"),
    "reads a file by name": ("from polars import read_csv", "return read_csv('x')", "read_csv"),
    "environment": ("import os", "return os.environ['X']", "environ"),
    "environment by name": ("from os import getenv", "return getenv('X')", "getenv"),
    "own module as a whole": ("from . import helpers", "return getattr(helpers, 'X')", "helpers"),
    "own module in a list": ("from . import helpers\nM = [helpers]", "return M", "M"),
    "changes a module": ("from . import helpers", "helpers.X = 1\n    return f", "helpers.X"),
    "changes a global": ("N = 0", "global N\n    N += 1\n    return f", "N"),
    "imports a global": ("", "global math\n    import math\n    return f", "math"),
    "changes a global's attribute": ("def g(): pass", "g.n = 1\n    return f", "g.n"),
    "changes a closure": (
        "def make():\n    n = 0\n    def g():\n        nonlocal n\n        n += 1\n    return g\ng = make()",
        "return g()",
        "n",
    ),
    "function without source": ("exec('def g(): return 1')", "return g()", "g()"),
    "class without source": ("A = type('A', (), {'x': 1})", "return A.x", "A"),
    "class of a function": ("def make(n):\n    class A:\n        x = n\n    return A\nA = make(1)", "return A.x", "n"),
    "random state": ("import random\nR = random.Random(1)", "return R.random()", "R"),
    "folder": (
        "from pathlib import Path\nHERE = Path(__file__).parent / 'x.csv'",
        "return HERE.read_text()",
        "HERE",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::polars.exceptions.PolarsInefficientMapWarning")
def test_what_cannot_be_known_is_refused_by_name(case: str) -> None:
    top, body, name = REFUSED[case]
    error = refusal(f"{top}\ndef view(f):\n    {body}\n", helpers="X = 1\n")
    assert name in str(error)


def test_a_refusal_shows_where() -> None:
    error = refusal("def helper(x):\n    y = 1\n    return eval(x) + y\n\ndef view(f):\n    return helper(f)\n")
    assert error.message == (
        "helper() (views.py, line 3) uses eval, which runs code that cannot be seen in the source, "
        "so a stale result could not be distinguished from a current one."
    )
    assert error.lines == ("  3 | return eval(x) + y",)
    assert error.remedy == "Call the code by its name, so that its source is known."


def test_lines_are_those_of_the_cell() -> None:
    text = "import math\n\n\ndef view(f):\n    return eval(f)\n"
    with package({"views": text}) as made, pytest.raises(NotFingerprintable, match="line 2"):
        code_hash(view_of(made.views.view), offset=3)


def test_a_parameter_that_cannot_be_known_is_refused() -> None:
    text = "class A:\n    pass\ndef view(f, *, limit=A()):\n    return f\n"
    assert "parameter limit" in refusal(text).message
    with package({"views": text}) as made, pytest.raises(NotFingerprintable, match="limit"):
        parameters_of(view_of(made.views.view))


def test_a_file_that_changed_since_it_was_imported_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "changing_definitions"
    folder.mkdir()
    file = folder / "views.py"
    file.write_text("def view(f):\n    return f + 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import importlib

    module = importlib.import_module("changing_definitions.views")
    first = code_hash(view_of(module.view)).code_hash
    file.write_text("# moved\ndef view(f):\n    return f + 1\n")
    with pytest.raises(NotFingerprintable, match="has changed"):
        code_hash(view_of(module.view))
    file.write_text("def view(f):\n    return f + 2\n")
    with pytest.raises(NotFingerprintable, match="has changed"):
        code_hash(view_of(module.view))
    file.write_text("def view(f):  # the same\n    return f + 1\n")
    assert code_hash(view_of(module.view)).code_hash == first


def test_deep_nesting_is_refused_not_a_crash() -> None:
    assert "deeply" in refusal("def view(f):\n    return f" + ".a()" * 600 + "\n").message


def test_a_long_chain_has_a_hash() -> None:
    text = "def view(f):\n    return f" + ".a()" * 120 + "\n"
    assert hash_of(text) != hash_of(text.replace(".a()", ".b()", 1))


def test_loggers_are_let_through() -> None:
    text = "import logging\nlog = logging.getLogger(__name__)\ndef view(f):\n    log.info('x')\n    return f\n"
    assert hash_of(text) == hash_of(text)


def test_users_libraries_off_the_beaten_path_are_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    hashes = set()
    for number, name in enumerate(("mine_one", "mine_two")):
        (tmp_path / f"{name}.py").write_text(f"def g(a):\n    return a + {number}\n")
        text = f"from {name} import g\ndef view(f):\n    return g(f)\n"
        with package({"views": text}) as made:
            found = code_hash(view_of(made.views.view))
            assert f"{name}:g" in found.parts
            named = code_hash(view_of(made.views.view), first_party=lambda module: "definitions" in module)
            assert f"{name}:g" not in named.parts
            hashes.add(found.code_hash)
    assert len(hashes) == 2


# -- parameters, metadata, view id ------------------------------------------------------------------


def fact(**changed: Any) -> Any:
    identity = {"name": "v", "entities": ("a",), "event_time": "t", "created": None, "parameters": {"days": 7}}
    metadata: dict[str, Any] = {
        "owner": None,
        "tags": {},
        "description": "",
        "ttl": None,
        "lookback": None,
        "scope": "entity",
    }
    return SimpleNamespace(**{**identity, **metadata, **changed})


def test_parameters_are_kept_apart() -> None:
    from datetime import timedelta

    values = [1, True, 1.0, "1", None, (1,), [1], timedelta(1), timedelta(2), 0.0, -0.0, float("nan"), b"1", {"a": 1}]
    texts = [parameters_of(fact(parameters={"days": value})) for value in values]
    facts = [fact(entities=("a", "b")), fact(entities=("b", "a")), fact(event_time="u"), fact(created="c")]
    texts += [parameters_of(view) for view in (*facts, fact(parameters={}))]
    assert len(set(texts)) == len(texts)
    one, two = fact(parameters={"a": 1, "b": 2}), fact(parameters={"b": 2, "a": 1})
    assert parameters_of(one) == parameters_of(two)


def test_metadata_has_a_hash_of_its_own() -> None:
    from datetime import timedelta

    changed = [
        *(fact(), fact(owner="me"), fact(tags={"a": "b"}), fact(description="x"), fact(ttl=timedelta(1))),
        *(fact(lookback=timedelta(1)), fact(scope="global")),
    ]
    assert len({metadata_hash(view) for view in changed}) == len(changed)
    assert metadata_hash(fact(tags={"a": "b", "c": "d"})) == metadata_hash(fact(tags={"c": "d", "a": "b"}))
    assert metadata_hash(fact(parameters={"days": 8}, entities=())) == metadata_hash(fact())


@given(
    st.lists(
        st.tuples(st.text(), st.text(), st.dictionaries(st.text(), st.text(), max_size=3)),
        min_size=2,
        max_size=4,
        unique_by=repr,
    )
)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_view_ids_never_collide(facts: list[tuple[str, str, dict[str, str]]]) -> None:
    keys = {(code, parameters, tuple(sorted(inputs.items()))) for code, parameters, inputs in facts}
    ids = {view_id(code_hash=code, parameters=parameters, inputs=inputs) for code, parameters, inputs in facts}
    assert len(ids) == len(keys)
    assert all(re.fullmatch("[0-9a-f]{64}", found) for found in ids)


def test_it_is_quick() -> None:
    with package({"helpers": WEATHER_HELPERS, "views": plain(WEATHER)}) as made:
        view = view_of(made.views.view)
        code_hash(view)
        taken = []
        for _ in range(5):
            start = time.perf_counter()
            code_hash(view)
            taken.append(time.perf_counter() - start)
    assert min(taken) < 0.1


def test_many_threads_may_ask_at_once() -> None:
    found: set[str] = set()
    with package({"helpers": WEATHER_HELPERS, "views": plain(WEATHER)}) as made:
        view = view_of(made.views.view)
        threads = [threading.Thread(target=lambda: found.add(code_hash(view).code_hash)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(found) == 1


def test_the_edits_are_edits() -> None:
    tree = ast.parse(plain(DELAY))
    before = ast.dump(tree)
    kinds = {what.split(" at ")[0].split(" ")[0] for what, changed in edits(tree) if ast.dump(changed) != before}
    assert len(kinds) > 20
    assert ast.dump(tree) == before
    assert copy.deepcopy(feature_view) is feature_view
