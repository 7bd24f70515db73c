"""How releases are named, and the tags on main that they are."""

from __future__ import annotations

import re

from workbench.errors import InvalidName

RELEASE_PREFIX = "release/"
"""A release is the annotated tag ``release/<name>`` on a commit of main."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


def valid_release(name: object) -> str:
    """Return `name` if it may name a release.

    Examples
    --------
    >>> valid_release("2026.11")
    '2026.11'
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name) or ".." in name or name.endswith((".", ".lock")):
        raise InvalidName.of("release", str(name), rule="Use letters, digits, '.', '-' and '_', such as 2026.11.")
    return name
