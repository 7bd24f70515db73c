"""Definitions: what a feature view is, reading one from a cell, loading all from a git tree, fingerprinting.

The names are loaded when they are first used, since pandera (behind `FeatureModel`) and pint (behind units)
are slow to import.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.define.cell import Cell, parse_cell
    from workbench.define.contract import ColumnContract, Contract
    from workbench.define.dtypes import UTC, dtype_from_json, dtype_to_json
    from workbench.define.durations import format_duration, parse_duration
    from workbench.define.examples import Example, Rows, example
    from workbench.define.featureset import FeatureSet, feature_set
    from workbench.define.files import files_of, texts_of
    from workbench.define.fingerprint import (
        Change,
        CodeRecord,
        Fingerprint,
        code_hash,
        explain_change,
        metadata_hash,
        parameters_of,
        view_id,
    )
    from workbench.define.frames import definition_failed, user_frames
    from workbench.define.load import Definitions, load_tree
    from workbench.define.model import Feature, FeatureModel, LazyFrame
    from workbench.define.sourcecode import SourceCodes
    from workbench.define.view import FeatureView, feature_view
    from workbench.define.windows import windowed

_HOMES = {
    "cell": ("Cell", "parse_cell"),
    "contract": ("ColumnContract", "Contract"),
    "dtypes": ("UTC", "dtype_from_json", "dtype_to_json"),
    "durations": ("format_duration", "parse_duration"),
    "examples": ("Example", "Rows", "example"),
    "featureset": ("FeatureSet", "feature_set"),
    "files": ("files_of", "texts_of"),
    "fingerprint": (
        "Change",
        "CodeRecord",
        "Fingerprint",
        "code_hash",
        "explain_change",
        "metadata_hash",
        "parameters_of",
        "view_id",
    ),
    "frames": ("definition_failed", "user_frames"),
    "load": ("Definitions", "load_tree"),
    "model": ("Feature", "FeatureModel", "LazyFrame"),
    "sourcecode": ("SourceCodes",),
    "view": ("FeatureView", "feature_view"),
    "windows": ("windowed",),
}

__all__ = [
    "UTC",
    "Cell",
    "Change",
    "CodeRecord",
    "ColumnContract",
    "Contract",
    "Definitions",
    "Example",
    "Feature",
    "FeatureModel",
    "FeatureSet",
    "FeatureView",
    "Fingerprint",
    "LazyFrame",
    "Rows",
    "SourceCodes",
    "code_hash",
    "definition_failed",
    "dtype_from_json",
    "dtype_to_json",
    "example",
    "explain_change",
    "feature_set",
    "feature_view",
    "files_of",
    "format_duration",
    "load_tree",
    "metadata_hash",
    "parameters_of",
    "parse_cell",
    "parse_duration",
    "texts_of",
    "user_frames",
    "view_id",
    "windowed",
]


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"workbench.define.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
