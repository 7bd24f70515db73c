from __future__ import annotations

import ast
import dis
import json
import os
import random
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

import pytest

from workbench.fingerprint.canonical import Canonical, canonical
from workbench.fingerprint.encoding import digest, encode, scalar
from workbench.fingerprint.scope import FUNCTIONS, Scopes

REPOSITORY = Path(__file__).parents[2]


def form_of(text: str, *, keep_names: bool = False) -> Canonical:
    tree = ast.parse(textwrap.dedent(text))
    node = next(node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef))
    return canonical(node, Scopes.of(tree), keep_names=keep_names)


def hash_of(text: str) -> str:
    return digest(form_of(text).form)


EQUAL = {
    "comments and blank lines": ("def f(x):\n    return x + 1", "def f(x):\n\n    # why\n    return x + 1  # what"),
    "indentation": ("def f(x):\n    if x:\n        return 1", "def f(x):\n  if x:\n     return 1"),
    "brackets": ("def f(x):\n    return x + 1 * 2", "def f(x):\n    return (x + (1 * 2))"),
    "quotes": ("def f(x):\n    return 'a' + u'b'", 'def f(x):\n    return "a" + """b"""'),
    "numerals": ("def f(x):\n    return 1000 + 255 + 0.5", "def f(x):\n    return 1_000 + 0xFF + 5e-1"),
    "docstring": ("def f(x):\n    return x", 'def f(x):\n    """What."""\n    return x'),
    "docstring changed": ('def f(x):\n    "a"\n    return x', 'def f(x):\n    "b"\n    return x'),
    "pass": ("def f(x):\n    return x", "def f(x):\n    pass\n    return x"),
    "annotations": ("def f(x):\n    y = 1\n    return y", "def f(x: int) -> 'str':\n    y: float = 1\n    return y"),
    "declared local": ("def f(x):\n    y = 1\n    return y", "def f(x):\n    y = (1)\n    return (y)"),
    "renamed local": ("def f(x):\n    y = 1\n    return x + y", "def f(x):\n    z = 1\n    return x + z"),
    "renamed target": (
        "def f(x):\n    return [y for y in x if y]",
        "def f(x):\n    return [z for z in x if z]",
    ),
    "same name inside and outside": (
        "def f(x):\n    y = 1\n    return [y for y in x], y",
        "def f(x):\n    y = 1\n    return [z for z in x], y",
    ),
    "renamed except": (
        "def f(x):\n    try:\n        x()\n    except KeyError as e:\n        return e",
        "def f(x):\n    try:\n        x()\n    except KeyError as problem:\n        return problem",
    ),
    "renamed with": (
        "def f(x):\n    with x as y:\n        return y",
        "def f(x):\n    with x as z:\n        return z",
    ),
    "renamed captures": (
        "def f(x):\n    match x:\n        case [a, *b]: return a, b\n        case {'k': c, **d}: return c, d",
        "def f(x):\n    match x:\n        case [h, *t]: return h, t\n        case {'k': v, **r}: return v, r",
    ),
    "renamed walrus": (
        "def f(x):\n    return [y for z in x if (y := z)], y",
        "def f(x):\n    return [v for w in x if (v := w)], v",
    ),
    "renamed nonlocal": (
        "def f(x):\n    n = 0\n    def g():\n        nonlocal n\n        n += 1\n    return g",
        "def f(x):\n    m = 0\n    def g():\n        nonlocal m\n        m += 1\n    return g",
    ),
    "renamed import": (
        "def f(x):\n    import math as m\n    return m.pi",
        "def f(x):\n    import math as maths\n    return maths.pi",
    ),
    "text in pieces": ("def f(x):\n    return f'a{x}' 'b'", "def f(x):\n    return f'a{x}b'"),
    "empty format": ("def f(x):\n    return f'{x}'", "def f(x):\n    return f'{x:}'"),
    "order of declarations": (
        "def f(x):\n    def g():\n        nonlocal a, b\n        a = b = 1\n    a = b = 0\n    return g",
        "def f(x):\n    def g():\n        nonlocal b, a\n        a = b = 1\n    a = b = 0\n    return g",
    ),
}


@pytest.mark.parametrize("case", EQUAL)
def test_what_computes_nothing_is_left_out(case: str) -> None:
    one, two = EQUAL[case]
    assert hash_of(one) == hash_of(two)


DIFFERENT = {
    "int and bool": ("def f(x):\n    return 1", "def f(x):\n    return True"),
    "int and float": ("def f(x):\n    return 1", "def f(x):\n    return 1.0"),
    "signed zero": ("def f(x):\n    return 0.0", "def f(x):\n    return -0.0"),
    "infinity": ("def f(x):\n    return 1e308", "def f(x):\n    return 1e309"),
    "text and bytes": ("def f(x):\n    return 'a'", "def f(x):\n    return b'a'"),
    "none and absent": ("def f(x):\n    return", "def f(x):\n    return None, "),
    "slices": ("def f(x):\n    return x[1:]", "def f(x):\n    return x[:1]"),
    "slice ends": ("def f(x):\n    return x[1:None]", "def f(x):\n    return x[None:1]"),
    "branches": ("def f(x):\n    if x: pass\n    else: x()", "def f(x):\n    if x: x()"),
    "local and global": ("def f(x):\n    y = 1\n    return y", "def f(x):\n    y = 1\n    return z"),
    "declared global": ("def f(x):\n    y = 1\n    return y", "def f(x):\n    global y\n    y = 1\n    return y"),
    "bare annotation makes a local": ("def f(x):\n    y: int\n    return y", "def f(x):\n    return y"),
    "nonlocal or own": (
        "def f(x):\n    y = 0\n    def g():\n        nonlocal y\n        y = 1\n    g()\n    return y",
        "def f(x):\n    y = 0\n    def g():\n        y = 1\n    g()\n    return y",
    ),
    "nonlocal that nothing else binds": (
        "def f(x):\n    y: int\n    def g():\n        nonlocal y\n        y = 1\n    return g",
        "def f(x):\n    def g():\n        y = 1\n    return g",
    ),
    "a global around": (
        "def f(x):\n    y = 1\n    def g():\n        global y\n        return lambda: y\n    return g",
        "def f(x):\n    y = 1\n    def g():\n        return lambda: y\n    return g",
    ),
    "whose variable": (
        "def f(x):\n    for y in x:\n        z = [y for y in x]\n    return y",
        "def f(x):\n    for y in x:\n        z = [z for z in x]\n    return z",
    ),
    "walrus binds outside": (
        "def f(x):\n    y = 0\n    return [y := z for z in x], y",
        "def f(x):\n    y = 0\n    return [w := z for z in x], y",
    ),
    "first iterable is evaluated outside": (
        "def f(x):\n    y = x\n    return [y for y in y]",
        "def f(x):\n    y = x\n    return [z for z in x]",
    ),
    "swapped variables": (
        "def f(x):\n    a = 1\n    b = 2\n    return a - b",
        "def f(x):\n    a = 1\n    b = 2\n    return b - a",
    ),
    "two become one": (
        "def f(x):\n    a = 1\n    b = 2\n    return a",
        "def f(x):\n    a = 1\n    a = 2\n    return a",
    ),
    "parameter's name": ("def f(x):\n    return x", "def f(y):\n    return y"),
    "lambda's parameter": ("def f(x):\n    return lambda y: y", "def f(x):\n    return lambda z: z"),
    "lambda's default": ("def f(x):\n    return lambda y=1: y", "def f(x):\n    return lambda y=2: y"),
    "default of what": ("def f(x):\n    return lambda y, z=1: y", "def f(x):\n    return lambda y, *, z=1: y"),
    "keyword-only default": (
        "def f(x):\n    return lambda *, y, z=1: y",
        "def f(x):\n    return lambda *, y=1, z: y",
    ),
    "positional-only": ("def f(x, /):\n    return x", "def f(x):\n    return x"),
    "stars": ("def f(*x):\n    return x", "def f(**x):\n    return x"),
    "keyword order": ("def f(x):\n    return x(a=1, b=2)", "def f(x):\n    return x(b=2, a=1)"),
    "keyword or position": ("def f(x):\n    return x(a)", "def f(x):\n    return x(a=a)"),
    "nested function's name": (
        "def f(x):\n    def g(): pass\n    return g",
        "def f(x):\n    def h(): pass\n    return h",
    ),
    "async": ("async def f(x):\n    return x", "def f(x):\n    return x"),
    "generator": ("def f(x):\n    return [y for y in x]", "def f(x):\n    return (y for y in x)"),
    "class attribute's name": (
        "def f(x):\n    class A:\n        y = 1\n    return A",
        "def f(x):\n    class A:\n        z = 1\n    return A",
    ),
    "a class's fields": ("class A:\n    y: int = 1", "class A:\n    y: float = 1"),
    "a class's field without value": ("class A:\n    y: int", "class A:\n    pass"),
    "class name is not seen by its methods": (
        "def f(y):\n    class A:\n        y = 1\n        def g(self):\n            return y\n    return A",
        "def f(z):\n    class A:\n        y = 1\n        def g(self):\n            return y\n    return A",
    ),
    "conversion": ("def f(x):\n    return f'{x!r}'", "def f(x):\n    return f'{x!s}'"),
    "format": ("def f(x):\n    return f'{x:.2f}'", "def f(x):\n    return f'{x:.3f}'"),
    "format of a variable": ("def f(x):\n    return f'{x:{x}}'", "def f(x):\n    return f'{x:x}'"),
    "the name in an f-string": (
        "def f(x):\n    y = 1\n    return f'{y=}'",
        "def f(x):\n    z = 1\n    return f'{z=}'",
    ),
    "f-string's text": ("def f(x):\n    return f'a{x}'", "def f(x):\n    return f'{x}a'"),
    "import of what": ("def f(x):\n    from a import b\n    return b", "def f(x):\n    from a import c\n    return c"),
    "import from where": (
        "def f(x):\n    from a import b\n    return b",
        "def f(x):\n    from .a import b\n    return b",
    ),
    "import as": (
        "def f(x):\n    import a.b as a\n    return a",
        "def f(x):\n    import a.b\n    return a",
    ),
    "match none or true": (
        "def f(x):\n    match x:\n        case None: return 1",
        "def f(x):\n    match x:\n        case True: return 1",
    ),
    "capture or wildcard": (
        "def f(x):\n    match x:\n        case [a, _]: return 1",
        "def f(x):\n    match x:\n        case [_, a]: return 1",
    ),
    "capture or value": (
        "def f(x):\n    match x:\n        case y: return 1",
        "def f(x):\n    match x:\n        case y.z: return 1",
    ),
    "starred": ("def f(x):\n    return x(*x)", "def f(x):\n    return x(**x)"),
    "dict unpacking": ("def f(x):\n    return {**x, 1: 2}", "def f(x):\n    return {1: 2, **x}"),
    "comparison chain": ("def f(x):\n    return 1 < x < 3", "def f(x):\n    return (1 < x) < 3"),
    "deleted": ("def f(x):\n    y = 1\n    del y", "def f(x):\n    y = 1\n    y"),
    "annotation that binds": ("def f(x):\n    y: (x := 2) = 1", "def f(x):\n    y: int = 1"),
    "else of a loop": (
        "def f(x):\n    for y in x: pass\n    else: x()",
        "def f(x):\n    for y in x: pass\n    x()",
    ),
    "private names": (
        "class A:\n    def f(self): return self.__x",
        "class B:\n    def f(self): return self.__x",
    ),
}


@pytest.mark.parametrize("case", DIFFERENT)
def test_what_computes_something_else_has_another_hash(case: str) -> None:
    one, two = DIFFERENT[case]
    assert hash_of(one) != hash_of(two)


def test_names_are_kept_where_they_may_be_looked_up() -> None:
    one, two = "def f(x):\n    y = 1\n    return y", "def f(x):\n    z = 1\n    return z"
    assert form_of(one, keep_names=True).form != form_of(two, keep_names=True).form


def test_annotations_of_a_function_that_something_may_read_count() -> None:
    def read(text: str) -> str:
        tree = ast.parse(text)
        return digest(canonical(tree.body[0], Scopes.of(tree), decorator=lambda _: "reads").form)

    assert read("@g\ndef f(x: int): pass") != read("@g\ndef f(x: str): pass")
    assert read("@g\ndef f(x) -> int: pass") != read("@g\ndef f(x) -> str: pass")


def test_encoding_keeps_every_form_apart() -> None:
    forms = [
        *(
            (),
            ("",),
            ("", ""),
            ("a", "b"),
            ("ab",),
            (("a",), "b"),
            ("a", ("b",)),
            (b"a",),
            ("a",),
            (1,),
            ("1",),
            (True,),
        ),
        *(
            (None,),
            ("None",),
            (-1,),
            (1, 2),
            (12,),
            ("s1:a",),
            ("\ud800",),
            ("é",),
            ("e\u0301",),
            (False,),
            (0,),
            ((),),
        ),
    ]
    assert len({encode(form) for form in forms}) == len(forms)
    with pytest.raises(TypeError):
        encode((1.5,))


def test_literals_keep_their_type_and_every_bit() -> None:
    values = [
        0,
        False,
        0.0,
        -0.0,
        0j,
        -0j,
        "",
        b"",
        None,
        ...,
        10**5000,
        10**5000 + 1,
        1e-320,
        float("nan"),
        "None",
        "0",
    ]
    assert len({encode(scalar(value)) for value in values}) == len(values)
    with pytest.raises(TypeError):
        scalar(object())


# -- scoping, against the interpreter's own ---------------------------------------------------------

LIBRARY = [
    *("argparse", "ast", "collections/__init__", "contextlib", "copy", "csv", "dataclasses", "datetime", "doctest"),
    *("difflib", "enum", "fractions", "functools", "heapq", "inspect", "json/decoder", "logging/__init__", "pathlib"),
    *("pickle", "random", "re/_parser", "statistics", "string", "subprocess", "tempfile", "textwrap", "typing"),
    *("test/test_scope", "test/test_named_expressions", "test/test_patma", "test/test_class"),
]


def functions(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from functions(constant)


def without_annotations(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
    return tree


def owned(tree: ast.Module) -> dict[tuple[str, int], list[set[str]]]:
    """Return for each function, by name and line, the variables that are its own."""
    scopes = Scopes.of(tree)
    found: dict[tuple[str, int], list[set[str]]] = {}
    for node, scope in scopes.opened.items():
        if not isinstance(node, FUNCTIONS):
            continue
        name, line = ("<lambda>", node.lineno) if isinstance(node, ast.Lambda) else (node.name, node.lineno)
        if not isinstance(node, ast.Lambda) and node.decorator_list:
            line = node.decorator_list[0].lineno
        names = set(scope.bound) - scope.global_names - scope.outer_names
        found.setdefault((name, line), []).append(names)
    return found


@pytest.mark.parametrize("name", LIBRARY)
def test_scopes_agree_with_the_compiler(name: str) -> None:
    path = Path(os.__file__).parent / f"{name}.py"
    if not path.exists():
        path = path.with_name("__init__.py")
    tree = without_annotations(ast.parse(path.read_text(encoding="utf-8")))
    ours = owned(tree)
    compared = 0
    for code in functions(compile(tree, str(path), "exec")):
        key = (code.co_name, code.co_firstlineno)
        if key not in ours:
            continue  # comprehensions and class bodies
        theirs = {*code.co_varnames, *code.co_cellvars} - {"__class__"}
        assert any(theirs == {name for name in names if name != ".0"} for names in ours[key]), key
        compared += 1
    assert compared


@pytest.mark.parametrize("name", LIBRARY)
def test_globals_agree_with_the_compiler(name: str) -> None:
    path = Path(os.__file__).parent / f"{name}.py"
    tree = without_annotations(ast.parse(path.read_text(encoding="utf-8")))
    scopes = Scopes.of(tree)
    codes = {(code.co_name, code.co_firstlineno): code for code in functions(compile(tree, str(path), "exec"))}
    compared = 0
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef) or node.decorator_list:
            continue
        code = codes[node.name, node.lineno]
        theirs = {
            str(step.argval)
            for part in (code, *functions(code))
            for step in dis.get_instructions(part)
            if step.opname in ("LOAD_GLOBAL", "STORE_GLOBAL", "DELETE_GLOBAL")
        }
        written = canonical(node, scopes)
        ours = {reference.variable.name for reference in written.references if reference.target[0] == "global"}
        missed = theirs - ours - {"AssertionError"}
        assert not missed, (node.name, missed)
        compared += 1
    assert compared or not any(isinstance(node, ast.FunctionDef) for node in tree.body)


# -- soundness: programs with one hash behave alike -------------------------------------------------


class Programs:
    """Writes small programs full of scopes: of one shape, with two names in different places."""

    def __init__(self, shape: int, naming: int) -> None:
        self._random = random.Random(shape)
        self._names = random.Random(naming)

    def text(self) -> str:
        body = self._block(self._random.randint(1, 2), depth=0)
        return "def f(p):\n" + textwrap.indent(
            "\n".join([*body, f"return {self._value(self._random.randint(0, 2))}"]), "    "
        )

    def _pick(self, *choices: str) -> str:
        return self._random.choice(choices)

    def _name(self) -> str:
        return self._names.choice("ab")

    def _value(self, depth: int) -> str:
        if depth == 0:
            return self._pick(self._name(), self._name(), "p", "1")
        inner = depth - 1
        a, n, m = self._value(inner), self._name(), self._name()
        return self._pick(
            a,
            f"({a}, {self._value(inner)})",
            f"[{self._value(inner)} for {n} in [{a}]]",
            f"[{self._value(inner)} for {n} in [{a}] for {m} in [{n}]]",
            f"[({n} := {m}) for {self._pick('c', 'd')} in [{a}]]",
            f"(lambda {n}: {self._value(inner)})({a})",
            f"(lambda {n}={a}: {self._value(inner)})()",
            f"({n} := {a})",
        )

    def _block(self, size: int, depth: int) -> list[str]:
        lines: list[str] = []
        for _ in range(size):
            lines += self._statement(depth)
        return lines

    def _statement(self, depth: int) -> list[str]:
        name = self._name()
        kinds = ["assign", "assign", "annotated", "for", "except", "match", "delete"]
        kind = self._pick(*(kinds + (["def", "nonlocal", "global", "class"] if depth < 2 else [])))

        def inner() -> list[str]:
            return [f"    {line}" for line in self._block(1, depth + 1)]

        match kind:
            case "assign":
                return [f"{name} = {self._value(1)}"]
            case "annotated":
                return [f"{name}: int" + self._pick("", f" = {self._value(1)}")]
            case "for":
                return [f"for {name} in [{self._value(1)}]:", *inner()]
            case "except":
                return ["try:", "    1 / 0", f"except ZeroDivisionError as {name}:", "    pass", *inner()]
            case "match":
                return [f"match [{self._value(0)}]:", f"    case [{name}]:", *(f"    {line}" for line in inner())]
            case "delete":
                return [f"{name} = 1", f"del {name}"]
            case "class":
                return ["class C:", *inner(), "    r = 1"]
        declared = [] if kind == "def" else [f"    {kind} {name}"]
        return ["def g():", *declared, *inner(), f"    return {self._value(1)}", "r = g()"]


def behaviour(text: str) -> str | None:
    """Return what the program does, None where the compiler refuses it."""
    names: dict[str, object] = {"a": "global a", "b": "global b"}
    try:
        exec(compile(text, "program", "exec"), names)
    except SyntaxError:
        return None
    try:
        result = names["f"]("p")  # type: ignore[operator]
    except (NameError, TypeError) as error:
        return type(error).__name__
    return f"{result!r} {names.get('a')!r} {names.get('b')!r}" if "object at" not in repr(result) else "an object"


@pytest.mark.journey
def test_programs_with_one_hash_behave_alike() -> None:
    seen: dict[str, tuple[str, str]] = {}
    alike = 0
    for shape in range(300):
        for text in {Programs(shape, naming).text() for naming in range(16)}:
            result = behaviour(text)
            if result is None:
                continue
            known = seen.setdefault(hash_of(text), (result, text))
            assert known[0] == result, f"{known[1]}\n\n{text}"
            alike += known[1] != text
    assert len(seen) > 800
    assert alike > 150


# -- the same on every interpreter ------------------------------------------------------------------

CORPUS = r'''
import math
from datetime import timedelta

WINDOW = timedelta(days=7)
LIMITS = {"low": 1.5, "high": float("inf"), "names": {"a", "b", "c"}, "nested": (1, True, None, b"x")}


def minutes(value, *, scale=60):
    """Doc."""
    return value * scale + LIMITS["low"]


def spread(values: list[float]) -> float:
    total, *rest = sorted(values)
    return sum((v - total) ** 2 for v in rest if v is not None) / (len(rest) or 1)


class Base:
    weight: float = 2.5

    def value(self) -> float:
        return self.weight


class Model(Base):
    """Doc."""

    def value(self) -> float:
        return super().value() * math.tau


def view(frame, *, days: int = 7):
    """Doc."""
    from math import sqrt as root

    text = f"a{days!r:>{days}}b" f"{days}" "c" + f"{days=}" + f"{days:}" + f"{{}}{days:%Y-%m-%d}"
    try:
        with frame as inner:
            columns = [c for c in inner if (n := len(c)) > 1 and c not in {"x", "y"}]
    except* (ValueError, TypeError) as group:
        raise RuntimeError(text) from group
    match columns:
        case [first, *others] if n:
            columns = {first: others, **{k: v for k, v in enumerate(others)}}
        case {"k": 1 | 2 as one, **rest}:
            columns = rest or one
        case Model(weight=3.5) | None:
            columns = ...
    step = lambda a, /, b=1, *c, d=-2j, **e: (a, b, c, d, e, root(WINDOW.days))  # noqa: E731
    async def waits():
        async for x in frame:
            yield await x
    columns = columns[1:, ::2, ...], not -1 <= days < 0x10
    return minutes(spread(columns), scale=days), step, waits, Model().value()
'''

SCRIPT = r"""
import json, sys, types
from pathlib import Path
root = Path(sys.argv[1])
for name in ("workbench", "workbench.define"):
    module = sys.modules[name] = types.ModuleType(name)
    module.__path__ = [str(root / name.replace(".", "/"))]
sys.path.insert(0, sys.argv[2])
from _workbench_definitions_ab12cd import corpus
from workbench.fingerprint.identity import code_hash
view = types.SimpleNamespace(
    name="view", function=corpus.view, parameters={"days": 7}, files=(), entities=(), event_time="t", created=None
)
found = code_hash(view)
print(json.dumps([found.code_hash, dict(found.parts)]))
"""


def interpreter(version: str) -> str | None:
    """Return a bare interpreter of `version`, if there is one on this machine."""
    homes = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
    for candidate in (*map(str, homes), shutil.which(f"python{version}")):
        if candidate is None:
            continue
        asked = [candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        if subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() == version:
            return candidate
    return None


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    package = folder / "_workbench_definitions_ab12cd"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "corpus.py").write_text(CORPUS)
    return folder


def fingerprinted(python: str, folder: Path, *, seed: str = "0") -> tuple[str, dict[str, str]]:
    ran = subprocess.run(
        [python, "-B", "-I" if seed == "0" else "-B", "-c", SCRIPT, str(REPOSITORY), str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONHASHSEED": seed, "PATH": os.environ["PATH"]},
    )
    assert ran.returncode == 0, ran.stderr
    code_hash, parts = json.loads(ran.stdout)
    return code_hash, parts


@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_the_hash_is_the_same_on_every_interpreter(version: str, corpus: Path) -> None:
    python = interpreter(version)
    if python is None:
        pytest.skip(f"no Python {version} on this machine to compare with")
    assert fingerprinted(python, corpus) == fingerprinted(sys.executable, corpus)


def test_the_hash_is_the_same_for_every_hash_seed(corpus: Path) -> None:
    found = {fingerprinted(sys.executable, corpus, seed=seed)[0] for seed in ("1", "2", "3", "random")}
    assert len(found) == 1


def test_the_hash_never_changes_without_a_new_scheme(corpus: Path) -> None:
    code_hash, parts = fingerprinted(sys.executable, corpus)
    assert set(parts) == {
        *("view", "minutes", "spread", "Model", "Model.value", "Base", "Base.value"),
        *("constant WINDOW", "constant LIMITS", "parameter days"),
    }
    assert code_hash == "1f6bb2fefb4984d8ffa4043e2287297871654ec9bfc3baecc845e9853a75549c"
