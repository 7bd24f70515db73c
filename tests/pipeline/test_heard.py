"""What a view prints and warns of: once, at its own line, and nothing of what the probes make it say."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import pytest

from tests.conftest import EVENT_VIEW

if TYPE_CHECKING:
    from workbench.project import Project

TALKING = EVENT_VIEW.replace("class ", "import warnings\n\nclass ", 1).replace(
    "    return events",
    '    print("seen")\n    warnings.warn("look here")\n'
    '    before = events.select("user", "at", seen="amount").sort("at")\n'
    '    events = events.sort("at").join_asof(before, on="at", by="user")\n    return events',
)


def test_a_view_is_heard_once_at_its_own_line(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = project.define(TALKING, log=False)
    line = TALKING.splitlines().index('    warnings.warn("look here")') + 1
    assert [said for said in result.card.warnings if "look here" in said] == [
        f"cell, line {line}: UserWarning: look here"
    ]
    (sorted_by,) = [said for said in result.card.warnings if "join_asof" in said]
    assert sorted_by.startswith("spend: join_asof with by= takes the rows of both sides as sorted by time")
    assert capsys.readouterr().out.count("seen") == 1
