"""Reading a cell: exactly one feature view, and the ordinary module that its text becomes."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from workbench.config import valid_name
from workbench.define.imports import top_level_names, with_imports
from workbench.errors import CellError, InvalidName

MAX_BYTES = 512 * 1024
_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_CODING = re.compile(r"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_MAGIC = re.compile(r"^\s*([!%?]|\w+\s*=\s*[!%])|\?\s*$")
_SHOWN = 160


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell that holds one feature view.

    Attributes
    ----------
    view
        The view's name.
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
    text: str
    module: str
    offset: int
    names: tuple[str, ...]


def parse_cell(text: str) -> Cell:
    """Return the feature view that the cell `text` holds; nothing of it is run.

    Parameters
    ----------
    text
        The cell's body, without the line of the magic.

    Raises
    ------
    CellError
        Not Python, not exactly one feature view, a name that could not be a file, more than 512 KB.

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
        tree = _parsed(text)
        view = _one_view(tree, text)
        module, offset = with_imports(text, tree)
        return Cell(view=view, text=text, module=module, offset=offset, names=top_level_names(text))


def _storable(text: str) -> None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        line = text.count("\n", 0, error.start) + 1
        raise CellError(
            f"Line {line} of the cell holds a character that UTF-8 cannot store.", remedy="Take it out."
        ) from None
    if size > MAX_BYTES:
        raise CellError(
            f"The cell holds {size / 1024:,.0f} KB; a definition has at most {MAX_BYTES // 1024} KB.",
            remedy="Keep data in a source (workbench.toml) and shared code in modules of features/.",
        )
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise CellError(f"Line {line} of the cell holds a NUL character.", remedy="Take it out, or write '\\x00'.")
    for start in text.splitlines()[:2]:
        coding = _CODING.match(start)
        if coding and coding[1].lower().replace("_", "-") not in ("utf-8", "utf8"):
            raise CellError(f"The cell declares the encoding {coding[1]}.", remedy="Definitions are UTF-8.")


def _parsed(text: str) -> ast.Module:
    """Parse and compile, since some mistakes (a `return` outside a function) only show when compiling."""
    try:
        tree = ast.parse(text, "cell")
        compile(text, "cell", "exec", dont_inherit=True)
    except SyntaxError as error:
        raise _not_python(text, error) from None
    except (RecursionError, MemoryError, ValueError) as error:
        raise CellError(
            f"Python cannot read the cell: {str(error) or type(error).__name__}.",
            remedy="Nest its expressions less deeply.",
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
        lines=[f"cell, line {line}", *_pointed(shown, error.offset)],
        remedy="Correct that line and run the cell again; nothing was committed.",
    )


def _pointed(line: str, offset: int | None) -> Iterator[str]:
    """Yield the line and a caret below column `offset` (from 1), cut to what fits a screen."""
    column = max((offset or 1) - 1, 0)
    indent = len(line) - len(line.lstrip())
    start = max(indent, column - _SHOWN // 2) if len(line) - indent > _SHOWN else indent
    yield "    " + line[start : start + _SHOWN]
    yield "    " + " " * max(column - start, 0) + "^"


def _one_view(tree: ast.Module, text: str) -> str:
    """Return the name of the one view in `tree`."""
    called = set(_spellings(tree))
    found = [node for node in tree.body if isinstance(node, _Definition) and _is_view(node, called)]
    if not found:
        raise _no_view(tree, called)
    if len(found) > 1:
        names = ", ".join(repr(node.name) for node in found)
        raise CellError(
            f"The cell holds {len(found)} feature views: {names}.",
            remedy="Give each its own cell; one uses another by naming it as a parameter.",
        )
    (node,) = found
    if not isinstance(node, ast.FunctionDef):
        what = "class" if isinstance(node, ast.ClassDef) else "async function"
        source = text.splitlines()[node.lineno - 1].strip()[:_SHOWN]
        raise CellError(
            f"feature_view decorates a plain function, not the {what} {node.name}.",
            lines=[f"cell, line {node.lineno}", f"    {source}"],
            remedy=f"Write `def {node.name.lower()}(...) -> LazyFrame[YourModel]:`.",
        )
    return _file_name(node.name)


def _file_name(name: str) -> str:
    try:
        valid_name("view", name)
    except InvalidName as error:
        raise CellError(error.message, remedy=error.remedy) from None
    if name.startswith("test_") or name in ("conftest", "features"):
        raise CellError(
            f"{name!r} is not a name for a view: pytest or Python would mistake features/{name}.py.",
            remedy="Choose another name for the function.",
        )
    return name


def _no_view(tree: ast.Module, called: set[str]) -> CellError:
    nested = [node for node in ast.walk(tree) if isinstance(node, _Definition) and _is_view(node, called)]
    if nested:
        return CellError(
            f"The feature view {nested[0].name!r} is not at the top level of the cell.",
            remedy="Move it out of the function, class or condition around it.",
        )
    functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    subject = f"def {functions[-1]}" if functions else "the function that makes the features"
    return CellError(
        "The cell holds no feature view.",
        remedy=f'Put @feature_view(entities="...", event_time="...") above {subject}.',
    )


def _spellings(tree: ast.Module) -> Iterator[str]:
    """Yield how this cell may write ``feature_view``."""
    yield "feature_view"
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from (item.asname for item in node.names if item.name == "feature_view" and item.asname)


def _is_view(node: _Definition, called: set[str]) -> bool:
    for decorator in node.decorator_list:
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        if isinstance(target, ast.Name) and target.id in called:
            return True
        if isinstance(target, ast.Attribute) and target.attr == "feature_view":
            return True
    return False
