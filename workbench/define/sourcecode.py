"""From a function or class in memory back to its syntax, with proof that the text is what runs."""

from __future__ import annotations

import ast
import linecache
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from workbench.define.byvalue import Opaque
from workbench.define.scope import FUNCTIONS, Scopes

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_FUTURE = 0x1FF0000  # flags of ``from __future__ import ...``, which a notebook applies to later cells


@dataclass(frozen=True, slots=True)
class SourceCode:
    """One file, or one cell, read, parsed and compiled once."""

    name: str
    text: str
    tree: ast.Module
    scopes: Scopes
    functions: Mapping[tuple[int, str], list[FunctionNode]]
    classes: Mapping[str, list[ast.ClassDef]]
    codes: Mapping[tuple[int, str], list[CodeType]]

    @classmethod
    def of(cls, name: str, text: str, *, flags: int = 0) -> SourceCode:
        """Return the source called `name`."""
        tree = ast.parse(text)
        functions: dict[tuple[int, str], list[FunctionNode]] = {}
        classes: dict[str, list[ast.ClassDef]] = {}
        for path, node in _definitions(tree, ""):
            if isinstance(node, ast.ClassDef):
                classes.setdefault(path, []).append(node)
            else:
                functions.setdefault(_start(node), []).append(node)
        codes: dict[tuple[int, str], list[CodeType]] = {}
        compiled = compile(text, name, "exec", flags=flags & _FUTURE, dont_inherit=True)
        for code in _codes(compiled):
            codes.setdefault((code.co_firstlineno, code.co_name), []).append(code)
        return cls(name, text, tree, Scopes.of(tree), functions, classes, codes)

    def function(self, code: CodeType) -> FunctionNode:
        """Return the syntax that `code` was compiled from.

        Raises
        ------
        Opaque
            Where the text has changed since, or two lambdas on one line cannot be told apart.
        """
        key = (code.co_firstlineno, code.co_name)
        nodes = self.functions.get(key, [])
        if not nodes or code not in self.codes.get(key, []):
            raise Opaque(
                f"has changed in {self.name} since it was imported", "Import it again, e.g. by restarting the kernel."
            )
        if len(nodes) > 1:
            nodes = _innermost([node for node in nodes if _covers(node, code)])
        if len(nodes) != 1:
            raise Opaque("shares its line with another lambda", "Write each lambda on a line of its own.")
        return nodes[0]

    def own(self, code: CodeType, kind: ast.ClassDef) -> FunctionNode | None:
        """Return the syntax of `code` if it stands in the class at `kind`, else None."""
        key = (code.co_firstlineno, code.co_name)
        if code not in self.codes.get(key, []):
            return None
        inside = set(ast.walk(kind))
        return next((node for node in self.functions.get(key, []) if node in inside), None)

    def line(self, node: ast.AST) -> str:
        """Return the line of text at which `node` starts."""
        lines = self.text.splitlines()
        number: int = getattr(node, "lineno", 0)
        return lines[number - 1] if 0 < number <= len(lines) else ""


@dataclass(frozen=True, slots=True)
class SourceCodes:
    """The sources read so far: each is parsed once."""

    _known: dict[str, SourceCode] = field(default_factory=dict)

    def of(self, code: CodeType, module: Mapping[str, Any]) -> SourceCode:
        """Return the source of `code`, a function of the module with the globals `module`."""
        return self._read(code.co_filename, module, code.co_flags)

    def of_module(self, module: Mapping[str, Any]) -> SourceCode | None:
        """Return the source of a whole module, None where there is none."""
        name = module.get("__file__")
        try:
            return self._read(name, module, 0) if name else None
        except Opaque:
            return None

    def of_class(self, kind: type, module: Mapping[str, Any]) -> tuple[SourceCode, ast.ClassDef]:
        """Return the source and the syntax of a class.

        Raises
        ------
        Opaque
            Where no text defines it, or several places do.
        """
        methods = [method for value in vars(kind).values() for method in plain_functions(value)]
        own = [method.__code__ for method in methods if method.__qualname__ == f"{kind.__qualname__}.{method.__name__}"]
        names = {code.co_filename for code in own if not code.co_filename.startswith("<string>")}
        source = self._read(names.pop(), module, 0) if len(names) == 1 else self.of_module(module)
        nodes = source.classes.get(kind.__qualname__, []) if source else []
        if len(nodes) > 1:
            lines = {code.co_firstlineno for code in own}
            nodes = [node for node in nodes if any(node.lineno <= line <= (node.end_lineno or 0) for line in lines)]
        if source is None or len(nodes) != 1:
            reason = "is defined in several places" if nodes else "has no source"
            raise Opaque(reason, "Define it once, by a `class` statement at the top level of a file.")
        return source, nodes[0]

    def _read(self, name: str, module: Mapping[str, Any], flags: int) -> SourceCode:
        if name not in self._known:
            text = _text(name, module)
            if not text.strip():
                raise Opaque("has no source", "Define it in a file, or in a notebook's cell.")
            try:
                self._known[name] = SourceCode.of(Path(name).name, text, flags=flags)
            except (SyntaxError, ValueError) as error:
                raise Opaque(
                    f"cannot be read in {Path(name).name}: {error}", "Correct the file, and import it again."
                ) from None
        return self._known[name]


def plain_functions(value: object) -> list[FunctionType]:
    """Return the functions in an attribute of a class: a method, and what property and the like wrap."""
    if isinstance(value, FunctionType):
        return [value]
    if isinstance(value, staticmethod | classmethod):
        return plain_functions(value.__func__)
    if isinstance(value, property):
        return [part for part in (value.fget, value.fset, value.fdel) if isinstance(part, FunctionType)]
    return []


def _text(name: str, module: Mapping[str, Any]) -> str:
    if Path(name).is_file():
        with tokenize.open(name) as file:
            return file.read()
    return "".join(linecache.getlines(name, dict(module)))


def _definitions(node: ast.AST, path: str) -> Iterator[tuple[str, ast.ClassDef | FunctionNode]]:
    """Yield all functions and classes below `node`, with their qualified names."""
    for child in ast.iter_child_nodes(node):
        below = path
        if isinstance(child, (ast.ClassDef, *FUNCTIONS)):
            name = "<lambda>" if isinstance(child, ast.Lambda) else child.name
            yield f"{path}{name}", child
            below = f"{path}{name}." if isinstance(child, ast.ClassDef) else f"{path}{name}.<locals>."
        yield from _definitions(child, below)


def _start(node: FunctionNode) -> tuple[int, str]:
    """Return the first line and the name that the compiler gives to `node`."""
    if isinstance(node, ast.Lambda):
        return node.lineno, "<lambda>"
    first = node.decorator_list[0] if node.decorator_list else node
    return first.lineno, node.name


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


def _covers(node: FunctionNode, code: CodeType) -> bool:
    """Tell whether all instructions of `code` come from the body of `node`."""
    body = node.body if isinstance(node.body, ast.expr) else node
    first = (body.lineno, body.col_offset)
    last = (body.end_lineno or 0, body.end_col_offset or 0)
    for line, end_line, column, end_column in code.co_positions():
        if line is None or end_line is None or column is None or end_column is None or end_column == 0:
            continue  # instructions of the compiler's own
        if (line, column) < first or (end_line, end_column) > last:
            return False
    return True


def _innermost(nodes: list[FunctionNode]) -> list[FunctionNode]:
    """Return those of `nodes` that hold no other one."""
    return [node for node in nodes if not any(other is not node and other in ast.walk(node) for other in nodes)]
