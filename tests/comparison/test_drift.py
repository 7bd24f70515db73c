"""Drift between two sets of a view's rows, by the project's own budgets."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl
import pytest

from tests.comparison.test_refs import DOUBLED
from tests.store.conftest import spine_of
from tests.store.stage import git
from workbench.errors import FeatureNotFound, UsageError

if TYPE_CHECKING:
    from workbench.project import Project

FIRST, LATER = "2024-01-01T00:00..2024-01-01T01:30", "2024-01-01T01:30..2024-01-02T00:00"


def test_two_periods_of_a_view_are_compared(mart_to_read: Project) -> None:
    found = mart_to_read.drift("spend", reference=FIRST, current=LATER)
    assert found.drift.rows == (90, 110)
    assert found.drift.labels == (FIRST, LATER)
    assert [one.name for one in found.drifted] == ["total"]
    assert found["total"].ks == pytest.approx(4 / 9)
    text = found._repr_mimebundle_()["text/plain"]
    assert "1 of 1 features drifted" in text
    assert "rows of    main" in text
    assert "90 rows" in text
    json.dumps(found.to_dict(), allow_nan=False)
    assert found.to_frame().height == 1


def test_places_and_segments_are_compared_too(mart_to_read: Project) -> None:
    moved = mart_to_read.drift("spend", reference="@1.0", current="@2.0")["total"].wasserstein
    assert moved is not None
    assert moved > 10
    assert mart_to_read.drift("spend", reference="@1.0", current="@1.0")["total"].psi == 0
    found = mart_to_read.drift("spend:total", reference="user=u1", current="user=u2", by="user")
    assert found.drift.by == ("user",)
    assert "Segments by user" in found._repr_mimebundle_()["text/plain"]


def test_whose_rows_are_meant_is_told_where_a_side_does_not_say(mart_to_read: Project) -> None:
    assert "rows of" in mart_to_read.drift("spend", reference=FIRST, current="@1.0").report().text()
    assert "rows of" not in mart_to_read.drift("spend", reference="@2.0", current=f"@1.0, {FIRST}").report().text()


def test_a_training_set_is_compared_with_what_serving_returned(shop: Project) -> None:
    spine = spine_of(*((f"u{n % 7}", float(n)) for n in range(200)))
    train = shop.store.training_set(spine, "spend", save="first_try")
    found = shop.drift("spend", reference="first_try", current=train.frame.with_columns(pl.col("total") + 1000))
    assert found["total"].ks == 1.0
    assert shop.drift("spend", reference="first_try", current=train)["total"].psi == 0


def test_the_policy_on_main_sets_measure_and_budgets(mart: Project) -> None:
    budget = 'drift = { measure = "ks", budget = 0.01, budgets = { "spend:total" = 2.0 } }\n'
    toml = mart.root / "workbench.toml"
    toml.write_text(toml.read_text() + budget)
    git(mart, "add", "workbench.toml")
    git(mart, "commit", "-qm", "Set budgets")
    found = mart.drift("spend", reference=FIRST, current=LATER)
    assert (found["total"].measure, found["total"].basis, found["total"].threshold) == ("ks", "budget", 2.0)
    assert found.drifted == ()
    assert mart.drift("recent:amount", reference=FIRST, current=LATER)["amount"].threshold == 0.01


def test_features_that_one_side_lacks_are_left_out_unless_they_are_asked_for(shop: Project) -> None:
    shop.branch("exp/second", start="exp/first")
    more = DOUBLED.replace("total=", "twice=pl.col('amount'), total=").replace(
        "\n\n\n@", '\n    twice: float = Feature(unit="count")\n\n\n@'
    )
    shop.define(more, log=False)
    found = shop.drift("spend", reference="exp/first", current="exp/second")
    assert [one.name for one in found.features] == ["total"]
    with pytest.raises(FeatureNotFound, match="twice"):
        shop.drift("spend:twice", reference="exp/first", current="exp/second")
    with pytest.raises(FeatureNotFound, match="total"):
        shop.drift("spend:totl", reference="exp/first", current="exp/second")


def test_a_feature_that_the_current_rows_lack_is_an_error_and_named(mart_to_read: Project) -> None:
    rows = pl.DataFrame({"TOTAL": [1.0, 2.0], "recent": [1.0, 2.0]})
    for current in (rows, rows.rename({"TOTAL": "totl"})):
        with pytest.raises(FeatureNotFound, match="no column 'total' in") as caught:
            mart_to_read.drift("spend", reference="main", current=current)
        assert "did you mean" in caught.value.remedy


def test_the_same_rows_in_two_places_are_compared_one_by_one(mart_to_read: Project) -> None:
    found = mart_to_read.drift("spend", reference="@1.0", current="@2.0")["total"]
    assert found.paired is not None
    assert (found.paired.rows, found.paired.others, found.drifted) == (200, False, True)
    assert mart_to_read.drift("spend", reference=FIRST, current=LATER)["total"].paired is None


def test_it_can_be_taken_again_between_other_rows(mart_to_read: Project) -> None:
    found = mart_to_read.drift("spend", reference=FIRST, current=LATER)
    again = found.between(current=FIRST)
    assert again.refs == (FIRST, FIRST)
    assert again["total"].psi == 0
    given = mart_to_read.drift("spend", reference=pl.DataFrame({"total": [1.0, 2.0]}), current="main")
    assert given.between(current="@1.0").drift.rows == (2, 200)
    assert "@1.0" in given.choices()


def test_a_report_explains_what_stands_behind_figures_that_are_not_exact(mart_to_read: Project) -> None:
    found = mart_to_read.drift("spend", reference=FIRST, current=LATER)
    assert "±" not in found._repr_mimebundle_()["text/plain"]
    features = tuple(replace(one, bounds={"ks": 2e-5}) for one in found.features)
    said = replace(found, drift=replace(found.drift, features=features))._repr_mimebundle_()["text/plain"]
    assert "± 2e-5" in said
    assert "± is how far" in said


def test_sides_without_rows_are_refused(mart_to_read: Project) -> None:
    with pytest.raises(UsageError, match="user=nobody"):
        mart_to_read.drift("spend", reference="user=nobody", current="main")
