"""`workbench demo`: makes the project and runs the loop in it."""

from __future__ import annotations

import shutil
import sys
import time
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.demo.cells import BRANCH, CELLS, DRAFT, HYPOTHESIS, OBJECTIVE
from workbench.demo.data import write_sources
from workbench.errors import BranchError
from workbench.project import Project, init_project

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Group

    from workbench.compute import Progress
    from workbench.loop import ViewResult

DELIVERY_SECONDS = 45.0
"""How long the demo waits for MLflow: its import takes 4 s, making its database 3 s."""

TOML = """\
[project]
name = "flight-delays"
protected = ["main"]

# 336,776 flights that left New York in 2013. A row is known when the flight has landed, not when it was scheduled.
[sources.flights]
path = "data/flights.parquet"
event_time = "scheduled_at"
available_at = "known_at"
key = ["flight_id"]

# Hourly weather at the three airports of departure.
[sources.weather]
path = "data/weather.parquet"
event_time = "observed_at"
key = ["origin", "observed_at"]

[sources.planes]
path = "data/planes.parquet"
event_time = "built_at"
key = ["tailnum"]

[tracking]
uri = "sqlite:///.workbench/mlflow.db"
"""


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What the demo computed, and what to open next."""

    root: Path
    rows: dict[str, int]
    results: tuple[ViewResult, ...]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(result.passed for result in self.results)

    def to_dict(self) -> dict[str, Any]:
        """Return the results as JSON-ready values."""
        return {
            "root": str(self.root),
            "sources": self.rows,
            "views": [result.to_dict() for result in self.results],
        }

    def next_steps(self) -> tuple[tuple[str, str], ...]:
        """Return what to type next: what for, and the command."""
        workbench, jupyter = _command("workbench"), _command("jupyter")
        return (
            ("Go there", f"cd {_shown(self.root)}"),
            ("Where you are", f"{workbench} status"),
            ("The draft against the better one", f"{workbench} compare --view carrier_delay"),
            ("The runs in MLflow", f"{workbench} ui"),
            ("Write your own: %load_ext workbench, then a %%feature cell", f"{jupyter} lab"),
        )

    def __rich__(self) -> Group:
        from rich.console import Group
        from rich.text import Text

        read = ", ".join(f"{count:,} {name}" for name, count in self.rows.items())
        return Group(
            Text(f"Read {read}.\n"),
            *(part for result in self.results for part in (result, Text())),
            Text("Next", style="bold"),
            *(
                Text.assemble((f"  {what}\n", "dim"), f"    {command}", no_wrap=True, overflow="ignore")
                for what, command in self.next_steps()
            ),
        )

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        bundles = [result._repr_mimebundle_() for result in self.results]
        made = f"The project is in {self.root}."
        return {kind: "\n".join([*(bundle[kind] for bundle in bundles), made]) for kind in ("text/html", "text/plain")}


def make_project(folder: Path) -> Project:
    """Make the demo's project in `folder`, in a git repository of its own, and write its sources.

    What is there already is left as it is.
    """
    import git

    root = folder.expanduser().resolve()
    root.mkdir(parents=True, exist_ok=True)
    if not (root / ".git").exists():  # never a branch in a repository around it
        git.Repo.init(root, initial_branch="main").close()
        _identify(root)
    if not (root / "workbench.toml").exists():
        (root / "workbench.toml").write_text(TOML, encoding="utf-8")
        (root / ".gitignore").write_text(".workbench/\ndata/\n", encoding="utf-8")
    write_sources(root / "data")
    return init_project(root)


def _identify(root: Path) -> None:
    """Give the demo's own repository an identity where git knows none; a fresh machine has none."""
    import git

    from workbench.branches import Repository

    repository = Repository.open(root)
    try:
        repository.identity()
    except BranchError:
        with git.Repo(root) as repo, repo.config_writer() as config:
            config.set_value("user", "name", "Demo Researcher")
            config.set_value("user", "email", "demo@localhost")
    finally:
        repository.close()


def run_demo(folder: Path, *, run: bool = True, progress: Callable[[Progress], None] | None = None) -> DemoResult:
    """Make the demo's project and, unless `run` is false, define its three views on an experiment's branch.

    A second run reuses what the first computed.

    Parameters
    ----------
    folder
        The project's folder.
    run
        Whether to define the views.
    progress
        Called while a view is computed.
    """
    project = make_project(folder)
    try:
        rows = write_sources(project.root / "data")
        results = _loop(project, progress) if run else ()
        delivered = tuple(map(_delivered, results, repeat(time.monotonic() + DELIVERY_SECONDS)))
        return DemoResult(project.root, rows, delivered)
    finally:
        project.close()


def _loop(project: Project, progress: Callable[[Progress], None] | None) -> tuple[ViewResult, ...]:
    project.warm()
    project.branch(BRANCH, objective=OBJECTIVE, hypothesis=HYPOTHESIS, metrics=["rmse"], tags={"team": "delay-team"})
    project.use_branch_in_shell()
    if "carrier_delay" not in project.view_names():
        project.define(DRAFT, message="Draft: last day's delay alone", progress=progress)
    return tuple(project.define(cell, progress=progress) for cell in CELLS)


def _delivered(result: ViewResult, until: float) -> ViewResult:
    """Return the result with its run, waiting until then for MLflow to have it."""
    if result.ticket is None:
        return result
    return result.with_run(result.ticket.run_id(timeout=max(0.0, until - time.monotonic())))


def _command(name: str) -> str:
    """Return what to type for a program of ours: its name where the shell finds it, else its path."""
    beside = Path(sys.executable).parent / name
    return name if shutil.which(name) or not beside.exists() else str(beside)


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
