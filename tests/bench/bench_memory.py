"""What each step takes of a machine that has little memory: 100 million rows of 8 columns under a limit of 4 GB.

A source of ``--rows`` events in the order of time, 100 of each user, and a view of as many rows: two keys, six floats.
Each step runs in a process of its own in a cgroup that may hold ``--memory``, as a container does, and nothing tells it
so but the cgroup. "peak" is the memory of the step and of all processes that it starts, without pages of files that
the system gives back when it needs room; CPU is theirs too. A step ends as "done", as "refused" where it said before it
began that the limit is too small, as "killed" by the system, or as "failed".

Where no cgroup can be written, a watcher ends the processes of a step that hold more than the limit, and the table says
so: what a step holds between two looks is not seen then.

    python -m tests.bench memory --rows 100000000
    python tests/bench/bench_memory.py --rows 10000000 --memory 500MB --folder /data/scratch

One step alone, of data that an earlier run kept; what that found of the others stays in the table:

    python -m tests.bench memory --rows 100000000 --document --folder /data/scratch --keep --steps define promote
    python -m tests.bench memory --rows 100000000 --document --folder /data/scratch --keep --steps sql
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from tests.bench.targets import Target, judged

LOOK = 0.02
"""Seconds between two looks at what a step holds."""
TOML = """\
[project]
name = "bench"
[sources.events]
path = "data/*.parquet"
event_time = "at"
[tracking]
send = false
"""
ONLINE = '[online]\nhistory = "1d"\nmap_size = 1099511627776\n'
SELECTION = '''\
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
    return events.select("user", "at", *((pl.col(f"x{n}") * FACTOR).alias(f"f{n}") for n in range(6)))
'''
WINDOWS = '''\
class Week(FeatureModel):
    user: str
    at: UTC
    total_7d: float = Feature(nullable=True, description="What was spent in a week")
    times_7d: int = Feature(description="How often")


@feature_view(entities="user", event_time="at", lookback="7d", owner="bench")
def week(events: pl.LazyFrame) -> LazyFrame[Week]:
    """What was spent in a week."""
    return windowed(events, by="user", time="at", windows="7d", total=pl.col("x0").sum(), times=pl.len())
'''


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a step went: seconds, those of CPU, the most MB that it held, and how it ended."""

    step: str
    ended: str
    seconds: float
    cpu: float
    peak_mb: float
    note: str


def events(rows: int, *, first: int = 0, users: int) -> Any:
    """Return events over a year, in the order of time."""
    import polars as pl

    number = pl.int_range(first, first + rows, dtype=pl.Int64)
    begin = datetime(2025, 1, 1, tzinfo=UTC)
    apart = 365 * 86_400 * 1_000_000 // (100 * users)
    values = [(number.hash(seed=10 + n) % 100_000 / 100).alias(f"x{n}") for n in range(6)]
    return pl.LazyFrame().select(
        pl.format("u{}", number.hash(seed=1) % users).alias("user"),
        (pl.lit(begin).dt.epoch("us") + number * apart).cast(pl.Datetime("us", "UTC")).alias("at"),
        *values,
    )


def make(folder: Path, rows: int) -> None:
    """Make the project and its events, in files of at most five million rows."""
    import workbench as wb

    (folder / "data").mkdir(parents=True)
    for number, first in enumerate(range(0, rows, 5_000_000)):
        part = events(min(5_000_000, rows - first), first=first, users=users_of(rows))
        part.sink_parquet(folder / "data" / f"{number:03}.parquet", compression="lz4")
    subprocess.run(["git", "init", "-q", "-b", "main", str(folder)], check=True)
    for name, value in (("user.name", "Bench"), ("user.email", "bench@example.org")):
        subprocess.run(["git", "config", name, value], cwd=folder, check=True)
    (folder / "workbench.toml").write_text(TOML)
    (folder / ".gitignore").write_text(".workbench/\ndata/\n")
    made = wb.init(folder)
    made.branch("exp/bench", objective="Measure")
    made.close()


def users_of(rows: int) -> int:
    """Return how many users there are among so many events."""
    return max(1, rows // 100)


def spine(rows: int) -> Any:
    """Return a spine of a million rows, or a tenth of the events."""
    import polars as pl

    height = min(1_000_000, max(1, rows // 10))
    number = pl.int_range(height, dtype=pl.Int64)
    begin = datetime(2025, 1, 1, tzinfo=UTC)
    return pl.select(
        pl.format("u{}", number.hash(seed=3) % users_of(rows)).alias("user"),
        (
            pl.lit(begin).dt.epoch("us")
            + number.hash(seed=4).cast(pl.Int64, wrap_numerical=True).abs() % (365 * 86_400_000_000)
        )
        .cast(pl.Datetime("us", "UTC"))
        .alias("event_timestamp"),
    )


def define(project: Any, rows: int) -> str:
    found = project.define(SELECTION.replace("FACTOR", "2"), log=False)
    return f"{found.rows:,} rows"


def promote(project: Any, rows: int) -> str:
    return str(
        project.promote("big", accept={"big": "a little more", "big:drift": "too many rows to compare here"}).versions
    )[:80]


def training_set(project: Any, rows: int) -> str:
    found = project.store.training_set(spine(rows), ["big"])
    return f"{len(found):,} rows"


def snapshot(project: Any, rows: int) -> str:
    return f"{project.store.snapshot('big').height:,} rows"


def online(project: Any, rows: int) -> str:
    import workbench as wb

    settings = project.root / "workbench.toml"
    settings.write_text(TOML + ONLINE)
    try:
        return str(wb.open(project.root).load_online())[:80]
    finally:
        settings.write_text(TOML)


def change(project: Any, rows: int) -> str:
    found = project.define(SELECTION.replace("FACTOR", "2.1"), log=False)
    return f"{found.rows:,} rows"


def diff(project: Any, rows: int) -> str:
    return str(project.diff("big"))[:80]


def drift(project: Any, rows: int) -> str:
    return str(project.drift("big", reference="2025-01..2025-06", current="2025-07..2025-12"))[:80]


def materialize(project: Any, rows: int) -> str:
    more = max(1, rows // 100)
    events(more, first=rows, users=users_of(rows)).sink_parquet(
        project.root / "data" / "999.parquet", compression="lz4"
    )
    return "; ".join(f"{view.number}: {view.how}" for view in project.materialize("big").views)[:120]


def rewrite(project: Any, rows: int) -> str:
    """Have published rows change too, so that all is written anew."""
    import polars as pl

    path = project.root / "data" / "000.parquet"
    other = path.with_suffix(".new")
    pl.scan_parquet(path).with_columns(x0=pl.col("x0") + 1).sink_parquet(other, compression="lz4")
    other.replace(path)
    return "; ".join(f"{view.number}: {view.how}" for view in project.materialize("big", accept={"big": "yes"}).views)[
        :120
    ]


def query(project: Any, rows: int) -> str:
    found = project.sql(
        "select user, avg(f0) as mean, count(*) as n from main.big group by user order by n desc limit 5"
    )
    return f"{found.height} rows"


def distinct(project: Any, rows: int) -> str:
    """Group by what each row has for itself, so that the groups do not fit."""
    found = project.sql(
        'select count(*) as n, max(s) from (select user, "at", sum(f1) as s from main.big group by all)'
    )
    return f"{found['n'].item():,} groups"


def export(project: Any, rows: int) -> str:
    from workbench.project import answer_into_file

    out = project.root.parent / "rows.parquet"
    try:
        found = answer_into_file(project.store, "select * from main.big", out=out)
        return f"{found.height:,} rows, {out.stat().st_size / 1e6:,.0f} MB"
    finally:
        out.unlink(missing_ok=True)


def windows(project: Any, rows: int) -> str:
    found = project.define(WINDOWS, log=False)
    return f"{found.rows:,} rows"


STEPS: dict[str, Callable[[Any, int], str]] = {
    "define": define,
    "promote": promote,
    "training_set": training_set,
    "snapshot": snapshot,
    "online load": online,
    "define anew": change,
    "diff": diff,
    "drift": drift,
    "promote anew": promote,
    "materialize, 1 % more": materialize,
    "materialize, rows changed": rewrite,
    "sql": query,
    "sql, each row a group": distinct,
    "sql, all rows to a file": export,
    "windowed": windows,
}


def step(name: str, folder: Path, rows: int) -> int:
    """Take one step in this process, and say how it went."""
    import workbench as wb

    project = wb.open(folder)
    if project.branch_name != "exp/bench":
        project.branch("exp/bench")
    try:
        note = STEPS[name](project, rows)
    except wb.WorkbenchError as error:
        refused = type(error).__name__ == "MemoryLimit"
        print(json.dumps({"ended": "refused" if refused else "failed", "note": str(error)}))
        return 0
    project.close()
    print(json.dumps({"ended": "done", "note": note}))
    return 0


class Cgroup:
    """A memory cgroup of our own, below the one that this process is in."""

    def __init__(self, limit: int) -> None:
        self._version, parent = own_cgroup()
        self.path = parent / f"workbench-{os.getpid()}-{time.monotonic_ns()}"
        self.path.mkdir()
        try:
            if self._version == 1:
                (self.path / "memory.limit_in_bytes").write_text(str(limit))
            else:
                (self.path / "memory.max").write_text(str(limit))
                if (self.path / "memory.swap.max").exists():
                    (self.path / "memory.swap.max").write_text("0")
        except OSError:
            self.path.rmdir()
            raise

    def used(self) -> int:
        """Return the bytes held now, but for pages of files."""
        name = "total_rss" if self._version == 1 else "anon"
        found = re.search(rf"^{name} (\d+)$", (self.path / "memory.stat").read_text(), re.MULTILINE)
        return int(found[1]) if found else 0

    def kills(self) -> int:
        """Return how many processes the system has killed in it."""
        text = (self.path / ("memory.oom_control" if self._version == 1 else "memory.events")).read_text()
        found = re.search(r"^oom_kill (\d+)$", text, re.MULTILINE)
        return int(found[1]) if found else 0

    def close(self) -> None:
        """End what is left in it, and remove it."""
        for _ in range(500):
            left = (self.path / "cgroup.procs").read_text().split()
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            if not left:
                break
            time.sleep(LOOK)
        for _ in range(100):
            with suppress(OSError):
                self.path.rmdir()
                break
            time.sleep(LOOK)


def own_cgroup() -> tuple[int, Path]:
    """Return the version and the folder of the memory cgroup that this process is in."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, place = line.split(":", 2)
        if "memory" in controllers.split(","):
            return 1, Path("/sys/fs/cgroup/memory") / place.lstrip("/")
    root = Path("/sys/fs/cgroup")
    place = Path("/proc/self/cgroup").read_text().splitlines()[-1].split(":", 2)[2]
    return 2, root / place.lstrip("/")


class Watched:
    """What stands in for a cgroup: looks at the memory that processes hold, and ends those that hold too much."""

    def __init__(self, limit: int) -> None:
        self._limit, self._killed = limit, 0
        self.pid: int | None = None

    def used(self) -> int:
        """Return the bytes that a step and its processes hold now, but for pages of files."""
        total, processes = 0, []
        try:
            own = psutil.Process(self.pid)
            processes = [own, *own.children(recursive=True)]
            for process in processes:
                memory = process.memory_info()
                total += memory.rss - memory.shared
        except psutil.Error:
            return total
        if total > self._limit:
            self._killed += 1
            for process in processes:
                process.kill()
        return total

    def kills(self) -> int:
        """Return how often it has."""
        return self._killed

    def close(self) -> None:
        """Nothing is left."""


@contextmanager
def confined(limit: int) -> Iterator[tuple[Cgroup | Watched, list[str]]]:
    """Yield the confinement of a step, and how a command begins that runs in it."""
    place: Cgroup | Watched
    try:
        place = Cgroup(limit)
        begin = ["sh", "-c", f'echo $$ > {place.path}/cgroup.procs && exec "$@"', "sh"]
    except OSError:
        place, begin = Watched(limit), []
    try:
        yield place, begin
    finally:
        place.close()


def run(name: str, folder: Path, rows: int, limit: int) -> Outcome:
    """Take a step in a process of its own, under the limit."""
    command = [sys.executable, __file__, "--step", name, "--folder", str(folder), "--rows", str(rows)]
    with confined(limit) as (place, begin), tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        started = time.perf_counter()
        process = subprocess.Popen([*begin, *command], stdout=out, stderr=err, cwd=folder)
        if isinstance(place, Watched):
            place.pid = process.pid
        peak = 0
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            peak = max(peak, place.used())
            time.sleep(LOOK)
        seconds, killed = time.perf_counter() - started, place.kills()
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        said, trouble = out.read().splitlines(), err.read().splitlines()
    if process.returncode == 0 and said:
        found = json.loads(said[-1])
        ended, note = found["ended"], found["note"]
        if killed:
            ended, note = "killed", f"{killed} of its processes; {note}"
    else:
        ended = "killed" if killed else "failed"
        note = f"exit {process.returncode}: {' | '.join(trouble[-3:])}"
    return Outcome(name, ended, round(seconds, 1), round(usage.ru_utime + usage.ru_stime, 1), round(peak / 1e6), note)


def figures_of(found: list[Outcome], limit: int) -> list[Target]:
    """Return the memory of each step that was done, its CPU, and how many steps were killed, failed or refused."""
    done = [each for each in found if each.ended == "done"]
    return [
        Target("steps killed or failed", sum(each.ended in {"killed", "failed"} for each in found), 0),
        Target("steps refused before they began", sum(each.ended == "refused" for each in found), None),
        *(Target(f"{each.step}, peak MB", each.peak_mb, limit / 1e6) for each in done),
        *(Target(f"{each.step}, CPU s", each.cpu, None) for each in done),
    ]


def bytes_of(text: str) -> int:
    """Return the bytes that a text such as 4GB means."""
    from workbench.memory import parse_memory

    return parse_memory(text)


def main() -> int:
    """Make the data, take every step, print the table; 1 where a step was killed, failed or held too much."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000_000)
    parser.add_argument("--memory", default="4GB", help="what each step may hold")
    parser.add_argument("--folder", type=Path, help="where the data goes; a temporary folder if absent")
    parser.add_argument("--steps", nargs="*", choices=STEPS, help="these alone, of a folder that was made before")
    parser.add_argument("--keep", action="store_true", help="leave the data there")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--make", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        return step(options.step, options.folder, options.rows)
    if options.make:
        make(options.folder, options.rows)
        return 0
    folder = options.folder or Path(tempfile.mkdtemp(prefix="workbench-memory-"))
    root = folder / "project"
    found: list[Outcome] = []
    limit = bytes_of(options.memory)
    try:
        if not root.exists():
            command = [sys.executable, __file__, "--make", "--folder", str(root), "--rows", str(options.rows)]
            subprocess.run(command, check=True)
        with confined(limit) as (place, _):
            how = (
                "a cgroup"
                if isinstance(place, Cgroup)
                else "a watcher that ends what holds more (no cgroup can be written)"
            )
        print(f"{options.rows:,} rows of 8 columns, {limit / 1e6:,.0f} MB by {how}, {os.cpu_count()} processors")
        print(f"{'step':<26}{'ended':>9}{'seconds':>9}{'CPU':>8}{'peak MB':>9}  ", flush=True)
        for name in options.steps or STEPS:
            took = run(name, root, options.rows, limit)
            found.append(took)
            figures = f"{took.ended:>9}{took.seconds:>9.1f}{took.cpu:>8.1f}{took.peak_mb:>9,.0f}"
            print(f"{name:<26}{figures}  {took.note[:150]}", flush=True)
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    if options.json:
        facts = {"rows": options.rows, "limit": limit, "by": how}
        if options.steps:
            found = with_earlier(found, options.json, facts)
        options.json.write_text(json.dumps(facts | {"steps": [asdict(each) for each in found]}, indent=1))
    return judged(figures_of(found, limit))


def with_earlier(found: list[Outcome], file: Path, facts: dict[str, Any]) -> list[Outcome]:
    """Return what was found, and of the other steps what an earlier run found under the same conditions."""
    earlier = json.loads(file.read_text()) if file.exists() else {}
    if any(earlier.get(name) != value for name, value in facts.items()):
        return found
    steps = {each["step"]: Outcome(**each) for each in earlier["steps"]} | {each.step: each for each in found}
    return [steps[name] for name in STEPS if name in steps]


if __name__ == "__main__":
    raise SystemExit(main())
