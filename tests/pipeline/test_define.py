"""Defining a view: what is committed, computed, reused, refused, and left behind."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

import workbench as wb
from tests.conftest import EVENT_VIEW, events
from workbench import errors
from workbench.pipeline.define import LostCommitWarning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.project import Project

DOUBLE = '''\
class Double(FeatureModel):
    user: str
    at: UTC
    twice: float = Feature(unit="count", ge=0)


@feature_view(entities="user", event_time="at")
def double(spend: pl.LazyFrame) -> LazyFrame[Double]:
    """Twice what a user has spent."""
    return spend.select("user", "at", twice=pl.col("total") * 2)
'''


def changed(old: str, new: str) -> str:
    assert old in EVENT_VIEW
    return EVENT_VIEW.replace(old, new)


def git(project: Project, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=project.root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def tips(project: Project) -> str:
    return git(project, "for-each-ref", "refs/heads")


def test_a_view_is_committed_computed_and_checked(project: Project) -> None:
    result = project.define(EVENT_VIEW, log=False)
    assert (result.view, result.branch, result.reused, result.rows) == ("spend", "exp/first", False, 200)
    assert result.passed
    assert [check.name for check in result.checks] == ["contract", "leakage", "determinism", "entity-locality"]
    assert result.commit == git(project, "rev-parse", "exp/first")
    assert EVENT_VIEW in git(project, "show", "exp/first:features/spend.py") + "\n"
    frame = project.view("spend").frame().collect()
    assert frame.columns == ["user", "at", "total"]
    assert frame.filter(pl.col("user") == "u3")["total"].max() == sum(float(row % 11) for row in range(3, 200, 7))


def test_the_working_tree_index_and_head_stay_as_they_are(project: Project) -> None:
    (project.root / "notes.txt").write_text("mine")
    git(project, "add", "notes.txt")
    (project.root / "notes.txt").write_text("mine, edited")
    before = (git(project, "status", "--porcelain"), git(project, "write-tree"), git(project, "rev-parse", "HEAD"))
    project.define(EVENT_VIEW, log=False)
    after = (git(project, "status", "--porcelain"), git(project, "write-tree"), git(project, "rev-parse", "HEAD"))
    assert after == before
    assert not (project.root / "features" / "spend.py").exists()


def test_the_same_cell_again_is_reused_and_commits_nothing(project: Project) -> None:
    first = project.define(EVENT_VIEW, log=False)
    again = project.define(EVENT_VIEW, log=False)
    assert again.reused
    assert (again.commit, again.view_id) == (first.commit, first.view_id)


def test_a_refactoring_is_committed_but_not_computed(project: Project) -> None:
    first = project.define(EVENT_VIEW, log=False)
    text = EVENT_VIEW.replace(
        '    return events.sort("user", "at").select(',
        '    # the order matters\n    ordered = events.sort("user", "at")\n    return ordered.select(',
    )
    again = project.define(text, log=False)
    assert again.reused
    assert again.commit != first.commit
    assert project.view("spend").frame().collect().equals(project.view("spend").frame().collect())


def test_new_code_and_new_data_are_computed(project: Project) -> None:
    first = project.define(EVENT_VIEW, log=False)
    other = project.define(EVENT_VIEW.replace("cum_sum()", "cum_max()"), log=False)
    assert not other.reused
    assert other.view_id != first.view_id
    events(300).write_parquet(project.root / "data" / "events.parquet")
    grown = project.define(EVENT_VIEW, log=False)
    assert (grown.reused, grown.rows) == (False, 300)


def test_a_view_of_a_view_follows_it_only_when_its_data_changes(project: Project) -> None:
    project.define(EVENT_VIEW, log=False)
    double = project.define(DOUBLE, log=False)
    renamed = EVENT_VIEW.replace('sort("user", "at")', 'sort("user", "at", maintain_order=True)')
    assert not project.define(renamed, log=False).reused
    assert project.define(DOUBLE, log=False).view_id == double.view_id
    project.define(EVENT_VIEW.replace('pl.col("amount")', '(pl.col("amount") + 1)'), log=False)
    assert project.define(DOUBLE, log=False).view_id != double.view_id


@pytest.mark.parametrize(
    ("before", "after"), [("1e15 + 1", "1e15 + 101"), ("0.0", "-0.0"), ("0.1 + 0.2", "0.3"), ("2.0**53", "2.0**53 + 2")]
)
def test_a_view_of_a_view_follows_it_to_the_last_bit(project: Project, before: str, after: str) -> None:
    upstream = EVENT_VIEW.replace(", ge=0", "").replace('pl.col("amount").cum_sum().over("user")', "pl.lit(VALUE)")
    project.define(upstream.replace("VALUE", before), log=False)
    project.define(DOUBLE.replace(", ge=0", ""), log=False)
    project.define(upstream.replace("VALUE", after), log=False)
    result = project.define(DOUBLE.replace(", ge=0", ""), log=False)
    assert not result.reused
    assert project.view("double").frame().collect()["twice"].to_list() == [eval(after) * 2] * 200


def test_data_that_breaks_the_contract_is_committed_and_marked(project: Project) -> None:
    result = project.define(EVENT_VIEW.replace("ge=0)", "ge=5)"), log=False)
    assert not result.passed
    check = result.checks[0]
    assert check.failures is not None
    assert 0 < check.failures.height <= 20
    assert git(project, "rev-parse", "exp/first") == result.commit


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("x = 1\n", errors.CellError, "feature"),
        (EVENT_VIEW + DOUBLE, errors.CellError, "double"),
        ("def broken(:\n", errors.DefinitionError, "line 1"),
        (changed("def spend", "def Spend_It"), errors.WorkbenchError, "Spend_It"),
        (changed("events", "evnets"), errors.UnknownInput, "events"),
        (changed(" -> LazyFrame[Spend]", ""), errors.MissingSchema, "spend"),
        (changed('over("user"))', 'over("user")).collect()'), errors.WrongReturn, "collect"),
        (changed("    return events", "    events"), errors.WrongReturn, "return"),
        (changed('pl.col("amount")', 'pl.col("amuont")'), errors.ComputeError, "amount"),
        (changed('"at", total=', '"at", totla='), errors.WrongReturn, "total"),
        (changed("    return", "    raise RuntimeError('no')\n    return"), errors.DefinitionFailed, "RuntimeError"),
        (changed("    return", "    raise SystemExit(3)\n    return"), errors.DefinitionFailed, "SystemExit"),
        (changed("events", "spend"), errors.DefinitionCycle, "spend"),
        (EVENT_VIEW + "\n#" + "x" * 1_100_000, errors.CellError, "KB"),
    ],
    ids=[
        *("no view", "two views", "syntax", "name", "unknown input", "no schema", "DataFrame", "None", "no column"),
        *("other columns", "raises", "exits", "cycle", "huge"),
    ],
)  # fmt: skip
def test_what_cannot_be_planned_leaves_no_trace(project: Project, text: str, error: type[Exception], says: str) -> None:
    before = tips(project)
    with pytest.raises(error) as raised:
        project.define(text, log=False)
    assert isinstance(raised.value, errors.WorkbenchError)
    assert says in str(raised.value)
    assert tips(project) == before
    assert not list((project.root / ".workbench").glob("views/*/data.parquet"))


def test_the_users_lines_are_shown_as_the_cell_counts_them(project: Project) -> None:
    text = EVENT_VIEW.replace("    return", "    wrong = 1 / 0\n    return")
    with pytest.raises(errors.DefinitionFailed) as raised:
        project.define(text, log=False)
    line = 1 + text.splitlines().index("    wrong = 1 / 0")
    shown = "\n".join(raised.value.lines)
    assert f"line {line}" in shown
    assert "wrong = 1 / 0" in shown


def test_an_empty_source_gives_an_empty_view(project: Project) -> None:
    events(0).write_parquet(project.root / "data" / "events.parquet")
    result = project.define(EVENT_VIEW, log=False)
    assert result.rows == 0
    assert any("no rows" in warning for warning in result.card.warnings)


def test_a_source_that_vanished_says_which_and_where(project: Project) -> None:
    (project.root / "data" / "events.parquet").unlink()
    before = tips(project)
    with pytest.raises(errors.SourceError, match=r"events\.parquet"):
        project.define(EVENT_VIEW, log=False)
    assert tips(project) == before


def test_a_source_with_duplicate_keys_warns_on_the_card(project: Project) -> None:
    pl.concat([events(10), events(3)]).write_parquet(project.root / "data" / "events.parquet")
    result = project.define(EVENT_VIEW.replace("cum_sum()", "cum_sum()"), log=False)
    assert any("3" in warning and "event_id" in warning for warning in result.card.warnings)


def test_a_protected_branch_is_refused(project: Project) -> None:
    with pytest.raises(errors.ProtectedBranch, match="exp/"):
        project.define(EVENT_VIEW, branch="main", log=False)


def test_an_unknown_branch_is_refused(project: Project) -> None:
    with pytest.raises(errors.BranchNotFound, match="exp/first"):
        project.define(EVENT_VIEW, branch="exp/frist", log=False)


def test_a_detached_head_asks_for_a_branch(project_root: Path) -> None:
    subprocess.run(["git", "checkout", "--quiet", "--detach"], cwd=project_root, check=True)
    project = wb.open(project_root)
    with pytest.raises(errors.BranchError, match="detached"):
        project.define(EVENT_VIEW, log=False)
    project.branch("exp/from-detached")
    assert project.define(EVENT_VIEW, log=False).passed
    project.close()


def test_without_an_identity_nothing_is_written(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tips(project)
    empty = tmp_path / "nobody"
    empty.write_text("")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(empty))
    with pytest.raises(errors.BranchError, match=r"git config --global user\.name"):
        project.define(EVENT_VIEW, log=False)
    assert tips(project) == before


def test_without_git_the_error_says_so(project_root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    project = wb.open(project_root)
    with pytest.raises(errors.GitMissing, match="Install git"):
        project.branch("exp/x")


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that every user of the machine may read, which pytest's are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.journey
@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody without permission")
def test_a_folder_without_write_permission_says_so(project: Project, public_folder: Path) -> None:
    cell, config = public_folder / "cell.py", public_folder / "gitconfig"
    cell.write_text(EVENT_VIEW)
    config.write_text("[user]\nname = A\nemail = a@example.org\n[safe]\ndirectory = *\n")
    for name in ("warm", "locked"):
        shutil.copytree(project.root, public_folder / name)
    code = f"""
import os, pathlib
import workbench as wb
text, folder = pathlib.Path({str(cell)!r}).read_text(), pathlib.Path({str(public_folder)!r})
wb.open(folder / "warm").define(text, branch="exp/first", log=False)  # imports everything, as who may read it
os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    wb.open(folder / "locked").define(text, branch="exp/first", log=False)
except wb.WorkbenchError as error:
    print(type(error).__name__, error.message, error.remedy, sep="|")
"""
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": str(config)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    kind, message, remedy = done.stdout.strip().split("|")
    assert (kind, bool(remedy)) == ("ProjectError", True)
    assert "permission denied" in message.lower()


def test_two_projects_in_one_process_do_not_meet(tmp_path: Path, identity: None, project: Project) -> None:
    other_root = tmp_path / "other"
    wb.init(other_root).close()
    (other_root / "workbench.toml").write_text((project.root / "workbench.toml").read_text())
    (other_root / "data").mkdir()
    events(20).write_parquet(other_root / "data" / "events.parquet")
    other = wb.open(other_root)
    other.branch("exp/first")
    assert other.define(EVENT_VIEW, log=False).rows == 20
    assert project.define(EVENT_VIEW, log=False).rows == 200
    other.close()


def _define_many(root: str, worker: int) -> list[str]:
    project = wb.open(root)
    project.branch("exp/first")
    made = []
    for number in range(3):
        name = f"view_{worker}_{number}"
        text = EVENT_VIEW.replace("def spend", f"def {name}").replace("cum_sum()", f"cum_sum().add({worker})")
        assert project.define(text, log=False).passed
        made.append(name)
    project.close()
    return made


@pytest.mark.journey
def test_many_kernels_define_on_one_branch_and_nothing_is_lost(project: Project) -> None:
    with get_context("spawn").Pool(3) as pool:
        made = pool.starmap(_define_many, [(str(project.root), worker) for worker in range(3)])
    names = [name for names in made for name in names]
    assert set(names) <= set(project.view_names())
    assert all(result.passed for result in project.compute(log=False))


def test_an_interrupt_while_computing_leaves_no_view_and_the_next_run_works(project: Project) -> None:
    slow = EVENT_VIEW.replace("    return", "    import _thread\n    _thread.interrupt_main()\n    return")
    with pytest.raises(KeyboardInterrupt):
        project.define(slow, log=False)
    assert not list((project.root / ".workbench").glob("views/*/data.parquet"))
    assert project.define(EVENT_VIEW, log=False).passed


LIMITED = EVENT_VIEW.replace("class Spend", "import pandera.polars as pa\n\nLIMIT = 1000.0\n\n\nclass Spend").replace(
    "ge=0)\n\n\n@feature_view",
    """ge=0)

    @pa.check("total")
    def small(cls, data):
        return data.lazyframe.select(pl.col(data.key) < LIMIT)


@feature_view""",
)


def test_a_check_is_asked_again_when_what_it_reaches_changed(project: Project) -> None:
    assert project.define(LIMITED, log=False).passed
    again = project.define(LIMITED.replace("1000.0", "10.0"), log=False)
    assert (again.reused, again.passed) == (True, False)
    (contract,) = [check for check in again.checks if check.name == "contract"]
    assert contract.detail.startswith("1 of 8 rules broken: total check small (")
    assert project.define(LIMITED, log=False).passed


@pytest.mark.parametrize("command", [("branch", "-D", "exp/first"), ("branch", "-f", "exp/first", "main")])
def test_a_branch_that_is_gone_when_its_view_is_computed_is_told(
    project: Project, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    commits = project.repository.commit_tree

    def then_gone(*arguments: str, **options: str) -> str:
        commit = commits(*arguments, **options)  # type: ignore[arg-type]  # handed on as it is
        git(project, *command)
        return commit

    with monkeypatch.context() as patched:
        patched.setattr(project.repository, "commit_tree", then_gone)
        with pytest.warns(LostCommitWarning, match="no longer has the definition") as caught:
            commit = project.define(EVENT_VIEW, log=False).commit
    (said,) = (str(warning.message) for warning in caught)
    git(project, *said.split("`")[1].split()[1:])
    assert commit in tips(project)
