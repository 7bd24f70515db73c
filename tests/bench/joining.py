"""Training sets of views in a project, beside what one may write by hand over the same files: a case, measured.

Views have five features each and a ttl; their files are those that the workbench computed, so all read the same bytes.
The plans by hand are in Polars, streaming, and give the spine's rows in their order:

- sorted: scan the file, sort it by time, `join_asof` with a tolerance;
- as stored: the same without the sort, as one may who knows the file to be in order of time, or of entity and time;
- keys asked: one of these over the rows that have a key of the spine;
- keys first: join the keys and times of these rows, then read the rows that won.

What is compared with is the quickest of them. "join" is the workbench's inner join, "branch" and "published" are all of
`store.training_set`, with its row ledger, of an experiment's views and of published ones. These are joined again and
again: the indexes that their second training set makes are there. What it takes to make them is said on its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

import workbench as wb
from tests.bench.measured import least, measured, taken, timed
from tests.bench.targets import Target
from workbench.point_in_time import INDEXES, ViewRows, index_folder, join_views

TTL = timedelta(days=30)
YEAR = 365 * 86_400 * 1_000_000
FEAST = Path(__file__).parent / "feast_join.py"
BY_HAND = ("sorted", "as stored")
MANY = 1_000_000
"""Rows from which a process repeats its call once: the call takes seconds."""
CELL = '''
class Big{number}(FeatureModel):
    user: {key}
    at: UTC
    {columns}


@feature_view(entities="user", event_time="at", ttl="30d", owner="bench")
def big{number}(events{number}: pl.LazyFrame) -> LazyFrame[Big{number}]:
    """What users did."""
    return events{number}.select("user", "at", {names})
'''
SOURCE = """
[sources.events{number}]
path = "data/events{number}.parquet"
event_time = "at"
"""


@dataclass(frozen=True)
class Data:
    """Views of `rows` rows each, in the order `layout`: of time, of entity (and time), or none."""

    layout: str
    rows: int
    entities: int
    views: int
    texts: bool


@dataclass(frozen=True)
class Spine:
    """A spine of `rows` rows that asks for `entities`."""

    rows: int
    entities: int

    @property
    def file(self) -> str:
        """Its file's name."""
        return f"spine-{self.rows}-{self.entities}.parquet"


def features(number: int) -> list[str]:
    """Return the features of a view."""
    return [f"f{number}_{place}" for place in range(5)]


def events(rows: int, entities: int, seed: int, *, texts: bool, names: Sequence[str]) -> pl.DataFrame:
    """Return `rows` of `entities`, spread over a year in no order, with columns of these names."""
    at = (pl.int_range(rows).hash(seed=seed + 1) % YEAR).cast(pl.Int64).cast(pl.Datetime("us"))
    number = pl.int_range(rows).hash(seed=seed) % entities
    user = "user-" + number.cast(pl.String).str.zfill(6) if texts else number.cast(pl.Int64)
    values = [
        (pl.int_range(rows).hash(seed=seed + place + 2) % 1_000_000 / 1000).alias(name)
        for place, name in enumerate(names)
    ]
    return pl.select(user.alias("user"), at.dt.replace_time_zone("UTC").alias("at"), *values)


def make(root: Path, data: Data, spines: Sequence[Spine]) -> None:
    """Make a project whose views are computed and published, and the spines."""
    subprocess.run(["git", "init", "-q", "-b", "main", str(root)], check=True)
    for name, value in (("user.name", "Bench"), ("user.email", "bench@localhost")):
        subprocess.run(["git", "-C", str(root), "config", name, value], check=True)
    sources = "".join(SOURCE.format(number=number) for number in range(data.views))
    (root / "workbench.toml").write_text(f'[project]\nname = "bench"\n[tracking]\nsend = false\n{sources}')
    (root / ".gitignore").write_text("*\n!features\n!registry\n")
    (root / "data").mkdir()
    order = {"time": ["at"], "entity": ["user", "at"]}.get(data.layout)
    for number in range(data.views):
        made = events(data.rows, data.entities, 20 * number, texts=data.texts, names=features(number))
        (made.sort(order) if order else made).write_parquet(root / "data" / f"events{number}.parquet")
    for spine in spines:
        events(spine.rows, spine.entities, 77, texts=data.texts, names=["label"]).write_parquet(root / spine.file)
    project = wb.init(root)
    project.branch("exp/bench", objective="Measure")
    for number in range(data.views):
        columns = "\n    ".join(f'{name}: float = Feature(description="One")' for name in features(number))
        names = ", ".join(f'"{name}"' for name in features(number))
        key = "str" if data.texts else "int"
        project.define(CELL.format(number=number, key=key, columns=columns, names=names), log=False)
    files = [_file(project, number) for number in range(data.views)]
    (root / "views.json").write_text(json.dumps([str(path) for path in files]))
    report = project.promote()
    if report.is_refused:
        raise SystemExit(f"the views were not published:\n{report}")
    project.close()


def _file(project: wb.Project, number: int) -> Path:
    stored = project._workspace.cache.get(project.view(f"big{number}").view_id)
    assert stored is not None
    return stored.path


Join = Callable[[pl.DataFrame], pl.DataFrame]


def as_stored(files: Sequence[Path], *, order: bool, keys: bool) -> Join:
    """Return the join by hand, with a sort if `order`, of the spine's keys alone if `keys`."""

    def run(spine: pl.DataFrame) -> pl.DataFrame:
        joined = spine.lazy().with_row_index("i").sort("at")
        for file in files:
            view = _asked(pl.scan_parquet(file), spine) if keys else pl.scan_parquet(file)
            joined = _asof(joined, view.sort("at") if order else view)
        return joined.sort("i").drop("i").collect(engine="streaming")

    return run


def keys_first(files: Sequence[Path], *, order: bool) -> Join:
    """Return the join by hand that reads keys and times, then the rows that won."""

    def run(spine: pl.DataFrame) -> pl.DataFrame:
        parts = [spine]
        for number, file in enumerate(files):
            view = _asked(pl.scan_parquet(file, row_index_name="row").select("user", "at", "row"), spine)
            timed_rows = spine.lazy().select("user", "at").with_row_index("i").sort("at")
            won = _asof(timed_rows, view.sort("at") if order else view).sort("i").select("row")
            rows = won.collect(engine="streaming")["row"]
            read = pl.scan_parquet(file, row_index_name="row").filter(pl.col("row").is_in(rows.unique().implode()))
            values = read.select("row", *features(number)).collect(engine="streaming")
            parts.append(rows.to_frame().join(values, on="row", how="left", maintain_order="left").drop("row"))
        return pl.concat(parts, how="horizontal")

    return run


def _asked(view: pl.LazyFrame, spine: pl.DataFrame) -> pl.LazyFrame:
    return view.filter(pl.col("user").is_in(spine["user"].unique().implode()))


def _asof(spine: pl.LazyFrame, view: pl.LazyFrame) -> pl.LazyFrame:
    return spine.join_asof(view, on="at", by="user", tolerance=TTL, check_sortedness=False)


def by_duckdb(files: Sequence[Path]) -> Join:
    """Return the join as DuckDB does it."""

    def run(spine: pl.DataFrame) -> pl.DataFrame:
        columns, joins = ["s.*"], []
        with duckdb.connect() as connection:
            connection.execute("set TimeZone = 'UTC'")
            connection.register("spine", spine.with_row_index("i"))
            for number, file in enumerate(files):
                held = f"s.at - v{number}.at <= interval {TTL.days} days"
                columns += [f"case when {held} then {name} end as {name}" for name in features(number)]
                joins.append(f"asof left join '{file}' v{number} on s.user = v{number}.user and s.at >= v{number}.at")
            query = f"select {', '.join(columns)} from spine s {' '.join(joins)} order by i"
            joined: pl.DataFrame = connection.sql(query).pl().drop("i")
        return joined

    return run


def join(files: Sequence[Path], rows: int) -> Join:
    """Return the workbench's inner join, of views as the store hands them over."""
    views = [
        ViewRows(
            f"big{number}",
            pl.scan_parquet(file),
            {"user": "user"},
            {name: name for name in features(number)},
            event_time="at",
            ttl=TTL,
            stored=True,
            numbered=partial(_numbered, file),
            index=index_folder(file.parents[2] / "facts" / file.parent.name, rows=rows, files=partial(_files, file)),
        )
        for number, file in enumerate(files)
    ]
    return lambda spine: join_views(spine, views, time="at")


def _files(file: Path) -> list[str]:
    return [str(file)]


def _numbered(file: Path, row: str) -> pl.LazyFrame:
    return pl.scan_parquet(file, row_index_name=row)


def training_set(root: Path, views: int, branch: str | None) -> Join:
    """Return the store's way: of the views of a branch, or of those that are published."""
    project = wb.open(root)
    project.branch(branch or "main")
    warnings.simplefilter("ignore")  # few rows may match, and the ledger says so
    names = [f"big{number}" for number in range(views)]
    return lambda spine: project.store.training_set(spine, names, time="at", label="label").frame


def contenders(root: Path, data: Data) -> dict[str, Callable[[], Join]]:
    """Return who joins, the plans by hand first, those that a file in no order does not allow left out."""
    files = [Path(path) for path in json.loads((root / "views.json").read_text())]
    orders = {"sorted": True} | ({} if data.layout == "none" else {"as stored": False})
    plans: dict[str, Callable[[], Join]] = {}
    for name, order in orders.items():
        plans[f"{name}"] = partial(as_stored, files, order=order, keys=False)
        plans[f"{name}, keys asked"] = partial(as_stored, files, order=order, keys=True)
        plans[f"{name}, keys first"] = partial(keys_first, files, order=order)
    return plans | {
        "DuckDB": partial(by_duckdb, files),
        "join": partial(join, files, data.rows),
        "branch": partial(training_set, root, data.views, "exp/bench"),
        "published": partial(training_set, root, data.views, None),
    }


def measure(root: Path, data: Data, spine: Spine, name: str, stage: str | None) -> dict[str, Any]:
    """Run one contender: its first call of this process, the one that makes indexes, or those after them."""
    rows = pl.read_parquet(root / spine.file)
    run = contenders(root, data)[name]()
    if stage == "indexes":
        run(rows)
        seconds, used = timed(lambda: run(rows))
        size = sum(file.stat().st_size for file in root.rglob(f"{INDEXES}*/*"))
        return {"seconds": seconds, "cpu": used, "size": size}
    if stage == "first":  # of a process that has loaded neither definitions nor the store
        seconds, used = timed(lambda: run(rows))
        return {"first": round(seconds, 3), "first_cpu": round(used, 3)}
    if name == "branch":
        import pandera.polars  # noqa: F401  its definitions load it: it is no memory of the join

    joined, figures = measured(lambda: run(rows), repeat=3 if data.rows < MANY else 1)
    one = joined[features(data.views - 1)[0]]
    return {name: round(value, 3) for name, value in figures.items()} | {
        "rows": joined.height,
        "found": one.count(),
        "total": round(one.sum(), 3),
    }


def command_of(root: Path, data: Data, spine: Spine) -> list[str]:
    """Return the command that runs a contender, whose name is to follow."""
    return [sys.executable, "-m", "tests.bench.joining", str(root), json.dumps([asdict(data), asdict(spine)])]


def compared(root: Path, data: Data, spine: Spine, *, repeat: int, feast: str | None) -> dict[str, dict[str, Any]]:
    """Return the figures of each contender for a spine; they take turns."""
    words = command_of(root, data, spine)
    commands = {name: [*words, name] for name in contenders(root, data)}
    if feast:
        asked = {"root": str(root), "spine": spine.file, "texts": data.texts}
        commands["Feast"] = [feast, str(FEAST), json.dumps(asked)]
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in commands}
    for _ in range(repeat):
        for name, command in commands.items():
            runs[name].append(taken(command))
            if name in {"branch", "published"}:
                runs[name][-1] |= taken([*command, "first"])
    found = {name: least(each) for name, each in runs.items()}
    different = {(each["rows"], each["found"]) for each in found.values()}
    totals = [each["total"] for each in found.values()]
    if len(different) > 1 or max(totals) - min(totals) > 1:
        raise SystemExit(f"the joins found different values: {found}")
    return found


def best_plan(found: dict[str, dict[str, Any]], figure: str) -> float:
    """Return the least of a figure that a plan by hand has; the memory is that of the quickest."""
    plans = [each for name, each in found.items() if name.startswith(BY_HAND)]
    least_plan = min(plans, key=lambda plan: plan["cpu"] if figure == "peak_mb" else plan[figure])
    value: float = least_plan[figure]
    return value


def report(data: Data, spine: Spine, found: dict[str, dict[str, Any]]) -> None:
    """Print the figures of a spine."""
    print(
        f"\n{spine.rows:,} rows of {spine.entities:,} entities, {data.views} x {data.rows:,} rows in order of "
        f"{data.layout}\n{'':24}{'seconds':>9}{'CPU':>8}{'MB':>8}{'time':>8}{'CPU':>7}"
    )
    for name, each in found.items():
        ratios = [each[figure] / best_plan(found, figure) for figure in ("seconds", "cpu")]
        first = f"   first call {each['first']:.2f} s, CPU {each['first_cpu']:.2f}" if "first" in each else ""
        print(
            f"{name:24}{each['seconds']:9.3f}{each['cpu']:8.3f}{each['peak_mb']:8,.0f}{ratios[0]:7.2f}x{ratios[1]:6.2f}x"
            f"{first}"
        )


def ratios(found: dict[str, dict[str, Any]], other: str | None, most: float | None, what: str) -> list[Target]:
    """Return the targets of `published` beside another contender, or the best plan by hand, in time and CPU."""
    own = found["published"]
    beside = other or "the best plan by hand"
    return [
        Target(
            f"{what}: published to {beside}, {word}",
            own[figure] / (best_plan(found, figure) if other is None else found[other][figure]),
            most,
        )
        for figure, word in (("seconds", "time"), ("cpu", "CPU"))
    ]


Judge = Callable[[Data, Spine, dict[str, dict[str, Any]]], list[Target]]


def run_cases(
    cases: Sequence[tuple[Data, Sequence[Spine]]], judge: Judge, *, repeat: int, feast: str | None
) -> tuple[list[dict[str, Any]], list[Target]]:
    """Measure and print all cases; return their figures and targets."""
    lines: list[dict[str, Any]] = []
    targets: list[Target] = []
    for data, spines in cases:
        with tempfile.TemporaryDirectory() as name:
            root = Path(name) / "bench"
            root.mkdir()
            make(root, data, spines)
            made = taken([*command_of(root, data, spines[0]), "published", "indexes"])
            print(
                f"\nThe training set that made indexes of {made['size'] / 1e6:,.0f} MB: {made['seconds']:.2f} s, "
                f"CPU {made['cpu']:.2f}"
            )
            for spine in spines:
                found = compared(root, data, spine, repeat=repeat, feast=feast)
                report(data, spine, found)
                sys.stdout.flush()
                lines += [
                    {"contender": who, **asdict(data), "spine": asdict(spine), **each} for who, each in found.items()
                ]
                targets += judge(data, spine, found)
    return lines, targets


def main() -> None:
    """Run one contender, and print what it took."""
    parser = argparse.ArgumentParser()
    for word in ("root", "case", "name"):
        parser.add_argument(word)
    parser.add_argument("stage", nargs="?")
    words = parser.parse_args()
    data, spine = json.loads(words.case)
    found = measure(Path(words.root), Data(**data), Spine(**spine), words.name, words.stage)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
