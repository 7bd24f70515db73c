"""The text of a ``%%feature`` cell: what may stand at a place, what a word is, and what is wrong; none of it runs."""

from __future__ import annotations

import ast
import builtins
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from workbench.errors import CellError, did_you_mean
from workbench.lab.answers import Diagnostic, Hover

if TYPE_CHECKING:
    from workbench.lab.answers import Severity
    from workbench.lab.inputs import Input

_CELL_LINE = re.compile(r"cell, line (\d+)")
_COLUMN_OPTIONS = ("entities", "event_time", "created")
_NAMED_COLUMNS = ("by", "time", "on")
"""Options of calls in a view's function whose texts are columns."""


def units(text: str) -> int:
    """Return how many UTF-16 units a text has: an editor counts its columns in them."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def said_of(one: Input) -> Hover:
    """Return what is known of a source or view, in Markdown."""
    text = [f"**{one.name}** ({one.kind})", *([one.says.partition("\n\n")[0]] if one.says else [])]
    text += [
        f"- `{each.name}` {each.dtype}{f', {each.unit}' if each.unit else ''}" for each in (one.columns or ())[:40]
    ]
    if one.columns is None:
        text.append("Its columns are not known here.")
    elif len(one.columns) > 40:
        text.append(f"and {len(one.columns) - 40} more columns")
    return Hover(text="\n\n".join(text[:1]) + "\n\n" + "\n".join(text[1:]))


@dataclass(frozen=True)
class CellText:
    """The text below ``%%feature``, which begins at line `top` of the cell."""

    text: str
    top: int
    known: Mapping[str, Input]

    @cached_property
    def lines(self) -> list[str]:
        """The text's lines."""
        return self.text.split("\n")

    @cached_property
    def tree(self) -> ast.Module | None:
        """The syntax tree; of a cell that is being written what can be read without the lines that cannot."""
        lines = [*self.lines]
        for _ in range(3):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    return ast.parse("\n".join(lines))
            except SyntaxError as error:
                wrong = min(error.lineno or 1, len(lines)) - 1
                indent = len(lines[wrong]) - len(lines[wrong].lstrip())
                lines[wrong] = f"{' ' * indent}pass"
            except (ValueError, RecursionError, MemoryError):
                return None
        return None

    @cached_property
    def views(self) -> list[tuple[ast.FunctionDef, str]]:
        """The functions under our decorators, with the decorator's name."""
        from workbench.define import DECORATORS, is_view, spellings

        tree = self.tree
        if tree is None:
            return []
        functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
        return [
            (node, decorator)
            for decorator in DECORATORS
            for node in functions
            if is_view(node, set(spellings(tree, decorator)), decorator)
        ]

    @cached_property
    def models(self) -> dict[str, list[str]]:
        """The columns of each class of the cell, by its name."""
        from workbench.define import columns_of

        classes = [node for node in (self.tree.body if self.tree else []) if isinstance(node, ast.ClassDef)]
        return {node.name: [column.name for column in columns_of(node)] for node in classes}

    @cached_property
    def reads(self) -> list[Input]:
        """The inputs that the cell's functions name, as far as they are known."""
        names = re.findall(r"^def\s+\w+\((.*?)(?:\)|$)", self.text, re.MULTILINE | re.DOTALL)
        words = [word for text in names for word in re.findall(r"(\w+)\s*(?::|,|$)", text)]
        return [self.known[word] for word in dict.fromkeys(words) if word in self.known]

    def hover(self, word: str) -> Hover | None:
        """Return what is known of a word: a source, a view, or a column of what the cell reads."""
        if word in self.known:
            return said_of(self.known[word])
        found = [(one, column) for one in self.reads for column in one.columns or () if column.name == word]
        if not found:
            return None
        text = [
            f"**{column.name}** {column.dtype}{f', {column.unit}' if column.unit else ''}, of {one.kind} {one.name}"
            + (f"\n\n{column.description}" if column.description else "")
            for one, column in found
        ]
        return Hover(text="\n\n".join(text))

    def diagnostics(self) -> Iterator[Diagnostic]:
        """Yield what is wrong, as far as the text says."""
        from workbench.define import parse_cell

        if not self.text.strip():
            return
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                parse_cell(self.text)
        except CellError as error:
            yield self._of_cell(error)
        for function, decorator in self.views:
            yield from self._model_columns(function)
            if decorator == "feature_view":
                yield from self._inputs(function)
                yield from self._unknown_columns(function)
            else:
                yield from self._references(function)

    def _of_cell(self, error: CellError) -> Diagnostic:
        said = next((found for line in error.lines if (found := _CELL_LINE.search(line))), None)
        said = said or re.search(r"Line (\d+)", error.message)
        line = min(max(int(said[1]) if said else 1, 1), len(self.lines)) - 1
        text = self.lines[line]
        return Diagnostic(
            line=self.top + line,
            column=units(text) - units(text.lstrip()),
            end_line=self.top + line,
            end_column=max(units(text.rstrip()), 1),
            severity="error",
            message=error.message,
            remedy=error.remedy,
        )

    def _inputs(self, function: ast.FunctionDef) -> Iterator[Diagnostic]:
        for argument in [*function.args.posonlyargs, *function.args.args]:
            if argument.arg not in self.known:
                yield self._at(
                    argument,
                    f"{argument.arg!r} is neither a source nor a view.",
                    f"{did_you_mean(argument.arg, self.known)} Sources are declared in workbench.toml.".strip(),
                    width=len(argument.arg),
                )

    def _model_columns(self, function: ast.FunctionDef) -> Iterator[Diagnostic]:
        """Yield the keys and times of the decorator that the model, where the cell has it, does not have."""
        returns = function.returns
        name = returns.slice.id if isinstance(returns, ast.Subscript) and isinstance(returns.slice, ast.Name) else None
        columns = self.models.get(name or "")
        if not columns:
            return
        for decorator in function.decorator_list:
            for word in decorator.keywords if isinstance(decorator, ast.Call) else ():
                for node in ast.walk(word.value) if word.arg in _COLUMN_OPTIONS else ():
                    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value not in columns:
                        message = f"{name} has no column {node.value!r}."
                        yield self._at(node, message, did_you_mean(node.value, columns))

    def _references(self, function: ast.FunctionDef) -> Iterator[Diagnostic]:
        """Yield the features that an on-demand view reads and that there are not."""
        views = [name for name, one in self.known.items() if one.kind == "view"]
        for decorator in function.decorator_list:
            for word in decorator.keywords if isinstance(decorator, ast.Call) else ():
                for node in ast.walk(word.value) if word.arg == "inputs" else ():
                    if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
                        continue
                    view, _, feature = node.value.partition(":")
                    view = view.partition("@")[0]
                    if view not in views:
                        yield self._at(node, f"There is no view {view!r}.", did_you_mean(view, views))
                    elif feature and self.known[view].features and feature not in self.known[view].features:
                        remedy = did_you_mean(feature, self.known[view].features)
                        yield self._at(node, f"{view} has no feature {feature!r}.", remedy)

    def _unknown_columns(self, function: ast.FunctionDef) -> Iterator[Diagnostic]:
        """Yield columns that no input has and the function does not make; nothing where an input is not known."""
        reads = [argument.arg for argument in [*function.args.posonlyargs, *function.args.args]]
        if not reads or any(name not in self.known or self.known[name].columns is None for name in reads):
            return
        columns = {column.name for name in reads for column in self.known[name].columns or ()}
        made = _made(function)
        if made is None:
            return
        for node in _named_columns(function):
            name = str(node.value)
            plain = name.removesuffix("_right")  # what a join calls the other side's
            is_known = plain in columns or name in made or any(name.startswith(f"{each}_") for each in made)
            if name and not is_known and not name.startswith("^") and name != "*":
                which = reads[0] if len(reads) == 1 else "No input"
                message = f"{which} has {'no' if len(reads) == 1 else 'a'} column {name!r}."
                yield self._at(node, message, did_you_mean(name, columns), severity="warning")

    def _at(
        self,
        node: ast.arg | ast.expr,
        message: str,
        remedy: str,
        *,
        width: int | None = None,
        severity: Severity = "error",
    ) -> Diagnostic:
        """Return a diagnostic of the place of a node, whose columns count bytes of UTF-8."""
        end_line = node.lineno if width is not None else node.end_lineno or node.lineno
        end = node.col_offset + width if width is not None else node.end_col_offset or node.col_offset
        return Diagnostic(
            line=self.top + node.lineno - 1,
            column=self._column(node.lineno, node.col_offset),
            end_line=self.top + end_line - 1,
            end_column=self._column(end_line, end),
            severity=severity,
            message=message,
            remedy=remedy,
        )

    def _column(self, line: int, offset: int) -> int:
        text = self.lines[line - 1] if line <= len(self.lines) else ""
        return units(text.encode()[:offset].decode("utf-8", "ignore"))


def _named_columns(function: ast.FunctionDef) -> Iterator[ast.Constant]:
    """Yield the texts in a function that name columns of its inputs: in ``pl.col("x")``, ``select("x")``, as ``by``."""
    for node in _calls(function):
        if isinstance(node.func, ast.Attribute) and node.func.attr in _TAKE_COLUMNS:
            yield from _texts(node.args)
        called = node.func.id if isinstance(node.func, ast.Name) else ""
        for word in node.keywords if called == "windowed" else ():
            if word.arg in _NAMED_COLUMNS:
                yield from _texts([word.value])


def _calls(function: ast.FunctionDef) -> Iterator[ast.Call]:
    """Yield the calls in a function's body; those of its decorators are none of them."""
    for statement in function.body:
        yield from (node for node in ast.walk(statement) if isinstance(node, ast.Call))


def _texts(nodes: Sequence[ast.expr]) -> Iterator[ast.Constant]:
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node
        elif isinstance(node, ast.List | ast.Tuple):
            yield from _texts(node.elts)


_TAKE_COLUMNS = {"col", "select", "with_columns", "sort", "group_by", "agg", "over", "drop_nulls"}
"""Methods that take a text as a column's name."""
_NAMING = {"alias", "rename", "with_row_index", "prefix", "suffix"}
_REMAKING = {"pivot", "unpivot", "unnest", "melt", "sql", "transpose", "to_dummies", "map_batches", "pipe", "map"}
"""Methods after which nobody knows from the text which columns there are."""


def _made(function: ast.FunctionDef) -> set[str] | None:
    """Return the names that the function gives to columns; None where its text does not say which there are."""
    found: set[str] = set()
    for node in _calls(function):
        found |= {word.arg for word in node.keywords if word.arg}
        if isinstance(node.func, ast.Name) and node.func.id != "windowed" and not hasattr(builtins, node.func.id):
            return None  # a helper may make any column
        called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if called in _REMAKING or any(word.arg is None for word in node.keywords):
            return None
        if called in _NAMING:
            texts = (each.value for each in ast.walk(node) if isinstance(each, ast.Constant))
            found |= {text for text in texts if isinstance(text, str)}
    return found
