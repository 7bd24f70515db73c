"""Running a definition's code in this process while it is observed: what it reads, what it changes, what it raises."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Self

from workbench.worker import sandbox
from workbench.worker.observer import Observer, Touch, library_folders
from workbench.worker.shared import ProcessState, StateChange

_SYSTEM = ("/usr", "/lib", "/lib64", "/etc", "/proc", "/sys", "/dev")
_CHANGED = ("os", "platform", "posixpath", "random", "socket", "sys", "tempfile", "time")
"""The modules that a world, and observing, change themselves."""
_DENIED = re.compile(r"permission denied|os error 13\b", re.IGNORECASE)
_PATH = re.compile(r"""["'`\[]?((?:/|\w+://)[^"'`\n\]]+?)["'`\]]?(?=$|[\s:,)])""", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of code that ran.

    Attributes
    ----------
    touches
        What it read that it may not read.
    changes
        What it changed of the state that all code in a process shares.
    raised
        Its exception, as text; empty where it ended well.
    drawn
        The random generators of the process that it used, and the state that it left each in.
    """

    touches: tuple[Touch, ...] = ()
    changes: tuple[StateChange, ...] = ()
    raised: str = ""
    drawn: frozenset[tuple[str, str]] = frozenset()


@dataclass(slots=True)
class Watch:
    """Observes the code of one package in this process, which is there for nothing else."""

    _package: str
    _imported: frozenset[str]
    _observer: Observer
    _before: ProcessState

    @classmethod
    def start(
        cls, state: SimpleNamespace, package: str, folder: str, *, imported: frozenset[str], readable: Iterable[str]
    ) -> Self:
        """Observe from now on, for good; what is printed is not shown."""
        sys.stdout = sys.stderr = io.StringIO()
        loaded = len(sys.modules)
        for name in sorted(imported):
            with suppress(BaseException):  # the definition meets it, too
                import_module(name)
        allowed = tuple(os.path.realpath(path) for path in readable)
        observer = Observer(own=(folder,), readable=allowed, here=os.path.realpath(state.folder))
        observer.install()
        elsewhere = [path for path in sys.path if not _holds_data(path, folder)]
        sandbox.allow_only(
            [*_SYSTEM, sys.prefix, sys.base_prefix, *library_folders(), *elsewhere, *allowed, state.folder]
        )
        packages = frozenset(name.partition(".")[0] for name in imported)
        before = state.shared.now(_CHANGED if len(sys.modules) == loaded else None)
        return cls(package, packages, observer, before)

    def run(self, act: Callable[[], object], *, random_too: bool = False, reads_only: bool = False) -> Seen:
        """Return what is seen while `act` runs; with `reads_only`, not what it changes."""
        first, raised = len(self._observer.touches), ""
        denied: tuple[Touch, ...] = ()
        try:
            with self._observer.looking():
                act()
        except BaseException as error:  # noqa: BLE001 - whatever it is, a panic of native code too, it is told
            raised = f"{type(error).__name__}: {error}"
            denied = _denied(error)
        touches = tuple(sorted(self._observer.touches[first:], key=_by_weight)) or denied
        own = partial(_is_own, self._package)
        changes = () if reads_only else self._before.changes(is_own=own, imported=self._imported, random_too=random_too)
        return Seen(touches, tuple(changes), raised, self._before.changed_generators())


def _holds_data(path: str, folder: str) -> bool:
    """Return whether a folder that Python imports from is of the project, or above it, so that data may be in it."""
    project = Path(folder).parents[2]
    entry = Path(path or os.curdir).absolute()
    return entry.is_relative_to(project) or project.is_relative_to(entry)


def _by_weight(touch: Touch) -> bool:
    """Sort what is asked of the process behind what is read: who uses the network looks for a proxy first."""
    return touch.kind in ("variable", "folder")


def _denied(error: BaseException) -> tuple[Touch, ...]:
    """Return what native code was not let read, as far as its error says so."""
    seen: BaseException | None = error
    while seen is not None:
        text = str(seen)
        if _DENIED.search(text):
            found = _PATH.search(text)
            return (Touch("file", found[1] if found else "a file"),)
        seen = seen.__cause__ or seen.__context__
    return ()


def _is_own(package: str, value: Any) -> bool:
    """Return whether a value is a module, function or class of the package, or an object of such a class."""
    value = getattr(value, "func", value)
    name = value.__name__ if isinstance(value, ModuleType) else None
    for module in (name, getattr(value, "__module__", None), type(value).__module__):
        if isinstance(module, str) and (module == package or module.startswith(f"{package}.")):
            return True
    return False
