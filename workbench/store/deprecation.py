"""What readers of a deprecated version are told."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workbench.registry import Version


class DeprecatedVersionWarning(UserWarning):
    """A published version was read that will not be served for much longer."""


def deprecation_of(view: str, version: Version) -> str:
    """Return until when a deprecated version is served and what to read instead; empty for any other."""
    if version.status != "deprecated":
        return ""
    ending = "is deprecated"
    if version.until is not None:
        over = version.until < datetime.now(UTC).date()
        ending += f" and its time ended on {version.until}" if over else f" and served until {version.until}"
    successor = version.successor
    named = f"{view}@{successor}" if successor and successor[0].isdigit() else successor
    return f"{view}@{version.number} {ending}.{f' Read {named} instead.' if named else ''}"


def warn_of(sentences: Iterable[str], *, stacklevel: int) -> None:
    """Warn of each deprecated version that was read, once each."""
    for sentence in dict.fromkeys(filter(None, sentences)):
        warnings.warn(sentence, DeprecatedVersionWarning, stacklevel=stacklevel + 1)
