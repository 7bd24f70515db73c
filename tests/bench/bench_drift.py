"""How long drift takes, beside histograms written by hand with Polars and beside scipy's exact distance.

Ten float columns, half of them with nulls, among them heavy tails, two frames of equally many rows. "histograms" are
Polars' own, ten bins of equal width, of each column on both sides: the least that anybody could do. "fine bins" are
2,048 of equal width and the largest distance of their sums; neither is of any use for heavy tails. "by hand" is, as a
person would write it: nine quantiles of each reference column, both sides counted between them, the stability index of
the counts; no distance, no mean, no noise. "measures" is what drift computes of sorted columns, without the
reference's noise; "drift" is all of it, the noise included. "scipy ks" is `ks_2samp` alone, "scipy ks, w1" has
`wasserstein_distance` as well, each with the nulls taken out first. Each runs in a process of its own, so that peak
memory is its own, in turns, so that a machine that is slow for a while is slow for all.

Evidently does not import beside today's pandas: give it an interpreter of its own (``pip install evidently
'pandas<3'``), and its data drift preset is run there once on a million rows, beside drift on as many.

    python tests/bench/bench_drift.py --rows 5000000 --json drift.json --evidently /path/to/its/python
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from tests.bench.targets import forget_peak, judge, peak_mb
from workbench.drift import contract_of_frame, drift
from workbench.measures.ks import ks as kolmogorov_smirnov
from workbench.measures.psi import psi
from workbench.measures.wasserstein import wasserstein
from workbench.profile.bins import NumericBins
from workbench.profile.values import Numeric

COLUMNS = [f"x{number}" for number in range(10)]
TARGETS = {
    "drift to fine bins, wall": 2.0,
    "drift to fine bins, CPU": 2.0,
    "evidently to drift, 1,000,000 rows, at least": 60.0,
}
EVIDENTLY_ROWS = 1_000_000
FINE = 2048
SHARES = [step / 10 for step in range(1, 10)]


def table(rows: int, shift: float, seed: int) -> pl.DataFrame:
    """Return a year of `rows` in the order of time: normal, Cauchy and log-normal columns, every other with nulls."""
    chance = np.random.default_rng(seed)
    columns = {"at": pl.int_range(rows, eager=True).cast(pl.Datetime("us", "UTC"))}
    for number, name in enumerate(COLUMNS):
        draw = (
            lambda: chance.normal(shift, 1, rows),
            lambda: chance.standard_cauchy(rows) + shift,
            lambda: np.exp(chance.normal(shift, 2, rows)),
        )[number % 3]
        values = pl.Series(name, draw())
        if number % 2:
            values = values.zip_with(pl.Series(chance.random(rows) >= 0.02), pl.Series([None], dtype=pl.Float64))
        columns[name] = values
    return pl.DataFrame(columns).rechunk()


def histograms(reference: pl.DataFrame, current: pl.DataFrame) -> dict[str, float]:
    """Return how many rows ten bins of equal width hold."""
    return {
        name: float(sum(frame[name].hist(bin_count=10)["count"].sum() for frame in (reference, current)))
        for name in COLUMNS
    }


def fine_bins(reference: pl.DataFrame, current: pl.DataFrame) -> dict[str, float]:
    """Return the largest distance of both sides' sums over 2,048 bins of equal width."""
    found = {}
    for name in COLUMNS:
        one, two = (frame[name].drop_nulls().to_numpy() for frame in (reference, current))
        low, high = min(one.min(), two.min()), max(one.max(), two.max())
        sums = [
            np.cumsum(np.bincount(((side - low) * (FINE / (high - low))).astype(np.int64), minlength=FINE + 1))
            / len(side)
            for side in (one, two)
        ]
        found[name] = float(np.abs(sums[0] - sums[1]).max())
    return found


def by_hand(reference: pl.DataFrame, current: pl.DataFrame) -> dict[str, float]:
    """Return the stability index of each column."""
    found = {}
    for name in COLUMNS:
        quantiles = reference.select(pl.col(name).quantile(share).alias(str(share)) for share in SHARES).row(0)
        counts = []
        for frame in (reference, current):
            codes = pl.col(name).bin_intervals(quantiles, labels=False).alias("bin")
            table = frame.lazy().select(codes).group_by("bin").len().collect()
            held = dict(table.iter_rows())
            counts.append(np.array([held.get(code, 0) for code in [None, *range(len(quantiles) + 1)]]))
        found[name] = psi(*counts)
    return found


def alone(reference: pl.DataFrame, current: pl.DataFrame) -> dict[str, float]:
    """Return the stability index of each column; the distances are computed as well."""
    found = {}
    for name in COLUMNS:
        one, two = Numeric.of(reference[name]), Numeric.of(current[name])
        bins = NumericBins.of(one)
        found[name] = psi(bins.counts(one), bins.counts(two))
        kolmogorov_smirnov(one.ordered, two.ordered)
        wasserstein(one.ordered, two.ordered)
    return found


def all_of_it(reference: pl.DataFrame, current: pl.DataFrame) -> dict[str, float]:
    """Return the stability index of each column by `drift`."""
    report = drift(reference.lazy(), current.lazy(), contract=contract_of_frame(reference, event_time="at"))
    return {each.name: each.psi or 0.0 for each in report.features}


def scipy_ks(reference: pl.DataFrame, current: pl.DataFrame) -> dict[str, float]:
    """Return scipy's exact Kolmogorov-Smirnov statistic of each column."""
    from scipy.stats import ks_2samp

    return {
        name: float(ks_2samp(reference[name].drop_nulls(), current[name].drop_nulls(), method="exact").statistic)
        for name in COLUMNS
    }


def scipy_both(reference: pl.DataFrame, current: pl.DataFrame) -> dict[str, float]:
    """Return the same; the Wasserstein distance is computed as well."""
    from scipy.stats import wasserstein_distance

    for name in COLUMNS:
        wasserstein_distance(reference[name].drop_nulls(), current[name].drop_nulls())
    return scipy_ks(reference, current)


CONTENDERS: dict[str, Callable[[pl.DataFrame, pl.DataFrame], dict[str, float]]] = {
    "histograms": histograms,
    "fine bins": fine_bins,
    "by hand": by_hand,
    "measures": alone,
    "drift": all_of_it,
    "scipy ks": scipy_ks,
    "scipy ks, w1": scipy_both,
}


def measure(contender: str, rows: int) -> dict[str, float | int | str]:
    """Run one contender once, after a small run that loads what it needs."""
    warnings.simplefilter("ignore")  # scipy's exact p-value gives way to the asymptotic one
    run = CONTENDERS[contender]
    run(table(5_000, 0.0, 1), table(5_000, 0.05, 2))
    reference, current = table(rows, 0.0, 1), table(rows, 0.05, 2)
    data = int(reference.estimated_size() + current.estimated_size()) // 2**20
    base = forget_peak()
    begin, spent = time.perf_counter(), time.process_time()
    found = run(reference, current)
    seconds, cpu = time.perf_counter() - begin, time.process_time() - spent
    return {
        "contender": contender,
        "rows": rows,
        "seconds": round(seconds, 3),
        "cpu": round(cpu, 3),
        "peak_mb": peak_mb() - base,
        "data_mb": data,
        "sum": round(sum(found.values()), 4),
    }


def beside_evidently(python: Path) -> dict[str, float]:
    """Return how many times as long Evidently takes as drift, on a million rows."""
    script = Path(__file__).with_name("evidently_drift.py")
    done = subprocess.run([str(python), str(script), str(EVIDENTLY_ROWS)], check=True, capture_output=True, text=True)
    seconds = float(done.stdout.split()[-1])
    ours = min(float(measure("drift", EVIDENTLY_ROWS)["seconds"]) for _ in range(3))
    print(f"{'evidently':14}{seconds:>9.2f}{'':9}{'':7}   of {EVIDENTLY_ROWS:,} rows, where drift takes {ours:.2f}")
    return {f"evidently to drift, {EVIDENTLY_ROWS:,} rows, at least": round(seconds / ours, 1)}


def main() -> int:
    """Measure every contender in turns and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000, help="rows of each of the two frames")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--evidently", type=Path, help="a Python that has Evidently")
    parser.add_argument("--only", choices=list(CONTENDERS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measure(options.only, options.rows)))
        return 0
    runs: dict[str, list[dict[str, float]]] = {contender: [] for contender in CONTENDERS}
    for turn in range(options.repeat):
        for contender, done in runs.items():
            if turn and contender == "scipy ks, w1":
                continue  # a minute each time
            words = [sys.executable, __file__, "--only", contender, "--rows", str(options.rows)]
            done.append(json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout))
    best = {contender: min(done, key=lambda run: run["seconds"]) for contender, done in runs.items()}
    hand = best["by hand"]
    if abs(best["drift"]["sum"] - hand["sum"]) > 0.01:
        raise SystemExit("drift and the bins by hand found different indices")
    print(f"2 x {options.rows:,} rows, {len(COLUMNS)} columns, {hand['data_mb']:,} MB")
    print(f"{'':14}{'seconds':>9}{'CPU':>9}{'peak MB':>9}{'time':>7}   ratio to by hand")
    for contender, run in best.items():
        said = f"{contender:14}{run['seconds']:>9.2f}{run['cpu']:>9.2f}{run['peak_mb']:>9,}"
        print(f"{said}{run['seconds'] / hand['seconds']:>7.2f}")
    ratios = {
        "drift to fine bins, wall": best["drift"]["seconds"] / best["fine bins"]["seconds"],
        "drift to fine bins, CPU": best["drift"]["cpu"] / best["fine bins"]["cpu"],
        "drift to histograms, wall": best["drift"]["seconds"] / best["histograms"]["seconds"],
        "drift to by hand, wall": best["drift"]["seconds"] / hand["seconds"],
        "scipy ks to drift, wall": best["scipy ks"]["seconds"] / best["drift"]["seconds"],
        "scipy ks, w1 to drift, wall": best["scipy ks, w1"]["seconds"] / best["drift"]["seconds"],
        "scipy ks to measures, wall": best["scipy ks"]["seconds"] / best["measures"]["seconds"],
    }
    if options.evidently:
        ratios |= beside_evidently(options.evidently)
    else:
        print("evidently was not run: give --evidently a Python that has it")
    if options.json:
        results = {"results": list(best.values()), "ratios": ratios, "targets": TARGETS}
        options.json.write_text(json.dumps(results, indent=2) + "\n")
    return judge(ratios, TARGETS)


if __name__ == "__main__":
    raise SystemExit(main())
