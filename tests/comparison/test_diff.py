"""The difference of a view between two places, as users are shown it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.comparison.test_refs import DOUBLED
from tests.conftest import EVENT_VIEW
from workbench.cli import main
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
    assert "spend@1.0 against exp/first: 1 of 1 features differs" in text
    assert "* \n2" in text or "* 2" in text
    assert "breaks readers" in text
    assert "Where total differs most" in text
    assert found.to_dict()["drift"]["features"][0]["name"] == "total"
    assert len(found._repr_mimebundle_()["text/html"]) < 300_000


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
    assert "72.5 → 10" in found.report().text()
    facts = sorted((mart.root / ".workbench" / "facts").rglob("profile-*.json"))
    before = {path: path.stat().st_mtime_ns for path in facts}
    assert mart.diff("spend", "@1.0", "@2.0").profiles == found.profiles
    assert {path: path.stat().st_mtime_ns for path in facts} == before
