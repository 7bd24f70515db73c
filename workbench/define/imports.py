"""The imports a cell goes without: which names of ours it uses, and where their imports go in its module."""

from __future__ import annotations

import ast
import re
import symtable
from collections.abc import Iterator

_STDLIB = ("date", "datetime", "timedelta", "timezone")
_OURS = ("UTC", "Feature", "FeatureModel", "LazyFrame", "example", "feature_set", "feature_view", "windowed")
_LINE_LENGTH = 88
_LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


def with_imports(text: str, tree: ast.Module) -> tuple[str, int]:
    """Return `text` as an ordinary module, and how many lines its statements moved down.

    Parameters
    ----------
    text
        A cell, which parses.
    tree
        Its syntax tree.

    Returns
    -------
    tuple of str and int
        The text with the imports it lacks below its docstring and ``__future__`` imports, sorted and spaced as
        isort wants them; and the number of lines added.

    Examples
    --------
    >>> module, offset = with_imports("X = pl.len()", ast.parse("X = pl.len()"))
    >>> module.splitlines(), offset
    (['import polars as pl', '', 'X = pl.len()'], 2)
    """
    ending = "" if text.endswith(("\n", "\r")) else "\n"
    header = _header(missing_names(text, tree))
    if not header:
        return text + ending, 0
    prefix, rest = _split_prologue(tree)
    lines = _LINES.findall(text)
    top = prefix[-1].end_lineno or 0 if prefix else 0
    blank = _blank_lines(lines, top)
    added, place = _placed(header, rest, top=top, blank=blank)
    module = "".join(lines[:place]) + "".join(f"{line}\n" for line in added) + "".join(lines[place:]) + ending
    return module, len(added)


def missing_names(text: str, tree: ast.Module) -> set[str]:
    """Return the names that `text` uses at some place as globals and nowhere binds, annotations included."""
    table = symtable.symtable(text, "cell", "exec")
    bound = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    bound |= {child.get_name() for child in table.get_children()}
    used = set(_global_names(table)) | set(_annotation_names(tree))
    return used - bound


def top_level_names(text: str) -> tuple[str, ...]:
    """Return the functions, classes and variables that `text` defines at its top level, without its imports."""
    table = symtable.symtable(text, "cell", "exec")
    return tuple(
        symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() and not symbol.is_imported()
    )


def _global_names(table: symtable.SymbolTable) -> Iterator[str]:
    """Yield what `table` and those in it look up globally; a class body does so until it has bound a name."""
    falls_back = table.get_type() in ("module", "class")
    for symbol in table.get_symbols():
        if symbol.is_referenced() and (symbol.is_global() or falls_back):
            yield symbol.get_name()
    for child in table.get_children():
        yield from _global_names(child)


def _annotation_names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        for annotation in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if isinstance(annotation, ast.expr):
                yield from _names_in(annotation)


def _names_in(annotation: ast.expr) -> Iterator[str]:
    for node in ast.walk(annotation):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                quoted = ast.parse(node.value, mode="eval").body
            except (SyntaxError, ValueError):
                continue
            yield from _names_in(quoted)


def _header(names: set[str]) -> list[str]:
    """Return the import lines for those of `names` that are ours to give."""
    standard = [name for name in _STDLIB if name in names]
    third = ["import polars as pl"] if "pl" in names else []
    if "wb" in names:
        third.append("import workbench as wb")
    if ours := [name for name in _OURS if name in names]:
        third += _from_workbench(ours)
    lines = [f"from datetime import {', '.join(standard)}"] if standard else []
    return lines + ([""] if lines and third else []) + third


def _from_workbench(names: list[str]) -> list[str]:
    line = f"from workbench import {', '.join(names)}"
    if len(line) <= _LINE_LENGTH:
        return [line]
    return ["from workbench import (", *(f"    {name}," for name in names), ")"]


def _split_prologue(tree: ast.Module) -> tuple[list[ast.stmt], list[ast.stmt]]:
    """Part the docstring and ``__future__`` imports, which must stay first, from the rest."""
    count = 0
    for place, node in enumerate(tree.body):
        documents = place == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if documents or (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
            count = place + 1
        else:
            break
    return tree.body[:count], tree.body[count:]


def _blank_lines(lines: list[str], start: int) -> int:
    count = 0
    while start + count < len(lines) and not lines[start + count].strip():
        count += 1
    return count


def _placed(header: list[str], rest: list[ast.stmt], *, top: int, blank: int) -> tuple[list[str], int]:
    """Return the lines to add and before which line, so that the blank lines around are as isort wants them."""
    following = rest[0] if rest else None
    if isinstance(following, ast.Import | ast.ImportFrom):
        below, wanted = ["", "# isort: split"], 0  # the cell's own imports stay as they were written
    else:
        wanted = 2 if isinstance(following, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) else 1
        below = []
    kept = min(blank, wanted)
    above = [""] if top and blank == kept else []
    return [*above, *header, *below, *[""] * (wanted - kept)], top + blank - kept
