"""Sources: input tables as LazyFrames, each with a snapshot that identifies its data."""

from __future__ import annotations

from workbench.sources.snapshot import Snapshot, SourceWarning
from workbench.sources.source import Source, Sources

__all__ = ["Snapshot", "Source", "SourceWarning", "Sources"]
