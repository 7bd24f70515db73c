"""How long it takes to join small spines with a large view that is stored, beside a scan of its file joined by hand.

The view is defined and computed as users do it: five features of 100,000 entities, in one Parquet file. By hand means:
scan the file, sort it by time, `join_asof` with a tolerance, streaming, and sort back to the spine's order. "unsorted"
leaves the sort of the file out, as one may who knows that it is sorted within each entity. "training set" is
`store.training_set`, with its row ledger. The spines ask for all entities, or for 200.

Each run is a process of its own that joined a few rows before; contenders take turns, the best run of each counts.

    python tests/bench/bench_join_stored.py --rows 10000000 --json stored.json
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl

import workbench as wb
from workbench.point_in_time import ViewRows, join_views

TTL = timedelta(days=30)
TARGET = 0.5
"""Of the time by hand, for spines up to 100,000 rows."""
SPINES = [(10_000, 100_000), (10_000, 200), (100_000, 100_000), (1_000_000, 100_000)]
FEATURES = [f"f{number}" for number in range(5)]
TOML = """
[project]
name = "bench"

[sources.events]
path = "data/events.parquet"
event_time = "at"
"""
CELL = """
class Big(FeatureModel):
    user: str
    at: UTC
    {features}


@feature_view(entities="user", event_time="at", ttl="30d")
def big(events: pl.LazyFrame) -> LazyFrame[Big]:
    return events.select("user", "at", {names})
"""


def events(rows: int, entities: int, seed: int) -> pl.DataFrame:
    """Return `rows` of `entities`, spread over a year."""
    micros = 365 * 86_400 * 1_000_000
    at = (pl.int_range(rows).hash(seed=seed + 1) % micros).cast(pl.Int64).cast(pl.Datetime("us"))
    number = (pl.int_range(rows).hash(seed=seed) % entities).cast(pl.String)
    values = [
        (pl.int_range(rows).hash(seed=seed + n + 2) % 1_000_000 / 1000).alias(name) for n, name in enumerate(FEATURES)
    ]
    return pl.select(("user-" + number.str.zfill(6)).alias("user"), at.dt.replace_time_zone("UTC").alias("at"), *values)


def make(root: Path, rows: int) -> Path:
    """Make a project whose view is computed, and spines; return the view's file."""
    subprocess.run(["git", "init", "-q", "-b", "main", str(root)], check=True)
    for name, value in (("user.name", "Bench"), ("user.email", "bench@localhost")):
        subprocess.run(["git", "-C", str(root), "config", name, value], check=True)
    wb.init(root).close()
    (root / "workbench.toml").write_text(TOML)
    (root / "data").mkdir()
    events(rows, 100_000, 1).sort("user", "at").write_parquet(root / "data" / "events.parquet")
    for size, entities in SPINES:
        events(size, entities, 50).select("user", "at", label="f0").write_parquet(spine_path(root, size, entities))
    project = wb.open(root)
    project.branch("exp/bench")
    columns = "\n    ".join(f"{name}: float" for name in FEATURES)
    names = ", ".join(f'"{name}"' for name in FEATURES)
    project.define(CELL.format(features=columns, names=names), log=False)
    project.close()
    (path,) = (root / ".workbench").glob("views/*/data.parquet")
    return path


def spine_path(root: Path, size: int, entities: int) -> Path:
    """Return where a spine is."""
    return root / f"spine-{size}-{entities}.parquet"


def by_hand(path: Path, _: Path) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Return the join by hand."""
    return lambda spine: _asof(spine, pl.scan_parquet(path).sort("at"))


def unsorted(path: Path, _: Path) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Return the join by hand of one who trusts the file's order."""
    return lambda spine: _asof(spine, pl.scan_parquet(path))


def _asof(spine: pl.DataFrame, view: pl.LazyFrame) -> pl.DataFrame:
    timed = spine.lazy().with_row_index("i").sort("at")
    joined = timed.join_asof(view, on="at", by="user", tolerance=TTL, check_sortedness=False)
    return joined.sort("i").drop("i").collect(engine="streaming")


def join(path: Path, _: Path) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Return the workbench's join."""
    features = {name: name for name in FEATURES}
    return lambda spine: join_views(
        spine,
        [ViewRows("big", pl.scan_parquet(path), {"user": "user"}, features, event_time="at", ttl=TTL, stored=True)],
        time="at",
    )


def training_set(_: Path, root: Path) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Return the store's way."""
    project = wb.open(root)
    project.branch("exp/bench")
    warnings.simplefilter("ignore")  # few rows match, and the ledger says so
    return lambda spine: project.store.training_set(spine, ["big"], time="at", label="label").frame


CONTENDERS = {"by hand": by_hand, "unsorted": unsorted, "join": join, "training set": training_set}


def measure(contender: str, path: Path, root: Path, case: tuple[int, int]) -> dict[str, Any]:
    """Run one contender once, after a join of a few rows."""
    run = CONTENDERS[contender](path, root)
    spine = pl.read_parquet(spine_path(root, *case))
    run(spine.head(10))
    base, used, begin = _peak(reset=True), time.process_time(), time.perf_counter()
    joined = run(spine)
    seconds = time.perf_counter() - begin
    return {
        "seconds": round(seconds, 3),
        "cpu": round(time.process_time() - used, 3),
        "peak_mb": _peak() - base,
        "found": joined["f0"].count(),
        "rows_out": joined.height,
    }


def _peak(*, reset: bool = False) -> int:
    """Return the most memory that this process had since the last reset, in MiB; Linux alone can say."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) // 1024


def compared(path: Path, root: Path, case: tuple[int, int], repeat: int) -> list[dict[str, Any]]:
    """Measure all contenders in turn, print a line for each, and return them."""
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in CONTENDERS}
    for _ in range(repeat):
        for name, measured in runs.items():
            words = ["--only", name, "--view", str(path), "--root", str(root), "--case", *map(str, case)]
            done = subprocess.run([sys.executable, __file__, *words], check=True, capture_output=True, text=True)
            measured.append(json.loads(done.stdout.splitlines()[-1]))
    lines: list[dict[str, Any]] = []
    for name, measured in runs.items():
        best = {key: min(run[key] for run in measured) for key in ("seconds", "cpu", "peak_mb", "found", "rows_out")}
        hand = lines[0] if lines else best
        best |= {
            "noise": round(max(run["seconds"] for run in measured) / best["seconds"] - 1, 2),
            "time_ratio": round(best["seconds"] / hand["seconds"], 3),
            "cpu_ratio": round(best["cpu"] / hand["cpu"], 3),
            "memory_ratio": round(best["peak_mb"] / max(hand["peak_mb"], 1), 3),
        }
        lines.append({"contender": name, "spine": case[0], "entities": case[1], **best})
        print(
            f"{case[0]:>10,}{case[1]:>9,}  {name:13}{best['seconds']:>8.2f}{best['peak_mb']:>8,}"
            f"{best['time_ratio']:>8.2f}{best['cpu_ratio']:>6.2f}{best['memory_ratio']:>8.2f}{best['noise']:>7.0%}",
            flush=True,
        )
    if len({line["found"] for line in lines}) > 1:
        raise SystemExit("the joins found different values")
    return lines


def main() -> None:
    """Measure every spine and print the ratios to the join by hand."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", choices=list(CONTENDERS), help=argparse.SUPPRESS)
    parser.add_argument("--view", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--root", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--case", type=int, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measure(options.only, options.view, options.root, tuple(options.case))))
        return
    print(f"{'spine':>10}{'entities':>9}{'seconds':>23}{'MB':>8}{'time':>8}{'cpu':>6}{'memory':>8}  noise")
    lines: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "bench"
        path = make(root, options.rows)
        for case in SPINES:
            lines += compared(path, root, case, options.repeat)
    ours = [line for line in lines if line["contender"] in ("join", "training set") and line["spine"] <= 100_000]
    worst = max(line["time_ratio"] for line in ours)
    print(f"{options.rows:,} rows: at worst {worst} of the time by hand up to 100,000 spine rows (target {TARGET})")
    if options.json:
        options.json.write_text(json.dumps({"results": lines, "worst": worst, "target": TARGET}, indent=2) + "\n")


if __name__ == "__main__":
    main()
