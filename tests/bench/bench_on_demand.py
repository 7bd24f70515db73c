"""What an on-demand view costs beside the stored features it reads, in process and by the service, a batch at a time.

Run it as ``python tests/bench/bench_on_demand.py [--repeats N] [--json PATH]``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import polars as pl
import pytest

import workbench as wb
from tests.bench.targets import Target, judged
from tests.conftest import EVENT_VIEW, identify, make_trial
from tests.server.stage import Asked
from tests.store.stage import declare
from workbench.config import ServeSettings
from workbench.server import FeatureService, ServiceOptions

RATIO = """\
class Ratio(FeatureModel):
    ratio: float = Feature(unit="dimensionless", nullable=True)
    is_large: bool


@on_demand(inputs=["spend:total"], request={"amount": float})
def ratio(rows: pl.LazyFrame) -> LazyFrame[Ratio]:
    part = pl.when(pl.col("total") > 0).then(pl.col("amount") / pl.col("total"))
    return rows.select(ratio=part, is_large=pl.col("amount") > 10)
"""
BATCHES = (1, 100, 1_000)
FUNCTION, STORED, COMPUTED = "the function alone", "stored, in process", "on demand, in process"
SERVED, SERVED_COMPUTED = "stored, by the service", "on demand, by the service"


def least(act: Callable[[], object], repeats: int) -> float:
    """Return the shortest time of several, in milliseconds."""
    found = []
    for _ in range(repeats):
        started = time.perf_counter()
        act()
        found.append(time.perf_counter() - started)
    return min(found) * 1_000


def function_alone(rows: pl.DataFrame) -> pl.DataFrame:
    """Compute what the view does, with Polars and nothing around it."""
    part = pl.when(pl.col("total") > 0).then(pl.col("amount") / pl.col("total"))
    return rows.lazy().select(ratio=part, is_large=pl.col("amount") > 10).collect()


def prepare(folder: Path) -> Path:
    """Make a project with a stored view and an on-demand view, both published and loaded; return its root."""
    root = make_trial(folder)
    declare(root)
    with closing(wb.open(root)) as project:
        project.branch("exp/bench", objective="Measure")
        for text in (EVENT_VIEW, RATIO):
            project.define(text, log=False)
        project.promote(["spend", "ratio"], accept={"ratio:contract": "a benchmark"})
        project.load_online()
    return root


def measure(root: Path, repeats: int) -> dict[str, dict[int, float]]:
    """Return the milliseconds of each way, by entities a batch."""
    found: dict[str, dict[int, float]] = {}
    with closing(wb.open(root, branch="main")) as project:
        settings = ServeSettings(on_demand=True, deadline_ms=60_000, max_entities=10_000)
        service = FeatureService(ServiceOptions.of_folder(Path(project.online_status().place), settings))
        asked, store = Asked(service), project.store
        for count in BATCHES:
            entities = [{"user": f"u{row % 7}", "amount": float(row % 50)} for row in range(count)]
            rows = pl.DataFrame({"total": [1.0 + row for row in range(count)], "amount": [2.0] * count})
            ways: dict[str, Callable[[], object]] = {
                FUNCTION: partial(function_alone, rows),
                STORED: partial(store.batch_get_features, ["spend:total"], entities),
                COMPUTED: partial(store.batch_get_features, ["ratio"], entities),
                SERVED: partial(asked.features, ["spend:total"], entities),
                SERVED_COMPUTED: partial(asked.features, ["ratio"], entities),
            }
            for name, act in ways.items():
                act()
                found.setdefault(name, {})[count] = least(act, repeats)
        if service._on_demand is not None:
            service._on_demand.close()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--rows", type=int, help="not used")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as environment:
        identify(Path(folder), environment)
        found = measure(prepare(Path(folder)), arguments.repeats)
    print(f"{'milliseconds, entities a batch':<32}" + "".join(f"{count:>10,}" for count in BATCHES))
    for name, times in found.items():
        print(f"{name:<32}" + "".join(f"{times[count]:>10.2f}" for count in BATCHES))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(found, indent=1))
    return judged(
        [
            Target(f"{name}, {count:,} entities, ms", times[count], None)
            for name, times in found.items()
            for count in BATCHES
        ]
    )


if __name__ == "__main__":
    raise SystemExit(main())
