"""What is known of a computed view and never changes: its profile, each contract it kept, each probe it passed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import polars as pl

from workbench.checks import Check, StreamedCheck, check_contract, is_checked_by_row
from workbench.files import replace_atomically
from workbench.profile import Profile, profile
from workbench.records import read_record, to_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from workbench.compute import Amendment, InputData, StoredView
    from workbench.define import Contract
    from workbench.pipeline.evaluate import Prepared

Probe = Callable[[], tuple[Check, ...]]
CONTRACT = "contract/2"
SCHEME = "probes/3"
TESTS = "tests/3"
"""Raised when a check finds more than it did, so that what passed is asked again."""


def cached_profile(folder: Path, view_id: str, contract: Contract, data: Path | pl.LazyFrame) -> Profile:
    """Return the profile of the rows `data` of a view, computed once a view id and set of columns."""
    path = folder / view_id / f"profile-3-{contract.hash[:16]}.json"  # 3: with tolerances
    known = read_record(path, Profile)
    if known is not None:
        return known
    found = profile(data, contract)
    write_facts(path, found)
    return found


def known_profile(folder: Path, view_id: str) -> Profile | None:
    """Return the profile of a view that was made before, whatever its contract was; nothing is computed."""
    files = sorted((folder / view_id).glob("profile-3-*.json"), key=lambda path: path.stat().st_mtime)
    return read_record(files[-1], Profile) if files else None


def cached_check(
    folder: Path,
    prepared: Prepared,
    stored: StoredView,
    *,
    amended: Amendment | None = None,
    streamed: StreamedCheck | None = None,
) -> Check:
    """Return whether `stored` keeps the contract; asked once a view id and contract, unless it failed.

    What `streamed` saw of the rows while they were written is not looked at again. Where it is another view's data
    `amended`, none of the added rows has the key of one that stays.
    """
    name = f"{CONTRACT.replace('/', '-')}-{prepared.contract.hash[:16]}.json"
    path = folder / stored.view_id / name
    known = read_record(path, Check)
    if known is not None:
        return known
    kept = None if amended is None else read_record(folder / amended.base.view_id / name, Check)
    by_row = kept is not None and kept.passed and is_checked_by_row(prepared.contract, prepared.view.model)
    if amended is None or kept is None or not by_row:
        check = check_contract(prepared.contract, prepared.view.model, stored, streamed=streamed)
    elif amended.added.is_empty():
        check = check_contract(prepared.contract, prepared.view.model, stored) if amended.removed.height else kept
    else:
        check = check_contract(prepared.contract, prepared.view.model, amended.added, whole=stored.frame())
    if not check.failed:
        write_facts(path, check)
    return check


def cached_row_count(folder: Path, data: InputData, *, confirm: Callable[[], None]) -> int:
    """Return how many rows an input has; counted once for its data.

    `confirm` raises where what was read is not the input's data any more.
    """
    path = folder / "rows" / f"{data.digest}.json"
    known = read_record(path, int)
    if known is not None:
        return known
    rows = int(data.frame.select(pl.len()).collect(engine="streaming").item())
    confirm()
    write_facts(path, rows)
    return rows


def cached_probes(
    folder: Path, prepared: Prepared, stored: StoredView, *, leaking: Sequence[str], full: bool, probe: Probe
) -> tuple[Check, ...]:
    """Return what `probe` finds of `stored`; asked once for what it depends on, unless something failed."""
    view = prepared.view
    asked = [SCHEME, prepared.contract.hash, view.scope, str(view.lookback), *sorted(leaking)]
    name = hashlib.sha256("\n".join(asked).encode()).hexdigest()[:16]
    paths = {
        True: folder / stored.view_id / f"probes-full-{name}.json",
        False: folder / stored.view_id / f"probes-{name}.json",
    }
    for path in (paths[True],) if full else (paths[False], paths[True]):
        known = read_record(path, tuple[Check, ...])
        if known is not None:
            return known
    checks = probe()
    if not any(check.failed for check in checks):
        write_facts(paths[full], checks)
    return checks


def tests_facts(folder: Path, prepared: Prepared, stored: StoredView, *, tree: str, offset: int | None) -> Path:
    """Return where it is kept what the tests in a view's file found for this data, contract and text."""
    asked = [TESTS, tree, prepared.contract.hash, prepared.metadata_hash, str(offset)]
    name = hashlib.sha256("\n".join(asked).encode()).hexdigest()[:16]
    return folder / stored.view_id / f"tests-{name}.json"


def write_facts(path: Path, facts: object) -> None:
    """Write `facts` to `path` as JSON; nothing where the disk refuses, since they can be found again."""
    with suppress(OSError):
        replace_atomically(path, to_json(facts))
