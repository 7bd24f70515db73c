"""The registry: which versions of which views are published, one TOML record a view under ``registry/`` on main.

It is read at a commit: main's tip for now, a release's commit, or what main was at some time.
"""

from __future__ import annotations

from workbench.registry.numbers import VersionNumber, split_version
from workbench.registry.reading import Registry
from workbench.registry.record import FOLDER, InputRecord, Record, Status, Version, record_path

__all__ = [
    "FOLDER",
    "InputRecord",
    "Record",
    "Registry",
    "Status",
    "Version",
    "VersionNumber",
    "record_path",
    "split_version",
]
