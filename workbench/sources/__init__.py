"""Sources: the input tables that a project declares.

A source gives its rows as a LazyFrame with its times in UTC, and a snapshot: the identity of its data at that moment.
Files are known by their bytes, Delta tables by their version, queries by the rows they return.
"""

from workbench.sources.snapshot import Snapshot, SourceWarning
from workbench.sources.source import Source
from workbench.sources.sources import Sources

__all__ = ["Snapshot", "Source", "SourceWarning", "Sources"]
