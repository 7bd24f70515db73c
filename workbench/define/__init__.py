"""Definitions: what a feature view is, reading one from a cell, loading all from a git tree.

The names are loaded when they are first used, since pandera (behind `FeatureModel`) and pint (behind units)
are slow to import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.lazy import loading

if TYPE_CHECKING:
    from workbench.define.cell import (
        CELL_NAMES,
        DECORATORS,
        Cell,
        HelperText,
        is_view,
        parse_cell,
        parse_helper,
        spellings,
    )
    from workbench.define.contract import ColumnContract, Contract, rule_identity
    from workbench.define.entity_frame import EntityFrame, LocalPlan
    from workbench.define.examples import Example, Rows, example
    from workbench.define.feature_sets import FeatureSet, feature_set
    from workbench.define.loader import Definitions, load_tree
    from workbench.define.model import Feature, FeatureModel, LazyFrame
    from workbench.define.observation import (
        Observations,
        import_failure,
        imported_modules,
        library_versions,
        readable_paths,
        refuse,
    )
    from workbench.define.on_demand_view import (
        InputColumn,
        OnDemandInput,
        OnDemandView,
        RequestField,
        input_columns,
        on_demand,
    )
    from workbench.define.outline import (
        ColumnOutline,
        Declaration,
        OnDemandOutline,
        Outline,
        ViewOutline,
        columns_of,
        outline_of,
    )
    from workbench.define.tracebacks import definition_failed, lines_at, reraise_user_errors, user_frames
    from workbench.define.units import parse_unit, same_unit
    from workbench.define.view import FeatureView, contract_of, feature_view
    from workbench.define.windows import windowed

_HOMES = {
    "cell": (
        "CELL_NAMES",
        "DECORATORS",
        "Cell",
        "HelperText",
        "is_view",
        "parse_cell",
        "parse_helper",
        "spellings",
    ),
    "contract": (
        "ColumnContract",
        "Contract",
        "rule_identity",
    ),
    "entity_frame": (
        "EntityFrame",
        "LocalPlan",
    ),
    "examples": (
        "Example",
        "Rows",
        "example",
    ),
    "feature_sets": (
        "FeatureSet",
        "feature_set",
    ),
    "loader": (
        "Definitions",
        "load_tree",
    ),
    "model": (
        "Feature",
        "FeatureModel",
        "LazyFrame",
    ),
    "observation": (
        "Observations",
        "import_failure",
        "imported_modules",
        "library_versions",
        "readable_paths",
        "refuse",
    ),
    "on_demand_view": (
        "InputColumn",
        "OnDemandInput",
        "OnDemandView",
        "RequestField",
        "input_columns",
        "on_demand",
    ),
    "outline": (
        "ColumnOutline",
        "Declaration",
        "OnDemandOutline",
        "Outline",
        "ViewOutline",
        "columns_of",
        "outline_of",
    ),
    "tracebacks": (
        "definition_failed",
        "lines_at",
        "reraise_user_errors",
        "user_frames",
    ),
    "units": (
        "parse_unit",
        "same_unit",
    ),
    "view": (
        "FeatureView",
        "contract_of",
        "feature_view",
    ),
    "windows": ("windowed",),
}

__all__ = [
    "CELL_NAMES",
    "DECORATORS",
    "Cell",
    "ColumnContract",
    "ColumnOutline",
    "Contract",
    "Declaration",
    "Definitions",
    "EntityFrame",
    "Example",
    "Feature",
    "FeatureModel",
    "FeatureSet",
    "FeatureView",
    "HelperText",
    "InputColumn",
    "LazyFrame",
    "LocalPlan",
    "Observations",
    "OnDemandInput",
    "OnDemandOutline",
    "OnDemandView",
    "Outline",
    "RequestField",
    "Rows",
    "ViewOutline",
    "columns_of",
    "contract_of",
    "definition_failed",
    "example",
    "feature_set",
    "feature_view",
    "import_failure",
    "imported_modules",
    "input_columns",
    "is_view",
    "library_versions",
    "lines_at",
    "load_tree",
    "on_demand",
    "outline_of",
    "parse_cell",
    "parse_helper",
    "parse_unit",
    "readable_paths",
    "refuse",
    "reraise_user_errors",
    "rule_identity",
    "same_unit",
    "spellings",
    "user_frames",
    "windowed",
]

__getattr__, __dir__ = loading(__name__, _HOMES)
