"""What a benchmark found against what it should: each target is said to be met or missed, and so is the exit status."""

from __future__ import annotations

from collections.abc import Mapping


def judge(found: Mapping[str, float], targets: Mapping[str, float]) -> int:
    """Print each number with its target, which is met by what is not above it; return 1 where any is missed, else 0.

    A target whose name ends in ``at least`` is met by what is not below it.
    """
    missed = 0
    width = max(map(len, found), default=0)
    for name, value in found.items():
        target = targets.get(name)
        if target is None:
            print(f"{name:{width}} {value:10.3f}")
            continue
        met = value >= target if name.endswith("at least") else value <= target
        missed += not met
        print(f"{name:{width}} {value:10.3f}   target {target:g}: {'met' if met else 'MISSED'}")
    return int(missed > 0)


def peak_mb() -> int:
    """Return the most memory that this process held since `forget_peak`, in MB."""
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123  read while memory is measured
        return int(next(line for line in status if line.startswith("VmHWM")).split()[1]) // 1024


def forget_peak() -> int:
    """Let the peak start from the memory held now, and return that in MB."""
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:  # noqa: PTH123
        file.write("5")
    return peak_mb()
