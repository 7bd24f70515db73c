"""How a record's tags read in MLflow: by short names, and what only identifies in one artifact.

MLflow's pages cut the names of tags after a dozen letters, so that names that begin with ``workbench.`` look alike.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.tracking.runs import RunRecord

KEY_TAG = "workbench.key"
"""By which the sender finds the run of a record again."""
IDENTITY = "identity.json"
"""The artifact of a run that has the digests, hashes and versions of what it is about."""
_PREFIX = "workbench."
_CHECK = "checks."
_DIGESTS = re.compile(r"[0-9a-f]{32,}(, [0-9a-f]{32,})*")
_DETAILS = ("version.", "features.", "upstream.", "source.", "view_id.")


def shown_tags(record: RunRecord) -> dict[str, str]:
    """Return the record's tags as MLflow gets them: ours without ``workbench.``, unless the user has one of that name.

    The run's checks are one tag, those that did not pass first.
    """
    ours, theirs = _divided(record)
    shown = {name: value for name, value in ours.items() if not _is_identity(name, value)}
    checks = {name.removeprefix(_CHECK): shown.pop(name) for name in list(shown) if name.startswith(_CHECK)}
    if checks:
        shown["checks"] = _in_words(checks)
    return theirs | {(f"{_PREFIX}{name}" if name in theirs else name): value for name, value in shown.items()}


def identity_text(record: RunRecord) -> str | None:
    """Return the text of the artifact `IDENTITY`; None where nothing identifies."""
    found = {name: value for name, value in _divided(record)[0].items() if _is_identity(name, value)}
    return json.dumps(found, indent=1) + "\n" if found else None


def _divided(record: RunRecord) -> tuple[dict[str, str], dict[str, str]]:
    """Return our tags, without what they begin with, and all others."""
    tags = record.tags
    ours = {name.removeprefix(_PREFIX): value for name, value in tags.items() if name.startswith(_PREFIX)}
    return ours, {name: value for name, value in tags.items() if not name.startswith(_PREFIX)}


def _is_identity(name: str, value: str) -> bool:
    """Return whether a tag only identifies; a view's own id stays a tag, by which its run is searched for."""
    return name != "view_id" and (name.startswith(_DETAILS) or _DIGESTS.fullmatch(value) is not None)


def _in_words(checks: dict[str, str]) -> str:
    """Return states of checks in one line.

    Examples
    --------
    >>> _in_words({"contract": "passed", "leakage": "failed", "tests": "passed"})
    'leakage failed; 2 passed'
    """
    passed = [name for name, state in checks.items() if state == "passed"]
    said = [f"{name} {state}" for name, state in checks.items() if state != "passed"]
    return "; ".join([*said, *([f"{len(passed)} passed"] if passed else [])])
