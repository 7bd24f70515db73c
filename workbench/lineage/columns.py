"""Column lineage, read off a view's plan once and remembered for as long as nothing it depends on changes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import polars as pl

from workbench.compute import ColumnLineage, column_lineage
from workbench.fingerprint import parameters_of
from workbench.pipeline import write_facts
from workbench.records import read_record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from workbench.compute import InputData
    from workbench.define import FeatureView

SCHEME = "columns/1"
"""Raised when the same plan is read differently."""


def remembered_columns(folder: Path, view: FeatureView, inputs: Sequence[InputData], code: str) -> ColumnLineage:
    """Return what each column of `view` depends on; asked once for its code, parameters and inputs.

    Parameters
    ----------
    folder
        Where answers are kept.
    view, inputs
        The view and its inputs. An input without a digest is not there yet; its frame has the columns it will have.
    code
        The view's code hash.
    """
    asked = [SCHEME, pl.__version__, code, parameters_of(view), *view.contract.names]
    asked += [f"{data.name} {data.digest or dict(data.frame.collect_schema())}" for data in inputs]
    path = folder / f"{hashlib.sha256(chr(10).join(asked).encode()).hexdigest()}.json"
    known = read_record(path, ColumnLineage)
    if known is not None:
        return known
    found = column_lineage(view, inputs)
    if found.reason is None:
        write_facts(path, found)
    return found
