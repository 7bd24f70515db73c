"""What the HTTP service is told of a project; it opens neither the repository nor the project itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from workbench.errors import UsageError
from workbench.server import ServiceOptions

if TYPE_CHECKING:
    from workbench.project.project import Project


def service_options(store: str | None = None) -> ServiceOptions:
    """Return what is served: `store`, a folder or a server's URL, or the project around the working directory."""
    if store is not None:
        if "://" in store:
            return _options_of_server(store)
        folder = Path(store)
        if not (folder / "data.mdb").is_file():
            raise UsageError(
                f"{store} is not the folder of an online store.",
                remedy="Give the folder that `workbench online status` shows, or a copy of it.",
            )
        return ServiceOptions.of_folder(folder)
    from workbench.project.opening import open_project

    project = open_project()
    try:
        return _options_of(project)
    finally:
        project.close()


def _options_of_server(url: str) -> ServiceOptions:
    from workbench.config import OnlineSettings

    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    project = options.pop("project", None)
    online = OnlineSettings.of_url(parts._replace(query=urlencode(options, quote_via=quote)).geturl())
    if online is None:
        raise UsageError(
            f"There is no online store of the kind {parts.scheme}://.",
            remedy="Give redis://host:6379/0?project=NAME, postgresql://host/database?project=NAME, or a folder.",
        )
    if project is None:
        raise UsageError(
            "The URL of the online store does not say whose features are served.",
            remedy=f"Add the project's name to it, as in {parts.scheme}://host/0?project=flight-delays.",
        )
    return ServiceOptions.of_server(online, project)


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
