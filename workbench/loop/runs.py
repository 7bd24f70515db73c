"""The branch's runs side by side, and MLflow's pages: links, and the same numbers inline."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from workbench.widgets import Report, Reported, Table

if TYPE_CHECKING:
    from workbench.loop.rooms import Rooms
    from workbench.track import Comparison

HASH = re.compile(r"[0-9a-f]{32,64}")
SHOWN_ROWS = 60
"""Rows of a comparison that are drawn; ``to_dict`` has them all."""


@dataclass(frozen=True, slots=True)
class RunComparison(Reported):
    """Runs side by side: one row a parameter, metric or tag; and the address of MLflow's compare page for them."""

    branch: str
    comparison: Comparison
    all_rows: bool

    @property
    def frame(self) -> Any:
        """The table: ``kind``, ``key`` and one text column a run (a Polars DataFrame)."""
        return self.comparison.table(only_differing=not self.all_rows)

    def _labels(self) -> list[str]:
        """Return a short name of each run: its id, and its view where there are several."""
        runs = self.comparison.runs
        several = len({run.view for run in runs}) > 1
        return [f"{run.view} {(run.run_id or run.key)[:8]}" if several else (run.run_id or run.key)[:8] for run in runs]

    def to_dict(self) -> dict[str, Any]:
        """Return runs, rows and link as JSON-ready values."""
        return {
            "branch": self.branch,
            "runs": [run.to_dict() for run in self.comparison.runs],
            "rows": self.frame.to_dicts(),
            "url": self.comparison.url,
        }

    def report(self) -> Report:
        """Return the table and the link."""
        frame = self.frame
        runs = len(self.comparison.runs)
        notes = []
        if not runs:
            notes.append("No runs yet: define a view on this branch.")
        elif frame.is_empty():
            notes.append(
                "These runs agree in everything." if runs > 1 else "One run: there is nothing to compare it with."
            )
        if frame.height > SHOWN_ROWS:
            notes.append(f"{frame.height - SHOWN_ROWS} more rows: --json has them all.")
        if self.comparison.page and not self.comparison.url:
            notes.append("`ui` starts the MLflow UI; then this shows a link to its compare page.")
        views = {run.view for run in self.comparison.runs}
        prefix = f"{views.pop()}." if len(views) == 1 else ""
        rows = tuple(
            (kind, key.removeprefix(prefix), *map(_short, values))
            for kind, key, *values in frame.head(SHOWN_ROWS).rows()
        )
        title = "Everything" if self.all_rows else "What differs"
        return Report(
            f"{runs} run{'' if runs == 1 else 's'} on {self.branch}",
            tables=(Table(title, ("", "", *self._labels()), rows),) if runs else (),
            notes=tuple(notes),
            links=(("Compare these runs in MLflow", self.comparison.url),) if self.comparison.url else (),
        )


@dataclass(frozen=True, slots=True)
class UiLink(Reported):
    """Where the MLflow UI is, and whether it answers yet."""

    url: str | None
    state: Literal["starting", "live", "stopped"]
    log: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return address, state and log file as JSON-ready values."""
        return {"url": self.url, "state": self.state, "log": self.log}

    def report(self) -> Report:
        """Return the link, and how long to wait."""
        if self.url is None:
            return Report("The MLflow UI is not running")
        waits = (
            f"It is starting and answers in some 15 seconds. Log: {self.log}" if self.log else "It does not answer now."
        )
        notes = () if self.state == "live" else (waits,)
        return Report(f"MLflow UI: {self.state}", notes=notes, links=(("Open MLflow", self.url),))


def _short(text: str | None) -> str | None:
    """Return a number with six digits, and a hash by its beginning; other text as it is."""
    if text and HASH.fullmatch(text):
        return text[:12]
    try:
        return text and f"{float(text):.6g}"
    except ValueError:
        return text


def compare_runs(rooms: Rooms, *, branch: str, view: str | None, all_rows: bool) -> RunComparison:
    """Return the newest runs of `branch`, or of one view on it, side by side."""
    return RunComparison(branch, rooms.tracker.compare(branch=branch, view=view), all_rows)


def ui_link(rooms: Rooms, *, stop: bool) -> UiLink:
    """Start or stop the MLflow UI.

    Raises
    ------
    TrackingError
        Where there is none that could be started.
    """
    if stop:
        rooms.tracker.stop_ui()
        return UiLink(None, "stopped", None)
    ui = rooms.tracker.ui()
    return UiLink(ui.url, ui.state, str(ui.log) if ui.log else None)
