"""What is said of a cell while it is written: from its text, schemas and records; nothing of it runs."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

import workbench as wb
from tests.lab.test_routes import check, check_problem
from workbench.define import parse_cell
from workbench.lab.inputs import inputs_of
from workbench.lab.inspection import inspect_cell
from workbench.lab.known import Known
from workbench.lab.places import Places
from workbench.lab.projects import Look
from workbench.lab.snippets import snippet, snippet_kinds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.conftest import Ask
    from workbench.project import Project

CELL = '''%%feature
class Week(FeatureModel):
    user: str
    at: UTC
    größe_7d: float = Feature(unit="count", ge=0)


@feature_view(entities="user", event_time="at")
def week(events: pl.LazyFrame) -> LazyFrame[Week]:
    """What happened."""
    return windowed(events, by="user", time="at", windows=["7d"], größe=pl.col("amount").sum())
'''


@pytest.fixture(scope="module")
def look(begun_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Look]:
    """The small project, to look at; its branch defines ``spend``, which nobody computed."""
    from tests.conftest import EVENT_VIEW, copy_project, identify

    folder = tmp_path_factory.mktemp("look")
    with pytest.MonkeyPatch.context() as patch:
        identify(folder, patch)
        with closing(wb.open(copy_project(begun_once, folder), branch="exp/first")) as project:
            project.repository.commit("exp/first", {"features/spend.py": EVENT_VIEW}, message="Define spend")
            found = Look(project, Places(folder), "exp/first", "notebook", Known())
            assert inputs_of(found, patience=240)["events"].columns
            yield found


def at(look: Look, marked: str) -> Any:
    """Return what is said of a cell with the cursor at the ``|``."""
    line = marked[: marked.index("|")].count("\n")
    column = len(marked[: marked.index("|")].rpartition("\n")[2])
    return inspect_cell(look, marked.replace("|", "", 1), line, column)


def texts(found: Any) -> list[str]:
    return [each.text for each in found.completions]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('pl.col("amount")', 'pl.col("am|', ["amount"]),
        ('by="user"', 'by="u|', ["user"]),
        ("week(events: pl.LazyFrame)", "week(e|", ["events"]),
        ("week(events: pl.LazyFrame)", "week(events: pl.LazyFrame, s|", ["spend"]),
        ("%%feature", "%%feature --br|", ["--branch"]),
        ("@feature_view", "@feature_v|", ["feature_view"]),
    ],
)
def test_columns_views_sources_and_options_are_completed_in_a_cell_that_is_being_written(
    look: Look, old: str, new: str, expected: list[str]
) -> None:
    assert old in CELL
    assert texts(at(look, CELL.replace(old, new))) == expected


def test_what_is_typed_already_is_replaced(look: Look) -> None:
    (amount,) = at(look, CELL.replace('pl.col("amount")', 'pl.col("am|')).completions
    assert (amount.kind, amount.detail, amount.replaces) == ("column", "Float64 of events", 2)
    (spend,) = at(look, "%feature diff sp|").completions
    assert (spend.kind, spend.replaces) == ("view", 2)
    assert {each.replaces for each in at(look, "%feature diff |").completions} == {0}


def test_lines_are_completed_as_by_the_kernel(look: Look) -> None:
    assert texts(at(look, "x = 1\n%feature diff sp|")) == ["spend"]
    assert "promote" in texts(at(look, "%feature pro|"))
    assert texts(at(look, "%feature branch exp/|")) == ["exp/first"]
    assert texts(at(look, "print('sp|')")) == []


def test_help_says_what_a_word_is(look: Look) -> None:
    amount = at(look, CELL.replace('"amount"', '"amo|unt"')).hover.text
    assert "Float64" in amount
    assert "source events" in amount
    assert "event_id" in at(look, CELL.replace("windowed(events", "windowed(eve|nts")).hover.text
    assert "What a user has spent" in at(look, "%feature diff spe|nd").hover.text
    assert "--dry-run" in at(look, "%feature prom|ote spend").hover.text
    assert at(look, CELL.replace("return", "ret|urn")).hover is None


@pytest.mark.parametrize(
    ("old", "new", "marked", "message", "remedy"),
    [
        ('pl.col("amount")', 'pl.col("amout")', '"amout"', "events has no column 'amout'", "amount"),
        (
            "windowed(events",
            'windowed(events.sort("evnt_id")',
            '"evnt_id"',
            "events has no column 'evnt_id'",
            "event_id",
        ),
        ("(events:", "(evnts:", "evnts", "neither a source nor a view", "events"),
        ('entities="user"', 'entities="usr"', '"usr"', "Week has no column 'usr'", "user"),
        ('by="user"', 'by="usr"', '"usr"', "events has no column 'usr'", "user"),
        ("    return windowed", "    retrun windowed", "retrun", "not valid Python", "Correct that line"),
        ("@feature_view", "@feature_veiw", "", "holds no feature view", "@feature_view"),
    ],
)
def test_what_is_wrong_is_marked_where_it_stands(
    look: Look, old: str, new: str, marked: str, message: str, remedy: str
) -> None:
    text = CELL.replace(old, new, 1)
    found = inspect_cell(look, text, 2, 0)
    assert inspect_cell(look, text, 0, 0).diagnostics == found.diagnostics  # wherever the cursor is
    first = found.diagnostics[0]
    assert message in first.message
    assert remedy in first.remedy
    line = text.split("\n")[first.line]
    assert line[first.column : first.end_column].startswith(marked)


def test_a_cell_that_is_right_or_that_nobody_can_judge_by_its_text_has_no_marks(look: Look) -> None:
    assert inspect_cell(look, CELL, 2, 0).diagnostics == []
    helped = CELL.replace('pl.col("amount")', 'pl.col("made")').replace("windowed(events", "windowed(add(events)")
    assert inspect_cell(look, helped, 2, 0).diagnostics == []
    renamed = CELL.replace("windowed(events", 'windowed(events.rename({"amount": "made"})').replace(
        '"amount")', '"made")'
    )
    assert inspect_cell(look, renamed, 2, 0).diagnostics == []
    assert inspect_cell(look, "", 0, 0).diagnostics == []
    assert inspect_cell(look, CELL, 400, 400).completions == []


def test_a_line_that_cannot_be_run_is_marked_and_one_with_the_notebooks_values_is_not_judged(look: Look) -> None:
    (wrong,) = inspect_cell(look, "x = 1\n  %feature promote --dry-rnu", 0, 0).diagnostics
    assert (wrong.line, wrong.column, wrong.end_column) == (1, 2, 28)
    assert "--help" in wrong.remedy
    assert inspect_cell(look, "%feature promote --dry-rnu {x}\n%feature status", 0, 0).diagnostics == []


def test_each_kind_of_cell_that_can_be_made_here_has_nothing_wrong(look: Look) -> None:
    kinds = {each.kind: each.of for each in snippet_kinds(look).kinds}
    assert {"windowed", "on-view", "retrieval", "training_set"} <= set(kinds)
    assert kinds["on-view"] == kinds["as_of"] == ["spend"]
    for kind, of in kinds.items():
        if not of:
            continue
        source = snippet(look, kind, of=of[0]).source
        if source.startswith("%%feature"):
            parse_cell(source.partition("\n")[2])
        else:
            compile("\n".join(line for line in source.split("\n") if not line.startswith("%")), "cell", "exec")
        assert inspect_cell(look, source, 1, 0).diagnostics == [], kind


async def test_the_routes_inspect_and_give_cells(ask: Ask, lab_root: Path) -> None:
    project = (await ask("GET", "projects", path="trial")).body["project"]["id"]
    cell = {"project": project, "source": CELL.replace("(events:", "(evnts:"), "line": 3, "column": 4}
    found = check("POST inspect", await ask("POST", "inspect", cell))
    assert "events" in found["diagnostics"][0]["remedy"]
    listed = check("GET snippets", await ask("GET", "snippets", project=project))["kinds"]
    assert {"kind": "windowed", "of": ["events"]}.items() <= listed[0].items()
    given = check("GET snippets/kind", await ask("GET", "snippets/windowed", project=project, of="events"))
    assert given["source"].startswith("%%feature\n")
    assert "on-view" not in given["source"]
    assert "%%feature" in (await ask("GET", "snippets/feature", project=project)).body["source"]
    check_problem(await ask("GET", "snippets/none", project=project), 400, "usage-error")
    check_problem(await ask("GET", "snippets/lag", project=project, of="none"), 400, "usage-error")


def test_an_as_of_cell_computes(project: Project, event_view: str) -> None:
    project.define(event_view)
    look = Look(project, Places(project.root), "exp/first", "notebook", Known())
    assert inputs_of(look, patience=240)["events"].columns
    result = project.define(snippet(look, "as_of", of="spend").source.partition("\n")[2])
    assert result.passed, result.failed
