"""Run the benchmarks: ``python -m tests.bench [NAME ...] [--rows N]``. Each prints a table and writes a JSON file.

Ratios are measured side by side in one run; seconds are this machine's. ``--document`` writes what is found, with the
machine and the date, into the guide's table; benchmarks that do not run keep their rows. Options that are not
known here are the benchmark's, where one is named.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from tests.bench.targets import RECORD, Target

FOLDER = Path(__file__).parent
RESULTS = FOLDER.parents[1] / "bench-results"
PAGE = FOLDER.parents[1] / "notebooks" / "benchmarks.md"
HEAD = """\
# Benchmarks

What `python -m tests.bench --document` printed. Each figure is measured beside what does the same work with less around
it, in one run on one machine: Polars, DuckDB or Delta by hand, a bare get from LMDB, a bare handler on the same web
server, and where they are given Feast and Evidently. A target that is missed is told as missed. Times vary with the
machine and with what else it does; ratios of processor time (CPU) vary least. What takes long, as 100,000,000 rows
and the orders of `join_stored` do, is put together from several runs.

"""


def main() -> int:
    known = sorted(path.stem.removeprefix("bench_") for path in FOLDER.glob("bench_*.py"))
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(known)}; all if absent")
    parser.add_argument("--rows", type=int, help="rows, where the benchmark takes them")
    parser.add_argument("--document", action="store_true", help=f"write the table in {PAGE.name}")
    arguments, others = parser.parse_known_args()
    if others and len(arguments.names) != 1:
        parser.error(f"unknown options: {' '.join(others)}")
    unknown = set(arguments.names) - set(known)
    if unknown:
        parser.error(f"unknown benchmark: {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    RESULTS.mkdir(exist_ok=True)
    status = 0
    for name in arguments.names or known:
        status |= run(name, arguments.rows, others)
    if arguments.document:
        PAGE.write_text(documented(PAGE.read_text(encoding="utf-8"), figures()), encoding="utf-8")
    return status


def run(name: str, rows: int | None, others: Sequence[str] = ()) -> int:
    """Run one benchmark, keep what it found, and return its exit status."""
    command = [sys.executable, str(FOLDER / f"bench_{name}.py"), "--json", str(RESULTS / f"{name}.json"), *others]
    if rows is not None:
        command += ["--rows", str(rows)]
    figures = RESULTS / f"{name}{'' if rows is None else f'-{rows}'}.targets.json"
    figures.unlink(missing_ok=True)
    begin = time.perf_counter()
    status = subprocess.run(command, check=False, env=os.environ | {RECORD: str(figures)}).returncode
    if not figures.exists():
        print(f"{name} judged nothing: it is in no table.", file=sys.stderr)
        return 1
    facts = {
        "rows": rows,
        "minutes": round((time.perf_counter() - begin) / 60, 1),
        "machine": machine(),
        "date": datetime.now(UTC).date().isoformat(),
        "figures": json.loads(figures.read_text()),
    }
    figures.write_text(json.dumps(facts, indent=2) + "\n")
    return status


def machine() -> str:
    """Return what this machine is, and how busy it was."""
    memory = psutil.virtual_memory().total / 2**30
    load = os.getloadavg()[2]
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), {memory:.0f} GiB, {platform.system()}, "
        f"Python {platform.python_version()}, load {load:.1f} over the last 15 minutes"
    )


def figures() -> dict[str, Mapping[str, Any]]:
    """Return what benchmarks found here, by the headings that they have on the page."""
    found = {}
    for path in RESULTS.glob("*.targets.json"):
        facts = json.loads(path.read_text())
        name = path.name.removesuffix(".targets.json").removesuffix(f"-{facts['rows']}")
        found[name if facts["rows"] is None else f"{name}, {facts['rows']:,} rows"] = facts
    return found


def documented(page: str, found: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the page with what was found; sections of what did not run stay."""
    sections = {part.partition("\n")[0]: f"## {part}" for part in page.split("\n## ")[1:]}
    sections |= {heading: section(heading, facts) for heading, facts in found.items()}
    return HEAD + "\n\n".join(sections[heading].rstrip("\n") for heading in sorted(sections)) + "\n"


def section(heading: str, facts: Mapping[str, Any]) -> str:
    """Return the heading, and a row for each figure."""
    lines = [f"## {heading}", "", f"{facts['date']}; {facts['machine']}.", ""]
    lines += ["| figure | found | target | |", "| --- | ---: | ---: | --- |"]
    for target in (Target(**figure) for figure in facts["figures"]):
        bound = "" if target.bound is None else f"{'at least' if target.at_least else 'at most'} {target.bound:.4g}"
        verdict = {None: "", True: "met", False: "**missed**"}[target.met]
        lines.append(f"| {target.name} | {digits(target.value)} | {bound} | {verdict} |")
    return "\n".join(lines)


def digits(value: float) -> str:
    """Return a number with three digits, or all of a large one."""
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"


if __name__ == "__main__":
    raise SystemExit(main())
