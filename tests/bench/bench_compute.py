"""What storing a view costs over Polars' bare ``sink_parquet`` of the same plan, in time and in peak memory.

Each measurement is a process of its own, bare and stored in turn; the medians are compared. Run it as
``python tests/bench/bench_compute.py [--rows N] [--runs K] [--json PATH]``.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import polars as pl

PLANS = ("join", "rolling")
TIME_BUDGET, MEMORY_BUDGET = 1.15, 1.25
_FEATURES = ("delay_per_size", "effort", "hours", "hundreds", "region")
_WINDOWS = ("delay_mean", "delay_max", "flights", "speed_mean", "distance_sum")


def make_data(folder: Path, rows: int) -> None:
    """Write `rows` flights of 500 carriers in a year, ordered by time, and a table of the carriers."""
    import numpy as np

    random = np.random.default_rng(7)
    seconds = np.sort(random.integers(0, 365 * 86_400, rows)).astype("timedelta64[s]")
    carrier = pl.Series("carrier", random.integers(0, 500, rows)).cast(pl.String)
    landed_at = pl.Series("landed_at", np.datetime64("2013-01-01", "us") + seconds).dt.replace_time_zone("UTC")
    columns = {
        "delay": np.round(random.gamma(2, 10, rows) - 15, 1),
        "distance": random.integers(100, 4_000, rows),
        "speed": random.normal(400, 30, rows),
    }
    flights = pl.DataFrame([carrier, landed_at]).with_columns(**{name: pl.Series(v) for name, v in columns.items()})
    flights.write_parquet(folder / "flights.parquet")
    sizes = {"size": random.normal(100, 20, 500), "region": random.integers(0, 5, 500)}
    carriers = pl.DataFrame({"carrier": [str(number) for number in range(500)], **sizes})
    carriers.write_parquet(folder / "carriers.parquet")


def query(plan: str, flights: pl.LazyFrame, carriers: pl.LazyFrame) -> pl.LazyFrame:
    """Return the plan to be stored: five features of each flight, or of each carrier's last week."""
    delay, distance, speed = pl.col("delay"), pl.col("distance"), pl.col("speed")
    if plan == "join":
        return flights.join(carriers, on="carrier", how="left").select(
            "carrier",
            "landed_at",
            delay_per_size=delay / pl.col("size"),
            effort=(delay.clip(0) * distance).sqrt(),
            hours=distance / speed,
            hundreds=distance // 100,
            region=pl.col("region"),
        )
    return (
        flights.sort("carrier", "landed_at")
        .rolling("landed_at", period="7d", group_by="carrier")
        .agg(
            delay_mean=delay.mean(),
            delay_max=delay.max(),
            flights=pl.len().cast(pl.Int64),
            speed_mean=speed.mean(),
            distance_sum=distance.sum(),
        )
    )


def store(plan: str, inputs: list[Any], root: Path) -> float:
    """Store the view through the room's front door; the seconds that it took."""
    from workbench.compute import ViewCache, materialize_view
    from workbench.define import FeatureModel, LazyFrame, feature_view
    from workbench.dtypes import UTC

    floats = {"delay_per_size", "effort", "hours", "delay_mean", "delay_max", "speed_mean"}
    names = _FEATURES if plan == "join" else _WINDOWS
    types = {"carrier": str, "landed_at": UTC} | {name: float if name in floats else int for name in names}
    model = type("Model", (FeatureModel,), {"__annotations__": types, "__module__": __name__})

    def view(flights: pl.LazyFrame, carriers: pl.LazyFrame) -> pl.LazyFrame:
        return query(plan, flights, carriers)

    view.__annotations__["return"] = LazyFrame[model]  # type: ignore[valid-type]  # a class made at run time
    declared = feature_view(entities="carrier", event_time="landed_at")(view)
    _ = declared.contract  # its making imports pandera: paid once a session, not once a view
    started = time.perf_counter()
    computed = materialize_view(declared, inputs, view_id="ab" * 32, code_hash="cd" * 32, cache=ViewCache(root))
    seconds = time.perf_counter() - started
    assert computed.stored.record.rows > 0
    return seconds


def measure(plan: str, kind: str, folder: Path) -> dict[str, float]:
    """Compute once in this process, and say what it took."""
    from workbench.compute import InputData

    flights, carriers = pl.scan_parquet(folder / "flights.parquet"), pl.scan_parquet(folder / "carriers.parquet")
    inputs = [InputData("flights", flights, "1", "source"), InputData("carriers", carriers, "2", "source")]
    with tempfile.TemporaryDirectory(dir=folder) as out:
        if kind == "bare":
            frame = query(plan, flights, carriers)
            started = time.perf_counter()
            frame.sink_parquet(Path(out) / "data.parquet")
            seconds = time.perf_counter() - started
        else:
            seconds = store(plan, inputs, Path(out) / "views")
        size = sum(file.stat().st_size for file in Path(out).rglob("*.parquet"))
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = used.ru_utime + used.ru_stime
    return {"seconds": seconds, "cpu": cpu, "peak_mb": used.ru_maxrss / 1024, "size_mb": size / 1e6}


def compare(plan: str, folder: Path, runs: int) -> dict[str, Any]:
    """Measure bare and stored `runs` times each, in turn, and set the medians side by side."""
    results: dict[str, list[dict[str, float]]] = {"bare": [], "stored": []}
    for _ in range(runs):
        for kind, measured in results.items():
            command = [sys.executable, __file__, "--measure", plan, kind, str(folder)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            measured.append(json.loads(done.stdout))
    medians = {
        kind: {name: statistics.median(run[name] for run in measured) for name in measured[0]}
        for kind, measured in results.items()
    }
    ratios = {name: medians["stored"][name] / medians["bare"][name] for name in medians["bare"]}
    return {"plan": plan, **medians, "ratio": ratios}


def main() -> None:
    """Print the table and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--measure", nargs=3, metavar=("PLAN", "KIND", "FOLDER"), help=argparse.SUPPRESS)
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make:
        make_data(options.make, options.rows)
        return
    if options.measure:
        plan, kind, folder = options.measure
        print(json.dumps(measure(plan, kind, Path(folder))))
        return
    with tempfile.TemporaryDirectory() as scratch:
        # In a process of its own too: a child begins with its parent's peak of memory.
        subprocess.run([sys.executable, __file__, "--make", scratch, "--rows", str(options.rows)], check=True)
        results = [compare(plan, Path(scratch), options.runs) for plan in PLANS]
    print(
        f"{options.rows:,} rows, medians of {options.runs} runs; budget: time x{TIME_BUDGET}, memory x{MEMORY_BUDGET}"
    )
    print(f"{'plan':<9}{'':>8}{'seconds':>9}{'cpu s':>8}{'peak MB':>9}{'file MB':>9}")
    for result in results:
        for kind in ("bare", "stored", "ratio"):
            row = result[kind]
            numbers = f"{row['seconds']:>9.2f}{row['cpu']:>8.2f}{row['peak_mb']:>9.2f}{row['size_mb']:>9.2f}"
            print(f"{result['plan']:<9}{kind:>8}{numbers}")
    if options.json:
        options.json.write_text(json.dumps({"rows": options.rows, "runs": options.runs, "results": results}, indent=1))


if __name__ == "__main__":
    main()
