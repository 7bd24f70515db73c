"""Tables among a run's artifacts, as MLflow's own ``log_table`` leaves them: its compare page shows them side by side.

Tables compare where every run has them under the same path, and where the run's tag `TABLES_TAG` names them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence

TABLES_TAG = "mlflow.loggedArtifacts"


def table_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table as text for an artifact; a float that is not a finite number is null.

    Examples
    --------
    >>> table_text(("seed", "rmse"), [(1, 2.5), (2, float("nan"))])
    '{"columns": ["seed", "rmse"], "data": [[1, 2.5], [2, null]]}'
    """
    data = [[None if isinstance(cell, float) and not math.isfinite(cell) else cell for cell in row] for row in rows]
    return json.dumps({"columns": list(columns), "data": data})


def tables_tag(*paths: str) -> str:
    """Return the value of `TABLES_TAG` for a run with tables under these paths."""
    return json.dumps([{"path": path, "type": "table"} for path in paths])


def joined_tables(theirs: str | None, ours: str) -> str:
    """Return the value of `TABLES_TAG` for a run that has the tables of both.

    Examples
    --------
    >>> joined_tables(tables_tag("a.json"), tables_tag("a.json", "b.json")) == tables_tag("a.json", "b.json")
    True
    """
    found = [*json.loads(theirs or "[]"), *json.loads(ours)]
    return json.dumps(list({entry["path"]: entry for entry in found}.values()))
