"""What a view can be compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.registry import RELEASE_PREFIX, Registry
from workbench.serve.releases import release_names

if TYPE_CHECKING:
    from workbench.loop.rooms import Rooms


def places(rooms: Rooms, view: str) -> tuple[str, ...]:
    """Return main, the other branches, the published versions of `view` that are served, and the releases."""
    branches = [name for name in rooms.repository.names() if name != rooms.trunk]
    registry = Registry.at(rooms.repository, rooms.trunk)
    versions = registry.record(view).versions if view in registry else ()
    served = [f"@{version.number}" for version in versions if version.is_served]
    return (rooms.trunk, *branches, *served, *(f"{RELEASE_PREFIX}{name}" for name in release_names(rooms)))
