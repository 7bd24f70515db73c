"""Every verb by its word, and the parsers that the command line and ``%feature`` are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cyclopts import App, Parameter
from rich.console import Console

from workbench.cli import commands
from workbench.cli.derive import Commands

WITHOUT_PROJECT: dict[str, Callable[..., Any]] = {
    "init": commands.init,
    "demo": commands.demo,
    "serve": commands.serve,
    "token": commands.token,
    "monitor": commands.monitor,
}
"""Verbs that need no project to be open."""

WITH_PROJECT: Mapping[str, Callable[..., Any]] = Commands(
    {
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
)
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


def parser(name: str, words: Sequence[str] = ()) -> App:
    """Return the parser of all verbs, for a front end called `name`; of one where the line's `words` begin with it."""
    app = App(
        name=name,
        help="Feature Workbench: from a notebook cell to a feature in production.",
        help_epilogue=EPILOGUE,
        help_format="plaintext",  # the page of all verbs has no more than sentences; to read Markdown takes a while
        default_parameter=_PLAIN,
        console=_console(name),
    )
    known = [*WITHOUT_PROJECT, *WITH_PROJECT]
    for word in words[:1] if words and words[0] in known else known:
        app.command(WITHOUT_PROJECT.get(word) or WITH_PROJECT[word], name=word, help_format="markdown")
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
