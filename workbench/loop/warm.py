"""Loading what the first definition needs, while the user still types."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.loop.rooms import Rooms

NEEDED = (
    "polars",
    "pandera.polars",
    "workbench.define.model",
    "workbench.define.load",
    "workbench.define.fingerprint",
    "git",
    "rich",
)
"""What a first cell would otherwise import while the user waits."""


def warm(rooms: Rooms) -> None:
    """Import what a definition needs and start the process that sends runs to MLflow."""
    rooms.tracker.warm()
    for name in NEEDED:
        import_module(name)
