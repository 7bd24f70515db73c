"""Test functions whose failing ``assert`` says the values that it looked at.

Their syntax is compiled a second time, with each operand of an ``assert`` passed through a recorder; nothing is
evaluated twice, and the module that runs in production stays as it is.
"""

from __future__ import annotations
import __future__

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

_RECORDER = "@workbench"  # no name that a user could write
_WIDEST = 300
_LINES = 14


@dataclass(slots=True)
class Recorder:
    """Notes the operands of the ``assert`` that is being evaluated."""

    line: int = 0
    values: dict[str, Any] = field(default_factory=dict)

    def begin(self, line: int) -> None:
        """Forget the last ``assert``: another begins in `line`."""
        self.line = line
        self.values = {}

    def __call__(self, text: str, value: Any) -> Any:
        """Note `value`, which `text` gave, and return it."""
        self.values[text] = value
        return value

    def said(self, line: int) -> list[str]:
        """Return ``text = value`` for each operand of the ``assert`` in `line`, if that was the last one."""
        if line != self.line:
            return []
        return [f"{text} = {_shown(value)}" for text, value in self.values.items() if text != _shown(value)]


def tests_in(tree: ast.Module) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return the test functions at the top level of a file, by name."""
    found = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {node.name: node for node in found if node.name.startswith("test_")}


def recorded(tree: ast.Module, *, filename: str, namespace: Mapping[str, Any]) -> tuple[dict[str, Any], Recorder]:
    """Return the test functions of a file, compiled so that their asserts are recorded, and the recorder.

    Parameters
    ----------
    tree
        The file's syntax; it is changed.
    filename
        What tracebacks call it.
    namespace
        The module's names.
    """
    recorder = Recorder()
    functions = [node for node in tests_in(tree).values() if isinstance(node, ast.FunctionDef)]
    watched = [ast.fix_missing_locations(_Watch().visit(node)) for node in functions]
    module = ast.Module(body=watched, type_ignores=[])
    code = compile(module, filename, "exec", flags=_future(tree), dont_inherit=True)
    names = {**namespace, _RECORDER: recorder}
    exec(code, names)  # noqa: S102  # the user's own test functions
    return {node.name: names[node.name] for node in functions}, recorder


def is_plain(function: object) -> bool:
    """Tell whether `function` can be called as a test: a decorator may have made something else of it."""
    return isinstance(function, FunctionType)


class _Watch(ast.NodeTransformer):
    def visit_Assert(self, node: ast.Assert) -> list[ast.stmt]:
        begin = ast.Attribute(ast.Name(_RECORDER, ast.Load()), "begin", ast.Load())
        note = ast.Expr(ast.Call(begin, [ast.Constant(node.lineno)], []))
        watched = ast.Assert(test=_watched(node.test), msg=node.msg)
        return [ast.copy_location(note, node), ast.copy_location(watched, node)]


def _watched(node: ast.expr) -> ast.expr:
    """Return `node` with its operands recorded."""
    match node:
        case ast.Compare():
            node.left = _noted(node.left)
            node.comparators = [_noted(operand) for operand in node.comparators]
        case ast.BoolOp():
            node.values = [_watched(value) for value in node.values]
        case ast.UnaryOp(op=ast.Not()):
            node.operand = _watched(node.operand)
        case ast.Call():
            if isinstance(node.func, ast.Attribute):
                node.func.value = _noted(node.func.value)
            node.args = [_noted(argument) for argument in node.args]
        case _:
            return _noted(node)
    return node


def _noted(node: ast.expr) -> ast.expr:
    if isinstance(node, ast.Constant | ast.Starred | ast.Lambda | ast.NamedExpr | ast.GeneratorExp):
        return node
    text = " ".join(ast.unparse(node).split())
    call = ast.Call(ast.Name(_RECORDER, ast.Load()), [ast.Constant(text), node], [])
    return ast.copy_location(call, node)


def _future(tree: ast.Module) -> int:
    """Return the flags of the file's ``from __future__ import``."""
    flags = 0
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            for alias in node.names:
                flags |= getattr(__future__, alias.name).compiler_flag
    return flags


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001  # repr is the user's code and may raise anything
        return f"<{type(value).__name__}: its repr raised {type(error).__name__}>"
    lines = text.splitlines()
    if len(lines) > 1:
        return "\n" + "\n".join([*lines[:_LINES], *(["..."] if len(lines) > _LINES else [])])
    return text if len(text) <= _WIDEST else text[: _WIDEST - 3] + "..."
