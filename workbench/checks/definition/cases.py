"""What the kernel and the process that runs a definition's tests say to each other."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import polars as pl

from workbench.source_tree import TreeFiles

Kind = Literal["example", "test"]
Lines: TypeAlias = "dict[str, set[int]]"
"""Line numbers by file."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a process needs to run the tests of a view.

    Attributes
    ----------
    package, files
        The tree that the view is in, and the name that it is imported under.
    view
        The view's name.
    inputs
        The first rows of each input, or none where only its columns count.
    data
        The computed view.
    folder
        Where the tests run.
    """

    package: str
    files: TreeFiles
    view: str
    inputs: Mapping[str, pl.DataFrame]
    data: pl.LazyFrame
    folder: str


@dataclass(frozen=True, slots=True)
class Case:
    """One test that is about to run.

    Attributes
    ----------
    name, kind
        What it is called, and whether it is an example or a test function.
    line
        The line of the view's file at which it stands.
    at
        When it began, by the monotonic clock, which all processes share.
    """

    name: str
    kind: Kind
    line: int
    at: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a test ended.

    Attributes
    ----------
    seconds
        How long it took.
    line
        The line of the view's file at which it failed; 0 where it is the one at which the test stands.
    said
        Why it failed, line by line; None where it holds.
    ran
        The lines of the tree that ran in tests so far.
    """

    seconds: float
    line: int
    said: tuple[str, ...] | None
    ran: Lines


def tests_in(tree: ast.Module) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return the test functions at the top level of a file, by name."""
    found = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {node.name: node for node in found if node.name.startswith("test_")}
