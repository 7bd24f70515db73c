"""The parts that a view's code consists of, and the places in it that messages point to."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from workbench.errors import NotFingerprintable
from workbench.fingerprint.encoding import Form, digest
from workbench.fingerprint.source_code import FunctionNode, SourceCode

PartKind = Literal["function", "class", "constant", "parameter", "closure", "file"]


@dataclass(frozen=True, slots=True)
class CodePart:
    """One thing that a view's code consists of.

    Attributes
    ----------
    kind
        What it is.
    name
        What people call it: ``minutes()``, ``WINDOW``.
    hash
        SHA-256 of its form.
    text
        Its source text, or its value as it prints.
    line
        The line in its file, or cell, at which `text` starts; 0 for values.
    """

    kind: PartKind
    name: str
    hash: str
    text: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """A function or class in the user's code.

    Attributes
    ----------
    key
        Its key among the parts.
    node
        Its syntax.
    module
        The globals of its module.
    cells
        What its closure holds.
    shift
        How many lines its module is ahead of the user's cell.
    """

    key: str
    source: SourceCode
    node: FunctionNode | ast.ClassDef
    module: Mapping[str, Any]
    cells: Mapping[str, Any]
    shift: int = 0

    @property
    def label(self) -> str:
        """What people call it."""
        return display_name(self.key, is_class=isinstance(self.node, ast.ClassDef))

    def refusal(self, node: ast.AST, what: str, remedy: str) -> NotFingerprintable:
        """Return the error for `what` the code at `node` does."""
        line = getattr(node, "lineno", 1) - self.shift
        text = self.source.line(node).strip()
        return NotFingerprintable.reaching(
            what, where=f"{self.label} ({self.source.name}, line {line})", remedy=remedy, lines=[f"  {line} | {text}"]
        )

    def part(self, form: Form) -> CodePart:
        """Return it as a part whose form is `form`."""
        kind: PartKind = "class" if isinstance(self.node, ast.ClassDef) else "function"
        decorators = [] if isinstance(self.node, ast.Lambda) else self.node.decorator_list
        first = min(self.node.lineno, *(item.lineno for item in decorators), self.node.lineno)
        lines = self.source.text.splitlines()[first - 1 : self.node.end_lineno]
        return CodePart(kind, self.label, digest(form), "\n".join(lines), first - self.shift)


def display_name(key: str, *, is_class: bool = False) -> str:
    """Return the key of a part as people say it: a function with parentheses."""
    name = key.rpartition("#")[0] or key
    return name if is_class else f"{name}()"


def refusal(label: str, what: str, remedy: str) -> NotFingerprintable:
    """Return the error for what `label` does, where no line can be shown."""
    return NotFingerprintable.reaching(what, where=label, remedy=remedy)
