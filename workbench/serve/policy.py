"""The project's policy, as main has it: a branch cannot change its own rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.config import Config, PolicySettings
from workbench.errors import BranchError

if TYPE_CHECKING:
    from workbench.loop.rooms import Rooms


def policy_of(rooms: Rooms) -> PolicySettings:
    """Return the policy as main has it; the default one where main declares none."""
    try:
        text = rooms.repository.read(rooms.trunk, "workbench.toml")
    except BranchError:
        return PolicySettings()
    return Config.parse(text, origin=f"workbench.toml on {rooms.trunk}").policy
