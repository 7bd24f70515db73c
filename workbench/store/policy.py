"""The project's settings as main has them: a branch cannot change its own rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.config import CONFIG_FILE, Config, PolicySettings
from workbench.errors import BranchError, PromotionError

if TYPE_CHECKING:
    from workbench.workspace import Workspace


def policy_of(workspace: Workspace) -> PolicySettings:
    """Return the policy as main has it; the default one where main declares none."""
    try:
        return main_config(workspace, workspace.trunk).policy
    except PromotionError:
        return PolicySettings()


def main_config(workspace: Workspace, commit: str) -> Config:
    """Return ``workbench.toml`` as `commit` of main has it."""
    try:
        text = workspace.repository.read(commit, CONFIG_FILE)
    except BranchError:
        raise PromotionError(
            f"{CONFIG_FILE} is not on {workspace.trunk}, so its policy is not known.",
            remedy=f"Commit it there: git add {CONFIG_FILE} && git commit -m 'Declare the project'.",
        ) from None
    return Config.parse(text, origin=f"{CONFIG_FILE} on {workspace.trunk}")
