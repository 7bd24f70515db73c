"""The lake: the canonical offline store, and reading it as it was known at any time."""

from __future__ import annotations

from workbench.lake.candidates import ViewRows
from workbench.lake.lake import Lake, VersionInfo
from workbench.lake.point_in_time import join_views, point_in_time_join
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
    "ViewRows",
    "join_views",
    "point_in_time_join",
]
