"""What a source's data was at a moment, and what is odd about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from workbench.records import Serialisable


@dataclass(frozen=True, slots=True)
class Snapshot(Serialisable):
    """The identity of a source's data at a moment. Two snapshots are equal when they stand for the same data.

    Parameters
    ----------
    source
        The source's name.
    digest
        SHA-256 in 64 hexadecimal digits; equal digests mean equal data. For files it is over their relative names
        and bytes, for Delta over the table's id, version and file list, for a query over the rows it returned
        (`workbench.sources.query_digest` states the rule).
    kind
        The kind of source: ``files``, ``delta``, ``query``; a module of `workbench.sources`.
    detail
        JSON-ready facts to find the data again: ``path`` or ``paths`` with ``files`` (size in bytes and SHA-256 each),
        ``uri`` with ``version``, or ``sql`` with ``database``. Never a password.
    taken_at
        When the snapshot was taken, in UTC.
    """

    source: str
    digest: str
    kind: str
    detail: dict[str, Any] = field(compare=False)
    taken_at: datetime = field(compare=False)


@dataclass(frozen=True, slots=True)
class SourceWarning(Serialisable):
    """Something about a source's data that is allowed, and probably not meant.

    Parameters
    ----------
    source
        The source's name.
    message
        What was seen and what follows from it, in a sentence.
    count
        How many rows it concerns.
    """

    source: str
    message: str
    count: int
