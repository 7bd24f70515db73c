"""Whether JupyterLab has our panel: an editable install without npm has not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from workbench.notebook import not_built

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

EXTENSION = "feature-workbench-lab"


def warn_of_a_missing_panel(app: ServerApp) -> None:
    """Log that no front end of this server finds the panel, and how to have it."""
    fronts = [front for fronts in app.extension_manager.extension_apps.values() for front in fronts]
    folders = [
        Path(folder)
        for front in fronts
        for kind in ("labextensions_path", "extra_labextensions_path")
        for folder in getattr(front, kind, ())
    ]
    if folders and not any((folder / EXTENSION / "package.json").is_file() for folder in folders):
        app.log.warning(not_built("JupyterLab panel"))
