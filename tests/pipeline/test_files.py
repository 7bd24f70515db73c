"""Data files beside a definition are declared, committed, part of its identity and published with it."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.conftest import in_part
from workbench.define import load_tree, parse_cell
from workbench.errors import DefinitionError, NotFingerprintable, UndeclaredInput
from workbench.pipeline.evaluate import Evaluation

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.project import Project

AT_IMPORT = "FACTORS = json.loads(Path(__file__).with_name('lookup.json').read_text())"
CELL = """\
import json
from pathlib import Path

class Spend(FeatureModel):
    user: str
    at: UTC
    total: float = Feature(unit="count", ge=0)

TOP

@feature_view(entities="user", event_time="at", owner="ann", description="Weighted", files=FILES)
def spend(events: pl.LazyFrame) -> LazyFrame[Spend]:
    factor = BODY
    return events.select("user", "at", total=pl.col("amount") * factor)
"""


def cell(files: str = '"lookup.json"', top: str = AT_IMPORT, body: str = 'FACTORS["all"]') -> str:
    return CELL.replace("FILES", files).replace("TOP", top).replace("BODY", body)


READS = {
    "at import": (AT_IMPORT, 'FACTORS["all"]'),
    "in the function": ("", "json.loads(Path(__file__).with_name('lookup.json').read_text())['all']"),
    "by a path": ("WHERE = Path(__file__).parent / 'lookup.json'", "json.loads(WHERE.read_text())['all']"),
    "in a folder": ("HERE = Path(__file__).parent", "json.loads((HERE / 'lookup.json').read_bytes())['all']"),
    "by Polars": ("", "pl.read_json(Path(__file__).with_name('lookup.json'))['all'].item()"),
    "by Polars at import": ("T = pl.read_json(Path(__file__).with_name('lookup.json'))", "T['all'].item()"),
}
WRONG = {
    "absolute": ('"/etc/hosts"', "not inside features/"),
    "leaves": ('"../data/events.parquet"', "not inside features/"),
    "leaves later": ('["a/../../b"]', "not inside features/"),
    "on Windows": (r'"..\\b.json"', "not inside features/"),
    "missing": ('"lokup.json"', "not have a regular file features/lokup.json"),
    "from the root": ('"features/lookup.json"', "not have a regular file"),
    "module": ('"helper.py"', "a module"),
    "folder": ('"tables"', "is a folder"),
    "number": ("7", "does not name files"),
    "computed": ('"look" + "up.json"', "computes"),
    "not a path": ('"./lookup.json"', "not the path"),
}


def git(project: Project, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=project.root, check=True, capture_output=True, text=True).stdout


def save(project: Project, factor: object, name: str = "lookup.json") -> Path:
    path = project.root / "features" / name
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(json.dumps({"all": factor}))
    return path


def prepared(project: Project, text: str, factor: object = 2.0) -> str:
    """Return the view id that a definition has beside the file; no branch moves."""
    repository, workspace = project._workspace.repository, project._workspace
    files = {
        "features/spend.py": parse_cell(text).module,
        "features/lookup.json": json.dumps({"all": factor}),
        "features/other.json": "{}",
        "features/tables/one.json": "{}",
        "features/rate.py": cell('"other.json"', top="").replace("spend(", "rate("),
    }
    tree = repository.tree_with(repository.resolve("main"), files)
    definitions = load_tree(repository, tree, cache=workspace.hidden)
    return Evaluation(definitions, workspace.sources, workspace.cache).prepare("spend").view_id


@pytest.mark.parametrize(("top", "body"), in_part(READS, 3))
def test_a_declared_file_is_read_and_its_content_is_part_of_the_identity(opened: Project, top: str, body: str) -> None:
    text = cell(top=top, body=body)
    assert prepared(opened, text, 2.0) != prepared(opened, text, 3.0)


@pytest.mark.parametrize(("files", "said"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_declared_is_refused(opened: Project, files: str, said: str) -> None:
    with pytest.raises(DefinitionError, match=said) as caught:
        prepared(opened, cell(files, top="", body="1.0"))
    assert caught.value.remedy


def test_a_file_that_another_view_declares_is_not_read(opened: Project) -> None:
    for body in ("json.load(open(Path(__file__).with_name('other.json')))", "pl.read_json(HERE + '/other.json')"):
        top = "HERE = str(Path(__file__).parent)"
        with pytest.raises(UndeclaredInput, match=r"other\.json"):
            prepared(opened, cell(top=top, body=body))
    with pytest.raises(NotFingerprintable, match="not a declared input"):
        prepared(opened, cell("()", top="", body="len(open('other.json').read())"))


def test_a_huge_file_is_refused(opened: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.source_tree.data_files.MOST_BYTES", 5)
    with pytest.raises(DefinitionError, match="has at most") as caught:
        prepared(opened, cell(), 1234567.0)
    assert "source" in caught.value.remedy


def test_a_new_file_is_committed_with_the_cell(project: Project) -> None:
    path = save(project, 2.0)
    first = project.define(cell(), log=False)
    assert git(project, "show", "exp/first:features/lookup.json") == path.read_text()
    assert project.define(cell(), log=False).reused
    save(project, 3.0)
    second = project.define(cell(), log=False)
    assert second.view_id != first.view_id
    assert project.view("spend").frame().collect()["total"].max() == 30.0
    path.unlink()
    assert project.define(cell(), log=False).view_id == second.view_id  # the branch has it


def test_a_file_of_another_branch_does_not_get_in(project: Project) -> None:
    path = save(project, 2.0)
    git(project, "add", "features/lookup.json")
    git(project, "commit", "-qm", "Main's own")
    with pytest.raises(DefinitionError, match="exp/first has no features/lookup"):
        project.define(cell(), log=False)
    save(project, 9.0)
    with pytest.raises(DefinitionError, match="has edits in the working tree, where main is checked out"):
        project.define(cell(), log=False)
    git(project, "switch", "-q", "--detach")
    with pytest.raises(DefinitionError, match="no branch is checked out"):
        project.define(cell(), log=False)
    path.unlink()
    git(project, "restore", "features")
    git(project, "switch", "-q", "exp/first")
    save(project, 4.0)
    with pytest.raises(DefinitionError, match="not committed on exp/first") as caught:
        project.define(cell(), log=False)
    assert "git add features/lookup.json" in caught.value.remedy
    git(project, "add", "features/lookup.json")
    git(project, "commit", "-qm", "The experiment's own")
    project.define(cell(), log=False)
    git(project, "switch", "-q", "main")
    assert json.loads(path.read_text()) == {"all": 2.0}
    project.define(cell(), log=False)  # main's is as it was committed there: the branch's counts
    assert project.view("spend").frame().collect()["total"].max() == 40.0


@pytest.fixture
def published(project: Project) -> Project:
    """The view is published at 1.0 with the factor 2, and at 2.0 with 3."""
    git(project, "add", "workbench.toml")
    git(project, "commit", "-qm", "Declare the sources")
    project.branch("exp/second", objective="See it published")
    save(project, 2.0)
    project.define(cell(), log=False)
    assert project.promote("spend").commit
    git(project, "switch", "-q", "exp/second")
    save(project, 3.0)
    git(project, "commit", "-qam", "Raise the factor")
    git(project, "switch", "-q", "main")
    project.define(cell(), log=False)
    assert project.promote("spend", accept={"spend": "meant so"}).commit
    return project


@pytest.mark.journey
def test_a_file_is_published_rolled_back_and_materialized_with_its_view(published: Project) -> None:
    assert json.loads(git(published, "show", "main:features/lookup.json")) == {"all": 3.0}
    published.rollback("spend", "1.0")
    assert json.loads(git(published, "show", "main:features/lookup.json")) == {"all": 2.0}
    published.rollback("spend", "2.0")
    assert json.loads(git(published, "show", "main:features/lookup.json")) == {"all": 3.0}
    assert published.materialize(["spend"]).passed
