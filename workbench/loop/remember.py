"""What is known of a computed view and never changes: its profile, each contract it kept, each probe it passed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from workbench.check import Check, check_contract
from workbench.compare import Profile, profile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import polars as pl

    from workbench.compute import StoredView
    from workbench.define import Contract
    from workbench.loop.evaluate import Prepared

Probe = Callable[[], tuple[Check, ...]]
SCHEME = "probes/1"
TESTS = "tests/1"
"""Raised when probes, or tests, find more than they did, so that what passed is asked again."""


def remembered_profile(folder: Path, view_id: str, contract: Contract, data: Path | pl.LazyFrame) -> Profile:
    """Return the profile of the rows `data` of a view, computed once a view id and set of columns."""
    path = folder / view_id / f"profile-2-{contract.hash[:16]}.json"  # 2: with its keys
    known = read_facts(path)
    if known is not None:
        return Profile.from_dict(known)
    found = profile(data, contract)
    write_facts(path, found.to_dict())
    return found


def remembered_check(folder: Path, prepared: Prepared, stored: StoredView) -> Check:
    """Return whether `stored` keeps the contract; asked once a view id and contract, unless it failed."""
    path = folder / stored.view_id / f"contract-{prepared.contract.hash[:16]}.json"
    known = read_facts(path)
    if known is not None:
        return Check.from_dict(known)
    check = check_contract(prepared.contract, prepared.view.model, stored)
    if check.passed:
        write_facts(path, check.to_dict())
    return check


def remembered_probes(
    folder: Path, prepared: Prepared, stored: StoredView, *, leaking: Sequence[str], full: bool, probe: Probe
) -> tuple[Check, ...]:
    """Return what `probe` finds of `stored`; asked once for what it depends on, unless something failed.

    Parameters
    ----------
    folder
        Where facts are kept.
    prepared, stored
        The view.
    leaking
        The upstream views that leak.
    full
        Whether all entities are probed; what passed in full has passed on a sample.
    probe
        Runs the probes.
    """
    view = prepared.view
    asked = [SCHEME, prepared.contract.hash, view.scope, str(view.lookback), *sorted(leaking)]
    name = hashlib.sha256("\n".join(asked).encode()).hexdigest()[:16]
    paths = {
        True: folder / stored.view_id / f"probes-full-{name}.json",
        False: folder / stored.view_id / f"probes-{name}.json",
    }
    for path in (paths[True],) if full else (paths[False], paths[True]):
        known = read_facts(path)
        if known is not None:
            return tuple(Check.from_dict(check) for check in known["checks"])
    checks = probe()
    if all(check.passed for check in checks):
        write_facts(paths[full], {"checks": [check.to_dict() for check in checks]})
    return checks


def remembered_tests(
    folder: Path,
    prepared: Prepared,
    stored: StoredView,
    *,
    tree: str,
    offset: int | None,
    test: Callable[[], Check | None],
) -> Check | None:
    """Return what the tests in a view's file find; run once for this data, contract and text, unless one failed.

    Parameters
    ----------
    folder
        Where facts are kept.
    prepared, stored
        The view.
    tree
        The git id of ``features/``: tests may use anything in it.
    offset
        How many lines its file has before its cell's first, since lines are named by it.
    test
        Runs the tests.
    """
    asked = [TESTS, tree, prepared.contract.hash, prepared.metadata_hash, str(offset)]
    name = hashlib.sha256("\n".join(asked).encode()).hexdigest()[:16]
    path = folder / stored.view_id / f"tests-{name}.json"
    known = read_facts(path)
    if known is not None:
        return None if known["check"] is None else Check.from_dict(known["check"])
    check = test()
    if check is None or check.passed:
        write_facts(path, {"check": None if check is None else check.to_dict()})
    return check


def read_facts(path: Path) -> dict[str, Any] | None:
    """Return the JSON object in `path`; None where there is none that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError):
        return None


def write_facts(path: Path, values: dict[str, Any], *, replace: Callable[[str, str], None] = os.replace) -> None:
    """Write `values` to `path` as JSON, so that a reader sees all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}")
    unfinished.write_bytes(msgspec.json.encode(values))
    replace(str(unfinished), str(path))
