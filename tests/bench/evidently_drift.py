"""Evidently's data drift preset on the columns of `bench_drift`; run by an interpreter that has Evidently.

python tests/bench/evidently_drift.py ROWS
"""

from __future__ import annotations

import sys
import time
import warnings

import numpy as np
import pandas as pd


def table(rows: int, shift: float, seed: int) -> pd.DataFrame:
    """Return normal, Cauchy and log-normal columns, every other with missing values."""
    chance = np.random.default_rng(seed)
    columns = {}
    for number in range(10):
        draw = (
            lambda: chance.normal(shift, 1, rows),
            lambda: chance.standard_cauchy(rows) + shift,
            lambda: np.exp(chance.normal(shift, 2, rows)),
        )[number % 3]
        values = draw()
        columns[f"x{number}"] = np.where(chance.random(rows) >= 0.02, values, np.nan) if number % 2 else values
    return pd.DataFrame(columns)


def main() -> None:
    """Print the seconds that it takes."""
    from evidently import Report  # type: ignore[import-not-found]  # it is in an environment of its own
    from evidently.presets import DataDriftPreset  # type: ignore[import-not-found]

    warnings.simplefilter("ignore")
    rows = int(sys.argv[1])
    reference, current = table(rows, 0.0, 1), table(rows, 0.05, 2)
    begin = time.perf_counter()
    Report([DataDriftPreset()]).run(current, reference).dict()
    print(time.perf_counter() - begin)


if __name__ == "__main__":
    main()
