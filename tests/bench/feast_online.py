"""Feast's part of `bench_online` and `bench_serve`: it runs in a Python that has ``feast[duckdb]``, alone.

It loads the views' Parquet files into a SQLite store by `materialize`, and reads them back by `get_online_features`.
With ``--repository`` it leaves the store there, for ``feast serve``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

CONFIG = """\
project: bench
provider: local
registry: registry.db
offline_store: {{type: {offline}}}
online_store: {{type: sqlite, path: online.db}}
entity_key_serialization_version: 3
"""
VIEWS = 3
COLUMNS = 5


def store(folder: Path, repository: Path) -> Any:
    """Return a Feast store of the three views in `folder`."""
    # found in the Python that has Feast, and by no type checker of ours
    from feast import Entity, FeatureStore, FeatureView, Field, FileSource  # type: ignore[import-not-found]  # as above
    from feast.types import Float64  # type: ignore[import-not-found]  # as above
    from feast.value_type import ValueType  # type: ignore[import-not-found]  # as above

    (repository / "feature_store.yaml").write_text(CONFIG.format(offline="duckdb"))
    key = Entity(name="key", join_keys=["key"], value_type=ValueType.INT64)
    views = [
        FeatureView(
            name=f"view{number}",
            entities=[key],
            ttl=timedelta(0),
            schema=[Field(name=f"v{number}_{column}", dtype=Float64) for column in range(COLUMNS)],
            source=FileSource(path=str((folder / f"view{number}.parquet").absolute()), timestamp_field="at"),
        )
        for number in range(VIEWS)
    ]
    made = FeatureStore(repo_path=str(repository))
    made.apply([key, *views])
    return made


def cpu(act: Callable[[], object], seconds: float) -> float:
    """Return the processor time of one call in microseconds, the least of three rounds."""
    act()
    found = []
    for _ in range(3):
        calls, begin, used = 0, time.process_time(), 0.0
        while used < seconds or not calls:
            act()
            calls += 1
            used = time.process_time() - begin
        found.append(used / calls * 1e6)
    return round(min(found), 1)


def main() -> None:
    """Load the store and measure that, then measure reads."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--repository", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        repository = options.repository or Path(name)
        repository.mkdir(exist_ok=True)
        feast = store(options.folder, repository)
        begin, used = time.perf_counter(), time.process_time()
        feast.materialize(datetime(2025, 1, 1, tzinfo=UTC), datetime.now(UTC))
        load = {
            "cpu": time.process_time() - used,
            "seconds": time.perf_counter() - begin,
            "rows": 0,
            "peak_mb": peak(),
        }
        measured: dict[str, Any] = {"load": load}
        if options.repository is None:
            features = [f"view{number}:v{number}_{column}" for number in range(VIEWS) for column in range(COLUMNS)]
            rows = [{"key": key * 97} for key in range(1_000)]

            def get(count: int) -> Any:
                return feast.get_online_features(features=features, entity_rows=rows[:count])

            measured["reads"] = {
                "1": cpu(lambda: get(1).to_dict(), 0.5),
                "100": cpu(lambda: get(100).to_dict(), 1.0),
                "1,000 as a frame": cpu(lambda: get(1_000).to_df(), 2.0),
            }
    print(json.dumps(measured))


def peak() -> int:
    """Return the most memory that this process had, in MiB; Linux alone can say."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) // 1024


if __name__ == "__main__":
    main()
