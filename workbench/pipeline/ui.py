"""Where MLflow's own pages are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from workbench.render import Report, Reported

if TYPE_CHECKING:
    from workbench.workspace import Workspace


@dataclass(frozen=True, slots=True)
class UiLink(Reported):
    """Where the MLflow UI is, and whether it answers yet.

    `experiment` is the address of the project's runs in it.
    """

    url: str | None
    state: Literal["starting", "live", "stopped", "not running"]
    log: str | None
    experiment: str | None = None

    def report(self) -> Report:
        """Return the link, and how long to wait."""
        if self.url is None:
            return Report(f"The MLflow UI is {self.state}")
        waits = f"It is starting, which takes about 15 seconds. Log: {self.log}" if self.log else "It does not answer."
        notes = () if self.state == "live" else (waits,)
        return Report(f"MLflow UI: {self.state}", notes=notes, links=(("Open MLflow", self.experiment or self.url),))


def ui_link(workspace: Workspace, *, stop: bool) -> UiLink:
    """Start or stop the MLflow UI."""
    if stop:
        return UiLink(None, "stopped" if workspace.tracker.stop_ui() else "not running", None)
    ui = workspace.tracker.ui()
    found = workspace.tracker.experiment_id()
    return UiLink(ui.url, ui.state, str(ui.log) if ui.log else None, ui.experiment(found))
