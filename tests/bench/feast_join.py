"""Runs of Feast's point-in-time join, for `joining`: in a Python that has ``feast[duckdb]``, alone.

Feast takes and gives pandas frames; its offline store here is DuckDB over the same Parquet files. What is asked for is
JSON: the project, its spine's file, and whether keys are texts.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any


def store(files: list[str], repository: Path, *, texts: bool) -> Any:
    """Return a Feast store of the views in `files`, and the names of their features."""
    # found in the Python that has Feast, and by no type checker of ours
    from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig  # type: ignore[import-not-found]  # as above
    from feast.types import Float64  # type: ignore[import-not-found]  # as above
    from feast.value_type import ValueType  # type: ignore[import-not-found]  # as above

    key = Entity(name="user", join_keys=["user"], value_type=ValueType.STRING if texts else ValueType.INT64)
    views = [
        FeatureView(
            name=f"view{number}",
            entities=[key],
            ttl=timedelta(days=30),
            schema=[Field(name=f"f{number}_{column}", dtype=Float64) for column in range(5)],
            source=FileSource(path=file, timestamp_field="at"),
        )
        for number, file in enumerate(files)
    ]
    made = FeatureStore(
        config=RepoConfig(
            project="bench",
            provider="local",
            registry=str(repository / "registry.db"),
            offline_store={"type": "duckdb"},
            online_store={"type": "sqlite", "path": str(repository / "online.db")},
            entity_key_serialization_version=3,
        )
    )
    made.apply([key, *views])
    return made, [f"view{number}:f{number}_{column}" for number in range(len(files)) for column in range(5)]


def main() -> None:
    """Join once small, once to have seen all, then measure."""
    import pandas as pd  # of the Python that has Feast

    asked = json.loads(sys.argv[1])
    root = Path(asked["root"])
    with tempfile.TemporaryDirectory() as repository:
        files = json.loads((root / "views.json").read_text())
        feast, features = store(files, Path(repository), texts=asked["texts"])
        spine = pd.read_parquet(root / asked["spine"]).rename(columns={"at": "event_timestamp"})

        def join(rows: Any) -> Any:
            return feast.get_historical_features(entity_df=rows, features=features).to_arrow()

        join(spine.head(10))
        base = resident("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")
        joined = join(spine)
        peak = resident("VmHWM") - base
        runs = []
        for _ in range(3):
            used, begin = time.process_time(), time.perf_counter()
            join(spine)
            runs.append((time.perf_counter() - begin, time.process_time() - used))
        column = joined.column(f"f{len(files) - 1}_0")
        total = sum(value for value in column.to_pylist() if value is not None)
        measured = {
            "seconds": round(min(run[0] for run in runs), 3),
            "cpu": round(min(run[1] for run in runs), 3),
            "peak_mb": peak,
            "rows": joined.num_rows,
            "found": len(column) - column.null_count,
            "total": round(total, 3),
        }
    print(json.dumps(measured))


def resident(name: str) -> int:
    """Return a line of what Linux says of this process's memory, in MiB."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith(f"{name}:")) // 1024


if __name__ == "__main__":
    main()
