"""How two sides of a view differ, exactly and on all rows: code, contract, rows, values. Numbers only, no drawing."""

from __future__ import annotations

from workbench.diff.align import (
    AT_ONCE,
    columns_of,
    engine_errors,
    height,
    pairs_of,
    read_pair,
    same_grain,
)
from workbench.diff.code import CodeDiff, FileDiff, Hunk, code_diff
from workbench.diff.contract_diff import ContractChange, contract_changes
from workbench.diff.creep import creep
from workbench.diff.diff import ViewDiff, diff_views
from workbench.diff.engine import Compare, Observer, compare, same_by_digest
from workbench.diff.matching import MatchedRows, RowBlock
from workbench.diff.pair import DifferingValues, Pair, pair_of
from workbench.diff.parse_value import value_of
from workbench.diff.result import Category, ColumnDiff, Creep
from workbench.diff.side import RowChoice, RowCounts, Side

__all__ = [
    "AT_ONCE",
    "Category",
    "CodeDiff",
    "ColumnDiff",
    "Compare",
    "ContractChange",
    "Creep",
    "DifferingValues",
    "FileDiff",
    "Hunk",
    "MatchedRows",
    "Observer",
    "Pair",
    "RowBlock",
    "RowChoice",
    "RowCounts",
    "Side",
    "ViewDiff",
    "code_diff",
    "columns_of",
    "compare",
    "contract_changes",
    "creep",
    "diff_views",
    "engine_errors",
    "height",
    "pair_of",
    "pairs_of",
    "read_pair",
    "same_by_digest",
    "same_grain",
    "value_of",
]
