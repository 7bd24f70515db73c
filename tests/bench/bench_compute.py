"""What storing a view costs over Polars' bare ``sink_parquet`` of the same plan with the same settings.

``stored`` is what `compute` does: the file, its digests, its period. ``checked`` is what `define` does with that: the
contract and the profile too. Each measurement is a process of its own, in turn; the medians are compared. Run it as
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
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl

from tests.bench.targets import Target, judged
from workbench.compute.metadata import ROW_GROUP

PLANS = ("select", "join", "rolling")
KINDS = ("bare", "stored", "checked")
GOALS = {"stored": 1.3, "checked": 2.0}
"""Times the bare sink, in seconds and in seconds of CPU."""
PEAK_MB = 1_000
_FEATURES = ("delay_per_size", "effort", "hours", "hundreds", "region")
_WINDOWS = ("delay_mean", "delay_max", "flights", "speed_mean", "distance_sum")


def make_data(folder: Path, rows: int) -> None:
    """Write `rows` flights of 500 carriers in a year, ordered by time, and a table of the carriers."""
    import numpy as np

    random = np.random.default_rng(7)
    seconds = np.sort(random.integers(0, 365 * 86_400, rows)).astype("timedelta64[s]")
    seconds = seconds + np.arange(rows).astype("timedelta64[us]")  # so that no two rows share a key
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
    if plan == "select":
        return flights.select(
            "carrier",
            "landed_at",
            delay_per_size=pl.col("delay"),
            effort=pl.col("delay") * 2,
            hours=pl.col("speed"),
            hundreds=pl.col("distance"),
            region=pl.col("distance"),
        )
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


def store(plan: str, inputs: list[Any], root: Path, *, check: bool) -> tuple[float, float]:
    """Store the view through the room's front door; the seconds that it took, and those of CPU."""
    from workbench.checks import StreamedCheck, check_contract
    from workbench.compute import ViewCache, materialize_view
    from workbench.define import FeatureModel, LazyFrame, feature_view
    from workbench.dtypes import UTC
    from workbench.profile import profile

    floats = {"delay_per_size", "effort", "hours", "delay_mean", "delay_max", "speed_mean"}
    names = _WINDOWS if plan == "rolling" else _FEATURES
    types = {"carrier": str, "landed_at": UTC} | {name: float if name in floats else int for name in names}
    model = type("Model", (FeatureModel,), {"__annotations__": types, "__module__": __name__})

    def view(flights: pl.LazyFrame, carriers: pl.LazyFrame) -> pl.LazyFrame:
        return query(plan, flights, carriers)

    view.__annotations__["return"] = LazyFrame[model]  # type: ignore[valid-type]  # a class made at run time
    declared = feature_view(entities="carrier", event_time="landed_at")(view)
    contract = declared.contract  # its making imports pandera: paid once a session, not once a view
    check_contract(contract, model, query(plan, *(data.frame.head(100) for data in inputs)))
    started, cpu = time.perf_counter(), time.process_time()
    streamed = StreamedCheck.of(contract, model) if check else None
    observe = None if streamed is None else streamed.add
    computed = materialize_view(
        declared, inputs, view_id="ab" * 32, code_hash="cd" * 32, cache=ViewCache(root), observe=observe
    )
    if check:
        with ThreadPoolExecutor(max_workers=1) as beside:
            profiled = beside.submit(profile, computed.stored, contract)
            kept = check_contract(contract, model, computed.stored, streamed=streamed)
            assert kept.passed, kept
            assert profiled.result().rows == computed.stored.record.rows
    assert computed.stored.record.rows > 0
    return time.perf_counter() - started, time.process_time() - cpu


def measure(plan: str, kind: str, folder: Path) -> dict[str, float]:
    """Compute once in this process, and say what it took."""
    from workbench.compute import InputData

    flights, carriers = pl.scan_parquet(folder / "flights.parquet"), pl.scan_parquet(folder / "carriers.parquet")
    inputs = [InputData("flights", flights, "1", "source"), InputData("carriers", carriers, "2", "source")]
    with tempfile.TemporaryDirectory(dir=folder) as out:
        if kind == "bare":
            frame = query(plan, flights, carriers)
            started, begun = time.perf_counter(), time.process_time()
            path = Path(out) / "data.parquet"
            frame.sink_parquet(path, compression="lz4", statistics=True, row_group_size=ROW_GROUP)
            seconds, cpu = time.perf_counter() - started, time.process_time() - begun
        else:
            seconds, cpu = store(plan, inputs, Path(out) / "views", check=kind == "checked")
        size = sum(file.stat().st_size for file in Path(out).rglob("*.parquet"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "cpu": cpu, "peak_mb": peak, "size_mb": size / 1e6}


def compare(plan: str, folder: Path, runs: int) -> dict[str, Any]:
    """Measure each kind `runs` times, in turn, and set the medians side by side."""
    results: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
    for _ in range(runs):
        for kind, measured in results.items():
            command = [sys.executable, __file__, "--measure", plan, kind, str(folder)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            measured.append(json.loads(done.stdout))
    medians = {
        kind: {name: statistics.median(run[name] for run in measured) for name in measured[0]}
        for kind, measured in results.items()
    }
    ratios = {
        f"{kind} / bare": {name: medians[kind][name] / medians["bare"][name] for name in medians["bare"]}
        for kind in GOALS
    }
    return {"plan": plan, **medians, **ratios}


def main() -> int:
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
        return 0
    if options.measure:
        plan, kind, folder = options.measure
        print(json.dumps(measure(plan, kind, Path(folder))))
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        # In a process of its own too: a child begins with its parent's peak of memory.
        subprocess.run([sys.executable, __file__, "--make", scratch, "--rows", str(options.rows)], check=True)
        results = [compare(plan, Path(scratch), options.runs) for plan in PLANS]
    print(f"{options.rows:,} rows, medians of {options.runs} runs")
    print(f"{'plan':<9}{'':>15}{'seconds':>9}{'cpu s':>8}{'peak MB':>9}{'file MB':>9}")
    targets: list[Target] = []
    for result in results:
        for kind in (*KINDS, *(f"{kind} / bare" for kind in GOALS)):
            row = result[kind]
            numbers = f"{row['seconds']:>9.2f}{row['cpu']:>8.2f}{row['peak_mb']:>9.2f}{row['size_mb']:>9.2f}"
            print(f"{result['plan']:<9}{kind:>15}{numbers}")
        for kind, limit in GOALS.items():
            ratios = result[f"{kind} / bare"]
            targets += [
                Target(f"{result['plan']}: {kind}, beside bare, {word}", ratios[figure], limit)
                for figure, word in (("seconds", "time"), ("cpu", "CPU"))
            ]
        most = max(PEAK_MB, result["bare"]["peak_mb"])
        targets.append(
            Target(f"{result['plan']}: peak MB, beside 1,000 or the bare one's", result["checked"]["peak_mb"], most)
        )
    if options.json:
        found = {"rows": options.rows, "runs": options.runs, "results": results}
        options.json.write_text(json.dumps(found, indent=1))
    return judged(targets)


if __name__ == "__main__":
    raise SystemExit(main())
