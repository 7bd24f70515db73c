"""The interactive view of a difference and of drift: choose, brush, page; rows stay in the kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.explore.offering import offer
from workbench.explore.warming import warm_up

if TYPE_CHECKING:
    from workbench.explore.showing import explore, show

__all__ = ["explore", "offer", "show", "warm_up"]


def __getattr__(name: str) -> Any:
    # widgets take a third of a second to load: not before there is something to show
    if name not in {"explore", "show"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from workbench.explore import showing

    return getattr(showing, name)
