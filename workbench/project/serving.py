"""What the HTTP service is told of a project; it opens neither the repository nor the project itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import UsageError
from workbench.server import ServiceOptions

if TYPE_CHECKING:
    from workbench.project.project import Project


def service_options(store: Path | None = None) -> ServiceOptions:
    """Return what is served: the folder `store`, or the project around the working directory.

    Raises
    ------
    UsageError
        Where `store` is not the folder of an online store.
    ProjectError
        Without a `store`, where there is no project.
    """
    if store is not None:
        if not (store / "data.mdb").is_file():
            raise UsageError(
                f"{store} is not the folder of an online store.",
                remedy="Give the folder that `workbench online status` shows, or a copy of it.",
            )
        return ServiceOptions.of_folder(store)
    from workbench.project.opening import open_project

    project = open_project()
    try:
        return _options_of(project)
    finally:
        project.close()


def _options_of(project: Project) -> ServiceOptions:
    from workbench.config import OnlineSettings

    workspace = project._workspace
    online = workspace.config.online or OnlineSettings()
    reads_lake = online.fallback == "lake"
    return ServiceOptions(
        home=workspace.home,
        online=online,
        serve=workspace.config.serve,
        project=workspace.config.project.name,
        lake=(workspace.lake.uri, str(workspace.repository.main_root)) if reads_lake else None,
    )
