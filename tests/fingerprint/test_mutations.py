"""Every mutation of every node of a definition moves its hash."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fingerprint.stage import DEFINITIONS, DELAY, hash_of, package, plain, view_of
from workbench.define import feature_view
from workbench.errors import NotFingerprintable
from workbench.fingerprint.identity import code_hash

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


@pytest.mark.journey
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


def test_the_edits_are_edits() -> None:
    tree = ast.parse(plain(DELAY))
    before = ast.dump(tree)
    kinds = {what.split(" at ")[0].split(" ")[0] for what, changed in edits(tree) if ast.dump(changed) != before}
    assert len(kinds) > 20
    assert ast.dump(tree) == before
    assert copy.deepcopy(feature_view) is feature_view
