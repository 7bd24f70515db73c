"""`workbench demo`: makes the project and runs the loop in it."""

from __future__ import annotations

import shutil
import sys
import time
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.config import CONFIG_FILE
from workbench.demo.cells import BRANCH, CELLS, DRAFT, HYPOTHESIS, OBJECTIVE
from workbench.demo.data import write_sources
from workbench.errors import BranchError, PromotionError, PromotionRefused
from workbench.project import Project, init_project
from workbench.render import Report

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Group

    from workbench.compute import Progress
    from workbench.git import Repository
    from workbench.online import FeatureReport
    from workbench.pipeline import ViewResult
    from workbench.promote import PromotionReport
    from workbench.store import Ledger

DELIVERY_SECONDS = 45.0
"""How long the demo waits for MLflow: its import takes 4 s, making its database 3 s."""

LATE = 15.0
"""Minutes from which on a flight is late."""
ASKED_AT = "2013-12-31T20:00"
FEATURES = ("carrier_delay:delay_mean_7d", "carrier_trouble", "origin_weather")

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

# What models read: the last days of what is published, by carrier or airport, in a folder beside the lake.
[online]
kind = "lmdb"
history = "all"  # these flights are of 2013; a live store keeps the last days
"""


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What the demo computed, and what to open next."""

    root: Path
    rows: dict[str, int]
    results: tuple[ViewResult, ...]
    promotion: PromotionReport | None = None
    ledger: Ledger | None = None
    answer: FeatureReport | None = None

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
            "published": None if self.promotion is None else self.promotion.versions,
            "training_set": None if self.ledger is None else self.ledger.to_dict(),
            "online": None if self.answer is None else self.answer.to_dict(),
        }

    def next_steps(self) -> tuple[tuple[str, str], ...]:
        """Return what to type next: what for, and the command."""
        workbench, jupyter = _command("workbench"), _command("jupyter")
        return (
            ("Go there", f"cd {_short_path(self.root)}"),
            ("Where you are", f"{workbench} status"),
            ("The draft against the better one", f"{workbench} compare --view carrier_delay"),
            ("What is published", f"{workbench} catalog"),
            ("A feature, as a model reads it", f"{workbench} get carrier_delay@1 --entity carrier=UA"),
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
            *(part for report in self._reports() for part in (report.rich(), Text())),
            Text("Next", style="bold"),
            *(
                Text.assemble((f"  {what}\n", "dim"), f"    {command}", no_wrap=True, overflow="ignore")
                for what, command in self.next_steps()
            ),
        )

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        from workbench.render import mime_bundle

        bundles = [result._repr_mimebundle_() for result in self.results]
        bundles += [{"text/html": report.html(), "text/plain": report.text()} for report in self._reports()]
        made = f"The project is in {self.root}."
        html, text = ("\n".join([*(bundle[kind] for bundle in bundles), made]) for kind in ("text/html", "text/plain"))
        return mime_bundle("demo", made, html=html, text=text)

    def _reports(self) -> list[Report]:
        """Return what was published, and the row ledger of a training set made from it."""
        found = []
        if self.promotion is not None:
            drawn = self.promotion.report()
            found.append(Report(drawn.title, drawn.facts, drawn.tables[:1], drawn.notes[:1]))
        if self.ledger is not None:
            drawn = self.ledger.report()
            found.append(Report(f"A training set of what is published: {drawn.title}", drawn.facts, drawn.tables))
        if self.answer is not None:
            drawn = self.answer.report()
            found.append(Report(f"A model reads online: {drawn.title}", drawn.facts, drawn.tables))
        return found


def make_project(folder: Path) -> Project:
    """Make the demo's project in `folder`, in a git repository of its own, and write its sources.

    What is there already is left as it is.
    """
    from workbench.git import Repository

    root = folder.expanduser().resolve()
    root.mkdir(parents=True, exist_ok=True)
    if not (root / ".git").exists():  # never a branch in a repository around it
        with Repository.init(root, nested=True) as repository:
            _settle(repository)
    if not (root / CONFIG_FILE).exists():
        (root / CONFIG_FILE).write_text(TOML, encoding="utf-8")
        (root / ".gitignore").write_text(".workbench/\ndata/\n", encoding="utf-8")
    write_sources(root / "data")
    return init_project(root)


def _settle(repository: Repository) -> None:
    """Let the demo's own repository need no key, nor an identity where git knows none: a fresh machine has neither."""
    import git

    with git.Repo(repository.root) as repo, repo.config_writer() as config:
        for section in ("commit", "tag"):
            config.set_value(section, "gpgSign", "false")
        try:
            repository.identity()
        except BranchError:
            config.set_value("user", "name", "Demo Researcher")
            config.set_value("user", "email", "demo@localhost")


def run_demo(folder: Path, *, run: bool = True, progress: Callable[[Progress], None] | None = None) -> DemoResult:
    """Make the demo's project and, unless `run` is false, run the loop in it.

    Three views are defined on an experiment's branch and promoted; a training set is made of what is published, and a
    feature read online. A second run reuses what the first computed.
    """
    project = make_project(folder)
    try:
        rows = write_sources(project.root / "data")
        if not run:
            return DemoResult(project.root, rows, ())
        results = _loop(project, progress)
        promotion = _publish(project, progress)
        ledger, answer = _read(project)
        delivered = tuple(map(_wait_for_run, results, repeat(time.monotonic() + DELIVERY_SECONDS)))
        return DemoResult(project.root, rows, delivered, promotion, ledger, answer)
    finally:
        project.close()


def _loop(project: Project, progress: Callable[[Progress], None] | None) -> tuple[ViewResult, ...]:
    project.warm()
    project.branch(BRANCH, objective=OBJECTIVE, hypothesis=HYPOTHESIS, metrics=["rmse"], tags={"team": "delay-team"})
    project.use_branch_in_shell()
    if "carrier_delay" not in project.view_names():
        project.define(DRAFT, message="Draft: last day's delay alone", progress=progress)
    return tuple(project.define(cell, progress=progress) for cell in CELLS)


def _publish(project: Project, progress: Callable[[Progress], None] | None) -> PromotionReport | None:
    """Promote what the experiment made; None where it is published already."""
    try:
        return project.promote(branch=BRANCH, progress=progress)
    except PromotionRefused:
        raise
    except PromotionError:
        return None


def _read(project: Project) -> tuple[Ledger, FeatureReport]:
    """Make a training set of what is published, and read a carrier's delay as a model in production would.

    By what was known when a flight was due to leave: was it late?
    """
    late = (pl.col("arr_delay") > LATE).alias("late")
    spine = project.sources["flights"].frame().select("carrier", "origin", "scheduled_at", late)
    reader = Project(project.root, branch="main")
    try:
        ledger = reader.store.training_set(spine, FEATURES, time="scheduled_at", label="late").ledger
        return ledger, reader.get("carrier_delay", {"carrier": "UA"}, at=ASKED_AT)
    finally:
        reader.close()


def _wait_for_run(result: ViewResult, until: float) -> ViewResult:
    """Return the result with its run, waiting until then for MLflow to have it."""
    if result.ticket is None:
        return result
    return result.with_run(result.ticket.run_id(timeout=max(0.0, until - time.monotonic())))


def _command(name: str) -> str:
    """Return what to type for a program of ours: its name where the shell finds it, else its path."""
    beside = Path(sys.executable).parent / name
    return name if shutil.which(name) or not beside.exists() else str(beside)


def _short_path(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
