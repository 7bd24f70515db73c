"""Computing views: from a definition and its inputs to a verified Parquet file, once for each view id.

`build` turns a view and its inputs into a query, `plan_hash` names what it would compute, `materialize_view` finds the
view in the `ViewCache` or has the engine compute it, and `digests` says what came out, whatever the order of rows.
`column_inputs` names the columns of its inputs that a column depends on.
"""

from workbench.compute.build import InputData, build
from workbench.compute.cache import DamagedViewWarning, ViewCache
from workbench.compute.columns import ColumnInputs, ColumnLineage, column_inputs, column_lineage
from workbench.compute.digest import OutputDigest, digest_frame, digests
from workbench.compute.engine import write_parquet
from workbench.compute.plan import plan_hash
from workbench.compute.progress import Progress
from workbench.compute.records import StoredView, ViewRecord
from workbench.compute.run import Computed, materialize_view
from workbench.compute.sketch import GROUPS, Sketch, Touched, group_of, sketch, touched

__all__ = [
    "GROUPS",
    "ColumnInputs",
    "ColumnLineage",
    "Computed",
    "DamagedViewWarning",
    "InputData",
    "OutputDigest",
    "Progress",
    "Sketch",
    "StoredView",
    "Touched",
    "ViewCache",
    "ViewRecord",
    "build",
    "column_inputs",
    "column_lineage",
    "digest_frame",
    "digests",
    "group_of",
    "materialize_view",
    "plan_hash",
    "sketch",
    "touched",
    "write_parquet",
]
