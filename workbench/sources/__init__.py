"""Sources: the input tables that a project declares.

A source gives its rows as a LazyFrame with its times in UTC, and a snapshot: the identity of its data at that moment.
Files are known by their bytes, Delta tables by their version, queries by the rows they return.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.lazy import loading

if TYPE_CHECKING:
    from workbench.sources.arrow import convert_table
    from workbench.sources.base import Source, Sources
    from workbench.sources.dialect import Dialect
    from workbench.sources.duckdb import batches_of, rows_of
    from workbench.sources.faults import Origin
    from workbench.sources.file import FileReadWarning, read_file
    from workbench.sources.glob import SUFFIXES, format_of
    from workbench.sources.propose import Proposal, is_database, propose_source, propose_table, table_of, usual_gap
    from workbench.sources.reader import Parts
    from workbench.sources.snapshot import Snapshot, SourceWarning
    from workbench.sources.times import clock_changes, in_zone, is_naive

_HOMES = {
    "arrow": ("convert_table",),
    "base": (
        "Source",
        "Sources",
    ),
    "dialect": ("Dialect",),
    "duckdb": (
        "batches_of",
        "rows_of",
    ),
    "faults": ("Origin",),
    "file": (
        "FileReadWarning",
        "read_file",
    ),
    "glob": (
        "SUFFIXES",
        "format_of",
    ),
    "propose": (
        "Proposal",
        "is_database",
        "propose_source",
        "propose_table",
        "table_of",
        "usual_gap",
    ),
    "reader": ("Parts",),
    "snapshot": (
        "Snapshot",
        "SourceWarning",
    ),
    "times": (
        "clock_changes",
        "in_zone",
        "is_naive",
    ),
}

__all__ = [
    "SUFFIXES",
    "Dialect",
    "FileReadWarning",
    "Origin",
    "Parts",
    "Proposal",
    "Snapshot",
    "Source",
    "SourceWarning",
    "Sources",
    "batches_of",
    "clock_changes",
    "convert_table",
    "format_of",
    "in_zone",
    "is_database",
    "is_naive",
    "propose_source",
    "propose_table",
    "read_file",
    "rows_of",
    "table_of",
    "usual_gap",
]

__getattr__, __dir__ = loading(__name__, _HOMES)
