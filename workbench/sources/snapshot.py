"""What identifies a source's data at a moment, and what it warns of."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The identity of a source's data.

    Attributes
    ----------
    source
        The source's name.
    digest
        64 hexadecimal digits: of the files' bytes, of a Delta table's uri and version, of a query's result.
    kind
        ``files``, ``delta`` or ``query``.
    detail
        JSON-ready: the files with size and digest, the Delta version, the query. Never a password.
    taken_at
        When it was taken (UTC).
    """

    source: str
    digest: str
    kind: Literal["files", "delta", "query"]
    detail: dict[str, Any] = field(default_factory=dict)
    taken_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SourceWarning:
    """Something about a source that a user should know; `count` rows are concerned."""

    source: str
    message: str
    count: int = 0
