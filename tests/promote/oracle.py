"""An oracle for materialize and reuse: random definitions over random changes, beside a clean computation in full.

``python -m tests.promote.oracle --sequences 200 --first 1000`` runs many and names the seeds that fail.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections import Counter
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import polars as pl

from tests.promote.conftest import record_of
from tests.promote.stage import Table, begin, lake_rows, write
from workbench.compute import amendment, digest_frame, partition_digests
from workbench.errors import PromotionRefused
from workbench.promote import PromotionReport, incremental, recent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from workbench.project import Project

START = datetime(2024, 1, 1, tzinfo=UTC)
TIME = pl.Datetime("us", "UTC")
SCHEMA: dict[str, pl.DataType] = {"k": pl.String(), "g": pl.String(), "t": TIME, "known": TIME, "x": pl.Float64()}
ACCEPTED = "the oracle says what is right"
STEPS = 3
VIEWS = 4


@dataclass(frozen=True, slots=True)
class Form:
    """A kind of definition.

    Attributes
    ----------
    query
        The view's query over a frame ``{frame}`` with the value ``{x}``; ``{n}`` is a small number, ``{w}`` a window.
    lookback
        What it may declare: nothing, a window, some length.
    keeps
        Whether its promises hold on any data.
    is_windowed
        Whether its features are those of a window, and not one named ``v``.
    reads
        A source that it reads besides.
    options
        More of the decorator.
    """

    query: str
    lookback: tuple[str, ...] = ("",)
    keeps: bool = True
    is_windowed: bool = False
    reads: str = ""
    options: str = ""


WINDOW = ', by="k", time="t", windows=["{w}"], n=pl.len(), s=pl.col("{x}").sum())'
FORMS = {
    "select": Form('{frame}.select("k", "t", v=pl.col("{x}") * {n})', ("", "1h")),
    "filter": Form('{frame}.filter(pl.col("{x}") > {n}).select("k", "t", v="{x}")', ("", "1h")),
    "cumulative": Form('{frame}.sort("t").select("k", "t", v=pl.col("{x}").cum_sum().over("k") + {n})'),
    "shifted": Form(
        '{frame}.sort("t").select("k", "t", v=pl.col("{x}").shift({n}).over("k"))', ("", "2d"), keeps=False
    ),
    "rolled": Form(
        '{frame}.sort("t").select("k", "t", v=pl.col("{x}").rolling_sum({n}).over("k"))', ("", "2d"), keeps=False
    ),
    "by time": Form(
        '{frame}.sort("k", "t").rolling("t", period="{w}", group_by="k").agg(v=pl.col("{x}").sum())', ("", "{w}")
    ),
    "windowed": Form("windowed({frame}" + WINDOW, ("", "{w}", "3d"), is_windowed=True),
    "windowed of all": Form("windowed({frame}" + WINDOW, ("", "{w}"), is_windowed=True, options=', scope="global"'),
    "of all": Form('{frame}.sort("t").select("k", "t", v=pl.col("{x}").cum_sum())', options=', scope="global"'),
    "made": Form(
        '{frame}.sort("t").with_columns(pl.col("k").str.to_lowercase())'
        '.select("k", "t", v=pl.col("{x}").cum_sum().over("k"))',
        keeps=False,
    ),
    "joined": Form(
        '{frame}.sort("t").join_asof(geo.select("k", "t", w="x").sort("t"), on="t", by="k", '
        'tolerance="{w}", check_sortedness=False)'
        '.select("k", "t", v=pl.col("{x}") + pl.col("w").fill_null({n}))',
        ("", "{w}"),
        reads="geo",
    ),
    "of a day": Form(
        '{frame}.sort("t").select("k", "t", v=pl.col("{x}").cum_max().over("k", pl.col("t").dt.truncate("1d")))',
        ("", "1d"),
    ),
}
"""Over the source ``ev`` or over a view."""
OF_SOURCE = {
    "windowed by what is renamed": Form(
        'windowed({frame}.select("t", "x", k="g")' + WINDOW, ("", "{w}"), keeps=False, is_windowed=True
    ),
    "windowed by what is made": Form(
        'windowed({frame}.with_columns(k=pl.col("k") + pl.col("g"))' + WINDOW,
        ("", "{w}"),
        keeps=False,
        is_windowed=True,
    ),
    "windowed by more": Form(
        "windowed({frame}" + WINDOW.replace('"k"', '["k", "g"]') + '.filter(pl.col("g") == "g1").drop("g")',
        ("", "{w}"),
        keeps=False,
        is_windowed=True,
    ),
    "known": Form('{frame}.select("k", "t", "known", v=pl.col("{x}") + {n})', options=', created="known"'),
    "joined by another key": Form(
        '{frame}.sort("t").join_asof(geo.select("t", "g", w="x").sort("t"), on="t", by="g", '
        'tolerance="{w}", check_sortedness=False)'
        '.select("k", "t", v="w")',
        ("", "{w}"),
        reads="geo",
    ),
}
MODEL = '''\
class {model}(FeatureModel):
    k: str
    t: UTC
{features}


@feature_view(entities="k", event_time="t", owner="ann"{options})
def {name}({reads}) -> LazyFrame[{model}]:
    """{form}."""
    return {query}
'''


@dataclass(frozen=True, slots=True)
class Definition:
    """A definition: its name, its form, the view it reads, and what fills the form."""

    name: str
    form: str
    above: str
    values: dict[str, Any]

    @classmethod
    def random(cls, chance: random.Random, name: str, above: str) -> Definition:
        """Return one over the view `above`, or over the source ``ev`` where that is empty."""
        form = chance.choice([*FORMS] if above else [*FORMS, *OF_SOURCE])
        facts = (FORMS | OF_SOURCE)[form]
        values = {"frame": above or "ev", "x": "v" if above else "x", "n": chance.randint(1, 4)}
        values["w"] = chance.choice(["6h", "1d"])
        return cls(name, form, above, values | {"lookback": chance.choice(facts.lookback).format(**values)})

    @property
    def facts(self) -> Form:
        """Its form."""
        return (FORMS | OF_SOURCE)[self.form]

    @property
    def text(self) -> str:
        """What its cell holds."""
        facts, w, lookback = self.facts, self.values["w"], self.values["lookback"]
        features = {f"n_{w}": "int", f"s_{w}": "float | None"} if facts.is_windowed else {"v": "float | None"}
        known = {"known": "UTC"} if self.form == "known" else {}
        lines = [f"    {name}: {kind}" for name, kind in known.items()]
        lines += [f'    {name}: {kind} = Feature(unit="count")' for name, kind in features.items()]
        return MODEL.format(
            model=self.name.title().replace("_", ""),
            features="\n".join(lines),
            options=facts.options + (f', lookback="{lookback}"' if lookback else ""),
            name=self.name,
            reads=", ".join(f"{read}: pl.LazyFrame" for read in (self.values["frame"], facts.reads) if read),
            form=self.form,
            query=facts.query.format(**self.values),
        )


def events(chance: random.Random, rows: int, first: float, *, keys: int = 6) -> pl.DataFrame:
    """Return events, about one an hour from the hour `first` on, no two at one instant."""
    made = []
    for number in range(rows):
        at = START + timedelta(
            hours=first + number, seconds=chance.randint(0, 3_000), microseconds=chance.randint(0, 999_999)
        )
        late = timedelta(hours=chance.choice([0, 0, 1, 50]))
        made.append(
            (f"k{chance.randrange(keys)}", f"g{chance.randrange(3)}", at, at + late, float(chance.randint(0, 9)))
        )
    return pl.DataFrame(made, schema=SCHEMA, orient="row")


def append(chance: random.Random, rows: pl.DataFrame) -> pl.DataFrame:
    """Add rows after a pause."""
    last: datetime = rows.select(pl.col("t").max()).item()
    hours = (last - START) / timedelta(hours=1) + chance.choice([1, 30, 300])
    return pl.concat([rows, events(chance, chance.randint(1, 30), hours, keys=chance.choice([2, 6, 8]))])


def late(chance: random.Random, rows: pl.DataFrame) -> pl.DataFrame:
    """Add rows between those that are there."""
    hours = chance.uniform(0, (rows.select(pl.col("t").max()).item() - START) / timedelta(hours=1))
    return pl.concat([rows, events(chance, chance.randint(1, 4), hours, keys=chance.choice([2, 7]))])


def corrected(chance: random.Random, rows: pl.DataFrame) -> pl.DataFrame:
    """Correct some rows."""
    place = chance.randrange(rows.height)
    some = (pl.int_range(pl.len()) >= place) & (pl.int_range(pl.len()) < place + chance.randint(1, 3))
    return rows.with_columns(x=pl.when(some).then(pl.col("x") + 1).otherwise("x"))


def deleted(chance: random.Random, rows: pl.DataFrame) -> pl.DataFrame:
    """Take some rows away, or an entity."""
    if chance.random() < 0.3:
        return rows.filter(pl.col("k") != f"k{chance.randrange(6)}")
    place = chance.randrange(rows.height)
    return pl.concat([rows[:place], rows[place + chance.randint(1, 5) :]])


def signed(_: random.Random, rows: pl.DataFrame) -> pl.DataFrame:
    """Change the sign of zeros."""
    return rows.with_columns(x=pl.when(pl.col("x") == 0).then(-pl.col("x")).otherwise("x"))


def shuffled(chance: random.Random, rows: pl.DataFrame) -> pl.DataFrame:
    """Shuffle the rows."""
    return rows.sample(fraction=1, shuffle=True, seed=chance.randint(0, 99))


def renamed(chance: random.Random, rows: pl.DataFrame) -> pl.DataFrame:
    """Rename an entity, also to another's name."""
    old = f"k{chance.randrange(6)}"
    new = chance.choice([old.upper(), "k9", "k1"])
    return rows.with_columns(pl.when(pl.col("k") == old).then(pl.lit(new)).otherwise("k").alias("k"))


CHANGES: list[Callable[[random.Random, pl.DataFrame], pl.DataFrame]] = [
    append, append, append, late, corrected, deleted, signed, shuffled, renamed,
]  # fmt: skip


def clean(project: Project, view: str, branch: str) -> pl.DataFrame:
    """Compute a view as a branch defines it, by its function alone and over the files themselves."""
    definition = project.view(view, branch=branch).definition
    sources = project.sources
    inputs = [
        sources[name].frame() if name in sources else clean(project, name, branch).lazy() for name in definition.inputs
    ]
    frame: pl.LazyFrame = definition(*inputs)
    return frame.select(definition.contract.names).collect()


def unlike(found: pl.DataFrame, right: pl.DataFrame) -> pl.DataFrame:
    """Return the rows that only one of two frames has, to the bit."""
    bits = pl.selectors.float().reinterpret(dtype=pl.UInt64).name.suffix(" bits")
    sides = [frame.with_columns(bits, of=pl.lit(of)) for frame, of in ((found, "stored"), (right, "right"))]
    both = pl.concat(sides)
    same = [name for name, dtype in both.schema.items() if name != "of" and dtype != pl.Float64]
    return both.filter(pl.len().over(same) != 2).sort("k", "t")


@dataclass
class Sequence:
    """Random views, published, over random changes of their sources and of their code."""

    project: Project
    chance: random.Random
    rows: dict[str, pl.DataFrame]
    published: dict[str, Definition] = field(default_factory=dict)
    how: Counter[str] = field(default_factory=Counter)

    def publish(self) -> None:
        """Define views, the last of which may read another, and publish those that pass their gates."""
        for number in range(VIEWS):
            plain = [
                name for name, made in self.published.items() if not made.facts.is_windowed and made.form != "known"
            ]
            above = self.chance.choice(plain) if plain and number == VIEWS - 1 else ""
            made = Definition.random(self.chance, f"view_{number}", above)
            self.project.define(made.text, log=False)
            self.published[made.name] = made
        refused: PromotionRefused | None = None
        for _ in range(VIEWS):
            accept = {} if refused is None else self._accepted(refused)
            if not self.published:
                return
            try:
                self.project.promote([*self.published], accept=accept)
            except PromotionRefused as error:
                refused = error
            else:
                return
        self.published = {}

    def _accepted(self, refused: PromotionRefused) -> dict[str, str]:
        """Return what could not be checked, and leave out the views that failed, with what reads them."""
        assert isinstance(refused.report, PromotionReport)
        gates = refused.report.plan.gates
        failed = {gate.view for gate in gates if gate.checked and not gate.passed}
        self.published = {name: made for name, made in self.published.items() if not {name, made.above} & failed}
        return {
            f"{gate.view}:{gate.name}": ACCEPTED for gate in gates if not gate.checked and gate.view in self.published
        }

    def change(self) -> None:
        """Change one or two sources."""
        for _ in range(self.chance.choice([1, 1, 2])):
            name = self.chance.choice(["ev", "ev", "geo"])
            self.rows[name] = self.chance.choice(CHANGES)(self.chance, self.rows[name])
            write(self.project.root, name, self.rows[name])

    def materialize(self) -> None:
        """Materialize, and see that lake and cache hold what a clean computation gives."""
        accept = dict.fromkeys(self.published, ACCEPTED)
        for found in self.project.materialize(accept=accept).views:
            made = self.published[found.view]
            assert found.state in {"updated", "current"}, f"{found}\n{made.text}"
            broken = any(
                words in found.how for words in ("no longer holds", "also changed", "cannot be", "are not those")
            )
            keeps = made.facts.keeps and (not made.above or self.published[made.above].facts.keeps)
            assert not (broken and keeps), f"{found}\n{made.text}"
            self.how["broken" if broken else "in full" if "in full" in found.how else "in part"] += 1
            right = clean(self.project, found.view, "main")
            version = record_of(self.project, found.view).version()
            stored = self.project._workspace.cache.get(version.view_id)
            assert stored is not None
            for place, rows in (
                ("lake", lake_rows(self.project, found.view)),
                ("cache", self.project.view(found.view, branch="main").frame().collect()),
            ):
                wrong = unlike(rows, right)
                assert wrong.is_empty(), f"{place}: {found}\n{made.text}\n{wrong}"
                digest = digest_frame(rows.lazy(), keys=stored.record.keys)
                assert digest == stored.record.digest, f"{place}: {found}\n{made.text}"
                assert (digest.exact, rows.height) == (version.data_digest, version.rows)
                ends = (rows[version.event_time].min(), rows[version.event_time].max()) if rows.height else None
                assert version.period == ends, f"{place}: {found}\n{made.text}"

    def redefine(self) -> None:
        """Give a view other numbers on the branch, and then those of before; see that each is its own."""
        made = self.chance.choice([*self.published.values()])
        other = replace(made, values=made.values | {"n": made.values["n"] + 1})
        for each in (other, made):
            self.project.define(each.text, log=False)
            wrong = unlike(self.project.view(each.name).frame().collect(), clean(self.project, each.name, "exp/a"))
            assert wrong.is_empty(), f"{each.text}\n{wrong}"


@contextmanager
def as_of_much_data(chance: random.Random) -> Iterator[None]:
    """Have the bounds, from which on less than all is read, lie among the rows that there are here."""
    with ExitStack() as patches:
        for module, name, value in (
            (recent, "SMALL", chance.choice([0, recent.SMALL])),
            (amendment, "LEAST_CUT", chance.choice([1, 20, 100])),
            (amendment, "ROW_GROUP", 1),
            (partition_digests, "_COARSE", chance.choice([1, 16])),
            (partition_digests, "_ROWS", chance.choice([1, 4])),
            (recent, "MOST_WHOLE", chance.choice([60, recent.MOST_WHOLE])),
            (incremental, "MOST_WHOLE", chance.choice([0, recent.MOST_WHOLE])),
        ):
            patches.enter_context(patch.object(module, name, value))
        yield


def run(seed: int, folder: Path) -> Counter[str]:
    """Run one sequence, and return how often versions were computed how.

    Raises
    ------
    AssertionError
        Where something is stored that a clean computation in full does not give.
    """
    chance = random.Random(seed)
    rows = {"ev": events(chance, 150, 0), "geo": events(chance, 60, 0)}
    with (
        as_of_much_data(random.Random(-seed)) if seed % 2 else nullcontext(),
        closing(begin(folder, {name: Table(frame, "t", "t") for name, frame in rows.items()})) as project,
    ):
        sequence = Sequence(project, chance, rows)
        sequence.publish()
        for _ in range(STEPS if sequence.published else 0):
            sequence.change()
            sequence.materialize()
            if chance.random() < 0.3:
                sequence.redefine()
        return sequence.how


def main() -> None:
    """Run many sequences, and name the seeds of those that fail."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sequences", type=int, default=100)
    parser.add_argument("--first", type=int, default=0)
    asked = parser.parse_args()
    how: Counter[str] = Counter()
    for seed in range(asked.first, asked.first + asked.sequences):
        with tempfile.TemporaryDirectory(prefix="oracle-") as folder:
            try:
                how += run(seed, Path(folder) / "p")
            except AssertionError as error:
                print(f"seed {seed}: {error}", flush=True)
    print(dict(how))


if __name__ == "__main__":
    main()
