"""What loading a definition says is kept by all that it is loaded from: what stayed is not loaded, what moved is."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from workbench.compute import DamagedViewWarning
from workbench.define import load_tree
from workbench.errors import DefinitionCycle, UnknownInput
from workbench.pipeline.evaluate import Evaluation
from workbench.pipeline.identities import Identities

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.project import Project

VIEW = """\
import polars as pl

from workbench import UTC, FeatureModel, LazyFrame, feature_view
FIRST


class NAMED(FeatureModel):
    user: str
    at: UTC
    total: float


@feature_view(entities="user", event_time="at"MORE)
def NAMED_(INPUT: pl.LazyFrame) -> LazyFrame[NAMED]:
    return INPUT.select("user", "at", total=BODY)
"""


def view(
    name: str, *, body: str = 'pl.col("amount")', first: str = "", more: str = "", read: str = "events"
) -> dict[str, str]:
    """Return the file of a view."""
    text = VIEW.replace("NAMED_", name).replace("NAMED", name.title()).replace("BODY", body).replace("INPUT", read)
    return {f"features/{name}.py": text.replace("FIRST", first).replace("MORE", more)}


PRICE = """from pathlib import Path

PRICE = Path(__file__).with_name("p.txt").read_text()"""
SHARED = {
    **view("plain"),
    **view("helped", body='times(pl.col("amount"))', first="from .shop.money import times"),
    **view("reading", body='pl.col("amount") * float(PRICE)', first=PRICE, more=', files="p.txt"'),
    "features/shop/__init__.py": "",
    "features/shop/money.py": "def times(value):\n    return value * 2\n",
    "features/p.txt": "3",
}


class Ids(dict[str, str | None]):
    """The ids of a tree's views, and the files that were loaded for them."""

    loaded: set[str]


def ids(project: Project, files: dict[str, str]) -> Ids:
    """Return the ids of the views in a tree, as another process would find them."""
    workspace = project._workspace
    repository = workspace.repository
    tree = repository.tree_with(repository.resolve("main"), files)
    for name in [name for name in sys.modules if name.startswith("features_")]:
        del sys.modules[name]
    identities = Identities(workspace, tree)
    found = Ids({name: identities.of(name) for name in identities.views})
    identities.save()
    found.loaded = {name.partition(".")[2] for name in sys.modules if name.startswith("features_")} - {""}
    definitions = load_tree(repository, tree, cache=workspace.hidden)
    evaluation = Evaluation(definitions, workspace.sources, workspace.cache)
    assert found == {name: evaluation.identity(name) for name in definitions.views}, (
        "what is kept is what is found anew"
    )
    return found


def test_what_is_known_is_not_loaded_again(opened: Project) -> None:
    first = ids(opened, SHARED)
    assert first.loaded >= {"plain", "helped", "reading", "shop.money"}
    again = ids(opened, SHARED)
    assert again == first
    assert again.loaded == set()


CHANGES = {
    "its own text": (view("plain", body='pl.col("amount") + 1'), {"plain"}),
    "what it imports": ({"features/shop/money.py": "def times(value):\n    return value * 3\n"}, {"helped"}),
    "a file that it declares": ({"features/p.txt": "4"}, {"reading"}),
    "a package above what it imports": ({"features/shop/__init__.py": "X = 1\n"}, set()),
    "a comment": ({"features/shop/money.py": "# twice\ndef times(value):\n    return value * 2\n"}, set()),
    "a new file": (view("other"), set()),
}


@pytest.mark.parametrize(("change", "moved"), CHANGES.values(), ids=CHANGES)
def test_a_change_of_a_file_is_seen_and_costs_what_is_loaded_from_it(
    opened: Project, change: dict[str, str], moved: set[str]
) -> None:
    before = ids(opened, SHARED)
    after = ids(opened, SHARED | change)
    assert {name for name in before if before[name] != after[name]} == moved
    named = {path.removeprefix("features/").removesuffix(".py") for path in change}
    assert after.loaded & {"plain", "reading", "other"} <= {*moved, *named}
    assert ids(opened, SHARED) == before, "the tree from before is known too"


def test_a_file_that_comes_in_the_place_of_a_module_is_seen(opened: Project) -> None:
    one = {**view("helped", body='times(pl.col("amount"))', first="from .money import times")}
    one |= {"features/money.py": "def times(value):\n    return value * 2\n"}
    before = ids(opened, one)
    after = ids(opened, one | {"features/money/__init__.py": "def times(value):\n    return value * 5\n"})
    assert "helped" in after.loaded
    assert before.keys() == after.keys()


def test_a_package_of_the_tree_counts_for_every_view(opened: Project) -> None:
    ids(opened, SHARED)
    assert ids(opened, SHARED | {"features/__init__.py": "Y = 2\n"}).loaded >= {"plain", "helped", "reading"}


@pytest.mark.parametrize("damage", [b"", b"no such thing", None], ids=["empty", "other", "a bit"])
def test_a_damaged_file_of_what_is_known_is_as_none(opened: Project, damage: bytes | None) -> None:
    before = ids(opened, SHARED)
    for path in (opened._workspace.hidden / "known").iterdir():
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(bytes(content) if damage is None else damage)
    assert ids(opened, SHARED).loaded >= {"plain"}
    assert ids(opened, SHARED) == before


def test_what_a_view_reads_must_be_there_whatever_is_known(opened: Project) -> None:
    chain = {**view("upper"), **view("lower", body='pl.col("total")', read="upper")}
    assert ids(opened, chain)["lower"] is None, "its input is not computed"
    workspace = opened._workspace
    repository = workspace.repository

    def of(files: dict[str, str]) -> Identities:
        return Identities(workspace, repository.tree_with(repository.resolve("main"), files))

    gone = of(view("lower", body='pl.col("total")', read="upper"))
    with pytest.raises(UnknownInput, match="upper"):
        gone.of("lower")
    circle = of(chain | view("upper", body='pl.col("total")', read="lower"))
    with pytest.raises(DefinitionCycle, match="circle"):
        circle.of("upper")


def test_a_file_that_does_not_load_is_told_each_time(opened: Project) -> None:
    workspace = opened._workspace
    repository = workspace.repository
    tree = repository.tree_with(repository.resolve("main"), SHARED | {"features/wrong.py": "raise ValueError('no')\n"})
    for _ in range(2):
        assert set(Identities(workspace, tree).broken) == {"wrong"}


def test_a_feature_set_that_two_files_define_is_told_each_time(opened: Project) -> None:
    workspace = opened._workspace
    repository = workspace.repository
    made = 'from workbench import feature_set\n\nSET = feature_set("late", ["plain"])\n'
    alone = SHARED | {"features/one.py": made}
    ids(opened, alone)
    tree = repository.tree_with(repository.resolve("main"), alone | {"features/two.py": made})
    assert "a second time" in Identities(workspace, tree).broken["two"].message


def test_status_sees_that_rows_are_damaged_or_gone(project: Project, event_view: str) -> None:
    project.define(event_view, log=False)
    stored = project.view("spend")
    assert [view.state for view in project.status().views] == ["computed"]
    data: Path = project._workspace.cache.root / stored.view_id / "data.parquet"
    content = data.read_bytes()
    data.chmod(0o644)
    data.write_bytes(content[:-4] + b"XXXX")
    with pytest.warns(DamagedViewWarning):
        assert [view.state for view in project.status().views] == ["to compute"]


def test_rows_that_were_looked_at_are_not_read_again_until_they_are_touched(
    project: Project, event_view: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.compute.cache._TICK_NS", 0)
    project.define(event_view, log=False)
    data: Path = project._workspace.cache.root / project.view("spend").view_id / "data.parquet"
    assert [(view.state, view.rows) for view in project.status().views] == [("computed", 200)]
    content = data.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(type(project._workspace.cache), "get", None)
        assert [(view.state, view.rows) for view in project.status().views] == [("computed", 200)]
    data.chmod(0o644)
    data.write_bytes(content[:-4] + b"XXXX")
    with pytest.warns(DamagedViewWarning):
        assert [view.state for view in project.status().views] == ["to compute"]
