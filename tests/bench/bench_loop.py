"""How much the loop adds: imports, `%load_ext`, a `%%feature` cell on the flights, a reused view.

Each figure stands beside the bare thing it is measured against, in the same run.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.targets import Target, judged

IMPORT = "import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"

LOAD = """
import time
from IPython.core.interactiveshell import InteractiveShell
import polars
shell = InteractiveShell.instance()
t = time.perf_counter(); shell.run_line_magic("load_ext", "workbench"); print(time.perf_counter() - t)
import os; os._exit(0)
"""

CELL = """
import sys, time
from pathlib import Path
import polars as pl
import workbench as wb
from workbench.define import windowed
project = wb.open({root!r})
project.warm()
project.branch("exp/bench")
text = Path({cell!r}).read_text()
frame = project.sources["flights"].frame()

def bare(number):
    landed = frame.filter(pl.col("landed_at").is_not_null())
    t = time.perf_counter()
    windowed(
        landed, by="carrier", time="landed_at", windows=["1d", f"{{7 + number}}d"],
        delay_mean=pl.col("arr_delay").mean(), flights=pl.len(),
    ).collect()
    return time.perf_counter() - t

def cell(number, log=True):
    body = text.replace('"7d"', f'"{{7 + number}}d"').replace("_7d:", f"_{{7 + number}}d:")
    t = time.perf_counter()
    result = project.define(body, log=log)
    seconds = time.perf_counter() - t
    result._repr_mimebundle_()
    assert result.passed, result
    return seconds, time.perf_counter() - t, result.reused

bare(0); cell(0)
for number in range(1, {rounds} + 1):
    print("bare", bare(number))
    seconds, with_card, reused = cell(number)
    assert not reused
    print("cell", with_card)
    seconds, with_card, reused = cell(number)
    assert reused
    print("reused", with_card)
"""


def timed(code: str) -> list[float]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return [float(line.split()[-1]) for line in done.stdout.splitlines() if line]


def imports(rounds: int) -> dict[str, float]:
    found: dict[str, list[float]] = {"polars": [], "workbench": [], "load_ext": []}
    for _ in range(rounds):
        for module in ("polars", "workbench"):
            found[module] += timed(IMPORT.format(module=module))
        found["load_ext"] += timed(LOAD)
    return {name: statistics.median(values) for name, values in found.items()}


def cells(folder: Path, rounds: int) -> dict[str, float]:
    from workbench.demo import make_project
    from workbench.demo.cells import CARRIER_DELAY

    project = make_project(folder / "flights")
    project.close()
    text = folder / "cell.py"
    text.write_text(CARRIER_DELAY)
    code = CELL.format(root=str(project.root), cell=str(text), rounds=rounds)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found: dict[str, list[float]] = {}
    for line in done.stdout.splitlines():
        name, seconds = line.split()
        found.setdefault(name, []).append(float(seconds))
    return {name: statistics.median(values) for name, values in found.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--rows", type=int, help="ignored: the flights are 336,776")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    try:
        seconds = {**imports(arguments.rounds), **cells(folder, arguments.rounds)}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    bounds = {
        "import polars": None,
        "import workbench": seconds["polars"] + 0.1,
        "%load_ext workbench": 0.2,
        "bare Polars evaluation": None,
        "%%feature": 1.5 * seconds["bare"] + 0.3,
        "%%feature, reused": 0.2,
    }
    values = [seconds[name] for name in ("polars", "workbench", "load_ext", "bare", "cell", "reused")]
    if arguments.json:
        arguments.json.write_text(json.dumps(seconds, indent=2) + "\n")
    return judged(
        [Target(f"{name}, s", value, bound) for (name, bound), value in zip(bounds.items(), values, strict=True)]
    )


if __name__ == "__main__":
    raise SystemExit(main())
