"""Helper modules: written on the branch like a view, and refused where they, or what imports them, would not load."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from workbench.errors import CellError, DefinitionError, InvalidName, ProtectedBranch, WorkbenchError

if TYPE_CHECKING:
    from workbench.project import Project

MONEY = '''\
RATE = 1.1


def dollars(euros: pl.Expr) -> pl.Expr:
    """Euros in dollars."""
    return euros * RATE
'''


def commits(project: Project) -> int:
    out = subprocess.run(
        ["git", "rev-list", "--count", "exp/first"], cwd=project.root, check=True, capture_output=True, text=True
    )
    return int(out.stdout)


def test_a_helper_is_committed_imported_and_changes_what_uses_it(project: Project, event_view: str) -> None:
    helper = project.define_helper("money", MONEY)
    assert (helper.names, helper.used_by, helper.changed) == (("RATE", "dollars"), (), True)
    assert "from .money import RATE, dollars" in helper._repr_mimebundle_()["text/plain"]
    assert callable(helper.namespace["dollars"])
    files = project.repository.read("exp/first", "features/money.py")
    assert files == "import polars as pl\n\n" + MONEY
    assert not (project.root / "features" / "money.py").exists(), "the working tree is left alone"
    priced = "from .money import dollars\n\n" + event_view.replace('pl.col("amount")', 'dollars(pl.col("amount"))')
    first = project.define(priced, log=False)
    assert project.view_names() == ["spend"]
    assert "money" not in project.known_names().views
    again = project.define_helper("money", MONEY)
    assert (again.changed, again.used_by, again.commit) == (False, ("spend",), first.commit)
    project.define_helper("money", MONEY.replace("1.1", "2.2"))
    assert project.compute("spend", log=False)[0].view_id != first.view_id
    before = commits(project)
    for text, said in {
        MONEY.replace("dollars", "pounds"): "cannot import name 'dollars'",
        "def dollars(": "not valid Python",
        "raise OSError('at import')": "at import",
        "%matplotlib inline": "IPython",
        event_view: "without --helper",
    }.items():
        with pytest.raises(WorkbenchError) as raised:
            project.define_helper("money", text)
        assert said in f"{raised.value} {raised.value.remedy}"
    with pytest.raises(CellError, match="is a view of this branch"):
        project.define_helper("spend", MONEY)
    with pytest.raises(CellError, match="cannot be the name"):
        project.define_helper("test_money", MONEY)
    with pytest.raises(InvalidName):
        project.define_helper("../money", MONEY)
    with pytest.raises(ProtectedBranch):
        project.define_helper("money", MONEY, branch="main")
    with pytest.raises(DefinitionError, match="spend"):
        project.remove("money")
    assert commits(project) == before
    project.remove("spend")
    project.remove("money")
    assert "features/money.py" not in project.repository.files("exp/first")
