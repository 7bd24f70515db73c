"""How long the full difference of two stored views takes, beside DuckDB's full outer join that compares values.

Two sides of a view of eight columns: two keys (a text and a time) and six values. On the right 3% of one column and
0.1% of another have other values, one row in two hundred is gone and as many are new. "duckdb" joins the two files on
both keys, counts the rows of both sides and of one alone, and for each value how many differ, by how much on average
and at most. "diff_views" is the function inside, of sides without digests; "project.diff" is what people call, on the
same rows as two branches of an open project define them, nothing of it remembered. Each of sorted files, and of the
same files shuffled, in a process of its own, so that peak memory is its own, in turns, so that a machine that is slow
for a while is slow for all. Seconds are those of CPU and of a clock; a target holds for both.

    python tests/bench/bench_diff.py --rows 10000000 --json diff.json
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import duckdb
import polars as pl

import workbench as wb
from tests.bench.targets import forget_peak, judge, peak_mb
from workbench.diff import Side, diff_views
from workbench.drift import contract_of_frame
from workbench.project import Project

TARGETS = {
    "project.diff to duckdb, wall": 1.2,
    "project.diff to duckdb, CPU": 1.2,
    "diff_views to duckdb, wall": 1.2,
    "diff_views to duckdb, CPU": 1.2,
    "project.diff, no order, to duckdb, wall": 1.3,
    "project.diff, no order, to duckdb, CPU": 1.3,
    "diff_views, no order, to duckdb, wall": 1.3,
    "diff_views, no order, to duckdb, CPU": 1.3,
    "project.diff, peak MB": 1024,
    "project.diff, no order, peak MB": 1024,
}
KEYS = ("user", "at")
VALUES = tuple(f"v{place}" for place in range(6))
TOML = """\
[project]
name = "bench"
[sources.left]
path = "../left.parquet"
event_time = "at"
[sources.right]
path = "../right.parquet"
event_time = "at"
[tracking]
send = false
"""
VIEW = '''\
class Big(FeatureModel):
    user: str
    at: UTC
    v0: float = Feature()
    v1: float = Feature()
    v2: float = Feature()
    v3: int = Feature()
    v4: float = Feature()
    v5: float = Feature()


@feature_view(entities="user", event_time="at", owner="bench")
def big(SIDE: pl.LazyFrame) -> LazyFrame[Big]:
    """Six values."""
    return SIDE.select("user", "at", "v0", "v1", "v2", "v3", "v4", "v5")
'''


def write(folder: Path, rows: int) -> None:
    """Write both sides, sorted by key."""
    number = pl.int_range(rows)
    noise = {name: (number.hash(seed=seed) % 2**52) / 2**52 for seed, name in enumerate(VALUES)}
    noise["v3"] = (number.hash(seed=11) % 1000).cast(pl.Int64)
    left = pl.select(
        pl.format("user-{}", (number // 100).cast(pl.String).str.zfill(8)).alias("user"),
        (number % 100 * 86_400_000_000).cast(pl.Datetime("us", "UTC")).alias("at"),
        *(values.alias(name) for name, values in noise.items()),
    )
    left.write_parquet(folder / "left.parquet", row_group_size=262_144)
    chance = number.hash(seed=9) % 1000
    moved = left.with_columns(
        v0=pl.when(chance < 30).then(pl.col("v0") + 0.4).otherwise("v0"),
        v3=pl.when(chance == 500).then(pl.col("v3") + 1).otherwise("v3"),
    ).filter(number.hash(seed=5) % 200 != 0)
    fresh = left.filter(number.hash(seed=6) % 200 == 0).with_columns(pl.col("at") + pl.duration(hours=1))
    right = pl.concat([moved, fresh]).sort(KEYS)
    right.write_parquet(folder / "right.parquet", row_group_size=262_144)
    (folder / "shuffled").mkdir()
    for name, frame in (("left", left), ("right", right)):
        shuffled = frame.sample(fraction=1, shuffle=True, seed=1)
        shuffled.write_parquet(folder / "shuffled" / f"{name}.parquet", row_group_size=262_144)


def project(folder: Path) -> None:
    """Make a project whose branches ``a`` and ``b`` define a view as the files of `folder` have it."""
    root = folder / "project"
    root.mkdir()
    subprocess.run(["git", "init", "-q", "-b", "main", str(root)], check=True)
    for name, value in (("user.name", "Bench"), ("user.email", "bench@example.org")):
        subprocess.run(["git", "config", name, value], cwd=root, check=True)
    (root / "workbench.toml").write_text(TOML)
    made = wb.init(root)
    for branch, side in (("a", "left"), ("b", "right")):
        made.branch(branch)
        made.define(VIEW.replace("SIDE", side), log=False)
    made.close()


def by_duckdb(folder: Path) -> tuple[int, int, int, int]:
    """Return the rows of both sides, of the left alone and of the right alone, and how many values differ."""
    sums = ", ".join(
        f"count(*) filter (l.user is not null and r.user is not null and l.{name} is distinct from r.{name}), "
        f"avg(abs(l.{name} - r.{name})), max(abs(l.{name} - r.{name}))"
        for name in VALUES
    )
    with duckdb.connect() as connection:
        found = connection.execute(
            "select count(l.user) filter (r.user is not null), count(l.user) filter (r.user is null), "
            f"count(r.user) filter (l.user is null), {sums} from read_parquet($left) l "
            'full join read_parquet($right) r on l.user = r.user and l."at" = r."at"',
            {"left": str(folder / "left.parquet"), "right": str(folder / "right.parquet")},
        ).fetchone()
    assert found is not None
    return int(found[0]), int(found[1]), int(found[2]), sum(found[3::3])


def by_diff_views(folder: Path) -> tuple[int, int, int, int]:
    """Return the same by `diff_views`."""
    sides = []
    for name in ("left", "right"):
        frame = pl.scan_parquet(folder / f"{name}.parquet")
        contract = contract_of_frame(frame.head(0).collect(), entities=("user",), event_time="at")
        sides.append(Side(name, frame, contract))
    found = diff_views(*sides)
    rows = found.rows
    return rows.common, rows.removed, rows.added, sum(column.changed for column in found.columns)


def by_project(folder: Path) -> tuple[int, int, int, int]:
    """Return the same by `project.diff`."""
    found = opened(folder).diff("big", left="a", right="b")
    rows = found.rows
    return rows.common, rows.removed, rows.added, sum(column.changed for column in found.columns)


@cache
def opened(folder: Path) -> Project:
    """Open the project, as a notebook has it, which looked at something before."""
    found = wb.open(folder / "project", branch="b")
    found.diff("big", left="a", right="a")
    return found


CONTENDERS: dict[str, Callable[[Path], tuple[int, int, int, int]]] = {
    "duckdb": by_duckdb,
    "diff_views": by_diff_views,
    "project.diff": by_project,
}


def forget(folder: Path) -> None:
    """Forget what the project knows of comparisons."""
    for path in (folder / "project" / ".workbench" / "facts").rglob("diff-*.json"):
        path.unlink()


def measure(contender: str, folder: Path) -> dict[str, object]:
    """Run one contender once."""
    if contender == "project.diff":
        opened(folder)
    base, begin, spent = forget_peak(), time.perf_counter(), time.process_time()
    found = CONTENDERS[contender](folder)
    seconds, cpu = time.perf_counter() - begin, time.process_time() - spent
    return {"seconds": round(seconds, 3), "cpu": round(cpu, 3), "peak_mb": peak_mb() - base, "found": found}


def main() -> int:
    """Measure all in turns and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows of the left side")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", choices=list(CONTENDERS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measure(options.only, options.folder)))
        return 0
    os.environ["GIT_CONFIG_NOSYSTEM"] = "1"
    runs: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-diff-") as name:
        write(Path(name), options.rows)
        for order, folder in (("", Path(name)), (", no order", Path(name) / "shuffled")):
            project(folder)
            for _ in range(options.repeat):
                for contender in CONTENDERS:
                    forget(folder)
                    words = [sys.executable, __file__, "--only", contender, "--folder", str(folder)]
                    done = subprocess.run(words, check=True, capture_output=True, text=True).stdout
                    runs.setdefault(contender + order, []).append(json.loads(done))
            shutil.rmtree(folder / "project")
    best = {contender: min(done, key=lambda run: run["seconds"]) for contender, done in runs.items()}
    if any(run["found"] != best["duckdb"]["found"] for run in best.values()):
        raise SystemExit(f"they found different rows: { {name: run['found'] for name, run in best.items()} }")
    print(f"2 x {options.rows:,} rows, {len(KEYS) + len(VALUES)} columns")
    print(f"{'':24}{'seconds':>9}{'CPU':>9}{'peak MB':>9}")
    for contender, run in best.items():
        print(f"{contender:24}{run['seconds']:>9.2f}{run['cpu']:>9.2f}{run['peak_mb']:>9,}")
    ratios = {}
    for order in ("", ", no order"):
        for contender in ("diff_views", "project.diff"):
            ours, theirs, comma = best[contender + order], best["duckdb" + order], "," if order else ""
            for unit, key in (("wall", "seconds"), ("CPU", "cpu")):
                ratios[f"{contender}{order}{comma} to duckdb, {unit}"] = round(ours[key] / theirs[key], 3)
        ratios[f"project.diff{order}, peak MB"] = max(run["peak_mb"] for run in runs["project.diff" + order])
    if options.json:
        results = {"results": best, "ratios": ratios, "targets": TARGETS}
        options.json.write_text(json.dumps(results, indent=2) + "\n")
    return judge(ratios, TARGETS)


if __name__ == "__main__":
    raise SystemExit(main())
