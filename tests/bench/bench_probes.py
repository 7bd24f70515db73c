"""What probes cost: in a cell, beside the computation of the view itself, for the demo's views and harder ones.

A view's computation is what its card says: planning, computing, digests. Probes are all checks but the contract.
Then for definitions of the suite on ``--rows`` events, in seconds of CPU: in a cell and in full, beside Polars alone,
which computes the same and writes it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from tests.bench.targets import Target, judged
from tests.checks.probes.definitions import HONEST, Case
from workbench.checks import probe_view
from workbench.demo import make_project
from workbench.demo.cells import CARRIER_DELAY, CARRIER_TROUBLE, ORIGIN_WEATHER

if TYPE_CHECKING:
    from workbench.project import Project

RATIO, SECONDS = 1.5, 2.0
SLIGHT = 0.3
"""Seconds below which a view's computation is no measure: as many runs of an empty query take as long."""

DAY = """\
class Day(FeatureModel):
    {columns}
    landed_at: UTC
    delay_1d: float = Feature(nullable=True)


@feature_view(entities={entities}, event_time="landed_at"{more})
def {name}(flights: pl.LazyFrame) -> LazyFrame[Day]:
    landed = flights.filter(pl.col("landed_at").is_not_null())
    return windowed(landed, by={entities}, time="landed_at", windows="1d", delay=pl.col("arr_delay").mean())
"""


def _day(name: str, *entities: str, more: str = "") -> str:
    columns = "\n    ".join(f"{entity}: str" for entity in entities)
    text = DAY.format(columns=columns, entities=repr(list(entities)), more=more, name=name)
    return text.replace("    \n", "")


CELLS = {
    "carrier_delay": CARRIER_DELAY,
    "origin_weather": ORIGIN_WEATHER,
    "carrier_trouble": CARRIER_TROUBLE,
    "tail_delay": _day("tail_delay", "tailnum"),
    "route_delay": _day("route_delay", "origin", "dest", more=', lookback="1d"'),
    "origin_delay": _day("origin_delay", "origin"),
    "all_delay": _day("all_delay"),
    "leaking_delay": _day("leaking_delay", "carrier").replace('"1d", delay', '"1d", closed="right", delay').replace(
        "return windowed(landed", 'return windowed(landed.with_columns(pl.col("arr_delay").shift(-1).over("carrier"))'
    ),
}  # fmt: skip
DEMO = ("carrier_delay", "origin_weather", "carrier_trouble")
FLOOR = 0.05
"""Seconds that probes may take beside, however few rows there are."""
CASES = {
    "row by row": HONEST["row by row"]["twice the value"],
    "sum so far": HONEST["earlier rows"]["sum so far"],
    "window": HONEST["windows"]["windowed sum of a week"],
    "as-of join": HONEST["joins"]["as-of, backward"],
    "derived key": HONEST["keys"]["formatted"],
    "key of two": HONEST["keys"]["of two"],
}
"""Definitions of the suite of which nothing is refused."""


def probed(case: Case, rows: int, rounds: int, folder: Path) -> dict[str, float]:
    """Return the seconds of CPU that a view takes by Polars alone, and its probes in a cell and in full."""
    inputs = [make(rows) for make in case.inputs]
    path = folder / "view.parquet"

    def bare() -> None:
        case.view(*(data.frame for data in inputs)).select("user", "at", "value").collect().write_parquet(path)

    def probes(*, full: bool) -> None:
        checks = probe_view(case.view, case.view.contract, inputs, pl.scan_parquet(path), full=full)
        assert not any(check.failed for check in checks), checks

    bare()
    return {
        "polars": cpu(bare, rounds),
        "cell": cpu(lambda: probes(full=False), rounds),
        "full": cpu(lambda: probes(full=True), 1),
    }


def cpu(act: Callable[[], None], rounds: int) -> float:
    """Return the median seconds of CPU of a call."""
    seconds = []
    for _ in range(rounds):
        begun = time.process_time()
        act()
        seconds.append(time.process_time() - begun)
    return statistics.median(seconds)


def measured(project: Project, cell: str, rounds: int) -> dict[str, float]:
    """Return the median seconds of a view's computation and of its probes, each time computed anew."""
    seconds: dict[str, list[float]] = {"view": [], "probes": [], "contract": []}
    for _ in range(rounds + 1):
        result = project.define(cell, log=False)
        seconds["view"].append(result.seconds)
        seconds["probes"].append(sum(check.seconds for check in result.checks if check.name != "contract"))
        seconds["contract"].append(result.checks[0].seconds)
        for name in ("views", "facts"):
            _forget(project.root / ".workbench" / name, result.view_id)
    return {name: statistics.median(values[1:]) for name, values in seconds.items()}


def _forget(folder: Path, view_id: str) -> None:
    for path in folder.glob(f"{view_id}*"):
        shutil.rmtree(path, ignore_errors=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--rows", type=int, help="events; 60,000 and a million if absent")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    found: dict[str, dict[str, float]] = {}
    suite: dict[str, dict[str, float]] = {}
    try:
        for rows in [arguments.rows] if arguments.rows else [60_000, 1_000_000]:
            for name, case in CASES.items():
                suite[f"{name}, {rows:,}"] = probed(case, rows, arguments.rounds, folder)
        project = make_project(folder / "flights")
        project.branch("exp/bench")
        for name, cell in CELLS.items():
            found[name] = measured(project, cell, arguments.rounds)
            if name in DEMO:
                project.define(cell, log=False)
        project.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    targets: list[Target] = []
    print(f"{'':18}{'view s':>9}{'contract s':>12}{'probes s':>10}{'ratio':>8}")
    for name, seconds in found.items():
        ratio = seconds["probes"] / max(seconds["view"], SLIGHT)
        targets.append(Target(f"{name}: probes beside the view", ratio, RATIO))
        if name in DEMO:
            targets.append(Target(f"{name}: probes, s", seconds["probes"], SECONDS))
        print(
            f"{name:18}{seconds['view']:9.3f}{seconds['contract']:12.3f}{seconds['probes']:10.3f}"
            f"{seconds['probes'] / seconds['view']:8.2f}"
        )
    print(f"{'CPU':24}{'polars s':>9}{'cell s':>9}{'ratio':>7}{'full s':>9}{'ratio':>7}")
    for name, seconds in suite.items():
        bare = seconds["polars"]
        targets.append(Target(f"{name}: CPU s of probes in a cell", seconds["cell"], RATIO * bare + FLOOR))
        print(
            f"{name:24}{bare:9.3f}{seconds['cell']:9.3f}{seconds['cell'] / bare:7.1f}"
            f"{seconds['full']:9.3f}{seconds['full'] / bare:7.1f}"
        )
    if arguments.json:
        report: dict[str, Any] = {"seconds": found, "cpu": suite}
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")
    return judged(targets)


if __name__ == "__main__":
    raise SystemExit(main())
