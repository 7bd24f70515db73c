"""The project's policy, as main has it: a branch cannot change its own rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.config import Config, PolicySettings
from workbench.errors import BranchError

if TYPE_CHECKING:
    from workbench.workspace import Workspace


def policy_of(workspace: Workspace) -> PolicySettings:
    """Return the policy as main has it; the default one where main declares none."""
    try:
        text = workspace.repository.read(workspace.trunk, "workbench.toml")
    except BranchError:
        return PolicySettings()
    return Config.parse(text, origin=f"workbench.toml on {workspace.trunk}").policy
