"""What is written differently and means the same has the same hash."""

from __future__ import annotations

import ast
import builtins
import keyword
import linecache
import random
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fingerprint.stage import (
    DEFINITIONS,
    DELAY,
    WEATHER,
    WEATHER_HELPERS,
    fingerprint,
    hash_of,
    package,
    plain,
    view_of,
)
from workbench.fingerprint.identity import code_hash

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
