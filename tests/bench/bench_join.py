"""Training sets of three stored views of five features each, beside the same join by hand, by DuckDB and by Feast.

The contenders are those of `joining`; all of `store.training_set` is judged, the inner join stands beside it. Files
are in order of time, which is usual, and the small ones in the other orders too. Feast is asked through its DuckDB
store; it needs a Python of its own, which `--feast` names, and is left out without one.

    python -m tests.bench join --rows 336000
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from tests.bench.joining import Data, Spine, best_plan, ratios, run_cases
from tests.bench.targets import Target, judged

SMALL = 336_000
CASES = [
    ("time", SMALL, 100_000),
    ("entity", SMALL, 100_000),
    ("none", SMALL, 100_000),
    ("time", 10_000_000, 1_000_000),
]
SLIGHT_MB = 64
"""Peaks below which the ratio of two says nothing."""


def judge(data: Data, spine: Spine, found: dict[str, dict[str, Any]]) -> list[Target]:
    """Return the targets of a spine."""
    what = f"{spine.rows:,} x {data.rows:,} x {data.views}, order of {data.layout}"
    own = found["published"]
    targets = ratios(found, None, 1.15, what)
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
    parser.add_argument("--rows", type=int, help="only views of this many rows")
    parser.add_argument("--layout", help="only files in this order")
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--feast", default=os.environ.get("FEAST_PYTHON"), help="a Python that has feast[duckdb]")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    chosen = [case for case in CASES if options.rows in (None, case[1]) and options.layout in (None, case[0])]
    cases = [
        (Data(layout, rows, rows // 100, 3, texts=False), [Spine(spine, rows // 100)]) for layout, rows, spine in chosen
    ]
    lines, targets = run_cases(cases, judge, repeat=options.repeat, feast=options.feast)
    if options.json:
        options.json.write_text(json.dumps({"results": lines}, indent=2) + "\n")
    return judged(targets)


if __name__ == "__main__":
    raise SystemExit(main())
