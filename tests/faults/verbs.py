"""The verbs that write, each with a project in the state before it, and what a reader finds before and after."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

import workbench as wb
from tests.conftest import make_trial
from tests.promote.conftest import SPEND, VALUED, declared, git, more_events
from workbench.errors import BranchError, FeatureNotFound, ProjectError
from workbench.promote import collect_garbage, retire
from workbench.promote.approve import approvals_of
from workbench.registry import Registry
from workbench.store import saved_sets

if TYPE_CHECKING:
    from workbench.project import Project

LAST_DAY, LATER = date(2090, 1, 1), datetime(2091, 1, 1, tzinfo=UTC)
OTHER = SPEND.replace("cum_sum()", "cum_max()")
STAYS = "stays"
"""A training set and a release that are there all the time."""


def _spine() -> pl.DataFrame:
    """Return the rows of a training set: made when they are used, since no thread of Polars outlives a fork."""
    return pl.DataFrame({"user": ["u1", "u6"], "event_timestamp": [datetime(2030, 1, 1, tzinfo=UTC)] * 2})


def _init(root: Path) -> object:
    with closing(wb.init(root)) as project:
        return project


def _on(act: Callable[[Project], object], branch: str = "exp/first") -> Callable[[Path], object]:
    def run(root: Path) -> object:
        with closing(wb.open(root, branch=branch)) as project:
            return act(project)

    return run


def _fetch(project: Project) -> None:
    """Fetch, and say what could not follow as the command does, whose exit status it is."""
    found = project.fetch()
    if not found.passed:
        said = "; ".join(f"{each.name}: {each.detail}" for each in found.branches if each.state != "same")
        raise BranchError(said, remedy="Fetch again.")


@dataclass(frozen=True, slots=True)
class Verb:
    """What is done to a project, and in which state it is before."""

    act: Callable[[Path], object]
    stage: str


VERBS: Mapping[str, Verb] = {
    "init": Verb(_init, "empty"),
    "branch": Verb(_on(lambda p: p.branch("exp/second", objective="Sell even more")), "released"),
    "branch of the remote": Verb(_on(lambda p: p.branch("exp/theirs")), "overtaken"),
    "branch --push": Verb(_on(lambda p: p.push_branch()), "shared"),
    "fetch": Verb(_on(_fetch), "overtaken"),
    "define": Verb(_on(lambda p: p.define(OTHER)), "checked out"),
    "promote": Verb(_on(lambda p: p.promote("spend", accept={"spend": "twice"})), "defined"),
    "promote to a remote": Verb(_on(lambda p: p.promote("spend", accept={"spend": "twice"})), "shared"),
    "materialize": Verb(_on(lambda p: p.materialize()), "behind"),
    "rollback": Verb(_on(lambda p: p.rollback("spend", "1.0")), "released"),
    "withdraw": Verb(_on(lambda p: p.withdraw("spend@1.0", reason="Wrong")), "released"),
    "deprecate": Verb(_on(lambda p: p.deprecate("spend@1", LAST_DAY)), "released"),
    "retire": Verb(_on(lambda p: retire(p._workspace, "spend@1", now=LATER)), "deprecated"),
    "approve": Verb(_on(lambda p: p.approve()), "proposed"),
    "release cut": Verb(_on(lambda p: p.cut_release("2026.11")), "released"),
    "release drop": Verb(_on(lambda p: p.drop_release(STAYS)), "released"),
    "training-set": Verb(_on(lambda p: p.store.training_set(_spine(), "spend:total", save="first")), "released"),
    "gc": Verb(_on(lambda p: collect_garbage(p._workspace, delete=True, safety=timedelta(0))), "littered"),
}


def make_stages(folder: Path) -> dict[str, Path]:
    """Make a project in each state that a verb begins in, below `folder`, and return where they are."""
    found = {"empty": folder / "empty"}
    found["empty"].mkdir(parents=True)
    root = make_trial(folder)
    declared(root)
    project = wb.open(root)
    project.branch("exp/first", objective="Sell more")
    project.define(SPEND)
    project.promote("spend")

    def keep(stage: str) -> None:
        shutil.copytree(root, folder / stage, symlinks=True)
        found[stage] = folder / stage

    more_events(root, 40)
    keep("behind")
    project.materialize()
    project.define(VALUED)
    keep("defined")
    keep("proposed")
    git(found["proposed"], "config", "user.name", "Somebody Else")
    git(found["proposed"], "config", "user.email", "else@example.org")
    keep("overtaken")
    keep("shared")
    git(found["shared"], "clone", "-q", "--bare", ".", ".git/origin.git")
    git(found["shared"], "remote", "add", "origin", ".git/origin.git")
    git(found["shared"], "fetch", "-q", "origin")
    project.promote("spend", accept={"spend": "twice"})
    project.cut_release(STAYS)
    project.store.training_set(_spine(), "spend:total", save=STAYS)
    keep("released")
    _let_others_publish(found["overtaken"], root)
    git(root, "switch", "-q", "exp/first")
    keep("checked out")
    git(root, "switch", "-q", "main")
    project.deprecate("spend@1", LAST_DAY)
    keep("deprecated")
    project.define(OTHER)
    project.define(VALUED)
    keep("littered")
    project.close()
    return found


def _let_others_publish(project: Path, others: Path) -> None:
    """Let a project have a remote with all that was published in the project `others`, and the same lake."""
    git(others, "clone", "-q", "--bare", ".", str(project / ".git" / "origin.git"))
    git(project / ".git" / "origin.git", "branch", "exp/theirs", "exp/first")
    git(project, "remote", "add", "origin", ".git/origin.git")
    lake = Path(".git", "workbench", "project", "lake")
    shutil.copytree(others / lake, project / lake, dirs_exist_ok=True)


def served(root: Path) -> dict[str, Any]:
    """Return what a reader finds: of each version its standing and its values, and all else that has a name."""
    try:
        project = wb.open(root, branch="main")
    except ProjectError:  # before `init`
        return {}
    with closing(project):
        workspace, registry = project._workspace, Registry.at(project.repository, "main")
        if registry.commit is None or not registry.serving:
            return {"branches": git(root, "branch", "--format=%(refname:short)").split()}
        record = registry.record("spend")
        versions = []
        for version in record.versions:
            facts: tuple[object, ...] = (version.number, version.status)
            if version.status != "retired":
                rows = workspace.lake.scan("spend", version.major, version.delta_version, version.contract).collect()
                assert not rows.select("user", "at").is_duplicated().any()
                facts += (rows.height, float(rows["total"].sum()))
            versions.append(facts)
        asked = project.store.training_set(_spine(), "spend:total")
        try:
            approvals = sorted(entry.identity for entry in approvals_of(workspace, "exp/first").entries)
        except FeatureNotFound:
            approvals = []
        return {
            "current": record.current,
            "versions": versions,
            "asked": asked.frame["total"].to_list(),
            "branches": {
                name: git(root, "rev-parse", f"{name}:features")
                for name in git(root, "branch", "--format=%(refname:short)").split()
            },
            "releases": sorted(release.name for release in project.releases().releases),
            "approvals": approvals,
            "saved": sorted((each.name, each.data_digest) for each in saved_sets(workspace.home)),
        }
