"""Which branch names reach git: a list of what is allowed, stricter than git's own."""

from __future__ import annotations

import re

from workbench.errors import InvalidName

ALLOWED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*(/[A-Za-z0-9_][A-Za-z0-9._+-]*)*")
LONGEST = 200
RULE = "Use letters, digits, '.', '_', '+', '-' and '/' between parts, e.g. exp/carry-over."


def valid_branch(name: str) -> str:
    """Return `name` if it may name a branch.

    Raises
    ------
    InvalidName
        For anything git, a shell or a file system could take for something else: options, ``..``, ``HEAD``, object
        ids, ``refs/...``, names that end in ``.lock``, control characters, over 200 characters.

    Examples
    --------
    >>> valid_branch("exp/carry-over")
    'exp/carry-over'
    """
    parts = name.split("/")
    is_fine = (
        len(name) <= LONGEST
        and ALLOWED.fullmatch(name) is not None
        and ".." not in name
        and parts[0] != "refs"
        and name not in {"HEAD", "FETCH_HEAD", "ORIG_HEAD", "MERGE_HEAD"}
        and not re.fullmatch(r"[0-9a-fA-F]{40}|[0-9a-fA-F]{64}", name)
        and not any(part.endswith((".lock", ".")) for part in parts)
    )
    if not is_fine:
        raise InvalidName.of("branch", name, rule=RULE)
    return name
