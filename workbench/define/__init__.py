"""Definitions: what a feature view is, reading one from a cell, loading all from a git tree, fingerprinting.

The names are loaded when they are first used, since pandera (behind `FeatureModel`) and pint (behind units)
are slow to import.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from workbench.define.windowed import windowed  # now: loaded later, the module would take the function's name

if TYPE_CHECKING:
    from workbench.define.cell import Cell, parse_cell
    from workbench.define.contract import ColumnContract, Contract
    from workbench.define.dtypes import UTC, dtype_from_json, dtype_to_json
    from workbench.define.durations import format_duration, parse_duration
    from workbench.define.featureset import FeatureSet, feature_set
    from workbench.define.frames import definition_failed, user_frames
    from workbench.define.load import Definitions, load_tree
    from workbench.define.model import Feature, FeatureModel, LazyFrame
    from workbench.define.view import FeatureView, feature_view

_HOMES = {
    "cell": ("Cell", "parse_cell"),
    "contract": ("ColumnContract", "Contract"),
    "dtypes": ("UTC", "dtype_from_json", "dtype_to_json"),
    "durations": ("format_duration", "parse_duration"),
    "featureset": ("FeatureSet", "feature_set"),
    "frames": ("definition_failed", "user_frames"),
    "load": ("Definitions", "load_tree"),
    "model": ("Feature", "FeatureModel", "LazyFrame"),
    "view": ("FeatureView", "feature_view"),
}

__all__ = [
    "UTC",
    "Cell",
    "ColumnContract",
    "Contract",
    "Definitions",
    "Feature",
    "FeatureModel",
    "FeatureSet",
    "FeatureView",
    "LazyFrame",
    "definition_failed",
    "dtype_from_json",
    "dtype_to_json",
    "feature_set",
    "feature_view",
    "format_duration",
    "load_tree",
    "parse_cell",
    "parse_duration",
    "user_frames",
    "windowed",
]


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"workbench.define.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
