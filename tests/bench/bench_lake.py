"""What the lake costs: reading a published view beside Polars on the same files, publishing beside a bare Delta commit.

A view of 10 million rows: a text key, an event time and five features, as the view cache stores it. "bare" is
`pl.scan_parquet` of the files that the version has, and a Delta commit of a file that lies in the table already. The
view "rewritten" has an Enum, an unsigned integer and a duration, which Delta cannot hold: its file is written anew.

    python tests/bench/bench_lake.py --rows 10000000 --json lake.json
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from tests.bench.targets import Target, judged
from workbench.compute import write_parquet
from workbench.define import ColumnContract, Contract
from workbench.lake import Lake, LakeWriter

MOMENT = pl.Datetime("us", "UTC")
KIND = pl.Enum(["early", "late", "on time"])
Query = Callable[[pl.LazyFrame], pl.LazyFrame]
READING, PUBLISHING = 1.15, 1.0
"""The most that a read takes beside a bare one, and the seconds that publishing takes beyond a bare commit."""


def plain(rows: int) -> pl.LazyFrame:
    """Return a view's rows whose dtypes Delta holds, sorted by keys."""
    number = pl.int_range(rows)
    per_user = max(rows // 100_000, 1)
    return pl.LazyFrame().select(
        pl.format("user-{}", (number // per_user).cast(pl.String).str.zfill(8)).alias("user"),
        (number % per_user * 86_400_000_000).cast(MOMENT).alias("at"),
        *((number.hash(seed=n) % 2**52 / 2**52).alias(f"v{n}") for n in range(5)),
    )


def rich(rows: int) -> pl.LazyFrame:
    """Return the same rows with features that Delta does not hold."""
    number = pl.int_range(rows)
    return plain(rows).with_columns(
        kind=pl.Series(KIND.categories).gather(number % 3).cast(KIND),
        flights=(number % 1000).cast(pl.UInt32),
        took=number.cast(pl.Duration("us")),
    )


def promise(frame: pl.LazyFrame) -> Contract:
    """Return the contract of a frame."""
    roles = {"user": "entity", "at": "event_time"}
    schema = frame.collect_schema()
    return Contract(tuple(ColumnContract(name, dtype, roles.get(name, "feature")) for name, dtype in schema.items()))  # type: ignore[arg-type]  # roles


def timed(act: Callable[[], Any]) -> float:
    """Return the seconds that one call takes."""
    begin = time.perf_counter()
    act()
    return time.perf_counter() - begin


def best(contenders: Mapping[str, Callable[[], Any]], repeat: int) -> dict[str, float]:
    """Return the quickest of `repeat` calls of each, taken in turn so that a busy moment meets all."""
    runs: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(repeat):
        for name, act in contenders.items():
            runs[name].append(timed(act))
    return {name: min(seconds) for name, seconds in runs.items()}


def bare_commit(folder: Path, file: Path) -> None:
    """Publish a file by hand: link it into a new table and commit it, as little as Delta asks for."""
    from deltalake import Schema
    from deltalake.transaction import AddAction, create_table_with_add_actions

    table = folder / f"bare-{uuid.uuid4().hex}"
    table.mkdir()
    os.link(file, table / "data.parquet")
    schema = Schema.from_arrow(pl.scan_parquet(file).head(0).collect().to_arrow().schema)
    action = AddAction("data.parquet", file.stat().st_size, {}, int(time.time() * 1000), True, "{}")  # noqa: FBT003  positional only
    create_table_with_add_actions(str(table), schema, [action])


def measure(rows: int, repeat: int, folder: Path) -> list[dict[str, Any]]:
    """Return a line for each thing measured: seconds by hand and by us, and how they compare."""
    files = {"plain": folder / "plain.parquet", "rich": folder / "rich.parquet"}
    for name, frame in (("plain", plain(rows)), ("rich", rich(rows))):
        write_parquet(frame, files[name], view=name)
    lake = Lake("lake", root=folder)
    writer = LakeWriter(lake)
    contracts = {name: promise(pl.scan_parquet(path)) for name, path in files.items()}

    def publish(name: str) -> int:
        return writer.publish(
            files[name], view=name, major=1, contract=contracts[name], view_id=uuid.uuid4().hex, metadata={}
        )

    results = []
    bare_commit(folder, files["plain"])  # imports
    publish("plain")
    costs = best({"bare": lambda: bare_commit(folder, files["plain"]), "ours": lambda: publish("plain")}, repeat)
    results.append({"what": "publish, linked", **costs})
    again = folder / "again.parquet"
    encoded = pl.scan_parquet(files["rich"]).with_columns(
        pl.col("kind").cast(pl.String), pl.col("flights").cast(pl.Int64), pl.col("took").cast(pl.Int64)
    )
    costs = best(
        {"bare": lambda: write_parquet(encoded, again, view="rich"), "ours": lambda: publish("rich")},
        max(repeat // 3, 1),
    )
    results.append({"what": "publish, rewritten", **costs})
    version = publish("plain")
    costs = best(
        {
            "bare": lambda: bare_commit(folder, files["plain"]),
            "ours": lambda: writer.publish(
                files["plain"], view="plain", major=1, contract=contracts["plain"], view_id=uuid.uuid4().hex,
                metadata={}, replace=False,
            ),
        },
        repeat,
    )  # fmt: skip
    results.append({"what": "publish, added", **costs})

    users = [f"user-{number:08d}" for number in range(0, min(rows, 100_000), 1_000)]
    queries: dict[str, Query] = {
        "read all": lambda frame: frame,
        "read two columns": lambda frame: frame.select("at", "v0").sum(),
        "read 100 entities": lambda frame: frame.filter(pl.col("user").is_in(users)),
        "read one entity": lambda frame: frame.filter(pl.col("user") == users[-1]),
    }
    path = lake.files("plain", 1, version)
    for what, query in queries.items():

        def by_hand(query: Query) -> pl.DataFrame:
            return query(pl.scan_parquet(path)).collect()

        def ours(query: Query) -> pl.DataFrame:
            return query(lake.scan("plain", 1, version, contracts["plain"])).collect()

        results.append({"what": what, **best({"bare": partial(by_hand, query), "ours": partial(ours, query)}, repeat)})
    version = publish("rich")
    restored = lake.files("rich", 1, version)
    costs = best(
        {
            "bare": lambda: pl.scan_parquet(restored).collect(),
            "ours": lambda: lake.scan("rich", 1, version, contracts["rich"]).collect(),
        },
        repeat,
    )
    results.append({"what": "read all, restored", **costs})
    return results


def main() -> int:
    """Measure, print the table, and say what was met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-lake-") as folder:
        results = measure(options.rows, options.repeat, Path(folder))
    print(f"{options.rows:,} rows\n{'':30}{'bare s':>10}{'ours s':>10}{'ratio':>8}{'more ms':>10}")
    for line in results:
        line["ratio"] = round(line["ours"] / line["bare"], 3)
        line["more"] = round(line["ours"] - line["bare"], 4)
        numbers = f"{line['bare']:>10.4f}{line['ours']:>10.4f}{line['ratio']:>8.2f}{line['more'] * 1000:>10.1f}"
        print(f"{line['what']:30}{numbers}")
    if options.json:
        facts = {"rows": options.rows, "results": results}
        options.json.write_text(json.dumps(facts, indent=2) + "\n")
    return judged(
        [
            Target(f"{line['what']}, beside bare Delta", line["ratio"], READING)
            if line["what"].startswith("read")
            else Target(f"{line['what']}, s beyond bare Delta", line["more"], PUBLISHING)
            for line in results
        ]
    )


if __name__ == "__main__":
    raise SystemExit(main())
