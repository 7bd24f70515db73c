"""Two clones of one bare repository: what each publishes and pushes reaches the other, and neither hurts the other."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import polars as pl
import pytest

import workbench as wb
from tests.promote.conftest import ADDED, RATE, git, record_of
from workbench.cli.main import main
from workbench.errors import BranchError, BranchMoved, BranchNotFound, LakeDataMissing, PromotionError
from workbench.experiments import RemoteSilentWarning
from workbench.git import Remote
from workbench.pipeline import RebuiltWarning

if TYPE_CHECKING:
    from workbench.project import Project

PAGE = Path(__file__).parents[2] / "notebooks" / "two-people.md"
SPINE = pl.DataFrame({"user": ["u1"], "event_timestamp": [datetime(2030, 1, 1, tzinfo=UTC)]})
Command: TypeAlias = "Callable[..., str]"


def called(root: Path, name: str) -> Path:
    """Let the person of this name be at work in a clone."""
    git(root, "config", "user.name", name)
    git(root, "config", "user.email", f"{name.lower()}@example.org")
    return root


@pytest.fixture
def ann(published: Project, tmp_path: Path) -> Project:
    """Ann's clone: she published ``spend`` 1.0, into a lake that nobody else can read."""
    git(tmp_path, "clone", "-q", "--bare", str(published.root), "bare.git")
    git(tmp_path / "bare.git", "remote", "remove", "origin")
    git(published.root, "remote", "add", "origin", str(tmp_path / "bare.git"))
    git(published.root, "fetch", "-q", "origin")
    called(published.root, "Ann")
    return published


@pytest.fixture
def bo(ann: Project, tmp_path: Path) -> Iterator[Project]:
    """Bo's clone, with the same sources."""
    git(tmp_path, "clone", "-q", str(tmp_path / "bare.git"), "bo")
    shutil.copytree(ann.root / "data", tmp_path / "bo" / "data")
    with closing(wb.open(called(tmp_path / "bo", "Bo"))) as project:
        yield project


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command in a project's folder, and returns what it prints, on one line."""

    def call(project: Project, *words: str) -> str:
        monkeypatch.chdir(project.root)
        main(list(words))
        out, err = capsys.readouterr()
        return " ".join((out + err).split())

    return call


def saved(project: Project, branch: str, text: str) -> str:
    """Commit a file to a branch in somebody's clone, and return the commit."""
    return project.repository.commit(branch, {"features/notes.py": f"# {text}\n"}, message=f"Note {text}")


def states(project: Project) -> dict[str, str]:
    """Fetch, and return what became of each branch that is not the same."""
    return {branch.name: branch.state for branch in project.fetch().branches if branch.state != "same"}


def test_an_experiment_goes_from_one_to_the_other_and_back(ann: Project, bo: Project, run: Command) -> None:
    said = run(ann, "branch", "exp/ml", "--objective", "Sell more", "--push")
    assert "Pushed exp/ml to origin, 1 commit. Others continue it with `workbench branch exp/ml`." in said
    assert "origin/exp/ml had all of exp/ml already." in run(ann, "branch", "--push")
    with pytest.raises(BranchError, match="origin has a branch 'exp/ml' already"):
        bo.branch("exp/ml", start="main")
    with pytest.raises(BranchNotFound):
        bo.compute(branch="exp/ml")
    assert "exp/ml continues origin/exp/ml." in run(bo, "branch", "exp/ml")  # it was never fetched
    assert bo.branch("exp/ml").objective == "Sell more"
    mine = saved(bo, "exp/ml", "one")
    assert "exp/ml 1 ahead, main the same (as last fetched)" in run(bo, "status")
    bo.push_branch()
    git(ann.root, "switch", "-q", "exp/ml")
    assert states(ann) == {"exp/ml": "forward"}
    assert git(ann.root, "rev-parse", "exp/ml") == mine
    assert (ann.root / "features" / "notes.py").read_text() == "# one\n"
    assert git(ann.root, "status", "--porcelain", "--untracked-files=no") == ""
    assert ann.fetch().report().title == "Nothing new at origin"


def test_work_on_both_sides_is_neither_lost_nor_joined_in_silence(ann: Project, bo: Project) -> None:
    ann.branch("exp/ml")
    ann.push_branch()
    bo.branch("exp/ml")
    theirs, mine = saved(ann, "exp/ml", "theirs"), saved(bo, "exp/ml", "mine")
    ann.push_branch()
    with pytest.raises(BranchMoved, match="1 commit that 'exp/ml' here has not"):
        bo.push_branch()
    done = bo.fetch()
    assert not done.passed
    assert "exp/ml could not follow" in done.report().title
    assert "Join both: git switch exp/ml && git merge origin/exp/ml." in bo.status().report().text(width=300)
    assert git(bo.root, "rev-parse", "exp/ml") == mine
    assert git(bo.root, "rev-parse", "origin/exp/ml") == theirs


def test_edits_in_the_way_of_a_branch_stay_and_are_told(ann: Project, bo: Project) -> None:
    bo.branch("exp/ml")
    saved(bo, "exp/ml", "one")
    bo.push_branch()
    ann.branch("exp/ml")
    git(ann.root, "switch", "-q", "exp/ml")
    saved(bo, "exp/ml", "two")
    bo.push_branch()
    (ann.root / "features" / "notes.py").write_text("# own\n")
    done = ann.fetch()
    (held,) = (branch for branch in done.branches if branch.name == "exp/ml")
    assert held.state == "held back"
    assert "features/notes.py" in held.detail
    assert (ann.root / "features" / "notes.py").read_text() == "# own\n"


def test_what_one_publishes_the_other_fetches(ann: Project, bo: Project, run: Command) -> None:
    ann.deprecate("spend@1", "2099-01-01", successor="none")
    ann.cut_release("2026.11")
    ann.branch("exp/other")
    ann.push_branch()
    before = git(bo.root, "rev-parse", "main")
    done = bo.fetch()
    assert [commit.subject for commit in done.published] == ["Deprecate spend 1.0 until 2099-01-01"]
    assert done.releases == ("2026.11",)
    assert {branch.name: branch.state for branch in done.branches} == {"main": "forward", "exp/other": "new"}
    assert git(bo.root, "rev-parse", "main") == git(ann.root, "rev-parse", "main") != before
    assert list(done.unreadable) == ["spend 1.0"]
    said = " ".join(done._repr_mimebundle_()["text/plain"].split())
    assert "Not in the lake here: spend 1.0." in said
    assert "[lake] uri in workbench.toml" in said
    ann.delete_branch("exp/other", force=True)
    git(ann.root, "push", "-q", "origin", ":exp/other")
    assert "exp/other" not in run(bo, "fetch") + run(bo, "branch", "exp/third")


def test_a_remote_that_does_not_answer_is_told(ann: Project, tmp_path: Path) -> None:
    (tmp_path / "bare.git").rename(tmp_path / "away.git")
    with pytest.raises(BranchError, match="cannot be reached"):
        ann.fetch()
    with pytest.warns(RemoteSilentWarning, match="a new one begins here"):
        ann.branch("exp/alone")
    git(ann.root, "remote", "remove", "origin")
    with pytest.raises(BranchError, match="no remote"):
        ann.fetch()


def test_a_branch_that_the_remote_has_and_does_not_give_is_not_begun_anew(
    ann: Project, bo: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann.branch("exp/both")
    ann.push_branch()

    def cut(remote: Remote, *branches: str) -> None:
        raise BranchError(f"{remote.name} broke off.", remedy="Try again.")

    with monkeypatch.context() as patched:
        patched.setattr(Remote, "fetch", cut)
        with pytest.raises(BranchError, match="broke off"):
            bo.branch("exp/both")
    assert git(bo.root, "branch", "--list", "exp/both") == ""
    assert bo.branch("exp/both").tip == git(ann.root, "rev-parse", "exp/both")


def test_what_lies_in_another_s_lake_is_read_by_computing_it_again(ann: Project, bo: Project) -> None:
    expected = ann.store.training_set(SPINE, "spend@1").frame
    before = git(bo.root, "rev-parse", "main")
    assert [one.state for one in bo.status().published] == ["missing"]
    with pytest.warns(RebuiltWarning, match="spend@1.0 is not in the lake here.*the same rows that were published"):
        assert bo.store.training_set(SPINE, "spend@1").frame.equals(expected)
    assert [one.state for one in bo.status().published] == ["current"]
    (view,) = bo.materialize().views
    assert (view.state, view.is_local) == ("current", True)
    shutil.rmtree(bo.root / ".workbench" / "views")
    done = bo.materialize()
    assert [(one.state, one.is_local) for one in done.views] == [("rebuilt", True)]
    assert "spend 1.0 computed again for this machine" in done.report().title
    assert done.commit is None
    assert git(bo.root, "rev-parse", "main") == git(ann.root, "rev-parse", "main") == before


def test_what_cannot_be_computed_again_is_told_exactly_and_blocks_nobody(ann: Project, bo: Project) -> None:
    data = bo.root / "data" / "events.parquet"
    whole = pl.read_parquet(data)
    whole.head(whole.height - 1).write_parquet(data)
    with pytest.raises(LakeDataMissing, match=r"spend@1.0 is not here: The lake has no data of spend@1") as caught:
        bo.store.training_set(SPINE, "spend@1")
    assert "events has other data here than it was computed from" in "".join(caught.value.lines)
    data.unlink()
    with pytest.raises(LakeDataMissing) as caught:
        bo.store.training_set(SPINE, "spend@1")
    assert "source 'events' does not exist" in "".join(caught.value.lines)
    assert "[lake] uri in workbench.toml" in caught.value.remedy
    done = bo.materialize()
    assert [(one.state, one.is_local) for one in done.views] == [("left", True)]
    assert done.commit is None  # what one machine lacks is not written on main
    made = bo.cut_release("2026.11")
    assert made.versions == ("spend 1.0",)
    assert made.notes[0].startswith("Not checked, since the data is not in the lake here: spend 1.0.")
    assert "refs/tags/release/2026.11" in git(ann.root, "ls-remote", "origin")


@pytest.mark.journey
def test_what_the_second_publishes_is_read_by_the_first(ann: Project, bo: Project) -> None:
    bo.branch("exp/more", objective="Sell more")
    bo.define(ADDED, log=False)
    assert bo.promote("spend").versions == {"spend": "1.1"}
    assert bo.store.training_set(SPINE, "spend@1.1").frame["visits"].item() > 0
    done = ann.fetch()
    assert list(done.unreadable) == ["spend 1.1"]
    with pytest.warns(RebuiltWarning, match=r"spend@1.1 is not in the lake here"):
        mine = ann.store.training_set(SPINE, "spend@1.1").frame
    assert mine.equals(bo.store.training_set(SPINE, "spend@1.1").frame)
    assert ann.cut_release("2026.12").notes == ()
    ann.branch("exp/rate", objective="Sell more", start="main")
    ann.define(RATE, log=False)
    ann.promote("rate")
    assert {view.view: view.state for view in ann.materialize().views} == {"rate": "current", "spend": "current"}
    assert record_of(ann, "rate").current == "1.0"


def test_a_lake_that_all_share_is_not_taken_for_another_s(ann: Project, tmp_path: Path) -> None:
    with (ann.root / "workbench.toml").open("a") as file:
        file.write(f'\n[lake]\nuri = "{tmp_path}/shelf"\n')
    shutil.copytree(ann.root / ".git" / "workbench" / "project" / "lake", tmp_path / "shelf")
    assert ann.status().unshared is None
    (rows,) = (tmp_path / "shelf" / "spend" / "v1").glob("part-*.parquet")
    rows.chmod(0o644)
    rows.write_bytes(rows.read_bytes()[:-100])
    shutil.rmtree(ann.root / ".workbench" / "views")
    assert [one.state for one in ann.status().published] == ["missing"]
    with pytest.raises(PromotionError, match="cannot be read") as caught:
        ann.cut_release("2026.11")
    assert "`materialize spend` computes it again" in caught.value.remedy
    done = ann.materialize()
    assert [view.state for view in done.views] == ["updated"]
    assert done.commit is not None
    assert ann.cut_release("2026.11").notes == ()


def test_where_a_lake_is_in_danger_is_told_before_it_hurts(ann: Project, tmp_path: Path) -> None:
    toml = (ann.root / "workbench.toml").read_text()
    linked = tmp_path / "linked"
    git(ann.root, "worktree", "add", "-q", str(linked), "-b", "exp/linked")

    def told(uri: str) -> str:
        (ann.root / "workbench.toml").write_text(f'{toml}\n[lake]\nuri = "{uri}"\n')
        return " ".join(ann.status().report().text(width=2000).split())

    assert "git does not ignore it: `git clean` deletes it" in told("shelf")
    assert "git does not ignore it" not in told(".workbench/lake")
    assert "`git worktree remove` deletes what is published" in told(str(linked / "shelf"))
    assert "it was moved, or is not mounted" in told(str(tmp_path / "shelf"))
    assert "in each user's own home folder" in told("~/shelf")
    (tmp_path / "shelf").mkdir()
    told(str(tmp_path / "shelf"))
    assert ann.status().risks == ()


@pytest.mark.journey
def test_the_commands_of_the_guide_run(ann: Project, bo: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    people = {"Ann": ann, "Bo": bo}
    (ann.root / "spend.py").write_text(ADDED)
    blocks = re.findall(r"```sh\n# (\w+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) > 6
    for person, commands in blocks:
        monkeypatch.chdir(people[person].root)
        for line in commands.splitlines():
            program, *words = shlex.split(line)
            assert program == "workbench"
            assert main(words) == 0, line
    assert record_of(ann).current == "1.1"
    assert git(ann.root, "rev-parse", "main") == git(ann.root, "ls-remote", "origin", "main").split()[0]
