"""How long `windowed` takes for each row it emits, beside the best Polars written by hand.

By hand means: sort once, one `rolling` a window, side by side; that gives rows at the events only, so the two
are compared by the row. Each runs in a process of its own, so that peak memory is its own.

    python tests/bench/bench_windowed.py --rows 10000000 --json windowed.json
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import polars as pl

from workbench.define.windows import windowed

WINDOWS = ("1d", "7d", "30d")
CONTENDERS = ("by hand", "workbench")
AGGREGATIONS = {
    "n": pl.len(),
    "mean": pl.col("x").mean(),
    "std": pl.col("x").std(),
    "max": pl.col("x").max(),
}


def events(rows: int) -> pl.LazyFrame:
    """Return `rows` events of one entity in a hundred rows, spread over a year, in no order."""
    scrambled = pl.int_range(rows).hash(seed=7)
    year = 365 * 86_400 * 1_000_000
    return (
        pl.select(
            key=(scrambled % max(rows // 100, 1)).cast(pl.Int64),
            at=(pl.int_range(rows).hash(seed=8) % year)
            .cast(pl.Int64)
            .cast(pl.Datetime("us"))
            .dt.replace_time_zone("UTC"),
            x=(pl.int_range(rows).hash(seed=9) % 1000).cast(pl.Float64),
        )
        .rechunk()
        .lazy()
    )


def by_hand(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Return the windows at the events, as a careful user of Polars writes them."""
    ordered = frame.sort("key", "at")
    parts = []
    for window in WINDOWS:
        named = [value.alias(f"{name}_{window}") for name, value in AGGREGATIONS.items()]
        parts.append(ordered.rolling("at", period=window, closed="left", group_by="key").agg(*named))
    return pl.concat([parts[0], *(part.drop("key", "at") for part in parts[1:])], how="horizontal")


def measure(contender: str, rows: int) -> dict[str, float | int | str]:
    """Run one contender once, after a small run that loads what it needs."""
    small, frame = events(10_000), events(rows)
    build = by_hand if contender == "by hand" else ours
    build(small).collect()
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.perf_counter()
    emitted = build(frame).collect().height
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base
    return {
        "contender": contender,
        "events": rows,
        "emitted": emitted,
        "seconds": round(seconds, 3),
        "ns_per_row": round(seconds / emitted * 1e9, 1),
        "peak_mb": peak // 1024,
        "bytes_per_row": round(peak * 1024 / emitted),
    }


def ours(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Return the windows at every change."""
    return windowed(frame, by="key", time="at", windows=WINDOWS, closed="left", **AGGREGATIONS)


def main() -> None:
    """Measure both in turn, `--repeat` times, print the best of each and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", choices=CONTENDERS)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measure(options.only, options.rows)))
        return
    best: dict[str, dict[str, float]] = {}
    for _ in range(options.repeat):
        for contender in CONTENDERS:
            command = [sys.executable, __file__, "--only", contender, "--rows", str(options.rows)]
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            if contender not in best or found["seconds"] < best[contender]["seconds"]:
                best[contender] = found
    hand, mine = (best[contender] for contender in CONTENDERS)
    ratio = round(mine["ns_per_row"] / hand["ns_per_row"], 3)
    print(f"{'':12}{'events':>12}{'rows out':>12}{'seconds':>10}{'ns/row':>9}{'peak MB':>9}{'B/row':>7}")
    for contender in CONTENDERS:
        row = best[contender]
        print(
            f"{contender:12}{row['events']:>12,}{row['emitted']:>12,}{row['seconds']:>10.2f}"
            f"{row['ns_per_row']:>9.0f}{row['peak_mb']:>9,}{row['bytes_per_row']:>7,}"
        )
    print(f"per row emitted, workbench / by hand: {ratio} (target 1.15)")
    if options.json:
        options.json.write_text(json.dumps({"results": list(best.values()), "ratio_per_row": ratio}, indent=2) + "\n")


if __name__ == "__main__":
    main()
