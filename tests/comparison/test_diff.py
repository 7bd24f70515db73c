"""The difference of a view between two places, as users are shown it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.comparison.test_refs import DOUBLED
from tests.conftest import EVENT_VIEW
from workbench.cli import main
from workbench.comparison import Difference
from workbench.errors import FeatureNotFound

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.project import Project


def test_it_tells_values_distributions_rows_promises_and_code(mart: Project) -> None:
    mart.branch("exp/first")
    mart.define(DOUBLED.replace("ge=0", "ge=-1"), log=False)
    found = mart.diff("spend", "@1.0")
    assert found.category == "breaking"
    assert found.columns[0].changed > 150
    assert found.drift is not None
    assert found.drift["total"].ks == pytest.approx(0.375, abs=0.2)
    text = found._repr_mimebundle_()["text/plain"]
    first, *_ = text.splitlines()
    assert first == "spend: spend@1.0 against exp/first: 1 of 1 features differs, in up to 99.5% of rows; readers break"
    assert "✗ breaks  promises: readers rely on what changed\n            total: ge 0 -> -1" in text
    assert "* \n2" in text or "* 2" in text
    assert "breaks readers" not in text
    assert "breaks readers" in found.report().text(everything=True)
    assert "Where total differs most" in text
    assert found.to_dict()["drift"]["features"][0]["name"] == "total"
    assert len(found._repr_mimebundle_()["text/html"]) < 300_000


MANY = """\
class Many(FeatureModel):
    user: str
    at: UTC
{columns}


@feature_view(entities="user", event_time="at")
def many(events: pl.LazyFrame) -> LazyFrame[Many]:
    \"\"\"Features of which many differ.\"\"\"
    place = pl.col("at").dt.minute()
    return events.select("user", "at", {values})
"""


def define_many(project: Project, names: list[str], *, moved: int) -> None:
    """Define features, each of which is moved in one more minute of an hour than the one before it."""
    columns = "\n".join(f'    {name}: float = Feature(unit="count")' for name in names)
    values = ", ".join(
        f'{name}=pl.col("amount") + {moved} * (place < {count}).cast(pl.Float64)'
        for count, name in enumerate(names, start=1)
    )
    project.define(MANY.format(columns=columns, values=values), log=False)


def test_what_differs_most_comes_first_and_the_rest_is_folded(shop: Project) -> None:
    names = [f"f{place:02}" for place in range(14)]
    define_many(shop, names, moved=0)
    shop.branch("exp/other", start="exp/first")
    define_many(shop, names[2:], moved=1)
    report = shop.diff("many", "exp/first", "exp/other").report()
    assert report.title.endswith(": 14 of 14 features differ, in up to 24% of rows; readers break")
    assert [finding.instances for finding in report.findings] == [("f00 is gone", "f01 is gone")]
    text = report.text(width=100)
    places = [text.index(f"\n{name} ") for name in ("f13", "f12", "f11", "f10")]
    assert places == sorted(places), "the largest share first"
    assert "and 4 more rows" in text
    assert "and 9 more features that moved less" in text
    assert "Where f13 differs most" in text
    titles = [fold.title for fold in report.folded]
    assert titles == ["Distributions of the others", "What both sides look like", "Contract"]
    assert [figure.title for figure in report.figures][-1].startswith("features/many.py")
    html = report.html()
    assert html.index("Where f13 differs most") < html.index("<summary>Distributions of the others")
    assert html.index("and 4 more rows</summary>") < html.index("Where f13 differs most")


def test_much_code_is_folded(mart_to_read: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    found = mart_to_read.diff("spend", "@1.0", "@2.0")
    assert "Code" not in {fold.title for fold in found.report().folded}
    monkeypatch.setattr(sys.modules[Difference.__module__], "FEW_LINES", 1)
    report = found.report()
    assert report.folded[-1].title == "Code"
    assert not [figure for figure in report.figures if figure.title.startswith("features/")]


def test_where_no_value_differs_the_code_is_shown(shop: Project) -> None:
    shop.branch("exp/other", start="exp/first")
    shop.define(EVENT_VIEW.replace('"user", "at", total', '["user", "at"], total'), log=False)
    report = shop.diff("spend", "exp/first", "exp/other").report()
    assert report.title.endswith(": no value differs; nothing breaks")
    assert "total" in report.text()
    assert not report.folded


def test_sides_that_are_equal_have_no_drift(mart_to_read: Project) -> None:
    found = mart_to_read.diff("spend", "@2.0", "@2.0")
    assert found.category == "none"
    assert found.drift is None
    assert found.to_dict()["drift"] is None


def test_a_renamed_feature_is_measured_under_its_new_name(shop: Project) -> None:
    shop.branch("exp/second", start="exp/first")
    shop.define(EVENT_VIEW.replace("total", "spent"), log=False)
    shop.branch("exp/third", start="exp/first")
    shop.define(EVENT_VIEW.replace("    total: float", "    spent: float").replace("total=", "spent="), log=False)
    found = shop.diff("spend", "exp/first", "exp/third")
    assert found.diff.renamed == {"spent": "total"}
    assert found.drift is not None
    assert found.drift["spent"].psi == 0
    assert "renamed, was total" in found._repr_mimebundle_()["text/plain"]


def test_a_view_that_one_side_lacks_is_new_and_one_that_none_has_an_error(shop: Project) -> None:
    found = shop.diff("spend")
    assert found.category == "new"
    assert found.drift is None
    assert "main has no such view" in found._repr_mimebundle_()["text/plain"]
    assert found.report().title.endswith(": a new view")
    with pytest.raises(FeatureNotFound, match="did you mean"):
        shop.diff("spent")


def test_it_can_be_taken_again_between_other_places(mart_to_read: Project) -> None:
    found = mart_to_read.diff("spend", "@1.0", "@2.0")
    assert found.choices() == ("main", "exp/first", "@1.0", "@2.0")
    again = found.against(right="exp/first")
    assert again.refs == ("@1.0", "exp/first")
    assert again.view == "spend"
    assert found.against(left="@2.0").category == "none"


def test_the_command_line_writes_the_report_or_refuses_before_it_computes(
    mart_to_read: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(mart_to_read.root)
    words = ["diff", "spend", "--left", "@1.0", "--right", "@2.0", "--out"]
    for name, begins in (("d.html", "<!DOCTYPE html>"), ("d.md", "### spend"), ("d.json", "{")):
        assert main.main([*words, str(tmp_path / name)]) == 0
        assert (tmp_path / name).read_text().startswith(begins)
    assert main.main([*words, str(tmp_path / "d.pdf")]) == 2
    assert "not a kind of report" in capsys.readouterr().err
    assert main.main([*words, str(tmp_path / "nowhere" / "d.md")]) == 1
    assert not (tmp_path / "nowhere").exists()


def test_pages_of_rows_are_never_longer_than_a_hundred(mart_to_read: Project) -> None:
    found = mart_to_read.diff("spend", "@1.0", "@2.0")
    assert found.changed_rows(limit=5).height == 5
    assert found.changed_rows(limit=1000).height == 100
    assert found.worst("total", limit=3).height == 3


def test_both_sides_are_profiled_once_for_each_view_id(mart: Project) -> None:
    found = mart.diff("spend", "@1.0", "@2.0")
    left, right = found.profiles
    assert left is not None
    assert right is not None
    assert (left["total"].max, right["total"].max) == (147.0, 10.0)
    assert [key.name for key in left.keys] == ["user", "at"]
    assert left["user"].distinct == 7
    assert "72.5 → 10" in found.report().text(everything=True)
    facts = sorted((mart.root / ".workbench" / "facts").rglob("profile-*.json"))
    before = {path: path.stat().st_mtime_ns for path in facts}
    assert mart.diff("spend", "@1.0", "@2.0").profiles == found.profiles
    assert {path: path.stat().st_mtime_ns for path in facts} == before
