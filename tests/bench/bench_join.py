"""How long the point-in-time join takes, and how much memory, beside the same join by hand, by DuckDB and by Feast.

Three views of five columns each. By hand means: sort the spine and each view by time, `join_asof` with a tolerance,
streaming, and sort back to the spine's order. "as known" is the workbench's join of views whose rows became known up to
two days after the event, which nobody else here can do. Feast is asked through its DuckDB store; it needs a Python of
its own, which `--feast` names, and is left out without one. The last cases have hot keys: 16 carriers, 3 origins.

Each run is a process of its own, so that peak memory is its own; contenders take turns. The best run of each counts;
the noise says how much longer the worst took. On a busy machine the ratio of processor time is the one to look at.

    python tests/bench/bench_join.py --spine 1000000 --rows 10000000 --json join.json
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from workbench.point_in_time import ViewRows, join_views

DAY = 86_400 * 1_000_000
TTL = timedelta(days=30)
TARGETS = {"time": 1.15, "memory": 1.3}
PAIRS = 300_000_000
"""Pairs of equal keys up to which Feast is asked: it joins them all before it takes the latest."""
SLIGHT_MB = 64
"""Peaks below which the ratio of two says nothing."""
CASES = [
    (10_000, 336_000, 16),
    (100_000, 336_000, 16),
    (1_000_000, 336_000, 16),
    (10_000, 10_000_000, 100_000),
    (100_000, 10_000_000, 100_000),
    (1_000_000, 10_000_000, 100_000),
    (100_000, 10_000_000, 16),
    (100_000, 10_000_000, 3),
]
Frames = tuple[pl.DataFrame, list[pl.DataFrame]]


def table(rows: int, entities: int, seed: int, values: int) -> pl.DataFrame:
    """Return `rows` of `entities` in no order over a year, with as many value columns as said."""
    at = (pl.int_range(rows).hash(seed=seed + 1) % (365 * DAY)).cast(pl.Int64).cast(pl.Datetime("us"))
    columns = [
        (pl.int_range(rows).hash(seed=seed) % entities).cast(pl.Int64).alias("key"),
        at.dt.replace_time_zone("UTC").alias("at"),
        *((pl.int_range(rows).cast(pl.Float64) + n).alias(f"v{seed}_{n}") for n in range(values)),
    ]
    return pl.DataFrame().select(columns).rechunk()


def by_hand(spine: pl.DataFrame, views: list[pl.DataFrame]) -> pl.DataFrame:
    """Return the join by hand, in the spine's order."""
    joined = spine.lazy().with_row_index("i").sort("at")
    for view in views:
        joined = joined.join_asof(view.lazy().sort("at"), on="at", by="key", tolerance=TTL, check_sortedness=False)
    return joined.sort("i").drop("i").collect(engine="streaming")


def by_duckdb(spine: pl.DataFrame, views: list[pl.DataFrame]) -> pl.DataFrame:
    """Return the join as DuckDB does it, in the spine's order."""
    columns, joins = ["s.*"], []
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.register("spine", spine.with_row_index("i"))
        for number, view in enumerate(views):
            connection.register(f"view{number}", view)
            held = f"s.at - view{number}.at <= interval {TTL.days} days"
            columns += [f"case when {held} then {name} end as {name}" for name in view.columns[2:]]
            joins.append(f"asof left join view{number} on s.key = view{number}.key and s.at >= view{number}.at")
        query = f"select {', '.join(columns)} from spine s {' '.join(joins)} order by i"
        joined: pl.DataFrame = connection.sql(query).pl()
    return joined


def workbench(spine: pl.DataFrame, views: list[pl.DataFrame]) -> pl.DataFrame:
    """Return the workbench's join."""
    return join_views(spine, [asked(number, view) for number, view in enumerate(views)], time="at")


def as_known(spine: pl.DataFrame, views: list[pl.DataFrame]) -> pl.DataFrame:
    """Return the workbench's join where every view has a `created`, some of it hours after the event."""
    return join_views(spine, [asked(number, view, created="made") for number, view in enumerate(views)], time="at")


def asked(number: int, view: pl.DataFrame, created: str | None = None) -> ViewRows:
    """Return the view as the join takes it."""
    features = {name: name for name in view.columns if name.startswith("v")}
    return ViewRows(
        f"v{number}", view, keys={"key": "key"}, features=features, event_time="at", ttl=TTL, created=created
    )


CONTENDERS: dict[str, Callable[[pl.DataFrame, list[pl.DataFrame]], pl.DataFrame]] = {
    "by hand": by_hand,
    "workbench": workbench,
    "as known": as_known,
    "DuckDB": by_duckdb,
}


def loaded(folder: Path, contender: str, spine: int) -> Frames:
    """Return a case's frames; with `made` only for the one who uses it."""
    views = [pl.read_parquet(folder / f"view{number}.parquet") for number in range(3)]
    if contender == "as known":
        late = pl.duration(hours=pl.int_range(pl.len()) % 50)
        views = [view.with_columns(made=pl.col("at") + late) for view in views]
    return pl.read_parquet(folder / f"spine{spine}.parquet"), views


def measure(contender: str, folder: Path, spine: int) -> dict[str, Any]:
    """Run one contender once, after a small run that loads what it needs."""
    run = CONTENDERS[contender]
    small = table(100, 16, 9, 1), [table(100, 16, seed, 5) for seed in range(3)]
    late = [view.with_columns(made=pl.col("at")) for view in small[1]]
    run(small[0], late if contender == "as known" else small[1])
    left, views = loaded(folder, contender, spine)
    base, used = peak(reset=True), time.process_time()
    begin = time.perf_counter()
    joined = run(left, views)
    seconds = time.perf_counter() - begin
    found = int(joined.select(pl.col("v0_0", "v1_0", "v2_0").count()).sum_horizontal().item())
    return {
        "seconds": round(seconds, 3),
        "cpu": round(time.process_time() - used, 3),
        "peak_mb": peak() - base,
        "rows_out": joined.height,
        "found": found,
    }


def peak(*, reset: bool = False) -> int:
    """Return the most memory that this process had since the last reset, in MiB; Linux alone can say."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) // 1024


def write(folder: Path, rows: int, entities: int, spines: list[int]) -> None:
    """Write a case's frames, and for Feast the spine's key and time alone."""
    for number in range(3):
        table(rows, entities, number, 5).write_parquet(folder / f"view{number}.parquet")
    for spine in spines:
        table(spine, entities, 9, 1).write_parquet(folder / f"spine{spine}.parquet")


def taken(command: list[str]) -> dict[str, Any]:
    """Return what a process says that it measured."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def compared(folder: Path, spine: int, feast: str | None, repeat: int) -> dict[str, dict[str, Any]]:
    """Return the best run of each contender, with the smallest peak, and by how much the worst was slower."""
    commands = {name: [sys.executable, __file__, "--only", name] for name in CONTENDERS}
    if feast:
        commands["Feast"] = [feast, str(Path(__file__).parent / "feast_join.py")]
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in commands}
    for _ in range(repeat):
        for name, command in commands.items():
            runs[name].append(taken([*command, "--folder", str(folder), "--spine", str(spine)]))
    best = {name: min(each, key=lambda run: run["seconds"]) for name, each in runs.items()}
    return {
        name: run
        | {
            "cpu": min(other["cpu"] for other in runs[name]),
            "peak_mb": min(other["peak_mb"] for other in runs[name]),
            "noise": round(max(other["seconds"] for other in runs[name]) / run["seconds"] - 1, 2),
        }
        for name, run in best.items()
    }


def report(case: tuple[int, int, int], measured: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Print a case, and return its lines with the ratios to the join by hand."""
    hand, lines = measured["by hand"], []
    for contender, run in measured.items():
        ratios = {
            "time_ratio": round(run["seconds"] / hand["seconds"], 2),
            "cpu_ratio": round(run["cpu"] / hand["cpu"], 2),
            "memory_ratio": round(max(run["peak_mb"], SLIGHT_MB) / max(hand["peak_mb"], SLIGHT_MB), 2),
        }
        lost = case[0] - run["rows_out"]
        lines.append({"contender": contender, "spine": case[0], "rows": case[1], "entities": case[2], **run, **ratios})
        print(
            f"{case[0]:>10,}{case[1]:>12,}{case[2]:>9,}  {contender:10}{run['seconds']:>8.2f}{run['peak_mb']:>8,}"
            f"{ratios['time_ratio']:>8.2f}{ratios['cpu_ratio']:>6.2f}{ratios['memory_ratio']:>8.2f}{run['noise']:>7.0%}"
            f"{f'  lost {lost:,} rows' if lost else ''}"
        )
    own = measured["workbench"]
    if own["found"] != hand["found"] or own["found"] != measured["DuckDB"]["found"]:
        raise SystemExit("the joins found different values")
    return lines


def main() -> None:
    """Measure every case and print the ratios to the join by hand."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spine", type=int, help="only spines of this many rows")
    parser.add_argument("--rows", type=int, help="only views of this many rows")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--feast", default=os.environ.get("FEAST_PYTHON"), help="a Python that has feast[duckdb]")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", choices=list(CONTENDERS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measure(options.only, options.folder, options.spine)))
        return
    cases = [case for case in CASES if options.spine in (None, case[0]) and options.rows in (None, case[1])]
    cases = cases or [(options.spine or 1_000_000, options.rows or 10_000_000, 100_000)]
    if not options.feast:
        print("Feast is left out: --feast or FEAST_PYTHON names no Python that has feast[duckdb].")
    print(f"{'spine':>10}{'rows':>12}{'entities':>9}{'seconds':>20}{'MB':>8}{'time':>8}{'cpu':>6}{'memory':>8}  noise")
    results: list[dict[str, Any]] = []
    for rows, entities in dict.fromkeys((rows, entities) for _, rows, entities in cases):
        spines = [spine for spine, *rest in cases if rest == [rows, entities]]
        with tempfile.TemporaryDirectory() as name:
            write(Path(name), rows, entities, spines)
            for spine in spines:
                many = spine * rows // entities > PAIRS
                measured = compared(Path(name), spine, None if many else options.feast, options.repeat)
                results += report((spine, rows, entities), measured)
    own = [line for line in results if line["contender"] == "workbench"]
    reached = {f"{kind}_ratio": max(line[f"{kind}_ratio"] for line in own) for kind in TARGETS}
    print(f"workbench against by hand, at worst: {reached}; targets {TARGETS}")
    if options.json:
        options.json.write_text(json.dumps({"results": results, "worst": reached, "targets": TARGETS}, indent=2) + "\n")


if __name__ == "__main__":
    main()
