"""The lake: the canonical offline store, one Delta table for each view and major version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.lazy import loading

if TYPE_CHECKING:
    from workbench.lake.encoding import physical, restore
    from workbench.lake.lake import Lake, VersionData, VersionInfo
    from workbench.lake.statistics import FileStatistics
    from workbench.lake.table import TableAt
    from workbench.lake.vacuum import Swept
    from workbench.lake.writer import LakeWriter

_HOMES = {
    "encoding": (
        "physical",
        "restore",
    ),
    "lake": (
        "Lake",
        "VersionData",
        "VersionInfo",
    ),
    "statistics": ("FileStatistics",),
    "table": ("TableAt",),
    "vacuum": ("Swept",),
    "writer": ("LakeWriter",),
}

__all__ = [
    "FileStatistics",
    "Lake",
    "LakeWriter",
    "Swept",
    "TableAt",
    "VersionData",
    "VersionInfo",
    "physical",
    "restore",
]

__getattr__, __dir__ = loading(__name__, _HOMES)
