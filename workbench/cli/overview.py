"""`overview`: all verbs on one page, in the order in which they are needed."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.cli.parsers import WITH_PROJECT, WITHOUT_PROJECT
from workbench.render import Report, Reported, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GROUPS = {
    "Begin": ("init", "demo", "status", "branch", "fetch", "new"),
    "Define and check": ("define", "compute", "check", "remove"),
    "Understand": ("diff", "drift", "why", "why-changed", "compare", "lineage", "catalog", "sql"),
    "Train": ("training-set", "reproduce", "ui"),
    "Publish": ("promote", "approve", "rollback", "withdraw", "deprecate", "retire", "release", "materialize"),
    "Serve": ("get", "online", "serve", "token", "monitor", "skew"),
    "Look after": ("trust", "gc"),
}
"""Verbs by what they are for, each in one group."""


@dataclass(frozen=True, slots=True)
class Overview(Reported):
    """What can be written behind ``%feature``."""

    def to_dict(self) -> dict[str, object]:
        """Return what each verb does, by group."""
        return {group: dict(rows) for group, rows in _grouped()}

    def report(self) -> Report:
        """Return a table for each group."""
        tables = tuple(Table(group, ("", ""), rows) for group, rows in _grouped())
        return Report(
            "Feature Workbench",
            facts=(
                ("a feature", "%%feature on the first line of a cell; `%feature new windowed` writes such a cell"),
                ("a verb", "%feature VERB, or `workbench VERB` in a terminal; Tab completes names and options"),
                ("more of one", "%feature VERB --help"),
            ),
            tables=tables,
        )


def _grouped() -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    verbs = {**WITHOUT_PROJECT, **WITH_PROJECT}
    for group, words in GROUPS.items():
        yield group, tuple((word, _sentence(verbs[word])) for word in words)


def _sentence(verb: Callable[..., object]) -> str:
    first = " ".join((inspect.getdoc(verb) or "").split("\n\n")[0].split())
    short = first.partition(". ")[0].partition("; ")[0].partition(": ")[0].rstrip(".")
    return f"Show{short.removeprefix('Return')}" if short.startswith("Return ") else short
