"""Reading a text that a test wrote, as a source's file is read."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import polars as pl

from workbench.sources.dialect import Dialect
from workbench.sources.faults import Origin
from workbench.sources.text import read_text


def read(
    content: str | bytes,
    format: Any = "csv",  # noqa: A002  the word of workbench.toml
    *,
    roles: dict[str, str] | None = None,
    **declared: Any,
) -> tuple[pl.DataFrame, list[str]]:
    """Return the rows of a file with this content, and what was told of them."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "a")
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        dialect = Dialect(**declared)
        with read_text(Origin.of("events"), {"a": file}, format, roles=roles or {}, dialect=dialect) as table:
            return table.frame.collect(), [note.message for note in table.notes]
