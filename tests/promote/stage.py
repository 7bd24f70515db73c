"""A project over sources that a test makes, and what its published views hold beside a computation in full."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

import workbench as wb
from tests.promote.conftest import git, record_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from workbench.project import Project

SETTINGS = """
[sources.{name}]
path = "data/{name}.parquet"
event_time = "{event_time}"
available_at = "{available_at}"
"""

PLAIN = '''\
class Plain(FeatureModel):
    k: str
    t: UTC
    v: float = Feature(unit="count")


@feature_view(entities="k", event_time="t", owner="ann")
def plain(ev: pl.LazyFrame) -> LazyFrame[Plain]:
    """What happened."""
    return ev.select("k", "t", v=pl.col("x"))
'''


@dataclass(frozen=True, slots=True)
class Table:
    """A source: its rows, and the columns that say when a row happened and since when it is known."""

    rows: pl.DataFrame
    event_time: str
    available_at: str


def begin(folder: Path, sources: Mapping[str, Table]) -> Project:
    """Make a project in `folder` over `sources`, which main declares, on the experiment ``exp/a``."""
    wb.init(folder).close()
    text = '[project]\nname = "stage"\n[tracking]\nsend = false\n'
    for name, table in sources.items():
        write(folder, name, table.rows)
        text += SETTINGS.format(name=name, event_time=table.event_time, available_at=table.available_at)
    (folder / "workbench.toml").write_text(text)
    git(folder, "add", "workbench.toml")
    git(folder, "commit", "-qm", "Declare the sources")
    project = wb.open(folder)
    project.branch("exp/a", objective="Try it")
    return project


def reopened(folder: Path) -> Project:
    """Open the project in `folder` on ``exp/a``, as a new process would."""
    project = wb.open(folder)
    project.branch("exp/a")
    return project


def write(folder: Path, name: str, rows: pl.DataFrame) -> None:
    """Let the source `name` hold `rows`."""
    path = folder / "data" / f"{name}.parquet"
    path.parent.mkdir(exist_ok=True)
    rows.write_parquet(path)


def lake_rows(project: Project, view: str) -> pl.DataFrame:
    """Return the rows that readers of the current version of `view` get."""
    version = record_of(project, view).version()
    return project._workspace.lake.scan(view, version.major, version.delta_version, version.contract).collect()


def computed(project: Project, view: str) -> pl.DataFrame:
    """Compute `view` as main defines it, in full, by the function alone and over the files themselves."""
    definition = project.view(view, branch="main").definition
    inputs = [
        project.sources[name].frame() if name in project.sources else computed(project, name).lazy()
        for name in definition.inputs
    ]
    frame: pl.LazyFrame = definition(*inputs)
    return frame.select(definition.contract.names).collect()


def differing(found: pl.DataFrame, right: pl.DataFrame) -> pl.DataFrame:
    """Return the rows that only one of two frames has, as multisets; floats but for their last digits."""
    floats = [pl.col(name).round_sig_figs(12) for name, dtype in right.schema.items() if dtype.is_float()]
    sides = [
        frame.with_columns(floats).group_by(right.columns).len().with_columns(of=pl.lit(label))
        for frame, label in ((found, "found"), (right, "right"))
    ]
    return pl.concat(sides).filter(pl.len().over(*right.columns, "len") == 1).sort(right.columns)
