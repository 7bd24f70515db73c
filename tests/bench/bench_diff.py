"""How long the full difference of two stored views takes, beside DuckDB's bare full outer join of the same files.

Two Parquet files of six columns: two keys (a text and a time) and four values. On the right 3% of one column and 0.1%
of another have other values, one row in two hundred is gone and as many are new. "duckdb" joins them on both keys and
counts the rows of both sides and of one alone, comparing nothing; "diff" is `diff_views` of two sides without digests,
and "diff, no order" the same of shuffled files.
Each runs in a process of its own, so that peak memory is its own, in turns, so that a machine that is slow for a while
is slow for both.

    python tests/bench/bench_diff.py --rows 10000000 --json diff.json
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import polars as pl

from workbench.diff import Side, diff_views
from workbench.drift import contract_of_frame

TARGETS = {"diff to duckdb, time": 1.2, "diff, peak MB": 1024}
KEYS = ("user", "at")


def write(folder: Path, rows: int) -> None:
    """Write both sides, sorted by key."""
    number = pl.int_range(rows)
    noise = [(number.hash(seed=seed) % 2**52) / 2**52 for seed in range(3)]
    left = pl.select(
        pl.format("user-{}", (number // 100).cast(pl.String).str.zfill(8)).alias("user"),
        (number % 100 * 86_400_000_000).cast(pl.Datetime("us", "UTC")).alias("at"),
        *(values.alias(f"v{place}") for place, values in enumerate(noise)),
        (number.hash(seed=4) % 1000).cast(pl.Int64).alias("v3"),
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


def by_duckdb(folder: Path) -> tuple[int, int, int]:
    """Return the rows of both sides, of the left alone and of the right alone."""
    with duckdb.connect() as connection:
        found = connection.execute(
            "select count(l.user) filter (r.user is not null), count(l.user) filter (r.user is null), "
            "count(r.user) filter (l.user is null) from read_parquet($left) l "
            'full join read_parquet($right) r on l.user = r.user and l."at" = r."at"',
            {"left": str(folder / "left.parquet"), "right": str(folder / "right.parquet")},
        ).fetchone()
    assert found is not None
    return int(found[0]), int(found[1]), int(found[2])


def by_diff(folder: Path) -> tuple[int, int, int]:
    """Return the same by `diff_views`, which compares the values too."""
    sides = []
    for name in ("left", "right"):
        frame = pl.scan_parquet(folder / f"{name}.parquet")
        contract = contract_of_frame(frame.head(0).collect(), entities=("user",), event_time="at")
        sides.append(Side(name, frame, contract))
    rows = diff_views(*sides).rows
    return rows.common, rows.removed, rows.added


CONTENDERS: dict[str, Callable[[Path], tuple[int, int, int]]] = {
    "duckdb": by_duckdb,
    "diff": by_diff,
    "diff, no order": lambda folder: by_diff(folder / "shuffled"),
}


def measure(contender: str, folder: Path) -> dict[str, object]:
    """Run one contender once."""
    Path("/proc/self/clear_refs").write_text("5")
    base = _peak()
    begin = time.perf_counter()
    found = CONTENDERS[contender](folder)
    seconds = time.perf_counter() - begin
    return {"contender": contender, "seconds": round(seconds, 3), "peak_mb": _peak() - base, "found": found}


def _peak() -> int:
    """Return the most memory that was held, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) // 1024


def main() -> None:
    """Measure both in turns and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows of the left side")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", choices=list(CONTENDERS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measure(options.only, options.folder)))
        return
    runs: dict[str, list[dict[str, float]]] = {contender: [] for contender in CONTENDERS}
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), options.rows)
        for _ in range(options.repeat):
            for contender, done in runs.items():
                words = [sys.executable, __file__, "--only", contender, "--folder", folder]
                done.append(json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout))
    best = {contender: min(done, key=lambda run: run["seconds"]) for contender, done in runs.items()}
    if any(run["found"] != best["duckdb"]["found"] for run in best.values()):
        raise SystemExit("they found different rows")
    print(f"2 x {options.rows:,} rows, 6 columns")
    print(f"{'':16}{'seconds':>9}{'peak MB':>9}")
    for contender, run in best.items():
        print(f"{contender:16}{run['seconds']:>9.2f}{run['peak_mb']:>9,}")
    ratios = {
        "diff to duckdb, time": round(best["diff"]["seconds"] / best["duckdb"]["seconds"], 3),
        "diff, peak MB": max(run["peak_mb"] for run in runs["diff"]),
    }
    for name, ratio in ratios.items():
        print(f"{name}: {ratio} (target {TARGETS[name]})")
    if options.json:
        results = {"results": list(best.values()), "ratios": ratios, "targets": TARGETS}
        options.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
