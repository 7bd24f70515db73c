"""Which code of a branch runs: none before its author is trusted, and then what the guide says."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import polars as pl
import pytest

import workbench as wb
from tests.conftest import EVENT_VIEW, identify, in_part, make_trial
from workbench.cli import commands, main
from workbench.cli.parsers import WITH_PROJECT
from workbench.define import load_tree, parse_cell
from workbench.errors import NotTrusted, UsageError, WorkbenchError
from workbench.project import Project

GUIDE = (Path(__file__).parents[2] / "notebooks" / "security.md").read_text(encoding="utf-8")
NOTHING: frozenset[str] = frozenset()
VIEW = frozenset({"__init__", "spend", "helper"})
ALL = VIEW | {"extra", "late", "ratio"}
MEANING: Mapping[str, frozenset[str] | None] = {
    "nothing": NOTHING,
    "": None,
    "the views it asks for": VIEW,
    "every definition": ALL,
}

CELL = "from .helper import one\n\n\n" + EVENT_VIEW.replace('pl.col("amount")', '(one() * pl.col("amount"))')
SPEND = parse_cell(CELL).module
RATIO = """
class Ratio(FeatureModel):
    ratio: float


@on_demand(inputs=["spend:total"], request={"amount": float})
def ratio(rows: pl.LazyFrame) -> LazyFrame[Ratio]:
    return rows.select(ratio=pl.col("amount") - pl.col("total").fill_null(0.0))
"""
FILES = {
    "__init__": "",
    "spend": SPEND,
    "helper": "def one() -> int:\n    return 1\n",
    "extra": parse_cell(EVENT_VIEW.replace("Spend", "Extra").replace("spend", "extra")).module,
    "ratio": parse_cell(RATIO).module,
    "late": "from workbench import feature_set\n\nlate = feature_set('late', ['spend'])\n",
    "test_spend": "def test_it() -> None: ...\n",
    "conftest": "",
}
CANARY = "import pathlib\n\npathlib.Path({!r}, __name__.rpartition('.')[2]).touch()\n"


def somebody(project: Project, name: str, *, begins: str = "") -> None:
    """Make the branch `name` by somebody of that name, each file of which begins with `begins`."""
    repository = project.repository
    tip = repository.resolve("main")
    tree = repository.tree_with(tip, {f"features/{file}.py": begins + text for file, text in FILES.items()})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_AUTHOR_NAME", name)
        patch.setenv("GIT_AUTHOR_EMAIL", f"{name}@example.org")
        commit = repository._git.run("commit-tree", tree, "-p", tip, "-m", "Try this").strip()
    repository._git.run("update-ref", f"refs/heads/{name}", commit)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project whose main defines ``spend``; ``stranger`` is not trusted, ``friend`` is."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        identify(folder, patch)
        made = make_trial(folder)
        (made / "canaries").mkdir()
        (made / "features" / "spend.py").write_text(parse_cell(EVENT_VIEW).module)
        pl.DataFrame({"user": ["u1"], "event_timestamp": ["2024-01-01T02:00:00Z"]}).write_csv(made / "spine.csv")
        project = wb.open(made)
        project.repository._git.run("add", "features", "workbench.toml")
        project.repository._git.run("commit", "-qm", "Define spend")
        somebody(project, "stranger", begins=CANARY.format(str(made / "canaries")))
        somebody(project, "friend")
        project.trust("friend")
        project.close()
        yield made


def complete(project: Project, branch: str | None) -> None:
    """Ask for all that completion asks for."""
    known = project.known_names(branch=branch)
    assert "spend" in known.views
    for answer in (known.columns("spend"), known.columns("events"), known.runs(), known.feature_sets()):
        assert answer is not None
    known.values("spend", "user")


Call = Callable[[Project, str | None], object]
CALLS: dict[str, Call] = {
    "status": lambda project, _: project.status(),
    "branch": lambda project, _: project.branches(),
    "fetch": lambda project, _: project.fetch(),
    "trust": lambda project, _: project.trust(),
    "new": lambda project, branch: project.new("on-view", "spend", branch=branch),
    "remove": lambda project, branch: project.remove("absent", branch=branch),
    "define": lambda project, branch: project.define(CELL, branch=branch, log=False),
    "compute": lambda project, branch: project.compute(branch=branch, log=False),
    "compute VIEW": lambda project, branch: project.compute("spend", branch=branch, log=False),
    "check": lambda project, branch: project.compute(branch=branch, log=False),
    "check VIEW": lambda project, branch: project.compute("spend", branch=branch, log=False),
    "why": lambda project, branch: project.why("spend", {"user": "u1"}, "2024-01-01T02:00", branch=branch),
    "why-changed": lambda project, branch: project.why_changed("spend", branch=branch, against="main"),
    "compare": lambda project, branch: project.compare(*([branch] if branch else [])).report(),
    "lineage": lambda project, branch: project.lineage(branch=branch).report(),
    "training-set": lambda project, _: commands.training_set(project.root / "spine.csv", "spend", project=project),
    "get": lambda project, _: project.get("spend", {"user": "u1"}),
    "online": lambda project, _: project.online_status(),
    "skew": lambda project, _: project.skew(),
    "reproduce": lambda project, _: project.reproduce("spend@1"),
    "sql": lambda project, branch: project.sql("select * from " + (f'"{branch}".spend' if branch else "spend, events")),
    "catalog": lambda project, _: project.store.look_up("").report(),
    "catalog VIEW": lambda project, _: project.store.look_up("spend"),
    "diff": lambda project, branch: project.diff("spend", right=branch),
    "drift": lambda project, branch: project.drift(
        "spend", reference="2024-01-01T00..2024-01-01T01", current="2024-01-01T02..2024-01-01T03", branch=branch
    ),
    "promote": lambda project, branch: project.promote(["spend"], branch=branch, dry_run=True),
    "approve": lambda project, branch: project.approve(branch=branch),
    "rollback": lambda project, _: project.rollback("spend"),
    "withdraw": lambda project, _: project.withdraw("spend@1", reason="wrong"),
    "deprecate": lambda project, _: project.deprecate("spend@1", None),
    "retire": lambda project, _: project.retire("spend@1"),
    "release": lambda project, _: project.releases(),
    "materialize": lambda project, _: project.materialize(),
    "gc": lambda project, _: project.gc(),
    "ui": lambda project, _: project.ui(stop=True),
    "completion": complete,
}


def documented() -> dict[str, list[frozenset[str] | None]]:
    section = GUIDE.partition("## What runs, and when")[2].partition("\n#")[0]
    rows = re.findall(r"^\| (`.+?) \|(.*?)\|(.*?)\|(.*?)\|$", section, re.MULTILINE)
    return {
        verb: [MEANING[place.strip()] for place in places]
        for names, *places in rows
        for verb in (name.strip("` ") for name in names.split(","))
    }


def ran(root: Path, verb: str, *, here: str, named: str | None) -> frozenset[str]:
    """Return which files of ``friend`` ran, by the modules that Python then has."""
    for name in [name for name in sys.modules if name.startswith("features_")]:
        del sys.modules[name]
    project = wb.open(root, branch=here)
    try:
        workspace = project._workspace
        package = load_tree(
            workspace.repository, workspace.repository.resolve("friend"), cache=workspace.hidden
        ).package
        with suppress(WorkbenchError):
            CALLS[verb](project, named)
        begun = {"__init__"} if hasattr(sys.modules[package], "__ran__") else set()
        return frozenset(begun | {name.rpartition(".")[2] for name in sys.modules if name.startswith(f"{package}.")})
    finally:
        project.close()


def test_every_verb_is_in_the_table_and_is_tried() -> None:
    assert {verb.partition(" ")[0] for verb in documented()} == {*WITH_PROJECT, "completion"}
    assert documented().keys() == CALLS.keys()


@pytest.mark.parametrize("verb", in_part({verb: verb for verb in CALLS}, len(CALLS) // 3))
def test_of_a_trusted_branch_runs_what_the_table_says(root: Path, verb: str) -> None:
    unnamed, named, here = documented()[verb]
    assert unnamed == NOTHING
    if named is not None:
        assert ran(root, verb, here="main", named="friend") == named
    if here is not None:
        assert ran(root, verb, here="friend", named=None) == here


def test_nothing_runs_of_a_branch_whose_author_is_not_trusted(root: Path) -> None:
    main, stranger = wb.open(root, branch="main"), wb.open(root, branch="stranger")
    refused = {"main": set[str](), "stranger": set[str]()}
    for project, named in ((main, "stranger"), (stranger, None)):
        for verb, call in CALLS.items():
            try:
                call(project, named)
            except NotTrusted:
                refused[project.branch_name or ""].add(verb)
            except WorkbenchError:
                continue
    assert not list((root / "canaries").iterdir())
    assert refused["main"] == {verb for verb, (_, named_runs, _) in documented().items() if named_runs}
    shows_names = {"status", "catalog", "lineage"}
    assert refused["stranger"] == {verb for verb, (*_, here_runs) in documented().items() if here_runs} - shows_names
    for project in (main, stranger):
        project.close()


def test_looking_at_a_branch_that_is_not_trusted_tells_its_names(root: Path) -> None:
    project = wb.open(root, branch="stranger")
    states = {view.name: view.state for view in project.status().views}
    assert states == dict.fromkeys(("extra", "spend"), "not trusted")
    lineage = project.lineage()
    assert [node.name for node in lineage.upstream("spend")] == ["events"]
    assert {"view:extra", "view:spend"} <= lineage.changed.keys()
    assert "workbench trust stranger" in project.store.catalog().problems[0]
    assert project.view_names() == ["extra", "spend"]
    project.close()


def test_nothing_runs_of_other_branches_where_all_are_looked_at(root: Path) -> None:
    project = wb.open(root, branch="main")
    for verb in ("status", "branch", "compare", "lineage", "catalog", "release", "gc", "completion"):
        CALLS[verb](project, None)
    assert not list((root / "canaries").iterdir())
    project.close()


def test_trust_says_whom_it_trusts_and_what_they_wrote(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    project = wb.open(root, branch="main")
    somebody(project, "newcomer")
    trusted = project.trust("newcomer")
    assert [commit.author for commit in trusted.commits] == ["newcomer <newcomer@example.org>"]
    assert "The definitions of newcomer may run" in trusted._repr_mimebundle_()["text/plain"]
    assert "does not have definitions by new authors" in project.trust("newcomer")._repr_mimebundle_()["text/plain"]
    assert main.main(["trust", "--json"]) == 0
    assert {"friend@example.org", "newcomer@example.org"} == json.loads(capsys.readouterr().out)["authors"].keys()
    assert main.main(["trust", "--revoke", "newcomer@example.org"]) == 0
    assert "newcomer@example.org is no longer trusted" in capsys.readouterr().out
    with pytest.raises(NotTrusted):
        project.compute("spend", branch="newcomer")
    with pytest.raises(UsageError, match="not both"):
        project.trust("newcomer", revoke="friend@example.org")
    project.close()
