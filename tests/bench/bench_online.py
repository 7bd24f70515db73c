"""How long reading and loading the online store takes, beside the bare store that it is made of, and beside Feast.

Three views of five floats each, 100,000 entities with two rows in each view, in LMDB. "bare" is what nobody can do
without: a transaction, one get a view and entity, and msgspec decoding of rows with the same values. "getmulti" is
the quickest known way to 1,000 entities: sorted keys, rows of a fixed width, decoded by numpy. Bare loading appends the
rows of a Python list to both tables. Feast reads and writes its SQLite store, in a Python of its own, which `--feast`
names; without one it is left out.

Seconds are processor time, the least of several rounds in which the contenders take turns; a load is a process of its
own, so that its peak memory is its own.

    python tests/bench/bench_online.py --json online.json
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Self

import lmdb
import msgspec
import numpy as np
import polars as pl

import workbench as wb
from tests.bench.targets import judge
from tests.online.stage import Shelf
from workbench.online.backend import prefix_of
from workbench.online.lmdb import LmdbStore
from workbench.project import FeatureStore

VIEWS = ["view0", "view1", "view2"]
START = datetime(2026, 1, 1, tzinfo=UTC)
BETWEEN = START + timedelta(hours=36)
"""An instant at which the first row of each entity answers."""
SIGN = 1 << 63
BARE_ROW = np.dtype([("event", "<i8"), ("created", "<i8"), ("nulls", "u1"), ("values", "<f8", (5,))])
"""A row of a fixed width, as numpy reads it."""
BATCH = 50_000
TARGETS = {
    "1 entity / bare": 6.0,
    "100 entities / bare": 2.5,
    "1,000 as a frame / getmulti": 2.0,
    "at= / latest": 1.5,
    "50 views / one view": 1.3,
    "loading / bare append (s)": 2.0,
    "memory of loading (MB)": 300.0,
    "Feast / 1 entity, at least": 12.0,
    "Feast / 1,000 as a frame, at least": 40.0,
    "Feast / loading, at least": 20.0,
}


def table(number: int, entities: int) -> pl.DataFrame:
    """Return a view's rows: two of each entity, two days apart, of no order."""
    rows = pl.int_range(2 * entities)
    at = pl.lit(START) + pl.duration(days=1 + 2 * (rows // entities), milliseconds=rows % entities)
    return (
        pl.DataFrame()
        .select(
            (rows % entities).alias("key"),
            at.dt.cast_time_unit("us").alias("at"),
            *((rows.cast(pl.Float64) / 8 + column).alias(f"v{number}_{column}") for column in range(5)),
        )
        .sample(fraction=1.0, shuffle=True, seed=number)
    )


def write(folder: Path, entities: int) -> None:
    """Write the views' rows, for the loads and for Feast."""
    for number in range(3):
        table(number, entities).write_parquet(folder / f"view{number}.parquet")


def shelf_of(folder: Path) -> Shelf:
    """Return a store in `folder` with the three views published and not yet loaded."""
    shelf = new_shelf(folder / "shelf")
    for number, view in enumerate(VIEWS):
        shelf.publish(view, pl.read_parquet(folder / f"view{number}.parquet"), entities=("key",))
    (folder / "records").write_bytes(pickle.dumps(shelf.records))
    return shelf


def new_shelf(folder: Path) -> Shelf:
    """Return an empty store in a new folder."""
    folder.mkdir()
    return Shelf.at(folder)


def store_of(folder: Path, shelf: Path) -> FeatureStore:
    """Return the store of a project whose online store is that of a shelf."""
    (folder / "project").mkdir()
    root = folder / "project"
    subprocess.run(["git", "init", "-q", "-b", "main", str(root)], check=True)
    for name, value in (("user.name", "Bench"), ("user.email", "bench@example.org")):
        subprocess.run(["git", "config", name, value], cwd=root, check=True)
    settings = f'[project]\nname = "bench"\n[online]\npath = "{shelf / "online"}"\n[tracking]\nsend = false\n'
    (root / "workbench.toml").write_text(settings)
    return wb.init(root).store


def cpu(act: Callable[[], object], seconds: float) -> float:
    """Return the processor time of one call, of as many as `seconds` allow."""
    calls, used = 0, 0.0
    begin = time.process_time()
    while used < seconds or not calls:
        act()
        calls += 1
        used = time.process_time() - begin
    return used / calls


def compared(acts: dict[str, Callable[[], object]], *, rounds: int, seconds: float = 0.025) -> dict[str, float]:
    """Return the least processor time of each in microseconds; they take turns, short ones and four in a round.

    A long turn never has the processor's caches for itself on a machine that others use, and a short one has now and
    then.
    """
    for act in acts.values():
        act()
    found: dict[str, list[float]] = {name: [] for name in acts}
    for _ in range(4 * rounds):
        for name, act in acts.items():
            found[name].append(cpu(act, seconds))
    return {name: round(min(each) * 1e6, 2) for name, each in found.items()}


def bare_reads(folder: Path, count: int) -> Callable[[Sequence[int]], Callable[[], object]]:
    """Return what makes reads of some entities from a file of msgspec rows: one get a view and entity, and decoding."""
    environment = lmdb.open(str(folder / "bare"), map_size=2**32, max_dbs=1)
    table = environment.open_db(b"latest")
    encode = msgspec.msgpack.Encoder().encode
    for number in range(3):
        with environment.begin(write=True) as transaction:
            pairs = [
                (
                    prefix_of(number) + b"\x00" + (key + SIGN).to_bytes(8, "big"),
                    encode((SIGN // 8, None, *[key / 8] * 5)),
                )
                for key in range(count)
            ]
            transaction.cursor(table).putmulti(pairs, append=True)
    prefixes = [prefix_of(number) + b"\x00" for number in range(3)]
    kind = tuple[int, int | None, *[float | None] * 5]  # type: ignore[misc,valid-type]  # made here
    decode = msgspec.msgpack.Decoder(kind).decode

    def reads_of(entities: Sequence[int]) -> Callable[[], object]:
        def read() -> object:
            with environment.begin() as transaction:
                get = transaction.get
                return [
                    decode(get(prefix + (key + SIGN).to_bytes(8, "big"), db=table))  # type: ignore[arg-type]  # it is there
                    for key in entities
                    for prefix in prefixes
                ]

        return read

    return reads_of


def numpy_reads(folder: Path, count: int, entities: Sequence[int]) -> Callable[[], object]:
    """Return what reads rows of a fixed width by `getmulti` from a file made for it."""
    environment = lmdb.open(str(folder / "fixed"), map_size=2**30, max_dbs=1)
    table = environment.open_db(b"latest")
    for number in range(3):
        rows = np.zeros(count, BARE_ROW)
        rows["values"] = np.arange(count)[:, None] / 7 + np.arange(5)
        data, width = rows.tobytes(), BARE_ROW.itemsize
        with environment.begin(write=True) as transaction:
            pairs = [(struct.pack(">IQ", number, key), data[key * width : (key + 1) * width]) for key in range(count)]
            transaction.cursor(table).putmulti(pairs, append=True)

    def read() -> object:
        asked = np.array(entities)
        order = np.argsort(asked)
        keys = np.empty(len(entities), [("view", ">u4"), ("key", ">u8")])
        keys["key"] = asked[order]
        columns = []
        with environment.begin() as transaction:
            cursor = transaction.cursor(table)
            for number in range(3):
                keys["view"] = number
                packed = keys.tobytes()
                found = cursor.getmulti([packed[place : place + 12] for place in range(0, len(packed), 12)])
                values = np.empty((len(entities), 5))
                values[order] = np.frombuffer(b"".join([row for _, row in found]), BARE_ROW)["values"]
                columns.append(values)
        return columns

    return read


def reads(folder: Path, shelf: Shelf, count: int, rounds: int) -> dict[str, float]:
    """Measure reads of one, 100 and 1,000 entities, now and in the past."""
    store = store_of(folder, shelf.folder)
    chosen = [int(key) for key in np.random.default_rng(7).integers(0, count, 1_000)]
    asked = [{"key": key} for key in chosen]
    get = store.batch_get_features
    bare = bare_reads(folder, count)
    found = compared(
        {
            "1 bare": bare(chosen[:1]),
            "1": partial(get, VIEWS, asked[:1]),
            "1 at=": partial(get, VIEWS, asked[:1], at=BETWEEN),
            "1 feature": partial(store.get_feature, "view0:v0_0", asked[0]),
            "100 bare": bare(chosen[:100]),
            "100": partial(get, VIEWS, asked[:100]),
            "100 at=": partial(get, VIEWS, asked[:100], at=BETWEEN),
            "100 as a frame": partial(get, VIEWS, asked[:100], as_="polars"),
            "1,000 getmulti": numpy_reads(folder, count, chosen),
            "1,000 bare": bare(chosen),
            "1,000": partial(get, VIEWS, asked),
            "1,000 as a frame": partial(get, VIEWS, asked, as_="polars"),
            "1,000 as a frame at=": partial(get, VIEWS, asked, as_="polars", at=BETWEEN),
        },
        rounds=rounds,
    )
    frame = get(VIEWS, asked, as_="polars")
    if frame["v0_0"].to_list() != [(key + count) / 8 for key in chosen]:
        raise SystemExit("the store found other values")
    return found


def many_views(folder: Path, rounds: int) -> dict[str, float]:
    """Measure the same 15 features of one view where the store has no other, and where it has 49 others."""
    wide = pl.concat(
        [table(number, 1_000).sort("key", "at").drop("key", "at") for number in range(3)], how="horizontal"
    )
    wide = pl.concat([table(0, 1_000).sort("key", "at").select("key", "at"), wide], how="horizontal")
    acts: dict[str, Callable[[], object]] = {}
    for views in (1, 50):
        shelf = new_shelf(folder / f"views{views}")
        shelf.publish("wide", wide, entities=("key",))
        for number in range(1, views):
            shelf.publish(f"other{number}", table(0, 10), entities=("key",))
        shelf.load()
        project = folder / f"project of {views}"
        project.mkdir()
        acts[f"of {views} views"] = partial(store_of(project, shelf.folder).batch_get_features, "wide", [{"key": 7}])
    return compared(acts, rounds=rounds)


def load_once(folder: Path, own: Path) -> dict[str, float]:
    """Load the three views and return the processor time, the wall clock's, the rows and the peak memory."""
    records = pickle.loads((folder / "records").read_bytes())
    shelf = Shelf(folder / "shelf", LmdbStore(own / "online", map_size=2**36), records=records)
    small = new_shelf(own / "small")  # loads what the first load of a process loads
    small.publish("small", table(0, 10), entities=("key",))
    small.load()
    with Memory() as memory:
        begin, used = time.perf_counter(), time.process_time()
        loaded = shelf.load(full=True)
        used, passed = time.process_time() - used, time.perf_counter() - begin
    rows = sum(view.rows for view in loaded.views)
    return {"cpu": used, "seconds": passed, "rows": rows, "peak_mb": memory.peak}


def append_once(own: Path, entities: int) -> dict[str, float]:
    """Append as many rows from Python lists to a bare file: keys, msgspec encoding, one sorted `putmulti` a batch."""
    encode = msgspec.msgpack.Encoder().encode
    environment = lmdb.open(str(own / "bare"), map_size=2**36, max_dbs=2)
    tables = [environment.open_db(name) for name in (b"rows", b"latest")]
    lists: list[list[tuple[Any, ...]]] = [
        [(row // 2, 1_000_000 * row, None, *(row / 8 + column for column in range(5))) for row in range(2 * entities)]
        for _ in range(3)
    ]
    begin, used = time.perf_counter(), time.process_time()
    for number, rows in enumerate(lists):
        prefix = prefix_of(number)
        for first in range(0, len(rows), BATCH):
            part = rows[first : first + BATCH]
            packed = [encode(row[1:]) for row in part]
            keys = [prefix + row[0].to_bytes(8, "big") for row in part]
            times = [row[1].to_bytes(8, "big") for row in part]
            with environment.begin(write=True) as transaction:
                pairs = [(key + at, row) for key, at, row in zip(keys, times, packed, strict=True)]
                transaction.cursor(tables[0]).putmulti(pairs, append=True)
                latest = [(key, at + at + row) for key, at, row in zip(keys[::2], times[::2], packed[::2], strict=True)]
                transaction.cursor(tables[1]).putmulti(latest, append=True)
    passed = time.perf_counter() - begin
    return {"cpu": time.process_time() - used, "seconds": passed, "rows": sum(map(len, lists)), "peak_mb": 0}


class Memory:
    """The most memory of its own that this process has within the block, in MiB; Linux alone can say.

    Pages of the store's file do not count, which the process maps: the kernel takes them back as it needs them.
    """

    def __init__(self) -> None:
        self.peak = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.005):
            lines = Path("/proc/self/status").read_text().splitlines()
            self.peak = max(self.peak, *(int(line.split()[1]) // 1024 for line in lines if line.startswith("RssAnon:")))


def taken(command: list[str]) -> dict[str, Any]:
    """Return what a process says that it measured."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def loads(folder: Path, entities: int, rounds: int) -> dict[str, dict[str, Any]]:
    """Measure loading from the lake and a bare append, each in processes of its own that take turns."""
    runs: dict[str, list[dict[str, Any]]] = {"load": [], "append": []}
    for _ in range(rounds):
        for name, run in runs.items():
            with tempfile.TemporaryDirectory() as own:
                command = [sys.executable, __file__, "--only", name, "--folder", str(folder), "--own", own]
                run.append(taken([*command, "--rows", str(entities)]))
    return {
        name: min(each, key=lambda run: run["cpu"]) | {"peak_mb": max(run["peak_mb"] for run in each)}
        for name, each in runs.items()
    }


def report(
    read: dict[str, float], load: dict[str, dict[str, Any]], feast: dict[str, Any] | None
) -> tuple[dict[str, Any], int]:
    """Print what was measured, and return it with the ratios, and 1 where a target is missed."""
    print(f"{'reading 15 features of':36}{'us of cpu':>12}")
    for name, micros in read.items():
        print(f"{name:36}{micros:>12,.1f}")
    print(f"{'loading':36}{'rows/s of cpu':>15}{'seconds':>9}{'MB':>6}")
    for name, run in (load | ({"Feast": feast["load"]} if feast else {})).items():
        print(f"{name:36}{run['rows'] / run['cpu']:>15,.0f}{run['seconds']:>9.1f}{run['peak_mb']:>6}")
    ratios = {
        "1 entity / bare": read["1"] / read["1 bare"],
        "100 entities / bare": read["100"] / read["100 bare"],
        "1,000 as a frame / getmulti": read["1,000 as a frame"] / read["1,000 getmulti"],
        "at= / latest": max(
            read["1 at="] / read["1"],
            read["100 at="] / read["100"],
            read["1,000 as a frame at="] / read["1,000 as a frame"],
        ),
        "50 views / one view": read["of 50 views"] / read["of 1 views"],
        "loading / bare append (s)": load["load"]["cpu"] / load["append"]["cpu"],
        "memory of loading (MB)": load["load"]["peak_mb"],
    }
    if feast:
        ratios |= {
            "Feast / 1 entity, at least": feast["reads"]["1"] / read["1"],
            "Feast / 100 entities": feast["reads"]["100"] / read["100"],
            "Feast / 1,000 as a frame, at least": feast["reads"]["1,000 as a frame"] / read["1,000 as a frame"],
            "Feast / loading, at least": feast["load"]["cpu"] / load["load"]["cpu"],
        }
    status = judge(ratios, TARGETS)
    return {"reads": read, "loads": load, "feast": feast, "ratios": ratios, "targets": TARGETS}, status


def main() -> int:
    """Measure reads and loads, and print their ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000, help="entities of each view")
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--feast", default=os.environ.get("FEAST_PYTHON"), help="a Python that has feast[duckdb]")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", choices=["load", "append"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--own", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only == "load":
        print(json.dumps(load_once(options.folder, options.own)))
        return 0
    if options.only == "append":
        print(json.dumps(append_once(options.own, options.rows)))
        return 0
    if not options.feast:
        print("Feast is left out: --feast or FEAST_PYTHON names no Python that has feast[duckdb].")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, options.rows)
        shelf = shelf_of(folder)
        load = loads(folder, options.rows, max(1, options.repeat // 2))
        shelf.load()
        read = reads(folder, shelf, options.rows, options.repeat) | many_views(folder, options.repeat)
        feast = None
        if options.feast:
            feast = taken([options.feast, str(Path(__file__).parent / "feast_online.py"), "--folder", name])
            feast["load"]["rows"] = 2 * 3 * options.rows
        result, status = report(read, load, feast)
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
