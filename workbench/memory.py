"""How much memory a step may use: what ``[compute] memory`` says, or else what the container or the machine has.

A process has one memory, whatever projects are open in it: that is why the limit is the process's, the one of the
project whose verb ran last. Engines are told, and what is computed part by part asks here how large a part may be.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from workbench.errors import MemoryLimit, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAST = 512 * 10**6
"""The smallest limit: Python, Polars and the processes that run definitions hold half of it before they compute."""
USUAL = 0.8
"""The share of the container's or the machine's memory that is the limit where no setting says more or less."""
SCRATCH = "scratch"
"""The folder among a project's caches for rows that do not fit."""
ENGINE_SHARE = 0.5
"""The part of what is free that an engine may hold."""
_POLARS_LEAST, _DUCKDB_LEAST = 512 * 10**6, 256 * 10**6
_UNITS = {"B": 1} | {
    f"{letter}{ending}": base**power
    for power, letter in enumerate("KMGT", start=1)
    for ending, base in (("B", 1000), ("iB", 1024))
}
_AMOUNT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z%]*)\s*")
_CGROUPS = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")
_UNLIMITED = 2**60
_TOLD = "WORKBENCH_TOLD_POLARS"
"""The environment variable with what Polars' variables were set to by this process, or by one that started it."""


def parse_memory(text: str, *, total: int | None = None) -> int:
    """Return the bytes that `text` means: ``4GB``, ``512MiB``, or a share of `total` (what there is), as ``50%``.

    Raises
    ------
    ValueError
        For what is not an amount of memory.

    Examples
    --------
    >>> parse_memory("4GB"), parse_memory("1.5GiB"), parse_memory("50%", total=8_000)
    (4000000000, 1610612736, 4000)
    """
    match = _AMOUNT.fullmatch(text)
    number, unit = (float(match[1]), match[2]) if match else (0.0, "")
    if match and unit == "%":
        if not 0 < number <= 100:
            raise ValueError(f"{text!r} is not a share of the memory; write one above 0% and up to 100%")
        return int((installed().bytes if total is None else total) * number / 100)
    if not match or unit not in _UNITS:
        hint = did_you_mean(unit, _UNITS) if match and unit else "write it as 4GB, 512MiB or 50%"
        raise ValueError(f"{text!r} is not an amount of memory; {hint}")
    return int(number * _UNITS[unit])


@dataclass(frozen=True, slots=True)
class Installed:
    """How much memory there is, and whose limit that is: ``the container`` or ``the machine``."""

    bytes: int
    of: str


def installed(*, own: Path = _OWN, cgroups: Path = _CGROUPS) -> Installed:
    """Return the memory of the container that this process is in, by cgroups of either version, or of the machine.

    A group is bound by the limits of all groups around it.
    """
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = [number for path in _limit_files(own, cgroups) if (number := _number(path)) is not None]
    least = min(limits, default=machine)
    return Installed(least, "the container") if least < machine else Installed(machine, "the machine")


def _limit_files(own: Path, cgroups: Path) -> Iterator[Path]:
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux, or no /proc
        return
    for line in lines:
        number, controllers, place = line.split(":", 2)
        if number == "0" and not controllers:
            root, name = cgroups, "memory.max"
        elif "memory" in controllers.split(","):
            root, name = cgroups / "memory", "memory.limit_in_bytes"
        else:
            continue
        inside = PurePosixPath(place.lstrip("/"))
        # seen from within a container, its own group is the root of what is mounted, whatever its name outside
        for group in (inside, *inside.parents):
            yield root / group / name


def _number(path: Path) -> int | None:
    try:
        text = path.read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() and int(text) < _UNLIMITED else None


@dataclass(slots=True)
class _Process:
    """What holds for this process."""

    asked: tuple[str | None, Path | None] | None = None
    limit: int = 0
    why: str = ""
    scratch: Path | None = None


_process = _Process()


def limit_memory(setting: str | None, hidden: Path | None = None) -> None:
    """Have this process keep to a project's setting, and put rows that do not fit below its folder of caches."""
    if _process.asked == (setting, hidden):
        return
    there = installed()
    if setting is None:
        _process.limit, _process.why = int(there.bytes * USUAL), f"{USUAL:.0%} of the memory of {there.of}"
    else:
        _process.limit = parse_memory(setting, total=there.bytes)
        _process.why = f'[compute] memory = "{setting}"'
    _process.scratch = None if hidden is None else _writable(hidden / SCRATCH)
    _process.asked = setting, hidden
    _tell_polars()


def memory_limit() -> int:
    """Return the bytes that this process may hold, with all that it starts."""
    if _process.asked is None:
        limit_memory(None)
    return _process.limit


def free_memory() -> int:
    """Return the bytes that a step may use beside what the process holds already; never less than an eighth of all."""
    import psutil

    most = memory_limit()
    return max(most // 8, int(most * 0.9) - int(psutil.Process().memory_info().rss))


def memory_share(part: float, *, least: int = 0, most: int | None = None) -> int:
    """Return that part of what a step may use, in bytes, within bounds."""
    found = max(int(free_memory() * part), least)
    return found if most is None else min(found, most)


def how_many_fit(each: int, *, most: int) -> int:
    """Return how many things of so many bytes `each` may be in memory at a time: at least one, at most `most`."""
    return max(1, min(most, free_memory() // max(each, 1)))


def require_memory(needed: int, what: str, *, remedy: str) -> None:
    """Raise unless a step that takes about `needed` bytes may begin; `what` says what it is.

    Raises
    ------
    MemoryLimit
        Before anything was read.
    """
    left = free_memory()
    if needed <= left:
        return
    raise MemoryLimit(
        f"{what} takes about {_amount(needed)} of memory, and {_amount(left)} are left of "
        f"{_amount(memory_limit())} ({_process.why}); it was not begun.",
        remedy=f"{remedy}, or raise [compute] memory where the machine has more.",
    )


def beyond_memory(what: str, most: int, *, remedy: str) -> MemoryLimit:
    """Return the error for what turned out to be more than the `most` bytes that memory has for it."""
    return MemoryLimit(
        f"{what}, more than the {_amount(most)} that may be in memory of {_amount(memory_limit())} ({_process.why}).",
        remedy=f"{remedy}; or raise [compute] memory where the machine has more.",
    )


def _amount(count: int) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 10**9 else f"{count / 1e6:,.0f} MB"


@contextmanager
def scratch_folder(kind: str) -> Iterator[Path]:
    """Give a folder for rows that do not fit into memory, which is removed at the end.

    It is among the project's caches, not in the system's temporary folder, which may be kept in memory itself; there
    all the same where the caches cannot be written, since whoever only reads may still read.
    """
    prefix = f"workbench-{kind}-{os.getpid()}-"
    try:
        if _process.scratch is not None:
            _process.scratch.mkdir(parents=True, exist_ok=True)
        kept = tempfile.TemporaryDirectory(prefix=prefix, dir=_process.scratch, ignore_cleanup_errors=True)
    except OSError:
        kept = tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True)
    with kept as name:
        yield Path(name)


def _writable(folder: Path) -> Path | None:
    """Return the folder unless it, or the first of its parents that exists, cannot be written."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    return folder if os.access(there, os.W_OK) else None


def duckdb_settings(folder: Path) -> dict[str, Any]:
    """Return the settings of a DuckDB that keeps to the limit and puts what does not fit into `folder`."""
    limit = memory_share(ENGINE_SHARE, least=_DUCKDB_LEAST)
    return {"memory_limit": f"{limit // 10**6}MB", "temp_directory": str(folder)}


def _tell_polars() -> None:
    """Have Polars write what its sorts, groups, joins and windows hold to disk in time; what a user set stays.

    Polars reads the machine's memory, not the container's; later settings it notices only when told. Processes that
    this one starts begin with what it told, which is not what a user set: their own projects may say something else.
    """
    told = json.loads(os.environ.get(_TOLD) or "{}")
    settings = {"POLARS_OOC_MEMORY_BUDGET_MB": str(max(int(_process.limit * ENGINE_SHARE), _POLARS_LEAST) // 10**6)}
    if _process.scratch is not None:
        settings["POLARS_OOC_SPILL_DIR"] = str(_process.scratch / "polars")
    for name, value in settings.items():
        if os.environ.get(name) in {None, told.get(name)}:
            os.environ[name] = told[name] = value
    os.environ[_TOLD] = json.dumps(told)
    _reload(settings)


def _reload(names: Any) -> None:
    import sys

    if "polars" not in sys.modules:
        return
    with suppress(ImportError, AttributeError):  # Polars' own way, which is not public: it goes on with what it read
        from polars._plr import config_reload_env_var

        for name in names:
            config_reload_env_var(name)
