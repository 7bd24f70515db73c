"""A project: the open handle on a repository with a ``workbench.toml``, and how it is opened and made."""

from __future__ import annotations

from workbench.project.opening import find_root, init_project, open_project, remembered_branch, source
from workbench.project.project import CONFIG_FILE, Project

__all__ = ["CONFIG_FILE", "Project", "find_root", "init_project", "open_project", "remembered_branch", "source"]
