"""Everything first-party that a function reaches: helpers, classes, constants and closures, each by what it is.

Syntax says which names a function uses; the objects in memory say what these names are. Functions and classes of the
view's own package become parts of their own, so that recursion ends and a change can be named.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections import namedtuple
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache, cached_property, lru_cache, partial, wraps
from types import FunctionType, GetSetDescriptorType, MemberDescriptorType

from workbench.fingerprint.bindings import Bindings
from workbench.fingerprint.canonical import FRAMES, Canonical, Use, canonical
from workbench.fingerprint.encoding import Form, digest
from workbench.fingerprint.first_party import ATTRIBUTES, OURS, Home
from workbench.fingerprint.node import CodePart, Place, display_name, refusal
from workbench.fingerprint.objects import ObjectForms, closure
from workbench.fingerprint.source_code import SourceCodes, plain_functions
from workbench.fingerprint.values import Opaque, display_value

_GENERATED = frozenset(vars(namedtuple("Empty", ())))  # noqa: PYI024  # asked for what it generates, not for a type
_MACHINERY = frozenset({"_abc_impl", "_is_protocol", "_is_runtime_protocol"})


def members(kind: type, written: frozenset[str]) -> dict[str, object]:
    """Return what counts of the attributes of `kind`."""
    found = {name: value for name, value in vars(kind).items() if _counts(kind, name, value, written)}
    if issubclass(kind, Enum):
        found["<members>"] = [(name, member._value_) for name, member in kind.__members__.items()]
    if _is_named_tuple(kind):
        found["<fields>"] = (kind._fields, kind._field_defaults)  # type: ignore[attr-defined]  # named tuples have them
    return found


def _counts(kind: type, name: str, value: object, written: frozenset[str]) -> bool:
    if isinstance(value, MemberDescriptorType | GetSetDescriptorType) or name in _MACHINERY:
        return False
    if issubclass(kind, Enum) and (name in kind.__members__ or (name.startswith("_") and name not in written)):
        return False
    if _is_named_tuple(kind) and name in {*_GENERATED, *kind._fields}:  # type: ignore[attr-defined]  # as above
        return False
    if name.startswith("__") and name.endswith("__"):
        return any(_is_of_file(function) for function in plain_functions(value))
    return True


def methods(kind: type, written: frozenset[str]) -> list[FunctionType]:
    """Return the functions among the members of `kind`."""
    return [function for value in members(kind, written).values() for function in plain_functions(value)]


def bound_names(node: ast.ClassDef) -> frozenset[str]:
    """Return the names that the body of a class binds, at any depth of its statements."""
    names: set[str] = set()
    for item in ast.walk(node):
        if isinstance(item, ast.Name) and not isinstance(item.ctx, ast.Load):
            names.add(item.id)
        elif item is not node and isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(item.name)
    return frozenset(names)


def made_by_call(kind: type) -> object:
    """Return what decides a class made by ``namedtuple(...)`` or ``Enum(...)``, None for any other one."""
    if issubclass(kind, Enum) or _is_named_tuple(kind):
        return (kind.__name__, dict(sorted(members(kind, frozenset()).items())))
    return None


def _is_named_tuple(kind: type) -> bool:
    return issubclass(kind, tuple) and "_field_defaults" in vars(kind)


def _is_of_file(function: FunctionType) -> bool:
    """Return whether `function` was written, not put there by ``dataclass`` and the like."""
    module = str(function.__globals__.get("__name__")).partition(".")[0]
    generated = function.__code__.co_filename.startswith("<string>") or module in sys.stdlib_module_names
    return not generated or module == "__main__"


_QUIET = (staticmethod, classmethod, property, cached_property, cache, lru_cache, wraps)


class _LooksAtFrames(Exception):
    """Something reached may look local names up: they count, and all is done again with them."""


def reach(
    function: FunctionType,
    *,
    home: Home,
    sources: SourceCodes,
    parameters: Mapping[str, object],
    shift: int = 0,
) -> tuple[str, dict[str, CodePart]]:
    """Return the key of `function`, and everything it reaches by key."""
    for keep_names in (False, True):
        walk = _Walk(ObjectForms(home), sources, parameters, shift, keep_names)
        try:
            return walk.from_function(function), walk.parts
        except _LooksAtFrames:
            continue
    raise AssertionError("names are kept the second time")


@dataclass(slots=True)
class _Walk:
    """Goes from part to part until nothing new is met."""

    objects: ObjectForms
    sources: SourceCodes
    parameters: Mapping[str, object]
    shift: int
    keep_names: bool
    parts: dict[str, CodePart] = field(default_factory=dict)
    _root: object = None

    def from_function(self, function: FunctionType) -> str:
        self._root = function
        root = self.objects.key(function, "")
        label = display_name(root)
        for name, value in self.parameters.items():
            try:
                form = self.objects.identity(value, name)
            except Opaque as problem:
                raise refusal(
                    label, f"has the parameter {name}, whose default {problem.what}", problem.remedy
                ) from None
            self.parts[f"parameter {name}"] = CodePart("parameter", name, digest(form), display_value(value))
        done = 0
        while done < len(self.objects.found):
            key, item = list(self.objects.found.items())[done]
            done += 1
            try:
                self.parts[key] = self._class(key, item) if isinstance(item, type) else self._function(key, item)
            except Opaque as problem:
                what = (
                    problem.what
                    if item is function
                    else f"uses {display_name(key, is_class=isinstance(item, type))}, which {problem.what}"
                )
                raise refusal(label, what, problem.remedy) from None
        return root

    def _function(self, key: str, function: FunctionType) -> CodePart:
        source = self.sources.of(function.__code__, function.__globals__)
        node = source.function(function.__code__)
        place = Place(
            key,
            source,
            node,
            function.__globals__,
            closure(function),
            self._shift(str(function.__globals__.get("__name__"))),
        )
        written = self._canonical_form(place)
        keyword = dict(function.__kwdefaults__ or {})
        if function is self._root:
            keyword = {name: value for name, value in keyword.items() if name not in self.parameters}
        form = (
            written.form,
            self._bindings(place, written),
            self._form(place, function.__defaults__ or (), "a default"),
            self._form(place, keyword, "a default"),
            self._form(place, dict(sorted(vars(function).items())), "an attribute"),
        )
        return place.part(form)

    def _class(self, key: str, kind: type) -> CodePart:
        module = vars(sys.modules[kind.__module__]) if kind.__module__ in sys.modules else {}
        try:
            source, node = self.sources.of_class(kind, module)
        except Opaque:
            made = made_by_call(kind)
            if made is None:
                raise
            return CodePart(
                "class", display_name(key, is_class=True), digest(self.objects.identity(made, key)), display_value(made)
            )
        place = Place(key, source, node, module, {}, self._shift(kind.__module__))
        written_names = bound_names(node)
        holes: dict[ast.AST, str] = {}
        for method in methods(kind, written_names):
            method_node = source.own(method.__code__, node)
            if method_node is not None:
                holes[method_node] = method.__name__
        written = self._canonical_form(place, holes=holes)
        form = (
            written.form,
            self._bindings(place, written),
            self._form(place, kind.__bases__, "a base"),
            self._form(place, type(kind), "a metaclass"),
            self._members(place, kind, written_names),
        )
        return place.part(form)

    def _members(self, place: Place, kind: type, written: frozenset[str]) -> Form:
        """Return what the class holds now, which may be more than its text says."""
        found: list[Form] = []
        for name, value in sorted(members(kind, written).items()):
            try:
                found.append((name, self.objects.identity(value, f"{place.key}.{name}")))
            except Opaque as problem:
                if name not in written and not self._of_library(kind, value):
                    raise place.refusal(place.node, f"holds {name}, which {problem.what}", problem.remedy) from None
        return tuple(found)

    def _of_library(self, kind: type, value: object) -> bool:
        """Return whether a library's base class (pandera's, say) put `value` on `kind`."""
        made = value.__module__ if isinstance(value, type) else type(value).__module__
        owns = self.objects.home.owns
        return not owns(made) and any(base is not object and not owns(base.__module__) for base in kind.__mro__)

    def _bindings(self, place: Place, written: Canonical) -> Form:
        return Bindings(place, self.objects, self.parts).forms(written, by_text=self.keep_names)

    def _form(self, place: Place, value: object, what: str) -> Form:
        try:
            return self.objects.identity(value, place.key)
        except Opaque as problem:
            raise place.refusal(place.node, f"has {what} that {problem.what}", problem.remedy) from None

    def _canonical_form(self, place: Place, *, holes: Mapping[ast.AST, str] | None = None) -> Canonical:
        use = partial(_decorator, place)
        try:
            written = canonical(place.node, place.source.scopes, keep_names=self.keep_names, decorator=use, holes=holes)
        except RecursionError:
            raise Opaque.too_deep() from None
        for name, user in written.attributes.items():
            if name in ATTRIBUTES and not self.objects.home.may_read(ATTRIBUTES[name]):
                what, remedy = ATTRIBUTES[name]
                raise place.refusal(user, f"uses .{name}, which {what}", remedy)
        if not self.keep_names and _looks_at_frames(written):
            raise _LooksAtFrames
        return written

    def _shift(self, module: str) -> int:
        return self.shift if module == self.objects.home.module else 0


def _looks_at_frames(written: Canonical) -> bool:
    names = {
        *written.attributes,
        *(reference.variable.name for reference in written.references),
        *(imported.name for imported in written.imports),
    }
    return not FRAMES.isdisjoint(names)


def _decorator(place: Place, node: ast.expr) -> Use:
    """Tell what the decorator at `node` is, by the object that it names."""
    inner = node.func if isinstance(node, ast.Call) else node
    chain: list[str] = []
    while isinstance(inner, ast.Attribute):
        chain.insert(0, inner.attr)
        inner = inner.value
    if not isinstance(inner, ast.Name) or place.source.scopes.where[inner].variable(inner.id).scope is not None:
        return "reads"
    value = place.module.get(inner.id, getattr(builtins, inner.id, None))
    for attribute in chain:
        value = getattr(value, attribute, None)
    if getattr(value, "__module__", "") in {f"{OURS}.define.view", f"{OURS}.define.on_demand_view"}:
        return "ours"
    return "plain" if any(value is quiet for quiet in _QUIET) else "reads"
