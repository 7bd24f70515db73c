"""The smallest pieces of syntax in which two texts of a function differ."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from textwrap import dedent
from typing import Any

from workbench.define.canonical import Canonical, canonical
from workbench.define.form import Form
from workbench.define.scope import FUNCTIONS, Scopes

_SHORT = 60
_MOST = 8


def differences(old: str, new: str, *, line: int) -> list[str]:
    r"""Name the differences between two texts of one function or class.

    Parameters
    ----------
    old, new
        Source text.
    line
        The line at which `new` starts in its file.

    Returns
    -------
    list of str
        Such as ``7 -> 14 (line 12)``; at most 9 of them; empty where only formatting differs or nothing is known.

    Examples
    --------
    >>> differences("def f(x):\n    return x + 7", "def f(x):\n    return x + 14", line=11)
    ['7 -> 14 (line 12)']
    """
    tries = [_Differences.between(old, new, line=line, keep_names=keep) for keep in (True, False)]
    known = [found for found in tries if found]
    found = min(known, key=len, default=[])
    more = len(found) - _MOST
    return found if more <= 1 else [*found[:_MOST], f"and {more} more"]


class _Differences:
    """Compares two canonical forms, and remembers which syntax each piece stands for."""

    def __init__(self, old: Canonical, new: Canonical, line: int) -> None:
        self._old = old
        self._new = new
        self._line = line

    @classmethod
    def between(cls, old: str, new: str, *, line: int, keep_names: bool) -> list[str]:
        one, two = (_canonical(text, keep_names=keep_names) for text in (old, new))
        if one is None or two is None:
            return []
        compared = cls(one, two, line)
        return list(dict.fromkeys(compared._pair(one.form, two.form, (None, None))))

    def _pair(self, one: Any, two: Any, around: tuple[ast.AST | None, ast.AST | None]) -> Iterator[str]:
        """Yield where `one` and `two` differ; `around` is the smallest syntax that holds them."""
        if one == two:
            return
        around = (_origin(self._old, one, around[0]), _origin(self._new, two, around[1]))
        if not isinstance(one, tuple) or not isinstance(two, tuple) or not one or not two:
            yield self._replaced(*around)
        elif isinstance(one[0], str) and one[0] == two[0] and len(one) == len(two) and _same_shape(one, two):
            fields = list(zip(one, two, strict=True))
            if _has_new_parameters(one, two):
                fields = [pair for place, pair in enumerate(fields) if place != one.index("defaults") + 1]
            changed = [(first, second) for first, second in fields if first != second]
            plain = [pair for pair in changed if not all(isinstance(item, tuple) for item in pair)]
            if plain:
                yield self._replaced(*around)
            else:
                for pair in changed:
                    yield from self._pair(*pair, around)
        elif self._is_list(one) and self._is_list(two):
            yield from self._lists(one, two, around)
        else:
            yield self._replaced(*around)

    def _is_list(self, form: Form) -> bool:
        return all(isinstance(item, tuple) for item in form)

    def _lists(self, one: Form, two: Form, around: tuple[ast.AST | None, ast.AST | None]) -> Iterator[str]:
        known = all(id(item) in self._old.origins for item in one) and all(
            id(item) in self._new.origins for item in two
        )
        if not known and len(one) != len(two):
            yield self._replaced(*around)
            return
        matcher = SequenceMatcher(None, _numbered(one, two, 0), _numbered(one, two, 1), autojunk=False)
        for tag, start, end, begin, stop in matcher.get_opcodes():
            if tag == "equal":
                continue
            if end - start == stop - begin:
                for first, second in zip(one[start:end], two[begin:stop], strict=True):
                    yield from self._pair(first, second, around)
                continue
            for item in one[start:end]:
                yield f"{_shown(self._old.origins.get(id(item)))} was taken out"
            for item in two[begin:stop]:
                node = self._new.origins.get(id(item))
                yield f"{_shown(node)} was added{self._at(node)}"

    def _replaced(self, one: ast.AST | None, two: ast.AST | None) -> str:
        if isinstance(one, FUNCTIONS) and isinstance(two, FUNCTIONS):
            before, after = _signature(one), _signature(two)
        elif isinstance(one, ast.Attribute) and isinstance(two, ast.Attribute) and one.attr != two.attr:
            before, after = f".{one.attr}", f".{two.attr}"
        else:
            before, after = _shown(one), _shown(two)
        return f"{before} -> {after}{self._at(two)}"

    def _at(self, node: ast.AST | None) -> str:
        line = getattr(node, "end_lineno" if isinstance(node, ast.Attribute) else "lineno", None)
        return "" if line is None else f" (line {self._line + line - 1})"


def _canonical(text: str, *, keep_names: bool) -> Canonical | None:
    """Return the form of `text`; a lambda may stand in the middle of something."""
    for attempt in (dedent(text), f"({text.strip()})"):
        try:
            tree = ast.parse(attempt)
        except SyntaxError:
            continue
        return canonical(tree, Scopes.of(tree), keep_names=keep_names, decorator=_ours)
    return None


def _has_new_parameters(one: Form, two: Form) -> bool:
    """Tell whether these are functions with other parameters, which then stand for their defaults too."""
    if "parameters" not in one or "defaults" not in one:
        return False
    place = one.index("parameters") + 1
    return bool(one[place] != two[place])


def _origin(side: Canonical, form: object, around: ast.AST | None) -> ast.AST | None:
    """Return the syntax of `form` where it has text of its own, which operators have not."""
    node = side.origins.get(id(form), around)
    return around if isinstance(node, ast.operator | ast.cmpop | ast.boolop | ast.unaryop) else node


def _ours(node: ast.expr) -> Any:
    inner = node.func if isinstance(node, ast.Call) else node
    name = inner.attr if isinstance(inner, ast.Attribute) else getattr(inner, "id", "")
    return "ours" if name == "feature_view" else "plain"


def _same_shape(one: Form, two: Form) -> bool:
    """Tell whether two forms of the same node have the same fields."""
    return all(
        first == second for first, second in zip(one[1::2], two[1::2], strict=True) if isinstance(first, str)
    ) or not any(isinstance(item, str) for item in one[1::2])


def _numbered(one: Sequence[Form], two: Sequence[Form], which: int) -> list[int]:
    """Return small numbers that are equal where the forms are: quicker to compare."""
    numbers: dict[Form, int] = {}
    for item in (*one, *two):
        numbers.setdefault(item, len(numbers))
    return [numbers[item] for item in (one, two)[which]]


def _signature(node: ast.AST) -> str:
    arguments = ast.unparse(node.args)  # type: ignore[attr-defined]  # functions and lambdas have parameters
    return f"{getattr(node, 'name', 'lambda')}({arguments})"


def _shown(node: ast.AST | None) -> str:
    """Return the text of `node` on one short line."""
    if node is None:
        return "something"
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= _SHORT else text[: _SHORT - 3] + "..."
