"""What a class of the user's own holds, apart from what Python and the standard library put there."""

from __future__ import annotations

import ast
import sys
from collections import namedtuple
from enum import Enum
from types import FunctionType, GetSetDescriptorType, MemberDescriptorType

from workbench.fingerprint.source_code import plain_functions

_GENERATED = frozenset(vars(namedtuple("Empty", ())))  # noqa: PYI024  # asked for what it generates, not for a type
_MACHINERY = frozenset({"_abc_impl", "_is_protocol", "_is_runtime_protocol"})


def members(kind: type, written: frozenset[str]) -> dict[str, object]:
    """Return what counts of the attributes of `kind`.

    Parameters
    ----------
    kind
        A class.
    written
        The names that its text binds.

    Returns
    -------
    dict
        Methods and values by name: those of the text, and those that were set from elsewhere.
    """
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


def names_bound(node: ast.ClassDef) -> frozenset[str]:
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
    """Tell whether `function` was written, not put there by ``dataclass`` and the like."""
    module = str(function.__globals__.get("__name__")).partition(".")[0]
    generated = function.__code__.co_filename.startswith("<string>") or module in sys.stdlib_module_names
    return not generated or module == "__main__"
