"""What it costs to store `windowed`, beside the best Polars written by hand, from one Parquet file into another.

By hand means: sort once, one `rolling` a window, side by side; that gives rows at the events only. Both write with the
same compression, statistics and row groups, each in a process of its own, so that peak memory is its own.

    python tests/bench/bench_windowed.py --rows 10000000 --json windowed.json
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

from tests.bench.targets import Target, judged
from workbench.compute import write_parquet
from workbench.compute.metadata import ROW_GROUP
from workbench.define import windowed

WINDOWS = ("1d", "7d", "30d")
CONTENDERS = ("by hand", "workbench")
RATIO, PEAK_MB = 1.5, 1_000
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


def ours(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Return the windows at every change."""
    return windowed(frame, by="key", time="at", windows=WINDOWS, closed="left", **AGGREGATIONS)


def measure(contender: str, folder: Path) -> dict[str, float]:
    """Run one contender once, after a small run that loads what it needs."""
    small, frame = events(10_000), pl.scan_parquet(folder / "events.parquet")
    store(contender, small, folder / "small.parquet")
    base = resource.getrusage(resource.RUSAGE_SELF)
    begin = time.perf_counter()
    store(contender, frame, folder / "out.parquet")
    seconds = time.perf_counter() - begin
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "emitted": pl.scan_parquet(folder / "out.parquet").select(pl.len()).collect().item(),
        "seconds": seconds,
        "cpu": used.ru_utime + used.ru_stime - base.ru_utime - base.ru_stime,
        "peak_mb": used.ru_maxrss / 1024,
        "file_mb": (folder / "out.parquet").stat().st_size / 1e6,
    }


def store(contender: str, frame: pl.LazyFrame, path: Path) -> None:
    """Write the windows of `frame` to a file."""
    if contender == "by hand":
        by_hand(frame).sink_parquet(path, compression="lz4", statistics=True, row_group_size=ROW_GROUP)
    else:
        path.unlink(missing_ok=True)
        write_parquet(ours(frame), path, view="windows")


def main() -> int:
    """Measure both in turn, `--repeat` times, print the best of each, the ratios, and which targets are met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--only", nargs=2, metavar=("CONTENDER", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make:
        events(options.rows).sink_parquet(options.make / "events.parquet")
        return 0
    if options.only:
        print(json.dumps(measure(options.only[0], Path(options.only[1]))))
        return 0
    best: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        # In a process of its own: a child begins with its parent's peak of memory.
        subprocess.run([sys.executable, __file__, "--make", folder, "--rows", str(options.rows)], check=True)
        for _ in range(options.repeat):
            for contender in CONTENDERS:
                command = [sys.executable, __file__, "--only", contender, folder]
                found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                if contender not in best or found["cpu"] < best[contender]["cpu"]:
                    best[contender] = found
    hand, mine = (best[contender] for contender in CONTENDERS)
    print(
        f"{options.rows:,} events, {len(WINDOWS)} windows x {len(AGGREGATIONS)} aggregations; best of {options.repeat}"
    )
    print(f"{'':12}{'rows out':>12}{'seconds':>9}{'cpu s':>8}{'cpu ns/row':>12}{'peak MB':>9}{'file MB':>9}")
    for contender in CONTENDERS:
        row = best[contender]
        print(
            f"{contender:12}{row['emitted']:>12,.0f}{row['seconds']:>9.2f}{row['cpu']:>8.2f}"
            f"{row['cpu'] / row['emitted'] * 1e9:>12.0f}{row['peak_mb']:>9,.0f}{row['file_mb']:>9,.0f}"
        )
    if options.json:
        options.json.write_text(json.dumps({"rows": options.rows, "results": best}, indent=2) + "\n")
    return judged(
        [
            Target("beside by hand, time", mine["seconds"] / hand["seconds"], RATIO),
            Target("beside by hand, CPU", mine["cpu"] / hand["cpu"], RATIO),
            Target("peak MB", mine["peak_mb"], PEAK_MB),
        ]
    )


if __name__ == "__main__":
    raise SystemExit(main())
