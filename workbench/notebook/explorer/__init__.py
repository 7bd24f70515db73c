"""The interactive view of a difference and of drift: choose, brush, page; rows stay in the kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.lazy import loading

if TYPE_CHECKING:
    from workbench.notebook.explorer.display import offer
    from workbench.notebook.explorer.show import explore, show, warm_up

_HOMES = {
    "display": ("offer",),
    "show": (
        "explore",
        "show",
        "warm_up",
    ),
}

__all__ = [
    "explore",
    "offer",
    "show",
    "warm_up",
]

__getattr__, __dir__ = loading(__name__, _HOMES)
