"""What all code in a process shares: attributes of modules and classes, options, variables, handlers.

A definition that changes it changes what others see, and what it changes is no part of its identity. So it is compared
before and after a definition is imported, and after it ran.
"""

from __future__ import annotations

import decimal
import locale
import logging
import operator
import os
import random
import signal
import sys
import threading
import time
import types
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from workbench.errors import WorkbenchError

_OURS = WorkbenchError.__module__.partition(".")[0]
_ALWAYS_NAMEABLE = frozenset({"polars", "numpy"})
_QUIET = frozenset(
    {
        *("__abstractmethods__", "__annotations__", "__builtins__", "__cached__", "__doc__", "__file__", "__loader__"),
        *("__path__", "__slotnames__", "__spec__", "__warningregistry__", "__parameters__"),
    }
)
RANDOM = "the random state of "
_ABSENT = object()
_Owner = TypeVar("_Owner", types.ModuleType, type)
_held = type.__dict__["__dict__"].__get__
"""What a class holds itself, whatever its metaclass says."""


@dataclass(frozen=True, slots=True)
class StateChange:
    """Something that all code shares, and that a definition changed.

    Attributes
    ----------
    kind
        ``namespace`` of Polars, ``attribute`` of a module or class, ``module``, or ``setting``.
    name
        Such as ``Expr.fees``, ``math.tau``, or what is set.
    """

    kind: str
    name: str


@dataclass(slots=True)
class ProcessState:
    """The state of this process at a moment, to be compared with a later one.

    Values are kept, not their ids alone, so that none is mistaken for another one that came later.
    """

    _modules: dict[str, tuple[types.ModuleType, tuple[str, ...], tuple[object, ...]]] = field(default_factory=dict)
    _classes: dict[int, tuple[type, tuple[str, ...], tuple[object, ...]]] = field(default_factory=dict)
    _settings: dict[str, object] = field(default_factory=dict)

    def now(self, changed: Iterable[str] | None = None) -> ProcessState:
        """Return the state of this moment; what did not change since is shared with this one."""
        later = ProcessState(dict(self._modules), dict(self._classes), dict(_settings()))
        later._add([*(sys.modules.keys() - self._modules.keys()), *(self._modules if changed is None else changed)])
        return later

    def _add(self, names: Iterable[str]) -> None:
        for name in names:
            module = sys.modules.get(name)
            if not isinstance(module, types.ModuleType) or name == "__main__":
                continue
            self._modules[name] = _kept(module, vars(module))
            for value in self._modules[name][2]:
                if isinstance(value, type) and (value.__module__ == name or id(value) not in self._classes):
                    self._classes[id(value)] = _kept(value, _held(value))

    def changes(
        self, *, is_own: Callable[[object], bool], imported: frozenset[str], random_too: bool
    ) -> Iterator[StateChange]:
        """Yield what changed since then."""
        nameable = imported | _ALWAYS_NAMEABLE | sys.stdlib_module_names
        for kind, owner, name, before, value in self._rebound(is_own):
            top = owner.partition(".")[0]
            if top == _OURS and not is_own(value):
                continue
            if is_own(value) or _counts(name, before, value, in_class=kind is type, nameable=top in nameable):
                yield _change(kind, owner, name, value)
        for name in sys.modules.keys() - self._modules.keys():
            module = sys.modules[name]
            if not is_own(module) and any(map(is_own, vars(module).values())):
                yield StateChange("module", name)
        now = dict(_settings())
        for name, old in self._settings.items():
            if now.get(name) != old and (random_too or not name.startswith(RANDOM)):
                yield StateChange("setting", _which(name, old, now.get(name)))

    def changed_generators(self) -> frozenset[tuple[str, str]]:
        """Return which random generators are in another state than they were then, and in which."""
        now = [(name, state) for name, state in _settings() if name.startswith(RANDOM)]
        return frozenset((name, repr(state)) for name, state in now if self._settings.get(name) != state)

    def _rebound(self, is_own: Callable[[object], bool]) -> Iterator[tuple[type, str, str, object, object]]:
        """Yield each attribute of a module or class of others that holds another object than it did."""
        for module, names, values in self._modules.values():
            if _same(vars(module), values) or is_own(module):
                continue
            for name, before, value in _differences(vars(module), names, values):
                yield types.ModuleType, module.__name__, name, before, value
        for kind, names, values in self._classes.values():
            if _same(_held(kind), values) or is_own(kind):
                continue
            for name, before, value in _differences(_held(kind), names, values):
                yield type, f"{kind.__module__}.{kind.__qualname__}", name, before, value


def _kept(owner: _Owner, held: Mapping[str, object]) -> tuple[_Owner, tuple[str, ...], tuple[object, ...]]:
    own = dict(held)
    return owner, tuple(own), tuple(own.values())


def _same(held: Mapping[str, object], values: tuple[object, ...]) -> bool:
    return len(held) == len(values) and all(map(operator.is_, held.values(), values))


def _differences(
    held: Mapping[str, object], names: tuple[str, ...], values: tuple[object, ...]
) -> Iterator[tuple[str, object, object]]:
    before = dict(zip(names, values, strict=True))
    for name in {**before, **held}:
        old, new = before.get(name, _ABSENT), held.get(name, _ABSENT)
        if old is not new and name not in _QUIET:
            yield name, old, new


def _counts(name: str, before: object, value: object, *, in_class: bool, nameable: bool) -> bool:
    """Return whether an attribute was changed by a definition, not by its library, which loads and remembers things."""
    if isinstance(value, types.ModuleType) or (name.startswith("_") and not name.endswith("__")):
        return False
    if in_class and before is _ABSENT:
        return True
    if before is _ABSENT:
        return getattr(value, "__name__", None) != name if callable(value) else nameable
    if before is None:
        return False
    return callable(before) or in_class or nameable


def _change(kind: type, owner: str, name: str, value: object) -> StateChange:
    if kind is type and owner.startswith("polars.") and type(value).__name__ == "NameSpace":
        return StateChange("namespace", f"{owner.rpartition('.')[2]}.{name}")
    return StateChange("attribute", f"{owner}.{name}")


def _which(name: str, old: object, new: object) -> str:
    """Return which entry of a setting differs."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        entry = next(key for key in {**old, **new} if old.get(key, _ABSENT) != new.get(key, _ABSENT))
        return f"{name} {entry}"
    return name


def _settings() -> Iterator[tuple[str, object]]:
    """Yield what is set in this process, by what it is called."""
    yield "the variable", dict(os.environ)
    yield "the working folder", os.getcwd()  # noqa: PTH109 - as text
    yield "the local time zone", time.tzname
    yield "the locale", locale.setlocale(locale.LC_ALL)
    context = decimal.getcontext()
    yield "the decimal context", (context.prec, context.rounding, context.Emin, context.Emax, dict(context.traps))
    yield "sys.path", list(sys.path)
    yield "the import hooks", [*map(id, sys.meta_path), *map(id, sys.path_hooks)]
    yield "the handler of signal", {number.name: signal.getsignal(number) for number in signal.Signals}
    yield "the limit", {"of recursion": sys.getrecursionlimit(), "of digits": sys.get_int_max_str_digits()}
    yield "the hook sys.", {"settrace": sys.gettrace(), "setprofile": sys.getprofile()}
    threads = {thread.name for thread in threading.enumerate()}
    yield "the threads", {name for name in threads if not name.startswith("Dummy-")}  # those of Polars, seen by Python
    yield "the filters of warnings", list(warnings.filters)
    yield "the root logger", (logging.root.level, [*map(id, logging.root.handlers)])
    yield f"{RANDOM}random", random.getstate()
    yield from _settings_of_libraries()


def _settings_of_libraries() -> Iterator[tuple[str, object]]:
    polars: Any = sys.modules.get("polars")
    if polars is not None:
        yield "the option of Polars", polars.Config.state()
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None:
        yield f"{RANDOM}numpy", repr(numpy.random.get_state(legacy=True))
        yield "the option of numpy", {**numpy.geterr(), **numpy.get_printoptions()}
