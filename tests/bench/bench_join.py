"""How long the point-in-time join takes, beside the same join written by hand with Polars' `join_asof`.

Three views of five columns each. By hand means: sort the spine and each view by time, `join_asof` with a tolerance,
streaming, and sort back to the spine's order; "unordered" leaves that last step out, which gives up the spine's
order. Each runs in a process of its own, so that peak memory is its own.

    python tests/bench/bench_join.py --spine 1000000 --rows 10000000 --json join.json
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import polars as pl

from workbench.lake import ViewRows, join_views

DAY = 86_400 * 1_000_000
TTL = timedelta(days=30)
CASES = [
    (10_000, 336_000, 16),
    (100_000, 336_000, 16),
    (1_000_000, 336_000, 16),
    (10_000, 10_000_000, 100_000),
    (100_000, 10_000_000, 100_000),
    (1_000_000, 10_000_000, 100_000),
]


def table(rows: int, entities: int, seed: int, values: int) -> pl.DataFrame:
    """Return `rows` of `entities` in no order over a year, with as many value columns as said."""
    at = (pl.int_range(rows).hash(seed=seed + 1) % (365 * DAY)).cast(pl.Int64).cast(pl.Datetime("us"))
    columns = [
        (pl.int_range(rows).hash(seed=seed) % entities).cast(pl.Int64).alias("key"),
        at.dt.replace_time_zone("UTC").alias("at"),
        *((pl.int_range(rows).cast(pl.Float64) + n).alias(f"v{seed}_{n}") for n in range(values)),
    ]
    return pl.DataFrame().select(columns).rechunk()


def unordered(spine: pl.DataFrame, views: list[pl.DataFrame]) -> pl.DataFrame:
    """Return the join by hand, in the order of time."""
    joined = spine.lazy().sort("at")
    for view in views:
        joined = joined.join_asof(view.lazy().sort("at"), on="at", by="key", tolerance=TTL, check_sortedness=False)
    return joined.collect(engine="streaming")


def by_hand(spine: pl.DataFrame, views: list[pl.DataFrame]) -> pl.DataFrame:
    """Return the join by hand, in the spine's order."""
    joined = spine.lazy().with_row_index("i").sort("at")
    for view in views:
        joined = joined.join_asof(view.lazy().sort("at"), on="at", by="key", tolerance=TTL, check_sortedness=False)
    return joined.sort("i").drop("i").collect(engine="streaming")


def workbench(spine: pl.DataFrame, views: list[pl.DataFrame]) -> pl.DataFrame:
    """Return the workbench's join."""
    return join_views(spine, [asked(number, view) for number, view in enumerate(views)], time="at")


def late(spine: pl.DataFrame, views: list[pl.DataFrame]) -> pl.DataFrame:
    """Return the workbench's join where every view has a `created`, some of it hours after the event."""
    made = [view.with_columns(made=pl.col("at") + pl.duration(hours=pl.int_range(pl.len()) % 50)) for view in views]
    return join_views(spine, [asked(number, view, created="made") for number, view in enumerate(made)], time="at")


def asked(number: int, view: pl.DataFrame, created: str | None = None) -> ViewRows:
    """Return the view as the join takes it."""
    features = {name: name for name in view.columns if name.startswith("v")}
    return ViewRows(
        f"v{number}", view, keys={"key": "key"}, features=features, event_time="at", ttl=TTL, created=created
    )


CONTENDERS: dict[str, Callable[[pl.DataFrame, list[pl.DataFrame]], pl.DataFrame]] = {
    "unordered": unordered,
    "by hand": by_hand,
    "workbench": workbench,
    "as known": late,
}


def measure(contender: str, spine: int, rows: int, entities: int) -> dict[str, float | int | str]:
    """Run one contender once, after a small run that loads what it needs."""
    run = CONTENDERS[contender]
    run(table(100, entities, 9, 1), [table(100, entities, seed, 5) for seed in range(3)])
    left, views = table(spine, entities, 9, 1), [table(rows, entities, seed, 5) for seed in range(3)]
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.perf_counter()
    joined = run(left, views)
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base
    found = int(joined.select(pl.col("v0_0", "v1_0", "v2_0").count()).sum_horizontal().item())
    return {
        "contender": contender,
        "spine": spine,
        "rows": rows,
        "seconds": round(seconds, 3),
        "peak_mb": peak // 1024,
        "found": found,
    }


def best(contender: str, case: tuple[int, int, int], repeat: int) -> dict[str, float]:
    """Return the quickest of `repeat` runs, each in a new process, with the smallest peak."""
    words = ["--only", contender, "--case", *map(str, case)]
    runs = []
    for _ in range(repeat):
        done = subprocess.run([sys.executable, __file__, *words], check=True, capture_output=True, text=True)
        runs.append(json.loads(done.stdout))
    quickest: dict[str, float] = min(runs, key=lambda run: run["seconds"])
    return quickest | {"peak_mb": min(run["peak_mb"] for run in runs)}


def main() -> None:
    """Measure every case and print the ratios to the join by hand."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spine", type=int, help="only spines of this many rows")
    parser.add_argument("--rows", type=int, help="only views of this many rows")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", choices=list(CONTENDERS), help=argparse.SUPPRESS)
    parser.add_argument("--case", type=int, nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measure(options.only, *options.case)))
        return
    cases = [case for case in CASES if options.spine in (None, case[0]) and options.rows in (None, case[1])]
    if not cases:
        cases = [(options.spine or 1_000_000, options.rows or 10_000_000, 100_000)]
    results = []
    print(f"{'spine':>10}{'rows':>12}  {'':10}{'seconds':>9}{'peak MB':>9}{'time':>7}{'memory':>8}   ratios to by hand")
    for case in cases:
        measured = {contender: best(contender, case, options.repeat) for contender in CONTENDERS}
        hand = measured["by hand"]
        for contender, run in measured.items():
            ratios = (run["seconds"] / hand["seconds"], run["peak_mb"] / max(hand["peak_mb"], 1))
            results.append(run | {"time_ratio": round(ratios[0], 3), "memory_ratio": round(ratios[1], 3)})
            print(
                f"{case[0]:>10,}{case[1]:>12,}  {contender:10}{run['seconds']:>9.2f}{run['peak_mb']:>9,}"
                f"{ratios[0]:>7.2f}{ratios[1]:>8.2f}"
            )
        if measured["workbench"]["found"] != hand["found"]:
            raise SystemExit("the two joins found different values")
    if options.json:
        options.json.write_text(
            json.dumps({"results": results, "targets": {"time": 1.15, "memory": 1.3}}, indent=2) + "\n"
        )


if __name__ == "__main__":
    main()
