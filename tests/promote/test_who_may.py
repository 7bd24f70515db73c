"""The guide's table of who may do what, played by everybody it names, without and with signatures."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import workbench as wb
from tests.conftest import identify, make_trial
from tests.promote.conftest import SPEND, VALUED, declared, git, more_events, record_of
from tests.promote.team import Team
from workbench.errors import PromotionError, PromotionRefused
from workbench.promote import collect_garbage
from workbench.promote.policy import policy_gates
from workbench.promote.promote import execute
from workbench.store import main_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from workbench.project import Project

GUIDE = Path(__file__).parents[2] / "notebooks" / "security.md"
PEOPLE = ("ann", "bo", "pia", "max", "mallory")
"""Who wrote it, who approves it, who promotes, who maintains, and somebody else: the columns of the table."""

RULES = """\
[policy]
require_signed = {signed}
maintainers = ["max@example.org"]
[[policy.rules]]
promoters = ["pia@example.org"]
approvers = ["bo@example.org"]
approvals = 1
"""


def rows() -> dict[str, dict[str, bool]]:
    """Return who may do what, as the guide says."""
    text = GUIDE.read_text(encoding="utf-8").partition("## Who may do what")[2].partition("\n## ")[0]
    lines = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| `")]
    return {
        verb.strip().strip("`"): {who: cell.strip() == "yes" for who, cell in zip(PEOPLE, cells, strict=True)}
        for verb, *cells in lines
    }


class Play:
    """A project with ``spend`` 1.0 and 2.0 under `RULES`, a branch that Bo approved, and one try at each verb."""

    def __init__(self, project: Project, team: Team, *, branch: str, signed: bool) -> None:
        self.project = project
        self.team = team
        self.signed = signed
        self.branch = branch

    def sit_down(self, person: str) -> None:
        self.team.sit_down(person, key=person if self.signed else None)

    def state(self) -> tuple[str, list[Path]]:
        lake = Path(self.project._workspace.lake.storage.uri)
        return git(self.project.root, "for-each-ref", "refs/heads/main", "refs/tags"), sorted(lake.rglob("*"))

    def promote(self) -> None:
        workspace = self.project._workspace
        main, tip = (self.project.repository.resolve(name) for name in ("main", self.branch))
        policy = main_config(workspace, main).policy
        gates = policy_gates(workspace, policy, views=["spend"], main=main, commit=tip, now=datetime.now(UTC))
        if refusals := [gate.refusal for gate in gates if not gate.passed]:
            raise PromotionRefused.of(None, refusals)  # as `promote` does, when it has asked the other gates too
        self.project.promote("spend", branch=self.branch)

    def rollback(self) -> None:
        self.project.rollback("spend", "1.0" if record_of(self.project).version().major == 2 else "2")

    def withdraw(self) -> None:
        number = record_of(self.project).version().number
        self.project.withdraw(f"spend@{number}", reason="Wrong")
        self.project.rollback("spend", number)

    def deprecate(self) -> None:
        is_over = record_of(self.project).version("1").status == "deprecated"
        self.project.deprecate("spend@1", "never" if is_over else None, successor=None if is_over else "none")

    def retire(self) -> None:
        try:
            self.project.retire("spend@1")
        except PromotionError as error:  # permitted, and too early
            if "is not deprecated" not in error.message:
                raise

    def materialize(self) -> None:
        self.project.materialize("spend")

    def release_cut(self) -> None:
        self.project.cut_release(f"{self.branch[4:]}-{len(self.project.releases().releases)}")

    def release_drop(self) -> None:
        self.project.drop_release(self.project.releases().releases[0].name)

    def gc_delete(self) -> None:
        table = Path(self.project._workspace.lake.storage.uri) / "spend"
        if not (table / "v9").exists():
            shutil.copytree(table / "v1", table / "v9")  # nobody ever named it
        done = collect_garbage(self.project._workspace, delete=True, safety=timedelta(0))
        if (table / "v9").exists():
            raise PromotionRefused("; ".join(done.notes), remedy="Ask somebody.")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Team]]:
    folder = tmp_path_factory.mktemp("who-may")
    with pytest.MonkeyPatch.context() as patch:
        identify(folder, patch)
        root = make_trial(folder)
        declared(root)
        team = Team(folder)
        with closing(wb.open(root)) as project:
            project.branch("exp/first", objective="Sell more")
            project.define(SPEND, log=False)
            project.promote("spend")
            project.define(VALUED, log=False)
            project.promote("spend", accept={"spend": "twice"})
        (root / "allowed_signers").write_text("".join(map(team.signer, PEOPLE[:-1])))
        more_events(root, 7)
        yield root, team


@pytest.fixture(scope="module", params=["plain", "signed"])
def play(request: pytest.FixtureRequest, stage: tuple[Path, Team]) -> Iterator[Play]:
    root, team = stage
    toml = root / "workbench.toml"
    signed = request.param == "signed"
    team.sit_down("ann", key="ann" if signed else None)
    toml.write_text(toml.read_text().partition("[policy]")[0] + RULES.format(signed=json.dumps(signed)))
    git(root, "add", "-A", ".")
    git(root, "commit", "-qm", "Set the policy")
    with closing(wb.open(root)) as project:
        found = Play(project, team, branch=f"exp/{request.param}", signed=signed)
        project.branch(found.branch, objective="Say more")
        project.define(VALUED.replace('owner="ann"', f'owner="{request.param}"'), log=False)
        found.sit_down("bo")
        project.approve(branch=found.branch)
        yield found


def verbs() -> dict[str, Callable[[Play], None]]:
    return {
        "promote": Play.promote,
        "rollback": Play.rollback,
        "withdraw": Play.withdraw,
        "deprecate": Play.deprecate,
        "retire": Play.retire,
        "materialize": Play.materialize,
        "release cut": Play.release_cut,
        "release drop": Play.release_drop,
        "gc --delete": Play.gc_delete,
    }


def test_the_table_has_a_row_for_each_verb_that_writes_main_or_deletes_data() -> None:
    assert list(rows()) == list(verbs())


@pytest.mark.parametrize("verb", list(verbs()))
def test_each_may_do_what_the_table_says_and_nothing_else(play: Play, verb: str) -> None:
    may = rows()[verb]
    if verb == "release drop":
        play.sit_down("pia")
        play.release_cut()
        play.release_cut()
    for person in sorted(PEOPLE, key=lambda one: may[one]):  # who may not comes first: it is there to be done
        play.sit_down(person)
        before = play.state()
        if may[person]:
            verbs()[verb](play)
            continue
        with pytest.raises(PromotionRefused):
            verbs()[verb](play)
        if verb != "gc --delete":
            assert play.state() == before


@pytest.mark.parametrize("play", ["signed"], indirect=True)
def test_a_promoters_address_without_their_key_permits_nothing_where_signatures_are_demanded(play: Play) -> None:
    for key, why in (
        ("mallory", "main does not list"),
        ("bo", "signed by bo@example.org"),
        (None, "nothing was signed"),
    ):
        play.team.sit_down("pia", key=key)
        for verb in verbs().values():
            with pytest.raises(PromotionRefused, match=why):
                verb(play)


@pytest.mark.parametrize("play", ["signed"], indirect=True)
def test_work_signed_by_the_product_is_promoted_from_cell_to_main(play: Play) -> None:
    play.sit_down("ann")
    project = play.project
    project.branch("exp/loop", objective="Walk the loop")
    project.define(VALUED.replace('owner="ann"', 'owner="loop"'), log=False)
    play.sit_down("bo")
    assert project.approve(branch="exp/loop").counting
    play.sit_down("mallory")
    plan = project.promote("spend", branch="exp/loop", dry_run=True).saved
    assert plan is not None
    changed = json.loads(plan.read_text())
    for gate in changed["gates"]:
        gate.update(passed=True, state="pass")
    plan.write_text(json.dumps(changed))
    with pytest.raises(PromotionRefused, match="main does not list"):
        execute(project._workspace, plan)
    play.sit_down("pia")
    commit = project.promote("spend", branch="exp/loop").commit
    assert commit is not None
    listed = (project.root / "allowed_signers").read_text()
    assert project.repository.signature_of(commit, allowed_signers=listed).principal == "pia@example.org"
