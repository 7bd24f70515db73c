"""Training sets of three stored views of five features each, beside the same join by hand, by DuckDB and by Feast.

The contenders are those of `joining`; all of `store.training_set` is judged, the inner join stands beside it. Files
are in order of time, which is usual, and the small ones in the other orders too. Feast is asked through its DuckDB
store; it needs a Python of its own, which `--feast` or FEAST_PYTHON names, and is left out without one.

    FEAST_PYTHON=/path/to/python python -m tests.bench join --rows 10000000
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.bench.joining import Data, Spine, best_plan, ratios, run_cases
from tests.bench.targets import Target, judged

SMALL, LARGE = 336_000, 2_000_000
LAYOUTS = ["time", "entity", "none"]
SLIGHT_MB = 64
"""Peaks below which the ratio of two says nothing."""


def cases(rows: int, layouts: Sequence[str]) -> list[tuple[Data, list[Spine]]]:
    """Return the files to measure, each with the spine that is joined: one row for ten of a large view."""
    spine = rows // 10 if rows > SMALL else rows * 100_000 // SMALL
    return [(Data(layout, rows, rows // 100, 3, texts=False), [Spine(spine, rows // 100)]) for layout in layouts]


def judge(data: Data, spine: Spine, found: dict[str, dict[str, Any]]) -> list[Target]:
    """Return the targets of a spine."""
    what = f"{spine.rows:,} x {data.rows:,} x {data.views}, order of {data.layout}"
    own = found["published"]
    targets = ratios(found, None, 1.15, what)
    if "Feast" in found:
        targets += ratios(found, "Feast", None, what)
    for name in ("published", "branch"):
        for word, first, warm in (("seconds", "first", "seconds"), ("seconds of CPU", "first_cpu", "cpu")):
            later = found[name][first] - found[name][warm]
            targets.append(Target(f"{what}: {name}, {word} that the first call takes longer", later, 0.3))
    if data.rows > SMALL:
        hand = max(best_plan(found, "peak_mb"), SLIGHT_MB)
        targets.append(Target(f"{what}: published to the best plan by hand, memory", own["peak_mb"] / hand, 1.1))
    return targets


def main() -> int:
    """Measure every case, and say what was met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, help=f"only views of this many rows, not {SMALL:,} and {LARGE:,}")
    parser.add_argument("--layout", choices=LAYOUTS, help="only files in this order")
    parser.add_argument("--repeat", type=int, default=1, help="processes of each, which repeat their calls")
    parser.add_argument("--feast", default=os.environ.get("FEAST_PYTHON"), help="a Python that has feast[duckdb]")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    chosen = [
        case
        for rows in ([SMALL, LARGE] if options.rows is None else [options.rows])
        for case in cases(rows, [options.layout] if options.layout else LAYOUTS[: None if rows <= SMALL else 1])
    ]
    lines, targets = run_cases(chosen, judge, repeat=options.repeat, feast=options.feast)
    if options.json:
        options.json.write_text(json.dumps({"results": lines}, indent=2) + "\n")
    return judged(targets)


if __name__ == "__main__":
    raise SystemExit(main())
