"""Reading a cell: exactly one feature view, the module that its text becomes, and the imports it goes without."""

from __future__ import annotations

import ast
import re
import symtable
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from workbench.config import valid_name
from workbench.errors import CellError, InvalidName

_STDLIB = ("date", "datetime", "timedelta", "timezone")
_OURS = (
    "UTC",
    "Feature",
    "FeatureModel",
    "LazyFrame",
    "example",
    "feature_set",
    "feature_view",
    "on_demand",
    "windowed",
)
CELL_NAMES: Mapping[str, str] = {
    "pl": "polars",
    **{name: f"datetime.{name}" for name in _STDLIB},
    **{name: f"workbench.{name}" for name in _OURS},
    "wb": "workbench",
}
"""What a cell may name without importing it, each with where it comes from."""
_LINE_LENGTH = 88
_LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


def with_imports(text: str, tree: ast.Module) -> tuple[str, int]:
    """Return `text` as an ordinary module, and how many lines its statements moved down.

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
    added, place = _place_imports(header, rest, top=top, blank=blank)
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


def _place_imports(header: list[str], rest: list[ast.stmt], *, top: int, blank: int) -> tuple[list[str], int]:
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


Decorator = Literal["feature_view", "on_demand"]
DECORATORS: tuple[Decorator, ...] = get_args(Decorator)
MAX_BYTES = 512 * 1024
_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_CODING = re.compile(r"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_MAGIC = re.compile(r"^\s*([!%?]|\w+\s*=\s*[!%])|\?\s*$")
_SHOWN = 160


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell that holds one feature view, or one on-demand view.

    Attributes
    ----------
    view
        The view's name.
    decorator
        ``feature_view`` or ``on_demand``.
    text
        The cell as it was written.
    module
        `text` with the imports of ours that it goes without.
    offset
        How many lines further down the cell's statements are in `module`.
    names
        The functions, classes and variables that the cell defines, in order.
    """

    view: str
    decorator: Decorator
    text: str
    module: str
    offset: int
    names: tuple[str, ...]


def parse_cell(text: str) -> Cell:
    """Return the feature view that the cell `text` holds; nothing of it is run.

    Examples
    --------
    >>> cell = parse_cell('''
    ... @feature_view(event_time="at")
    ... def busy(flights: pl.LazyFrame) -> LazyFrame[Busy]:
    ...     return flights
    ... ''')
    >>> cell.view, cell.offset
    ('busy', 3)
    """
    _storable(text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # doubtful escapes and the like are the linter's to tell
        tree = _parse(text)
        view, decorator = _one_view(tree, text)
        module, offset = with_imports(text, tree)
        return Cell(
            view=view, decorator=decorator, text=text, module=module, offset=offset, names=top_level_names(text)
        )


@dataclass(frozen=True, slots=True)
class HelperText:
    """The text of a helper module.

    Attributes
    ----------
    name
        The module's name.
    module
        The text with the imports of ours that it goes without.
    offset
        How many lines further down its statements are in `module`.
    names
        The functions, classes and variables that it defines, in order.
    """

    name: str
    module: str
    offset: int
    names: tuple[str, ...]


def parse_helper(name: str, text: str) -> HelperText:
    """Return the helper module `name` with this text, which defines no view; nothing of it is run.

    Examples
    --------
    >>> parse_helper("money", "def euros(cents: pl.Expr) -> pl.Expr: return cents / 100").names
    ('euros',)
    """
    _storable(text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = _parse(text)
        for decorator in DECORATORS:
            called = set(spellings(tree, decorator))
            if found := [node for node in ast.walk(tree) if isinstance(node, _Definition) and is_view(node, called)]:
                raise CellError(
                    f"The cell defines the view {found[0].name!r}.",
                    remedy="Run it as `%%feature`, without --helper; what several views share goes into a cell "
                    "without a view.",
                )
        module, offset = with_imports(text, tree)
        return HelperText(name, module, offset, top_level_names(text))


def _storable(text: str) -> None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        line = text.count("\n", 0, error.start) + 1
        raise CellError(
            f"Line {line} of the cell has a character that UTF-8 cannot encode.", remedy="Remove it."
        ) from None
    if size > MAX_BYTES:
        raise CellError(
            f"The cell holds {size / 1024:,.0f} KB; a definition has at most {MAX_BYTES // 1024} KB.",
            remedy="Keep data in a source (workbench.toml) and shared code in modules of features/.",
        )
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise CellError(f"Line {line} of the cell has a NUL character.", remedy="Remove it, or write '\\x00'.")
    for start in text.splitlines()[:2]:
        coding = _CODING.match(start)
        if coding and coding[1].lower().replace("_", "-") not in ("utf-8", "utf8"):
            raise CellError(f"The cell declares the encoding {coding[1]}.", remedy="Definitions are UTF-8.")


def _parse(text: str) -> ast.Module:
    """Parse and compile, since some mistakes (a `return` outside a function) only show when compiling."""
    try:
        tree = ast.parse(text, "cell")
        compile(text, "cell", "exec", dont_inherit=True)
    except SyntaxError as error:
        raise _not_python(text, error) from None
    except (RecursionError, MemoryError, ValueError) as error:
        raise CellError(
            f"Python cannot read the cell: {str(error) or type(error).__name__}.",
            remedy="Split its deeply nested expressions.",
        ) from None
    return tree


def _not_python(text: str, error: SyntaxError) -> CellError:
    line = error.lineno or 1
    lines = text.splitlines()
    shown = lines[line - 1] if line <= len(lines) else (error.text or "").rstrip("\n")
    if magic := next(
        (n for n in (line, *range(1, len(lines) + 1)) if n <= len(lines) and _MAGIC.search(lines[n - 1])), 0
    ):
        return CellError(
            f"Line {magic} of the cell is for IPython, not Python.",
            lines=[f"cell, line {magic}", f"    {lines[magic - 1].strip()[:_SHOWN]}"],
            remedy="A definition is stored as a Python module: put !commands, %magics and ? into another cell.",
        )
    return CellError(
        f"The cell is not valid Python: {error.msg}.",
        lines=[f"cell, line {line}", *_point_at(shown, error.offset)],
        remedy="Correct that line and run the cell again; nothing was committed.",
    )


def _point_at(line: str, offset: int | None) -> Iterator[str]:
    """Yield the line and a caret below column `offset` (from 1), cut to what fits a screen."""
    column = max((offset or 1) - 1, 0)
    indent = len(line) - len(line.lstrip())
    start = max(indent, column - _SHOWN // 2) if len(line) - indent > _SHOWN else indent
    yield "    " + line[start : start + _SHOWN]
    yield "    " + " " * max(column - start, 0) + "^"


def _one_view(tree: ast.Module, text: str) -> tuple[str, Decorator]:
    """Return the name of the one view in `tree`, and its decorator."""
    called = {decorator: set(spellings(tree, decorator)) for decorator in DECORATORS}
    kinds = {
        id(node): decorator
        for decorator in DECORATORS
        for node in tree.body
        if isinstance(node, _Definition) and is_view(node, called[decorator], decorator)
    }
    found = [node for node in tree.body if isinstance(node, _Definition) and id(node) in kinds]
    if not found:
        raise _no_view(tree, called["feature_view"])
    if len(found) > 1:
        names = ", ".join(repr(node.name) for node in found)
        raise CellError(
            f"The cell holds {len(found)} feature views: {names}.",
            remedy="Define each in its own cell; a view reads another by naming it as a parameter.",
        )
    (node,) = found
    if not isinstance(node, ast.FunctionDef):
        what = "class" if isinstance(node, ast.ClassDef) else "async function"
        source = text.splitlines()[node.lineno - 1].strip()[:_SHOWN]
        raise CellError(
            f"{kinds[id(node)]} decorates a plain function, not the {what} {node.name}.",
            lines=[f"cell, line {node.lineno}", f"    {source}"],
            remedy=f"Write `def {node.name.lower()}(...) -> LazyFrame[YourModel]:`.",
        )
    return _file_name(node.name), kinds[id(node)]


def _file_name(name: str) -> str:
    try:
        valid_name("view", name)
    except InvalidName as error:
        raise CellError(error.message, remedy=error.remedy) from None
    if name.startswith("test_") or name in ("conftest", "features"):
        raise CellError(
            f"{name!r} cannot be the name of a view: pytest or Python would misread features/{name}.py.",
            remedy="Choose another name for the function.",
        )
    return name


def _no_view(tree: ast.Module, called: set[str]) -> CellError:
    nested = [node for node in ast.walk(tree) if isinstance(node, _Definition) and is_view(node, called)]
    if nested:
        return CellError(
            f"The feature view {nested[0].name!r} is not at the top level of the cell.",
            remedy="Move it out of the function, class or condition around it.",
        )
    functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    subject = f"def {functions[-1]}" if functions else "the function that computes the features"
    return CellError(
        "The cell holds no feature view.",
        remedy=f'Put @feature_view(entities="...", event_time="...") above {subject}.',
    )


def spellings(tree: ast.Module, decorator: Decorator = "feature_view") -> Iterator[str]:
    """Yield how this text may write a decorator of ours."""
    yield decorator
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from (item.asname for item in node.names if item.name == decorator and item.asname)


def is_view(node: _Definition, called: set[str], decorator: Decorator = "feature_view") -> bool:
    """Whether a function or class is decorated by one of the names in `called`, or by ``<module>.<decorator>``."""
    for each in node.decorator_list:
        target = each.func if isinstance(each, ast.Call) else each
        if isinstance(target, ast.Name) and target.id in called:
            return True
        if isinstance(target, ast.Attribute) and target.attr == decorator:
            return True
    return False
