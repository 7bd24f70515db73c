"""What cannot be known is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fingerprint.stage import hash_of, package, refusal, view_of
from workbench.errors import NotFingerprintable
from workbench.fingerprint.identity import code_hash, parameters_of

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
    "file handle": ("import io\nH = io.TextIOWrapper(io.BytesIO())", "return H.read()", "H"),
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
