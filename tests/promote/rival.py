"""A process that promotes, at the same time as others."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import workbench as wb
from tests.forks import take_environment
from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from pathlib import Path


def promote(started: Connection, root: Path, branch: str, view: str, variables: dict[str, str]) -> None:
    """Open a project, say that it is open, promote once there is word, and say what came of it."""
    take_environment(variables)
    with closing(wb.open(root, branch=branch)) as project:
        started.send("ready")
        started.recv()
        found: dict[str, Any]
        try:
            report = project.promote(view, accept={view: "a race"})
            found = {"versions": dict(report.versions), "commit": report.commit}
        except WorkbenchError as error:
            found = {"error": type(error).__name__, "message": str(error)}
        started.send(found)
