"""A random walk over the published store, beside a plain model that says what each reader must get.

The test walks a few seconds by a fixed seed. For longer ones: ``python -m tests.promote.walk --steps 300 --seed 7``.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import warnings
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

import workbench as wb
from tests.promote.conftest import record_of
from tests.promote.stage import Table, begin, write
from workbench.errors import FeatureNotFound, PromotionError, WorkbenchError
from workbench.promote import retire
from workbench.promote.new_data import is_loss

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.project import Project

START = datetime(2024, 1, 1, tzinfo=UTC)
LATER = datetime(2100, 1, 1, tzinfo=UTC)
GATES = ("contract", "probes", "drift")
FACTORS, ADDENDS, OWNERS = (1, 2, 3), (0, 1, 2), ("ann", "bo")
Rows = dict[tuple[str, datetime], float]


def cell(view: str, number: int, owner: str) -> str:
    """Return ``base``, each amount times a number, or ``top``, what ``base`` says plus a number."""
    name, reads, column = ("Base", "events", "x") if view == "base" else ("Top", "base", "v")
    sign = "*" if view == "base" else "+"
    return f'''\
class {name}(FeatureModel):
    user: str
    at: UTC
    v: float = Feature(description="An amount")


@feature_view(entities="user", event_time="at", owner="{owner}")
def {view}({reads}: pl.LazyFrame) -> LazyFrame[{name}]:
    """Each amount."""
    return {reads}.select("user", "at", v=pl.col("{column}") {sign} {number}.0)
'''


@dataclass(frozen=True)
class Expected:
    """A published version: its definition, its rows, and what these were made from."""

    view: str
    major: int
    minor: int
    number: int
    owner: str
    rows: Rows
    made_from: Rows
    status: str = "live"
    base_major: int = 0
    held: bool = False

    @property
    def label(self) -> str:
        return f"{self.major}.{self.minor}"

    @property
    def is_live(self) -> bool:
        return self.status in {"live", "deprecated"}

    def computed(self, inputs: Rows) -> Rows:
        """Return what the definition makes of its input."""
        return {key: x * self.number if self.view == "base" else x + self.number for key, x in inputs.items()}

    def on(self, inputs: Rows) -> Expected:
        """Return the version with its rows made from other inputs."""
        return replace(self, rows=self.computed(inputs), made_from=dict(inputs), held=False)


@dataclass
class Model:
    """What is published, by plain rules."""

    source: Rows
    versions: dict[tuple[str, str], Expected] = field(default_factory=dict)
    current: dict[str, str] = field(default_factory=dict)

    def of(self, view: str) -> list[Expected]:
        found = [one for (name, _), one in self.versions.items() if name == view]
        return sorted(found, key=lambda one: (one.major, one.minor))

    def serving(self, view: str) -> Expected | None:
        return self.versions.get((view, self.current.get(view, "")))

    def live(self, view: str, major: int) -> Expected | None:
        return next((one for one in self.of(view) if one.is_live and one.major == major), None)

    def put(self, version: Expected) -> None:
        self.versions[version.view, version.label] = version

    def input_today(self, version: Expected) -> Rows | None:
        """Return what a version would be computed from on today's source, whatever is published; None for nothing."""
        if version.view == "base":
            return self.source
        base = self.live("base", version.base_major)
        return None if base is None else base.computed(self.source)

    def publish(self, view: str, number: int, owner: str) -> Expected | None:
        """Publish a definition, read from what serves; return the new version, None where nothing changed."""
        before = self.serving(view)
        base = self.serving("base") if view == "top" else None
        inputs = self.source if base is None else base.computed(self.source)
        new = Expected(view, 1, 0, number, owner, {}, {}, base_major=base.major if base else 0).on(inputs)
        if before is not None:
            old = self.input_today(before)
            same = old is not None and before.computed(old) == new.rows
            if same and (before.number, before.owner, before.base_major) == (number, owner, new.base_major):
                return None
            if same:
                minors = [one.minor for one in self.of(view) if one.major == before.major]
                new = replace(new, major=before.major, minor=max(minors) + 1)
            else:
                new = replace(new, major=max(one.major for one in self.of(view)) + 1)
        self.serve(new)
        return new

    def serve(self, version: Expected) -> None:
        """Let a version serve, and be what its major version gives."""
        before = self.live(version.view, version.major)
        status = "live" if before is None else before.status
        if before is not None:
            self.put(replace(before, status="superseded"))
        self.put(replace(version, status=status))
        self.current[version.view] = version.label

    def materialize(self, pinned: set[tuple[str, int]], *, accept: bool) -> dict[tuple[str, str], str]:
        """Bring live versions up to date that serve, or that something reads or pins; return what became of each."""
        read = {version.base_major for version in self.of("top") if self._is_needed(version, pinned)}
        states: dict[tuple[str, str], str] = {}
        for view in ("base", "top"):
            for version in self.of(view):
                if not version.is_live:
                    continue
                needed = self._is_needed(version, pinned) or (view == "base" and version.major in read)
                act = self._refreshed if needed else self._frozen
                states[view, version.label] = act(version, states, accept=accept)
        return states

    def _is_needed(self, version: Expected, pinned: set[tuple[str, int]]) -> bool:
        serving = self.serving(version.view)
        older = serving is not None and version.major < serving.major
        return version.is_live and (not older or (version.view, version.major) in pinned)

    def _frozen(self, version: Expected, states: dict[tuple[str, str], str], *, accept: bool) -> str:
        base = self.live("base", version.base_major) if version.view == "top" else None
        if version.view == "top" and (base is None or states["base", base.label] == "frozen"):
            return "frozen"
        if (self.source if base is None else base.rows) != version.made_from:
            return "frozen"
        self.put(replace(version, held=False))
        return "current"

    def _refreshed(self, version: Expected, states: dict[tuple[str, str], str], *, accept: bool) -> str:
        inputs = self.source
        if version.view == "top":
            base = self.live("base", version.base_major)
            if base is None or states["base", base.label] == "left":
                return "left"
            inputs = base.rows
        if inputs == version.made_from:
            self.put(replace(version, held=False))
            return "current"
        if version.held and not accept:
            return "held"
        new = version.on(inputs)
        if not accept and (is_loss(len(version.rows), len(new.rows), 0.5)):
            return "left"
        self.put(new)
        return "updated"


class Walk:
    """A project and its model, walked together.

    Parameters
    ----------
    folder
        Where the project is made.
    seed
        Of the choices.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.random = random.Random(seed)
        self.model = Model(
            {(user, START + timedelta(hours=hour)): float(hour + 1) for hour in range(6) for user in "ab"}
        )
        self.project = begin(folder, {"events": Table(self._frame(), "at", "at")})
        self.releases: dict[str, Model] = {}
        self.moments: list[tuple[datetime, Model]] = []
        self.data: dict[tuple[str, int, int], tuple[Rows, Rows]] = {}
        self.made = 0
        self.log: list[str] = []

    def _frame(self) -> pl.DataFrame:
        rows = [(user, at, x) for (user, at), x in self.model.source.items()]
        return pl.DataFrame(
            rows, schema={"user": pl.String, "at": pl.Datetime("us", "UTC"), "x": pl.Float64}, orient="row"
        )

    def close(self) -> None:
        self.project.close()

    def walk(self, steps: int) -> None:
        """Do so many random things, and compare all that can be read after each."""
        for view in ("base", "top"):
            self.promote(view)
            self.compare()
        acts: list[tuple[int, Callable[[], None]]] = [
            (3, lambda: self.promote("base")),
            (2, lambda: self.promote("top")),
            (4, self.rollback),
            (3, self.rollback_data),
            (5, self.change),
            (5, self.materialize),
            (2, self.deprecate),
            (2, self.retire),
            (1, self.cut),
            (1, self.drop),
            (1, self.collect),
            (1, self.restart),
            (1, self.branch_anew),
        ]
        for _ in range(steps):
            self.random.choices([act for _, act in acts], [weight for weight, _ in acts])[0]()
            self.compare()

    # what can be done

    def promote(self, view: str) -> None:
        number = self.random.choice(FACTORS if view == "base" else ADDENDS)
        owner = self.random.choice(OWNERS)
        self.log.append(f"promote {view} {number} {owner}")
        model = deepcopy(self.model)
        new = model.publish(view, number, owner)
        self.made += 1
        self.project.branch(f"exp/n{self.made}", objective="Walk")
        self.project.define(cell(view, number, owner), log=False)
        top = self.model.serving("top") if view == "base" else None
        names = [view, *(["top"] if top else [])]
        accept = {name: "walking" for each in names for name in (each, *(f"{each}:{gate}" for gate in GATES))}
        try:
            published = dict(self.project.promote(view, accept=accept, with_downstream=top is not None).versions)
        except PromotionError as error:
            self.log.append(f"  {error.message}")
            if new is not None:
                raise
            return
        assert new is not None, f"published {published}, though nothing changed"
        assert published.pop(view) == new.label
        follow = None if top is None else model.publish("top", top.number, top.owner)
        assert published == ({"top": follow.label} if follow else {}), published
        self.model = model
        self.log.append(f"  {new.label}")

    def rollback(self) -> None:
        view = self.random.choice(["base", "top"])
        target = self.random.choice([one for one in self.model.of(view) if one.status != "retired"])
        self.log.append(f"rollback {view} --to {target.label}")
        self.project.rollback(view, target.label)
        if self.model.current[view] != target.label:
            self.model.serve(target)

    def rollback_data(self) -> None:
        view = self.random.choice(["base", "top"])
        serving = self.model.serving(view)
        assert serving is not None
        known = [one.number for one in self.project.store.catalog()[view].data]
        number = self.random.choice(known)
        self.log.append(f"rollback {view} --data {number} of {known}")
        now = record_of(self.project, view).version().delta_version
        self.project.rollback(view, data=number)
        if number != now:
            rows, made_from = self.data[view, serving.major, number]
            self.model.put(replace(serving, rows=rows, made_from=made_from, held=True))

    def change(self) -> None:
        how = self.random.choice(["add", "add", "amend", "withdraw", "truncate", "empty"])
        source = self.model.source
        if how == "add":
            last = max((at for _, at in source), default=START)
            source = source | {(user, last + timedelta(hours=1)): float(self.random.randint(1, 50)) for user in "ab"}
        elif how == "empty":
            source = {}
        elif source:
            key = self.random.choice(list(source))
            if how == "amend":
                source = source | {key: source[key] + 1}
            elif how == "withdraw":
                source = {other: x for other, x in source.items() if other != key}
            else:
                source = dict(list(source.items())[: len(source) // 3])
        self.log.append(f"{how}: {len(source)} rows")
        self.model.source = source
        write(self.folder, "events", self._frame())

    def materialize(self) -> None:
        accept = self.random.random() < 0.3
        self.log.append(f"materialize {'accepted' if accept else ''}")
        accepted = dict.fromkeys(["base", "top"], "walking") if accept else {}
        done = self.project.materialize(accept=accepted)
        found = {(view.view, view.number): view.state for view in done.views}
        pinned = {
            (view, serving.major)
            for release in self.releases.values()
            for view in ("base", "top")
            if (serving := release.serving(view)) is not None
        }
        assert found == self.model.materialize(pinned, accept=accept)
        assert done.passed == ("left" not in found.values())
        title = done.report().title
        assert (title == "Up to date") == (set(found.values()) <= {"current"}), title

    def deprecate(self) -> None:
        view = self.random.choice(["base", "top"])
        version = self.random.choice([one for one in self.model.of(view) if one.is_live])
        until = "never" if version.status == "deprecated" and self.random.random() < 0.5 else None
        self.log.append(f"deprecate {view}@{version.major} {until}")
        self.project.deprecate(f"{view}@{version.major}", until, successor="none")
        self.model.put(replace(version, status="live" if until else "deprecated"))

    def retire(self) -> None:
        view = self.random.choice(["base", "top"])
        version = self.random.choice([one for one in self.model.of(view) if one.is_live])
        if self.model.current[view] == version.label:
            return
        readers = [one for one in self.model.of("top") if one.is_live and one.base_major == version.major]
        pinned = (view == "base" and bool(readers)) or any(
            (serving := release.serving(view)) is not None and serving.major == version.major
            for release in self.releases.values()
        )
        self.log.append(f"retire {view}@{version.major}")
        try:
            retire(self.project._workspace, f"{view}@{version.major}", now=LATER)
        except PromotionError:
            if not pinned and version.status == "deprecated":
                raise
            return
        assert not pinned
        assert version.status == "deprecated"
        for one in self.model.of(view):
            if one.major == version.major:
                self.model.put(replace(one, status="retired"))

    def cut(self) -> None:
        name = f"r{len(self.moments)}"
        self.log.append(f"release cut {name}")
        self.project.cut_release(name)
        self.releases[name] = deepcopy(self.model)

    def drop(self) -> None:
        if self.releases:
            name = self.random.choice(list(self.releases))
            self.log.append(f"release drop {name}")
            self.project.drop_release(name)
            del self.releases[name]

    def collect(self) -> None:
        self.log.append("gc --delete")
        self.project.gc(delete=True)

    def restart(self) -> None:
        self.log.append("restart")
        self.project.close()
        self.project = wb.open(self.folder)

    def branch_anew(self) -> None:
        """Delete the branch ``exp/again`` and make it anew: its view is what is defined there now."""
        self.log.append("branch exp/again anew")
        self.project.branch("exp/aside", objective="Walk")
        if self.project.repository.exists("exp/again"):
            self.project.repository.delete("exp/again", force=True)
        self.project.branch("exp/again", objective="Walk")
        number = self.random.choice(FACTORS)
        self.project.define(cell("base", number, "cy"), log=False)
        assert rows_of(self.project.view("base").frame().collect()) == {
            key: x * number for key, x in self.model.source.items()
        }
        assert len(self.project.view("base").history()) == 1

    # what can be read

    def compare(self) -> None:
        """Compare what readers get with the model: now, at a random moment before, and of a random release."""
        for view in self.model.current:
            record = record_of(self.project, view)
            for one in self.model.of(view):
                version = next(each for each in record.versions if each.number == one.label)
                assert version.status == one.status, (view, one.label)
                if one.is_live:
                    self.data[view, one.major, version.delta_version] = one.rows, one.made_from
        now = datetime.now(UTC)
        self.moments.append((now, deepcopy(self.model)))
        reader = wb.open(self.folder, branch="main")
        try:
            self._read("now", self.model, reader.store)
            moment, then = self.random.choice(self.moments)
            self._read(f"at {moment}", then, reader.store.at(time=moment))
            if self.releases:
                name = self.random.choice(list(self.releases))
                self._read(name, self.releases[name], reader.store.at(release=name), majors=False)
            self._join(reader)
        finally:
            reader.close()

    def _read(self, label: str, model: Model, store: wb.FeatureStore, *, majors: bool = True) -> None:
        for view, number in model.current.items():
            asked = {view: number}
            for one in model.of(view) if majors else ():
                asked[f"{view}@{one.label}"] = one.label
                if one.is_live:
                    asked[f"{view}@{one.major}"] = one.label
            for ref, expected in asked.items():
                version = model.versions[view, expected]
                if version.status == "retired":
                    try:
                        store.rows(ref)
                    except FeatureNotFound:
                        continue
                    raise AssertionError(f"{label}: {ref} is retired and can be read")
                assert rows_of(store.rows(ref)) == version.rows, f"{label}: {ref}"

    def _join(self, reader: Project) -> None:
        base, top = self.model.serving("base"), self.model.serving("top")
        if base is None or top is None:
            return
        times = [START + timedelta(minutes=self.random.randint(0, 1_000)) for _ in range(4)]
        spine = pl.DataFrame(
            {"user": ["a", "b", "a", "c"], "event_timestamp": times},
            schema={"user": pl.String, "event_timestamp": pl.Datetime("us", "UTC")},
        )
        joined = reader.store.training_set(spine, ["base:v", "top:v"], full_names=True).frame
        for name, version in (("base__v", base), ("top__v", top)):
            assert joined[name].to_list() == [as_of(version.rows, *row) for row in spine.rows()], name


def as_of(rows: Rows, user: str, time: datetime) -> float | None:
    """Return the last value of a user at a time."""
    known = [(at, value) for (who, at), value in rows.items() if who == user and at <= time]
    return max(known)[1] if known else None


def rows_of(frame: pl.DataFrame) -> Rows:
    return {(user, at): value for user, at, value in frame.select("user", "at", "v").rows()}


def walk(folder: Path, *, seed: int, steps: int) -> None:
    """Walk, and say how to do it again where something differs."""
    found = Walk(folder, seed)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations, low matches, empty sources: all meant
            found.walk(steps)
    except (AssertionError, WorkbenchError) as error:
        error.add_note("\n".join([f"seed {seed}, after:", *found.log]))
        raise
    finally:
        found.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=1)
    asked = parser.parse_args()
    for one in range(asked.seed, asked.seed + asked.seeds):
        with tempfile.TemporaryDirectory() as place:
            walk(Path(place) / "stage", seed=one, steps=asked.steps)
        print(f"seed {one}: {asked.steps} steps, as the model says")
