"""Why a view changed: from two records of its code and inputs to lines that name what moved."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from textwrap import dedent
from typing import Any

from workbench.fingerprint.canonical import Canonical, canonical
from workbench.fingerprint.encoding import Form
from workbench.fingerprint.node import CodePart
from workbench.fingerprint.scope import FUNCTIONS, Scopes

_LINE_LENGTH = 60
_MOST = 8


def differences(old: str, new: str, *, line: int) -> list[str]:
    r"""Name the differences between two texts of one function or class.

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
            yield self._explain_replacement(*around)
        elif isinstance(one[0], str) and one[0] == two[0] and len(one) == len(two) and _same_shape(one, two):
            fields = list(zip(one, two, strict=True))
            if _has_new_parameters(one, two):
                fields = [pair for place, pair in enumerate(fields) if place != one.index("defaults") + 1]
            changed = [(first, second) for first, second in fields if first != second]
            plain = [pair for pair in changed if not all(isinstance(item, tuple) for item in pair)]
            if plain:
                yield self._explain_replacement(*around)
            else:
                for pair in changed:
                    yield from self._pair(*pair, around)
        elif self._is_list(one) and self._is_list(two):
            yield from self._lists(one, two, around)
        else:
            yield self._explain_replacement(*around)

    def _is_list(self, form: Form) -> bool:
        return all(isinstance(item, tuple) for item in form)

    def _lists(self, one: Form, two: Form, around: tuple[ast.AST | None, ast.AST | None]) -> Iterator[str]:
        known = all(id(item) in self._old.origins for item in one) and all(
            id(item) in self._new.origins for item in two
        )
        if not known and len(one) != len(two):
            yield self._explain_replacement(*around)
            return
        matcher = SequenceMatcher(None, _number_forms(one, two, 0), _number_forms(one, two, 1), autojunk=False)
        for tag, start, end, begin, stop in matcher.get_opcodes():
            if tag == "equal":
                continue
            if end - start == stop - begin:
                for first, second in zip(one[start:end], two[begin:stop], strict=True):
                    yield from self._pair(first, second, around)
                continue
            for item in one[start:end]:
                yield f"{_line_text(self._old.origins.get(id(item)))} was removed"
            for item in two[begin:stop]:
                node = self._new.origins.get(id(item))
                yield f"{_line_text(node)} was added{self._at(node)}"

    def _explain_replacement(self, one: ast.AST | None, two: ast.AST | None) -> str:
        if isinstance(one, FUNCTIONS) and isinstance(two, FUNCTIONS):
            before, after = _signature(one), _signature(two)
        elif isinstance(one, ast.Attribute) and isinstance(two, ast.Attribute) and one.attr != two.attr:
            before, after = f".{one.attr}", f".{two.attr}"
        else:
            before, after = _line_text(one), _line_text(two)
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
    """Return whether these are functions with other parameters, which then stand for their defaults too."""
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
    return "ours" if name in {"feature_view", "on_demand"} else "plain"


def _same_shape(one: Form, two: Form) -> bool:
    """Return whether two forms of the same node have the same fields."""
    return all(
        first == second for first, second in zip(one[1::2], two[1::2], strict=True) if isinstance(first, str)
    ) or not any(isinstance(item, str) for item in one[1::2])


def _number_forms(one: Sequence[Form], two: Sequence[Form], which: int) -> list[int]:
    """Return small numbers that are equal where the forms are: quicker to compare."""
    numbers: dict[Form, int] = {}
    for item in (*one, *two):
        numbers.setdefault(item, len(numbers))
    return [numbers[item] for item in (one, two)[which]]


def _signature(node: ast.AST) -> str:
    arguments = ast.unparse(node.args)  # type: ignore[attr-defined]  # functions and lambdas have parameters
    return f"{getattr(node, 'name', 'lambda')}({arguments})"


def _line_text(node: ast.AST | None) -> str:
    """Return the text of `node` on one short line."""
    if node is None:
        return "something"
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= _LINE_LENGTH else text[: _LINE_LENGTH - 3] + "..."


_SHORT = 4


@dataclass(frozen=True, slots=True)
class IdentityChange:
    """One thing that moved.

    Attributes
    ----------
    kind
        ``code``, ``helper``, ``class``, ``constant``, ``closure``, ``parameter``, ``setting``, ``source``.
    name
        What moved: ``delay_mean()``, ``WINDOW``, ``flights``.
    detail
        How: ``7 -> 14 (line 12)``.
    """

    kind: str
    name: str
    detail: str

    def __str__(self) -> str:
        start = f"in {self.name}" if self.kind == "code" else f"{self.kind} {self.name}"
        return f"{start}: {self.detail}"


@dataclass(frozen=True, slots=True)
class CodeRecord:
    """What a view was made from, to be stored and compared later.

    Attributes
    ----------
    view
        Its name.
    root
        The key of its function among the parts.
    parts
        Everything that its code reaches, with text.
    settings
        What its decorator says about its values, and its parameters.
    inputs
        The digest of each input's data, by name.
    """

    view: str
    root: str
    parts: Mapping[str, CodePart]
    settings: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)


def explain_change(old: CodeRecord, new: CodeRecord) -> list[IdentityChange]:
    """Name what moved between two records of a view."""
    changes = [*_code(old, new), *_settings(old, new), *_inputs(old, new)]
    return list(dict.fromkeys(changes))


def _code(old: CodeRecord, new: CodeRecord) -> Iterator[IdentityChange]:
    if old.root != new.root:
        yield IdentityChange("code", f"{old.root}()", f"the function is now called {new.root}()")
    before, after = _parts_by_key(old), _parts_by_key(new)
    for key in sorted({*before, *after}, key=lambda key: (key != "", key)):
        one, two = before.get(key), after.get(key)
        if one is None and two is not None:
            yield IdentityChange(_kind(two, key), two.name, f"is new{_value(two)}")
        elif two is None and one is not None:
            yield IdentityChange(_kind(one, key), one.name, f"is no longer used{_value(one)}")
        elif one is not None and two is not None and one.hash != two.hash:
            yield from _part(one, two, key, before, after)


def _parts_by_key(record: CodeRecord) -> dict[str, CodePart]:
    """Return the parts by key; the view's own function under the empty key, whatever it is called."""
    return {"" if key == record.root else key: part for key, part in record.parts.items()}


def _kind(part: CodePart, key: str) -> str:
    if part.kind == "function":
        return "helper" if key else "code"
    return part.kind


def _value(part: CodePart) -> str:
    return "" if part.kind in ("function", "class") else f": {part.text}"


def _part(
    one: CodePart, two: CodePart, key: str, before: Mapping[str, CodePart], after: Mapping[str, CodePart]
) -> Iterator[IdentityChange]:
    kind = _kind(two, key)
    if two.kind not in ("function", "class") or one.kind != two.kind:
        same = one.text == two.text
        yield IdentityChange(kind, two.name, f"{one.text}: its value changed" if same else f"{one.text} -> {two.text}")
        return
    found = differences(one.text, two.text, line=two.line)
    for difference in found:
        yield IdentityChange(kind, two.name, f"changed: {difference}" if kind == "helper" else difference)
    if not found:
        # the text says the same, so a default, a base or something that it names is another object now
        yield from _unseen(kind, two, before, after)


def _unseen(
    kind: str, part: CodePart, before: Mapping[str, CodePart], after: Mapping[str, CodePart]
) -> Iterator[IdentityChange]:
    moved = [key for key in {*before, *after} if before.get(key) is None or after.get(key) is None]
    if not moved:
        yield IdentityChange(kind, part.name, "a value behind one of its names or defaults changed")


def _settings(old: CodeRecord, new: CodeRecord) -> Iterator[IdentityChange]:
    for name in sorted({*old.settings, *new.settings} - {"parameters"}):
        one, two = old.settings.get(name), new.settings.get(name)
        if one != two or type(one) is not type(two):
            before, after = (value if isinstance(value, str) else _short_text(value) for value in (one, two))
            yield IdentityChange("setting", name, f"{before} -> {after}")
    defaults, others = old.settings.get("parameters", {}), new.settings.get("parameters", {})
    for name in sorted({*defaults, *others}):
        in_code = f"parameter {name}"
        if in_code in old.parts or in_code in new.parts:
            one_part, two_part = old.parts.get(in_code), new.parts.get(in_code)
            if (one_part and one_part.hash) != (two_part and two_part.hash):
                continue  # named with the code
        if repr(defaults.get(name)) != repr(others.get(name)):
            yield IdentityChange(
                "parameter", name, f"{_short_text(defaults.get(name))} -> {_short_text(others.get(name))}"
            )


def _short_text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, dict) and "value" in value:
        return str(value["value"])
    return "none" if value is None else repr(value)


def _inputs(old: CodeRecord, new: CodeRecord) -> Iterator[IdentityChange]:
    if not old.inputs or not new.inputs:
        return
    for name in sorted({*old.inputs, *new.inputs}):
        one, two = old.inputs.get(name), new.inputs.get(name)
        if one is None:
            yield IdentityChange("source", name, "is a new input")
        elif two is None:
            yield IdentityChange("source", name, "is no longer an input")
        elif one != two:
            yield IdentityChange("source", name, f"data changed (digest {_digest(one, two)})")


def _digest(one: str, two: str) -> str:
    """Return both digests as short as they still differ."""
    length = _SHORT
    while one[:length] == two[:length]:
        length += 1
    short = [digest if len(digest) <= length else f"{digest[:length]}.." for digest in (one, two)]
    return " -> ".join(short)
