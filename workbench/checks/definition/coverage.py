"""Which lines of a view's function, and of the helpers of its own that it uses, ran in its tests."""

from __future__ import annotations

import dis
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import CodeType, FunctionType, ModuleType
from typing import Any

from workbench.checks.definition.cases import Lines

_BOOKKEEPING = frozenset({"RESUME", "COPY_FREE_VARS", "MAKE_CELL", "RETURN_GENERATOR", "CACHE", "NOP"})


@dataclass(slots=True)
class Covered:
    """The lines of some functions, and those of them that ran.

    Attributes
    ----------
    lines
        The lines with code, by file.
    ran
        Those that ran, by file.
    """

    lines: Mapping[str, set[int]]
    ran: dict[str, set[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, function: FunctionType, folder: str) -> Covered:
        """Return the lines of `function` and of what it reaches by name in files below `folder`; none ran yet."""
        lines: dict[str, set[int]] = {}
        for code in _codes(function, f"{folder}{os.sep}"):
            lines.setdefault(code.co_filename, set()).update(_lines(code))
        return cls(lines)

    def add(self, ran: Lines) -> None:
        """Note lines that ran; those that nobody asks about are left out."""
        for name, lines in ran.items():
            self.ran.setdefault(name, set()).update(lines & self.lines.get(name, set()))

    @property
    def share(self) -> float:
        """The share of lines that ran; 1 where there are none."""
        total = sum(len(lines) for lines in self.lines.values())
        return sum(len(lines) for lines in self.ran.values()) / total if total else 1.0

    @property
    def missed(self) -> dict[str, list[int]]:
        """The lines that did not run, by file, in order."""
        left = {name: sorted(lines - self.ran.get(name, set())) for name, lines in self.lines.items()}
        return {name: lines for name, lines in sorted(left.items()) if lines}


def spans(lines: list[int]) -> str:
    """Return ascending line numbers for a sentence.

    Examples
    --------
    >>> spans([3, 4, 5, 9])
    '3-5, 9'
    """
    found: list[list[int]] = []
    for line in lines:
        if found and line == found[-1][1] + 1:
            found[-1][1] = line
        else:
            found.append([line, line])
    return ", ".join(f"{first}-{last}" if last > first else f"{first}" for first, last in found)


def _codes(function: FunctionType, inside: str) -> Iterator[CodeType]:
    """Yield the code of `function`, of functions inside it, and of functions and classes that it names."""
    seen: set[int] = set()
    waiting: list[tuple[CodeType, Mapping[str, Any]]] = [(function.__code__, function.__globals__)]
    while waiting:
        code, names = waiting.pop()
        if id(code) in seen or not code.co_filename.startswith(inside):
            continue
        seen.add(id(code))
        yield code
        waiting += [(constant, names) for constant in code.co_consts if isinstance(constant, CodeType)]
        modules = [value for name in code.co_names if isinstance(value := names.get(name), ModuleType)]
        for name in code.co_names:
            for value in (names.get(name), *(vars(module).get(name) for module in modules)):
                waiting += [(found.__code__, found.__globals__) for found in _functions(value)]


def _functions(value: object) -> Iterator[FunctionType]:
    if isinstance(value, FunctionType):
        yield value
    elif isinstance(value, type):
        yield from (found for found in vars(value).values() if isinstance(found, FunctionType))
    elif isinstance(found := getattr(value, "__wrapped__", None), FunctionType):
        yield found


def _lines(code: CodeType) -> Iterator[int]:
    """Yield the lines of a function's own instructions; its ``def`` line is none of them."""
    for instruction in dis.get_instructions(code):
        positions = instruction.positions
        if positions is not None and positions.lineno is not None and instruction.opname not in _BOOKKEEPING:
            yield positions.lineno
