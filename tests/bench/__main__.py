"""Run the benchmarks: ``python -m tests.bench [NAME ...] [--rows N]``. Each prints a table and writes a JSON file.

Ratios are measured side by side in one run; seconds are this machine's.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
RESULTS = FOLDER.parents[1] / "bench-results"


def main() -> int:
    known = sorted(path.stem.removeprefix("bench_") for path in FOLDER.glob("bench_*.py"))
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(known)}; all if absent")
    parser.add_argument("--rows", type=int, help="rows, where the benchmark takes them")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(known)
    if unknown:
        parser.error(f"unknown benchmark: {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    RESULTS.mkdir(exist_ok=True)
    status = 0
    for name in arguments.names or known:
        command = [sys.executable, str(FOLDER / f"bench_{name}.py"), "--json", str(RESULTS / f"{name}.json")]
        if arguments.rows is not None:
            command += ["--rows", str(arguments.rows)]
        status |= subprocess.run(command, check=False).returncode
    return status


if __name__ == "__main__":
    raise SystemExit(main())
