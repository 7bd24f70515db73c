"""One typed function a verb: the only thing the command line and ``%feature`` call.

A verb takes the open project as `project` and returns an object with ``to_dict()``, ``__rich__`` and
``_repr_mimebundle_``; it prints nothing. Its docstring is its help.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cyclopts import App

from workbench.verbs import comparing, loop, promotion, reading

__all__ = ["WITHOUT_PROJECT", "WITH_PROJECT", "cell_parser", "comparing", "loop", "parser", "promotion", "reading"]

WITHOUT_PROJECT: dict[str, Callable[..., Any]] = {"init": loop.init, "demo": loop.demo}
"""Verbs that need no project to be open."""

WITH_PROJECT: dict[str, Callable[..., Any]] = {
    "status": loop.status,
    "branch": loop.branch,
    "define": loop.define,
    "compute": loop.compute,
    "check": loop.check,
    "why": reading.why,
    "why-changed": loop.why_changed,
    "compare": comparing.compare,
    "lineage": comparing.lineage,
    "training-set": reading.training_set,
    "reproduce": reading.reproduce,
    "sql": reading.sql,
    "catalog": reading.catalog,
    "diff": comparing.diff,
    "drift": comparing.drift,
    "promote": promotion.promote,
    "approve": promotion.approve,
    "rollback": promotion.rollback,
    "deprecate": promotion.deprecate,
    "retire": promotion.retire,
    "release": promotion.release,
    "materialize": promotion.materialize,
    "gc": promotion.gc,
    "ui": loop.ui,
}
"""Verbs of an open project."""

EPILOGUE = "Every verb takes --json."


def parser(name: str) -> App:
    """Return the parser of all verbs, for a front end called `name`."""
    app = App(
        name=name, help="Feature Workbench: from a notebook cell to a feature in production.", help_epilogue=EPILOGUE
    )
    for word, verb in {**WITHOUT_PROJECT, **WITH_PROJECT}.items():
        app.command(verb, name=word)
    return app


def cell_parser() -> App:
    """Return the parser of ``%%feature``'s own options."""
    app = App(name="%%feature", help="Define the feature view in this cell.")
    app.default(loop.cell)
    return app
