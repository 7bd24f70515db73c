"""The registry: which versions of which views are published, one TOML record a view under ``registry/`` on main.

It is read at a commit: main's tip for now, a release's commit, or what main was at some time.
"""

from __future__ import annotations

from workbench.registry import lifecycle
from workbench.registry.history import DataVersion, data_versions
from workbench.registry.on_demand_record import OnDemandRecord, OnDemandVersion, on_demand_path
from workbench.registry.record import (
    FOLDER,
    Behind,
    Frozen,
    Hold,
    InputRecord,
    Record,
    Status,
    Version,
    Withdrawal,
    record_path,
)
from workbench.registry.registry import Registry
from workbench.registry.releases import RELEASE_PREFIX, valid_release
from workbench.registry.summary import Summary
from workbench.registry.versions import VersionNumber, split_version

__all__ = [
    "FOLDER",
    "RELEASE_PREFIX",
    "Behind",
    "DataVersion",
    "Frozen",
    "Hold",
    "InputRecord",
    "OnDemandRecord",
    "OnDemandVersion",
    "Record",
    "Registry",
    "Status",
    "Summary",
    "Version",
    "VersionNumber",
    "Withdrawal",
    "data_versions",
    "lifecycle",
    "on_demand_path",
    "record_path",
    "split_version",
    "valid_release",
]
