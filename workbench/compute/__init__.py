"""Computing views: from a definition and its inputs to a verified Parquet file, once for each view id.

`build` turns a view and its inputs into a query, `plan_hash` names what it would compute, `materialize_view` finds the
view in the `ViewCache` or has the engine compute it, and `digest_frame` says what came out, whatever the order of rows.
`column_inputs` names the columns of its inputs that a column depends on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.lazy import loading

if TYPE_CHECKING:
    from workbench.compute.amendment import Amendment, damage, note_checksums
    from workbench.compute.cache import DamagedViewWarning, StoredFacts, ViewCache, remove
    from workbench.compute.column_lineage import ColumnInputs, ColumnLineage, column_inputs, column_lineage
    from workbench.compute.digest import digest_frame
    from workbench.compute.execute import (
        Computed,
        Replaced,
        Shortcut,
        disk_refusal,
        materialize_view,
        write_parquet,
    )
    from workbench.compute.metadata import StoredView, ViewRecord, versions
    from workbench.compute.on_demand import compute_on_demand, input_frame, request_column
    from workbench.compute.output_digest import OutputDigest
    from workbench.compute.partition_digests import (
        GROUPS,
        ChangedGroups,
        Sketch,
        compare_sketches,
        exact_bits,
        group_of,
        latest_time,
        sketch,
    )
    from workbench.compute.plan import InputData, build, engine_error, plan_hash
    from workbench.compute.progress import Progress
    from workbench.compute.trial import refuse_doubtful, try_view

_HOMES = {
    "amendment": (
        "Amendment",
        "damage",
        "note_checksums",
    ),
    "cache": (
        "DamagedViewWarning",
        "StoredFacts",
        "ViewCache",
        "remove",
    ),
    "column_lineage": (
        "ColumnInputs",
        "ColumnLineage",
        "column_inputs",
        "column_lineage",
    ),
    "digest": ("digest_frame",),
    "execute": (
        "Computed",
        "Replaced",
        "Shortcut",
        "disk_refusal",
        "materialize_view",
        "write_parquet",
    ),
    "metadata": (
        "StoredView",
        "ViewRecord",
        "versions",
    ),
    "on_demand": (
        "compute_on_demand",
        "input_frame",
        "request_column",
    ),
    "output_digest": ("OutputDigest",),
    "partition_digests": (
        "GROUPS",
        "ChangedGroups",
        "Sketch",
        "compare_sketches",
        "exact_bits",
        "group_of",
        "latest_time",
        "sketch",
    ),
    "plan": (
        "InputData",
        "build",
        "engine_error",
        "plan_hash",
    ),
    "progress": ("Progress",),
    "trial": (
        "refuse_doubtful",
        "try_view",
    ),
}

__all__ = [
    "GROUPS",
    "Amendment",
    "ChangedGroups",
    "ColumnInputs",
    "ColumnLineage",
    "Computed",
    "DamagedViewWarning",
    "InputData",
    "OutputDigest",
    "Progress",
    "Replaced",
    "Shortcut",
    "Sketch",
    "StoredFacts",
    "StoredView",
    "ViewCache",
    "ViewRecord",
    "build",
    "column_inputs",
    "column_lineage",
    "compare_sketches",
    "compute_on_demand",
    "damage",
    "digest_frame",
    "disk_refusal",
    "engine_error",
    "exact_bits",
    "group_of",
    "input_frame",
    "latest_time",
    "materialize_view",
    "note_checksums",
    "plan_hash",
    "refuse_doubtful",
    "remove",
    "request_column",
    "sketch",
    "try_view",
    "versions",
    "write_parquet",
]

__getattr__, __dir__ = loading(__name__, _HOMES)
