"""Small spines and one large stored view, beside plans by hand over the same file, in each order that it may have.

The contenders are those of `joining`. A training set of published views should take at most 0.7 of the best plan by
hand for the layout, and half of Feast; published views should be no slower than a branch's, and a small spine should
not bring the file into memory.

    FEAST_PYTHON=/path/to/python python -m tests.bench join_stored
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from tests.bench.joining import Data, Spine, ratios, run_cases
from tests.bench.targets import Target, judged

SPINES = [(10_000, None), (10_000, 200), (100_000, None)]
"""Rows, and of how many entities they are; of all if None."""
LAYOUTS = ["time", "entity", "none"]


def judge(data: Data, spine: Spine, found: dict[str, dict[str, Any]]) -> list[Target]:
    """Return the targets of a spine."""
    what = f"{spine.rows:,} rows of {spine.entities:,} entities, order of {data.layout}"
    targets = [*ratios(found, None, 0.7, what), *ratios(found, "branch", 1.1, what)]
    if "Feast" in found:
        targets += ratios(found, "Feast", 0.5, what)
    if spine.rows <= 10_000:
        targets.append(Target(f"{what}: published, MB", found["published"]["peak_mb"], 300))
    return targets


def main() -> int:
    """Measure every layout and spine, and say what was met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--repeat", type=int, default=1, help="processes of each, which repeat their calls")
    parser.add_argument("--layout", choices=LAYOUTS, help="only files in this order")
    parser.add_argument("--feast", default=os.environ.get("FEAST_PYTHON"), help="a Python that has feast[duckdb]")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    all_entities = options.rows // 100
    spines = [Spine(rows, entities or all_entities) for rows, entities in SPINES]
    layouts = [options.layout] if options.layout else LAYOUTS
    cases = [(Data(layout, options.rows, all_entities, 1, texts=True), spines) for layout in layouts]
    lines, targets = run_cases(cases, judge, repeat=options.repeat, feast=options.feast)
    if options.json:
        options.json.write_text(json.dumps({"results": lines}, indent=2) + "\n")
    return judged(targets)


if __name__ == "__main__":
    raise SystemExit(main())
