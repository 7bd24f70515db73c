"""What `store.snapshot` of a large published view takes, beside plans by hand over the same file.

A view of seven columns, 100 rows an entity, in order of time. By hand, in Polars, streaming: sort all and take the last
row of each entity ("sorted"); take the columns of the row with the greatest time ("greatest"); or find the latest rows
by keys and times, and read these ("keys first"). "published" is `store.snapshot`, now and at a moment.

    python -m tests.bench snapshot --rows 40000000
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

import workbench as wb
from tests.bench.joining import Data, features, make
from tests.bench.measured import least, measured, taken
from tests.bench.targets import Target, judged

MOMENT = "1970-07-01T00:00:00Z"
MOST = {"time": 1.15, "CPU": 1.15, "MB": 1024}
KEYS = ["user", "at"]


def by_sort(file: Path) -> pl.DataFrame:
    """Return the last rows after a sort."""
    last = pl.scan_parquet(file).sort(KEYS).group_by("user", maintain_order=True).last()
    return last.select(*KEYS, *features(0)).collect(engine="streaming")


def by_greatest(file: Path) -> pl.DataFrame:
    """Return the rows with the greatest time."""
    columns = pl.col(["at", *features(0)])
    return pl.scan_parquet(file).group_by("user").agg(columns.max_by("at")).sort("user").collect(engine="streaming")


def keys_first(file: Path) -> pl.DataFrame:
    """Return the rows whose numbers were found by keys and times alone."""
    scan = pl.scan_parquet(file, row_index_name="row")
    last = scan.select(*KEYS, "row").group_by("user").agg(pl.col("row").max_by("at")).collect(engine="streaming")
    found = scan.filter(pl.col("row").is_in(last["row"].implode())).drop("row")
    return found.sort("user").collect(engine="streaming")


def snapshot(root: Path, at: str | None) -> Callable[[], pl.DataFrame]:
    """Return the store's way."""
    project = wb.open(root)
    return lambda: project.store.snapshot("big0", at=at)


def contenders(root: Path) -> dict[str, Callable[[], pl.DataFrame]]:
    """Return who reads, by name."""
    (file,) = json.loads((root / "views.json").read_text())
    plans = {"sorted": by_sort, "greatest": by_greatest, "keys first": keys_first}
    return {name: (lambda plan=plan: plan(Path(file))) for name, plan in plans.items()} | {
        "published": snapshot(root, None),
        "at a moment": snapshot(root, MOMENT),
    }


def measure(root: Path, name: str) -> dict[str, Any]:
    """Run one contender."""
    found, figures = measured(contenders(root)[name], repeat=1)
    total = found.select(pl.sum_horizontal(pl.col(features(0)).sum())).item()
    return {name: round(value, 3) for name, value in figures.items()} | {"rows": found.height, "total": round(total)}


def main() -> int:
    """Measure every contender, and say what was met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=40_000_000)
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", help=argparse.SUPPRESS)
    parser.add_argument("--root", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measure(options.root, options.only)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "bench"
        root.mkdir()
        make(root, Data("time", options.rows, options.rows // 100, 1, texts=True), [])
        runs: dict[str, list[dict[str, Any]]] = {name: [] for name in contenders(root)}
        for _ in range(options.repeat):
            for name, measurements in runs.items():
                measurements.append(taken([sys.executable, __file__, "--only", name, "--root", str(root)]))
    found = {name: least(measurements) for name, measurements in runs.items()}
    print(f"{options.rows:,} rows\n{'':12}{'seconds':>9}{'CPU':>8}{'MB':>8}")
    for name, each in found.items():
        print(f"{name:12}{each['seconds']:9.2f}{each['cpu']:8.2f}{each['peak_mb']:8,.0f}")
    hand = [found[name] for name in ("sorted", "greatest", "keys first")]
    own = found["published"]
    if any((each["rows"], each["total"]) != (own["rows"], own["total"]) for each in hand):
        raise SystemExit(f"the snapshots have different rows: {found}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    targets = [
        Target(
            f"published to the best plan by hand, {word}", own[figure] / min(each[figure] for each in hand), MOST[word]
        )
        for figure, word in (("seconds", "time"), ("cpu", "CPU"))
    ]
    targets += [Target(f"{name}, MB", found[name]["peak_mb"], MOST["MB"]) for name in ("published", "at a moment")]
    return judged(targets)


if __name__ == "__main__":
    raise SystemExit(main())
