"""Packages whose names, and libraries that, are loaded when they are first used, since they are slow to import."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class _Room(ModuleType):
    """A package in which a function has the name of its module: the name stays the function's.

    Importing a module puts it into its package under its name, and then ``__getattr__`` would not be asked.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if not (isinstance(value, ModuleType) and name in self.__dict__["_HOMES"].get(name, ())):
            super().__setattr__(name, value)


class _Deferred(ModuleType):
    """A module that is imported when something of it is first used."""

    _loaded: ModuleType | None = None

    def __getattr__(self, name: str) -> object:
        if self._loaded is None:  # asked for by every use of a name: to import a module that is there takes longer
            self._loaded = import_module(self.__name__)
        found = getattr(self._loaded, name)
        if isinstance(found, type):  # dtypes are asked for by the thousand, and a class stays what it is
            self.__dict__[name] = found
        return found


def deferred(module: str) -> ModuleType:
    """Return a module that is imported when something of it is first used."""
    return _Deferred(module)


def loading(
    package: str, homes: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return a package's ``__getattr__`` and ``__dir__`` (PEP 562).

    `homes` has the names that each module gives it; the package calls it ``_HOMES``.
    """
    home_of = {name: home for home, names in homes.items() for name in names}

    if any(name in names for name, names in homes.items()):
        sys.modules[package].__class__ = _Room

    def load(name: str) -> object:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{home_of[name]}"), name)

    return load, lambda: sorted(home_of)
