"""What a definition reaches counts: objects, other modules, what SQL may look up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fingerprint.stage import DELAY, RECURSIVE, WEATHER, WEATHER_HELPERS, fingerprint, hash_of, plain, refusal

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
