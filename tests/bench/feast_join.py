"""One run of Feast's point-in-time join, for `bench_join`: it runs in a Python that has ``feast[duckdb]``, alone.

Feast takes and gives pandas frames; its offline store here is DuckDB over the same Parquet files.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any


def store(folder: Path, repository: Path) -> Any:
    """Return a Feast store of the three views in `folder`, and the names of their features."""
    # found in the Python that has Feast, and by no type checker of ours
    from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig  # type: ignore[import-not-found]  # as above
    from feast.types import Float64  # type: ignore[import-not-found]  # as above
    from feast.value_type import ValueType  # type: ignore[import-not-found]  # as above

    key = Entity(name="key", join_keys=["key"], value_type=ValueType.INT64)
    views = [
        FeatureView(
            name=f"view{number}",
            entities=[key],
            ttl=timedelta(days=30),
            schema=[Field(name=f"v{number}_{column}", dtype=Float64) for column in range(5)],
            source=FileSource(path=str(folder / f"view{number}.parquet"), timestamp_field="at"),
        )
        for number in range(3)
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
    return made, [f"view{number}:v{number}_{column}" for number in range(3) for column in range(5)]


def main() -> None:
    """Join once small, then measure one join."""
    import pandas as pd  # of the Python that has Feast

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--spine", type=int, required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as repository:
        feast, features = store(options.folder, Path(repository))
        spine = pd.read_parquet(options.folder / f"spine{options.spine}.parquet").rename(
            columns={"at": "event_timestamp"}
        )
        feast.get_historical_features(entity_df=spine.head(10), features=features).to_arrow()
        base, used, begin = peak(reset=True), time.process_time(), time.perf_counter()
        joined = feast.get_historical_features(entity_df=spine, features=features).to_arrow()
        seconds = time.perf_counter() - begin
        columns = [joined.column(name) for name in ("v0_0", "v1_0", "v2_0")]
        measured = {
            "seconds": round(seconds, 3),
            "cpu": round(time.process_time() - used, 3),
            "peak_mb": peak() - base,
            "rows_out": joined.num_rows,
            "found": sum(len(column) - column.null_count for column in columns),
        }
    print(json.dumps(measured))


def peak(*, reset: bool = False) -> int:
    """Return the most memory that this process had since the last reset, in MiB; Linux alone can say."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) // 1024


if __name__ == "__main__":
    main()
