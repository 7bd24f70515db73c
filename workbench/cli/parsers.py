"""Every verb by its word, and the parsers that the command line and ``%feature`` are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cyclopts import App

from workbench.cli import commands
from workbench.cli.derive import derive_commands

WITHOUT_PROJECT: dict[str, Callable[..., Any]] = {
    "init": commands.init,
    "demo": commands.demo,
    "serve": commands.serve,
    "token": commands.token,
    "monitor": commands.monitor,
}
"""Verbs that need no project to be open."""

WITH_PROJECT: dict[str, Callable[..., Any]] = {
    **derive_commands(),
    "branch": commands.branch,
    "define": commands.define,
    "new": commands.new,
    "promote": commands.promote,
    "release": commands.release,
    "online": commands.online,
    "training-set": commands.training_set,
    "sql": commands.sql,
    "catalog": commands.catalog,
}
"""Verbs of an open project."""

EPILOGUE = (
    "Every verb takes --all, which shows what a report folds or cuts, --json, and --no-sign, which signs only what the "
    "policy requires."
)


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
    app.default(commands.cell)
    return app
