"""The command line: ``workbench <verb>``, and the verbs that it shares with ``%feature``.

The names are loaded when they are first used: opening a project is quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.lazy import loading

if TYPE_CHECKING:
    from workbench.cli.call import Call, bind
    from workbench.cli.commands import cell
    from workbench.cli.derive import options, summary
    from workbench.cli.overview import Overview
    from workbench.cli.parsers import WITH_PROJECT, WITHOUT_PROJECT, cell_parser, parser

_HOMES = {
    "call": (
        "Call",
        "bind",
    ),
    "commands": ("cell",),
    "derive": (
        "options",
        "summary",
    ),
    "overview": ("Overview",),
    "parsers": (
        "WITHOUT_PROJECT",
        "WITH_PROJECT",
        "cell_parser",
        "parser",
    ),
}

__all__ = [
    "WITHOUT_PROJECT",
    "WITH_PROJECT",
    "Call",
    "Overview",
    "bind",
    "cell",
    "cell_parser",
    "options",
    "parser",
    "summary",
]

__getattr__, __dir__ = loading(__name__, _HOMES)
