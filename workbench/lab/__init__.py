"""JupyterLab's side of the workbench: a Jupyter server extension that answers its panel, whatever a kernel does.

What it is asked runs in threads, off the server's event loop; verbs run in processes of their own, as on the command
line. Nothing that only looks executes a definition, and nothing at all runs code in a kernel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

__all__: list[str] = []


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    """Return what a Jupyter server loads."""
    return [{"module": "workbench.lab"}]


def _load_jupyter_server_extension(app: ServerApp) -> None:
    """Add our routes to a Jupyter server; what answers them loads with the first request."""
    from workbench.lab.installed import warn_of_a_missing_panel
    from workbench.lab.routes import add_routes

    add_routes(app)
    warn_of_a_missing_panel(app)
