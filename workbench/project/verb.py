"""Verbs: methods of `Project` that the command line and ``%feature`` have under the same name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Method = TypeVar("Method", bound="Callable[..., object]")

MARK = "__verb__"


@dataclass(frozen=True, slots=True)
class Verb:
    """How a method is called from a line of words.

    Attributes
    ----------
    options
        The names of options that are not called as their parameters.
    saves
        Whether its result can be written to a file, by ``--out``.
    """

    options: Mapping[str, str] = field(default_factory=dict)
    saves: bool = False


def verb(*, saves: bool = False, **options: str) -> Callable[[Method], Method]:
    """Make a method a verb; its signature and docstring are those of the command."""

    def mark(method: Method) -> Method:
        setattr(method, MARK, Verb(options, saves))
        return method

    return mark


def verbs_of(kind: type) -> dict[str, Verb]:
    """Return the verbs of a class by the names of their methods, in the order in which they are defined."""
    return {name: getattr(method, MARK) for name, method in vars(kind).items() if hasattr(method, MARK)}
