"""What a benchmark found against what it should: each target is said to be met or missed, and so is the exit status."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

RECORD = "WORKBENCH_BENCH_TARGETS"
"""The environment variable that names the file in which a benchmark leaves its figures for the table of all."""


@dataclass(frozen=True)
class Target:
    """A figure and what it should be: at most `bound`, or at least; without a bound it is only told."""

    name: str
    value: float
    bound: float | None
    at_least: bool = False

    @property
    def met(self) -> bool | None:
        """Whether it is what it should be; `None` without a bound."""
        if self.bound is None:
            return None
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def __str__(self) -> str:
        if self.bound is None:
            return f"{'':6} {self.value:10.3f} {'':18} {self.name}"
        most = "at least" if self.at_least else "at most"
        return f"{'met' if self.met else 'MISSED':6} {self.value:10.3f} {most:>8} {self.bound:<9g} {self.name}"


def judged(targets: Sequence[Target]) -> int:
    """Print each figure, met or missed, and return the exit status that says whether all are met."""
    for target in targets:
        print(target)
    if place := os.environ.get(RECORD):
        Path(place).write_text(json.dumps([asdict(target) for target in targets], indent=2) + "\n")
    return 1 if any(target.met is False for target in targets) else 0


def judge(found: Mapping[str, float], bounds: Mapping[str, float]) -> int:
    """Print each number with its bound, as `judged` does.

    A bound whose name ends in ``at least`` is met by what is not below it.
    """
    return judged(
        [
            Target(name.removesuffix(", at least"), value, bounds.get(name), name.endswith(", at least"))
            for name, value in found.items()
        ]
    )


def peak_mb() -> int:
    """Return the most memory that this process held since `forget_peak`, in MB."""
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123  read while memory is measured
        return int(next(line for line in status if line.startswith("VmHWM")).split()[1]) // 1024


def forget_peak() -> int:
    """Let the peak start from the memory held now, and return that in MB."""
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:  # noqa: PTH123
        file.write("5")
    return peak_mb()
