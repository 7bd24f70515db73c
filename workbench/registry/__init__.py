"""The registry: which versions of which views are published, one TOML record a view under ``registry/`` on main.

It is read at a commit: main's tip for now, a release's commit, or what main was at some time.
"""

from __future__ import annotations

from workbench.registry.numbers import VersionNumber, split_version
from workbench.registry.reading import Registry
from workbench.registry.record import FOLDER, InputRecord, Record, Status, Version, record_path
from workbench.registry.releases import PREFIX as RELEASE_PREFIX
from workbench.registry.releases import valid_release
from workbench.registry.summary import Summary

__all__ = [
    "FOLDER",
    "RELEASE_PREFIX",
    "InputRecord",
    "Record",
    "Registry",
    "Status",
    "Summary",
    "Version",
    "VersionNumber",
    "record_path",
    "split_version",
    "valid_release",
]
