"""The notebook: ``%load_ext workbench``, ``%feature`` and ``%%feature``, completion, live output.

The names are loaded when they are first used: completion serves where there is no kernel, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.lazy import loading

if TYPE_CHECKING:
    from workbench.notebook.built import not_built
    from workbench.notebook.completion import (
        Candidate,
        cell_candidates,
        line_candidates,
        option_candidates,
        split_line,
    )
    from workbench.notebook.explorer.display import offer

_HOMES = {
    "built": ("not_built",),
    "completion": (
        "Candidate",
        "cell_candidates",
        "line_candidates",
        "option_candidates",
        "split_line",
    ),
    "explorer.display": ("offer",),
}

__all__ = [
    "Candidate",
    "cell_candidates",
    "line_candidates",
    "not_built",
    "offer",
    "option_candidates",
    "split_line",
]

__getattr__, __dir__ = loading(__name__, _HOMES)
