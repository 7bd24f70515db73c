"""What is known of a computed view and never changes: its profile, and each contract it was seen to keep."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import msgspec

from workbench.check import Check, check_contract
from workbench.compare import Profile, profile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from workbench.compute import StoredView
    from workbench.loop.evaluate import Prepared


def remembered_profile(folder: Path, prepared: Prepared, stored: StoredView) -> Profile:
    """Return the profile of `stored`, computed once a view id and set of columns."""
    path = folder / stored.view_id / f"profile-{prepared.contract.hash[:16]}.json"
    known = _read(path)
    if known is not None:
        return Profile.from_dict(known)
    found = profile(stored.path, prepared.contract)
    _write(path, found.to_dict())
    return found


def remembered_check(folder: Path, prepared: Prepared, stored: StoredView) -> Check:
    """Return whether `stored` keeps the contract; asked once a view id and contract, unless it failed."""
    path = folder / stored.view_id / f"contract-{prepared.contract.hash[:16]}.json"
    known = _read(path)
    if known is not None:
        return Check.from_dict(known)
    check = check_contract(prepared.contract, prepared.view.model, stored)
    if check.passed:
        _write(path, check.to_dict())
    return check


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError):
        return None


def _write(path: Path, values: dict[str, Any], *, replace: Callable[[str, str], None] = os.replace) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}")
    unfinished.write_bytes(msgspec.json.encode(values))
    replace(str(unfinished), str(path))
