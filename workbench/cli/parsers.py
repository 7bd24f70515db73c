"""Every verb by its word, and the parsers that the command line and ``%feature`` are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cyclopts import App, Parameter
from rich.console import Console

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


_PLAIN = Parameter(negative_bool=(), negative_iterable=())
"""Only what is on unless somebody says no has a ``--no-`` option."""
_WIDTH = 92
"""How wide help is in a notebook: what JupyterLab shows beside its side bar."""


def _console(name: str) -> Console | None:
    """Return what help is printed on: as wide as the terminal, or narrow enough for a notebook."""
    return Console(width=_WIDTH, force_jupyter=False) if name.startswith("%") else None


def parser(name: str) -> App:
    """Return the parser of all verbs, for a front end called `name`."""
    app = App(
        name=name,
        help="Feature Workbench: from a notebook cell to a feature in production.",
        help_epilogue=EPILOGUE,
        default_parameter=_PLAIN,
        console=_console(name),
    )
    for word, verb in {**WITHOUT_PROJECT, **WITH_PROJECT}.items():
        app.command(verb, name=word)
    return app


def cell_parser() -> App:
    """Return the parser of ``%%feature``'s own options."""
    app = App(
        name="%%feature",
        help="Define the feature view in this cell.",
        default_parameter=_PLAIN,
        console=_console("%%feature"),
    )
    app.default(commands.cell)
    return app
