"""What publishing costs: promotion, fresh data, rollback, planning; each beside the least that could do it.

A view of ``--rows`` rows over a source of as many: six features of 100,000 users, and a second version of it in which
all values differ. "first" is its promotion as a new view, beside a bare Delta commit of the same file; "over a
published version" is a dry run and then the promotion of the second version, beside the difference of the two alone,
which both need. What probes cost in full is told by itself: a promotion has them from `check --full`, or pays them.
The source is ten files, one after the other in time. `materialize` is measured with one more, of 1 % of the rows, and
then with corrected rows in the sixth. "bare" is Polars' rewrite of the view for it, as large row groups with the
same compression, each in CPU of one version that is refreshed; a git commit for `rollback`. Planning is a dry run of a
view in a project with 200 published ones. Then promotions of 1, 10 and 50 tiny views, probed before, in CPU.

Then in seconds of CPU, of a view of windows over a tenth of the rows: a cell at first and again, promotion, and 1 % of
new data, beside Polars alone, which computes the view and writes it.

    python tests/bench/bench_promote.py --rows 10000000 --json promote.json
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

import workbench as wb
from tests.bench.bench_lake import bare_commit
from tests.bench.targets import forget_peak, judge, peak_mb
from workbench.compute import write_parquet
from workbench.project import Project

TARGETS = {
    "promote a new view, s beyond a bare commit": 1.0,
    "promote over a published version, s beyond the diff": 2.0,
    "the same, peak MB": 800.0,
    "promote after its dry run, s": 2.0,
    "materialize 1 %, CPU of a version, times a rewrite": 0.5,
    "rollback, s beyond a git commit": 0.4,
    "plan among 200 views, s": 2.0,
    "promote 50 tiny views, times one": 3.0,
}
VIEWS = 200
FILES = 10
CORRECTED = 100
TOML = """\
[project]
name = "bench"
[sources.events]
path = "data/events"
event_time = "at"
[tracking]
send = false
"""
VIEW = '''\
class Big(FeatureModel):
    user: str
    at: UTC
    f0: float = Feature(description="What was spent, in a unit")
    f1: float = Feature(description="What was spent, in another one")
    f2: float = Feature(description="What was spent, in another one")
    f3: float = Feature(description="What was spent, in another one")
    f4: float = Feature(description="What was spent, in another one")
    f5: float = Feature(description="What was spent, in another one")


@feature_view(entities="user", event_time="at", lookback="1d", owner="bench")
def big(events: pl.LazyFrame) -> LazyFrame[Big]:
    """What was spent, in six ways."""
    return events.select("user", "at", *((pl.col("amount") * FACTOR + n).alias(f"f{n}") for n in range(6)))
'''
SMALL = VIEW.replace("FACTOR", "2")
WINDOWS = '''\
class Day(FeatureModel):
    user: str
    at: UTC
    total_1d: float = Feature(nullable=True, description="What was spent in a day")
    times_1d: int = Feature(description="How often")


@feature_view(entities="user", event_time="at", lookback="1d", owner="bench")
def day(events: pl.LazyFrame) -> LazyFrame[Day]:
    """What was spent in a day."""
    return windowed(events, by="user", time="at", windows="1d", total=pl.col("amount").sum(), times=pl.len())
'''


def events(rows: int, *, first: int = 0) -> pl.LazyFrame:
    """Return events, a second apart from one another, of 100,000 users."""
    number = pl.int_range(first, first + rows)
    begin = datetime(2020, 1, 1, tzinfo=UTC)
    return pl.LazyFrame().select(
        pl.format("user-{}", number.hash(seed=1) % 100_000).alias("user"),
        (pl.lit(begin).dt.epoch("us") + number * 1_000_000).cast(pl.Datetime("us", "UTC")).alias("at"),
        (number.hash(seed=2) % 10_000 / 100).alias("amount"),
    )


def add_file(folder: Path, number: int, rows: int, *, first: int) -> None:
    """Let the source of the project in `folder` have so many events more, in a file of their own."""
    events(rows, first=first).sink_parquet(folder / "data" / "events" / f"{number:03}.parquet")


def correct(folder: Path) -> None:
    """Correct some rows of a file in the middle."""
    path = folder / "data" / "events" / f"{FILES // 2:03}.parquet"
    some = pl.int_range(pl.len()) < CORRECTED
    rows = pl.read_parquet(path).with_columns(amount=pl.when(some).then(pl.col("amount") + 1).otherwise("amount"))
    rows.write_parquet(path)


def project(folder: Path, rows: int) -> Project:
    """Make a project over `rows` events in `folder`."""
    (folder / "data" / "events").mkdir(parents=True)
    for number in range(FILES):
        add_file(folder, number, rows // FILES, first=number * (rows // FILES))
    subprocess.run(["git", "init", "-q", "-b", "main", str(folder)], check=True)
    for name, value in (("user.name", "Bench"), ("user.email", "bench@example.org")):
        subprocess.run(["git", "config", name, value], cwd=folder, check=True)
    (folder / "workbench.toml").write_text(TOML)
    (folder / ".gitignore").write_text(".workbench/\ndata/\n")
    made = wb.init(folder)
    made.branch("exp/bench", objective="Measure")
    return made


def timed(act: Callable[[], Any]) -> float:
    """Return the seconds that one call takes."""
    begin = time.perf_counter()
    act()
    return time.perf_counter() - begin


def big(folder: Path, rows: int) -> dict[str, float]:
    """Measure promotion, fresh data and rollback of a large view."""
    made = project(folder, rows)
    small = project(folder.with_name("tiny"), 100)
    small.define(VIEW.replace("FACTOR", "2"), log=False)
    small.promote()  # loads what the first promotion of a process loads
    made.define(VIEW.replace("FACTOR", "2"), log=False)
    stored = made._workspace.cache.get(made.view("big").view_id)
    assert stored is not None
    found = {
        "probes in full": timed(lambda: made.check("big", full=True)),
        "promote": timed(lambda: made.promote("big")),
        "bare commit": timed(lambda: bare_commit(folder, stored.path)),
    }
    made.define(VIEW.replace("FACTOR", "2.1"), log=False)
    made.check("big", full=True)
    accept = {"big": "a little more"}
    found["diff"] = timed(lambda: made.diff("big"))
    forget(made.root)
    forget_peak()
    found["dry run"] = timed(lambda: made.promote("big", dry_run=True, accept=accept))
    found["peak MB"] = peak_mb()  # of all that the process holds: what came before left memory to use again
    found["promote after it"] = timed(lambda: made.promote("big", accept=accept))
    found["rollback"] = min(timed(partial(made.rollback, "big", to)) for to in ("1.0", "2.0", "1.0"))
    made.rollback("big", "2.0")
    note = folder / "note.txt"
    note.write_text("x")
    subprocess.run(["git", "add", "note.txt"], cwd=folder, check=True)
    found["git commit"] = timed(lambda: subprocess.run(["git", "commit", "-qm", "A note"], cwd=folder, check=True))
    add_file(folder, FILES, rows // 100, first=rows)
    found["materialize, CPU"] = materialize(made)
    correct(folder)
    found["materialize a correction, CPU"] = materialize(made)
    again = folder / "again.parquet"
    found["bare rewrite, CPU"] = min(cpu(partial(write_parquet, stored.frame(), again, view="big")) for _ in range(3))
    made.close()
    small.close()
    return found


def materialize(made: Project) -> float:
    """Return the seconds of CPU that it takes to bring a version of the large view up to date."""
    begin = cpu_seconds()
    done = made.materialize("big")
    spent = cpu_seconds() - begin
    print("   ", "; ".join(f"{view.number}: {view.how}" for view in done.views))
    return spent / max(1, sum(view.state == "updated" for view in done.views))


def forget(root: Path) -> None:
    """Forget what was found of two versions."""
    for kind in ("diff", "drift"):
        for path in (root / ".workbench" / "facts").rglob(f"{kind}-*.json"):
            path.unlink()


def cpu_seconds() -> float:
    """Return the seconds of CPU that this process took so far, with those of processes that it waited for."""
    return sum(os.times()[:4])


def cpu(act: Callable[[], Any]) -> float:
    """Return the seconds of CPU that one call takes."""
    begin = cpu_seconds()
    act()
    return cpu_seconds() - begin


def windows(folder: Path, rows: int) -> dict[str, float]:
    """Measure a view of windows in a cell, its promotion, and fresh data, in seconds of CPU."""
    made = project(folder, rows)
    path = folder / "data" / "events"

    def bare() -> None:
        day = pl.col("amount")
        found = wb.windowed(
            pl.scan_parquet(path), by="user", time="at", windows="1d", total=day.sum(), times=pl.len()
        ).collect()
        found.write_parquet(folder / "bare.parquet")

    bare()
    found = {"Polars alone": cpu(bare)}
    found["cell"] = cpu(lambda: made.define(WINDOWS, log=False))
    found["cell again"] = cpu(lambda: made.define(WINDOWS, log=False))
    found["promote"] = cpu(lambda: made.promote("day"))
    add_file(folder, FILES, rows // 100, first=rows)
    found["materialize 1 %"] = cpu(lambda: made.materialize("day"))
    made.close()
    return found


def tiny(folder: Path, views: int) -> float:
    """Return the seconds of CPU that the promotion of so many tiny views takes, which were probed before."""
    made = project(folder, 200)
    for number in range(views):
        name = f"big_{number}"
        made.define(SMALL.replace("def big", f"def {name}").replace("Big", f"Big{number}"), log=False)
    made.check(full=True)
    found = cpu(made.promote)
    made.close()
    return found


def many(folder: Path) -> dict[str, float]:
    """Measure planning among 200 published views."""
    made = project(folder, 200)
    for number in range(VIEWS):
        name = f"big_{number}"
        made.define(SMALL.replace("def big", f"def {name}").replace("Big", f"Big{number}"), log=False)
    made.promote()
    made.define(SMALL.replace("def big", "def big_7").replace("Big", "Big7").replace("* 2", "* 3"), log=False)
    found = min(timed(lambda: made.promote("big_7", dry_run=True)) for _ in range(3))
    made.close()
    again = wb.open(folder, branch="exp/bench")
    first = timed(lambda: again.promote("big_7", dry_run=True))
    again.close()
    return {"plan among 200": found, "plan, first of a handle": first}


def main() -> int:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    os.environ["GIT_CONFIG_NOSYSTEM"] = "1"
    with tempfile.TemporaryDirectory(prefix="bench-promote-") as folder:
        found = big(Path(folder) / "big", arguments.rows) | many(Path(folder) / "many")
        found |= {f"{views} tiny views, CPU": tiny(Path(folder) / f"tiny{views}", views) for views in (1, 10, 50)}
        spent = windows(Path(folder) / "windows", arguments.rows // 10)
    results = {
        "promote a new view, s beyond a bare commit": found["promote"] - found["bare commit"],
        "promote over a published version, s beyond the diff": found["dry run"] - found["diff"],
        "the same, peak MB": found["peak MB"],
        "promote after its dry run, s": found["promote after it"],
        "materialize 1 %, CPU of a version, times a rewrite": found["materialize, CPU"] / found["bare rewrite, CPU"],
        "rollback, s beyond a git commit": found["rollback"] - found["git commit"],
        "plan among 200 views, s": found["plan among 200"],
        "promote 50 tiny views, times one": found["50 tiny views, CPU"] / found["1 tiny views, CPU"],
    }
    print(f"{arguments.rows:,} rows")
    for what, seconds in found.items():
        print(f"    {what:36} {seconds:8.3f}")
    print(f"{arguments.rows // 10:,} rows, windows: CPU")
    for what, seconds in spent.items():
        print(f"    {what:36} {seconds:8.3f} s {seconds / spent['Polars alone']:8.2f} x")
    if arguments.json is not None:
        report = {"rows": arguments.rows, "seconds": found, "results": results, "targets": TARGETS, "cpu": spent}
        arguments.json.write_text(json.dumps(report, indent=2))
    return judge(results, TARGETS)


if __name__ == "__main__":
    raise SystemExit(main())
