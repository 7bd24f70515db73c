"""The lake: the canonical offline store, one Delta table for each view and major version."""

from __future__ import annotations

from workbench.lake.encoding import physical, restore
from workbench.lake.lake import Lake, VersionInfo
from workbench.lake.statistics import FileStatistics
from workbench.lake.table import TableAt
from workbench.lake.vacuum import Swept
from workbench.lake.writer import LakeWriter

__all__ = [
    "FileStatistics",
    "Lake",
    "LakeWriter",
    "Swept",
    "TableAt",
    "VersionInfo",
    "physical",
    "restore",
]
