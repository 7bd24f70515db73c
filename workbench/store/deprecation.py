"""What readers of a version are told that is deprecated, or that gets no newer data."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workbench.registry import Version


class DeprecatedVersionWarning(UserWarning):
    """A version was read that ends soon, that is no longer refreshed, or that serves in place of a withdrawn one."""


def deprecation_of(view: str, version: Version) -> str:
    """Return what readers of a version must know: that it ends, is not refreshed, or serves in place of another."""
    parts = (_withdrawal_of(view, version), _ending_of(view, version), _freezing_of(view, version))
    return " ".join(filter(None, parts))


def _withdrawal_of(view: str, version: Version) -> str:
    """Return why a version was withdrawn, or the one in whose place it serves; empty for any other."""
    if version.withdrawn is not None:
        return f"{view}@{version.number} {version.withdrawn.sentence}."
    gone = version.in_place_of
    return f"{view}@{gone.version} {gone.sentence}. {view}@{version.number} serves in its place." if gone else ""


def _freezing_of(view: str, version: Version) -> str:
    """Return since when a version gets no newer data, and why."""
    if version.frozen is None:
        return ""
    has = version.materialized_at or version.published_at
    return (
        f"{view}@{version.number} has not been refreshed since {version.frozen.since:%Y-%m-%d} (its data is of "
        f"{has:%Y-%m-%d}): {version.frozen.why}."
    )


def _ending_of(view: str, version: Version) -> str:
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
    """Warn of each version that was read and is deprecated or no longer refreshed, once each."""
    for sentence in dict.fromkeys(filter(None, sentences)):
        warnings.warn(sentence, DeprecatedVersionWarning, stacklevel=stacklevel + 1)
