"""What an object in memory is: a plain value, a library's by name, or code of the user's own to be followed."""

from __future__ import annotations

import builtins
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from typing import Any, TypeVar, get_args, get_origin

from workbench.fingerprint.encoding import Form
from workbench.fingerprint.first_party import BUILTINS, OURS, Home, library_constant, library_name
from workbench.fingerprint.values import Opaque, value_form

MISSING = object()
_WRAPPED = type(cache(len))


@dataclass(slots=True)
class ObjectForms:
    """Gives objects their forms, and keys to the functions and classes that are still to be looked at.

    Attributes
    ----------
    home
        Whose code is followed.
    found
        Functions and classes of the user's own, by key, in the order they were met.
    """

    home: Home
    found: dict[str, Any] = field(default_factory=dict)
    _keys: dict[int, str] = field(default_factory=dict)
    _taken: dict[str, int] = field(default_factory=dict)

    def identity(self, value: object, hint: str) -> Form:
        """Return the form of any object; `hint` is what it is called here."""
        return value_form(value, partial(self._object, hint=hint))

    def _object(self, value: Any, *, hint: str) -> Form:
        inner = partial(self.identity, hint=hint)
        match value:
            case types.FunctionType():
                return self._function_identity(value, hint)
            case types.GenericAlias() | types.UnionType():
                return ("generic", inner(get_origin(value)), inner(get_args(value)))
            case type():
                return self._class_identity(value, hint)
            case types.ModuleType():
                if self.home.owns(value.__name__):
                    raise Opaque("holds a whole module of your own", "Import the names that you need.")
                self.home.check_member(value.__name__, ())
                return ("module", value.__name__)
            case types.MethodType():
                return ("method", inner(value.__func__), inner(value.__self__))
            case types.BuiltinFunctionType():
                return self._builtin_identity(value, inner)
            case types.MethodDescriptorType() | types.WrapperDescriptorType() | types.ClassMethodDescriptorType():
                return ("library", f"{value.__objclass__.__module__}.{value.__qualname__}")
            case _ if value is MISSING:
                return ("undefined",)
        return self._wrapper(value, inner) or self._unusual(value, inner)

    def _wrapper(self, value: Any, inner: Callable[[object], Form]) -> Form | None:
        """Return the form of what the standard library wraps around functions, None for anything else."""
        match value:
            case staticmethod() | classmethod():
                return (type(value).__name__, inner(value.__func__))
            case property():
                return ("property", inner(value.fget), inner(value.fset), inner(value.fdel))
            case cached_property():
                return ("cached property", inner(value.func))
            case _ if type(value) is _WRAPPED:
                return ("cached", inner(dict(value.cache_parameters())), inner(value.__wrapped__))
        return None

    def _unusual(self, value: Any, inner: Callable[[object], Form]) -> Form:
        if type(value).__module__ == f"{OURS}.define.view":
            return ("view", inner(value.function))
        if value is NotImplemented:
            return ("not implemented",)
        if isinstance(value, TypeVar):
            return ("type variable", value.__name__)
        name = library_constant(value)
        if name is None and type(value).__name__ == "ufunc":
            name = library_name(value, "numpy", value.__name__)
        if name is not None and not self.home.owns(name.rpartition(".")[0]):
            self.home.check_member(name.rpartition(".")[0], (name.rpartition(".")[2],))
            return ("library", name)
        if get_origin(value) is not None:
            extra = getattr(value, "__metadata__", ())
            return ("generic", inner(get_origin(value)), inner(get_args(value)), inner(extra))
        raise Opaque.instance(value)

    def _builtin_identity(self, value: Any, inner: Callable[[object], Form]) -> Form:
        owner = value.__self__
        if owner is None or isinstance(owner, types.ModuleType):
            if value.__module__ == "builtins":
                return builtin(value.__name__, self.home)
            self.home.check_member(str(value.__module__), (value.__name__,))
            return ("library", f"{value.__module__}.{value.__qualname__}")
        return ("bound", value.__name__, inner(owner))

    def _function_identity(self, function: types.FunctionType, hint: str) -> Form:
        module = str(function.__globals__.get("__name__"))
        if self.home.owns(module):
            return ("part", self.key(function, hint))
        name = function.__code__.co_qualname
        if module.partition(".")[0] == OURS:
            self.home.check_member(OURS, (name,))
            return ("library", f"{OURS}.{name}", getattr(function, "__semantics__", None))
        self.home.check_member(module, tuple(name.split(".")))
        known = library_name(function, module, name)
        if known is not None:
            return ("library", known)
        if "<lambda>" in name:
            raise Opaque("is a lambda of a library", "Write the function out.")
        inner = partial(self.identity, hint=hint)
        held = (closure(function), function.__defaults__, function.__kwdefaults__, dict(sorted(vars(function).items())))
        return ("made by", module, name, function.__code__.co_firstlineno, inner(held))

    def _class_identity(self, kind: type, hint: str) -> Form:
        if self.home.owns(kind.__module__):
            return ("part", self.key(kind, hint))
        if kind.__module__.partition(".")[0] == OURS:
            return ("library", f"{OURS}.{kind.__qualname__}")
        name = library_name(kind, kind.__module__, kind.__qualname__)
        if name is None and kind.__module__ != "builtins":
            raise Opaque("is a class made while it runs", "Write a `class` statement.")
        return ("library", name or f"builtins.{kind.__qualname__}")

    def key(self, item: Any, hint: str) -> str:
        """Return the key of a function or class; the first one of a name gets the name itself."""
        if id(item) in self._keys:
            return self._keys[id(item)]
        if isinstance(item, type):
            module, name = item.__module__, item.__qualname__
        else:
            module, name = str(item.__globals__.get("__name__")), item.__code__.co_qualname
        name = name.replace("<locals>.", "")
        if name.endswith("<lambda>") and hint:
            name = hint.rpartition(":")[2]
        label = self.label(module, name)
        count = self._taken[label] = self._taken.get(label, 0) + 1
        key = label if count == 1 else f"{label}#{count}"
        self.found[key] = item
        self._keys[id(item)] = key
        return key

    def label(self, module: str, name: str) -> str:
        """Return what `name` of `module` is called in keys and messages: ``name``, or ``helpers:name``."""
        relative = self.home.relative(module)
        return f"{relative}:{name}" if relative else name


def closure(function: types.FunctionType) -> dict[str, object]:
    """Return what the closure of `function` holds, by name; `MISSING` where it holds nothing yet."""
    held: dict[str, object] = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            held[name] = cell.cell_contents
        except ValueError:
            held[name] = MISSING
    return held


def builtin(name: str, home: Home) -> Form:
    """Return the form of a name that no module binds."""
    if name in BUILTINS and not home.may_read(BUILTINS[name]):
        raise Opaque(*BUILTINS[name])
    return ("builtin", name) if hasattr(builtins, name) else ("undefined",)
