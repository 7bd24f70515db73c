from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from tests.notebook.explorer.stage import periods, side, subject, visits
from workbench.diff import diff_views
from workbench.errors import BranchNotFound
from workbench.notebook.explorer import explorer
from workbench.notebook.explorer.distribution import distribution
from workbench.notebook.explorer.explorer import Panel
from workbench.notebook.explorer.subject import ExploredView, feature_of


def differing() -> ExploredView:
    left = visits(250, x=[float(row) for row in range(250)], y=[1.0] * 250, c=["a"] * 250)
    x = [float(row + row % 2) for row in range(250)]
    return subject(left, visits(250, x=x, y=[1.0] * 250, c=["a"] * 240 + ["b"] * 10))


def opened(both: ExploredView | None = None) -> Panel:
    panel = Panel(both or differing())
    panel.draw()
    assert panel.controls.note.value == ""
    return panel


def choose(control: Any, label: str) -> None:
    control.value = next(value for text, value in control.options if text == label)


def counted(panel: Panel) -> str:
    return re.sub("<[^>]*>", "", panel.controls.counted.value)


def test_it_opens_with_the_feature_that_changed_most() -> None:
    panel = opened()
    assert panel.controls.features.value == "x"
    assert [name for _, name in panel.controls.features.options] == ["x", "c", "y"]
    assert counted(panel) == "rows 1 to 100 of 125"
    assert panel.controls.distribution.spec["usermeta"] == {"brush": True}
    assert panel.controls.timeline.spec["data"]["values"]
    assert panel.controls.rows.value.count("<tr>") == 102


def test_features_are_sorted_by_name_and_the_chosen_one_stays() -> None:
    panel = opened()
    panel.controls.order.value = "name"
    assert [name for _, name in panel.controls.features.options] == ["c", "x", "y"]
    assert panel.controls.features.value == "x"


def test_pages_go_forth_and_back_and_end_with_the_rows() -> None:
    panel = opened()
    assert panel.controls.back.disabled
    panel.controls.forth.click()
    assert counted(panel) == "rows 101 to 125 of 125"
    panel.controls.kind.value = "any"
    panel.controls.forth.click()
    panel.controls.forth.click()
    assert counted(panel) == "rows 201 to 250 of 250"
    panel.controls.back.click()
    assert counted(panel) == "rows 101 to 200 of 250"
    panel.controls.kind.value = "changed"
    panel.controls.forth.click()
    assert panel.controls.forth.disabled
    panel.controls.back.click()
    assert counted(panel) == "rows 1 to 100 of 125"


def test_a_brush_and_the_slider_stay_in_step() -> None:
    panel = opened()
    shown = panel.controls
    shown.distribution.brush = [60.0, 120.0]
    assert shown.values.label == "in the interval"
    first, last = shown.interval.index
    assert shown.distribution.range == [
        shown.distribution.spec["data"]["values"][first + 1]["low"],
        125.0,
    ]
    assert 0 < first < last < 40
    brushed = counted(panel)
    assert brushed != "rows 1 to 100 of 125"
    shown.interval.index = (first, last - 1)
    assert shown.distribution.range[1] < 124
    assert counted(panel) != brushed
    shown.distribution.brush = []
    assert shown.values.label == "all values"
    assert shown.interval.index == (0, 40)
    assert shown.distribution.range == []
    assert counted(panel) == "rows 1 to 100 of 125"


def test_what_the_page_tells_back_changes_nothing() -> None:
    panel = opened()
    shown = panel.controls
    shown.interval.index = (0, 36)
    assert shown.distribution.brush == shown.distribution.range
    panel.controls.forth.click()
    assert counted(panel).startswith("rows 101 to")
    shown.distribution.brush = [end + 1e-10 for end in shown.distribution.range]
    assert counted(panel).startswith("rows 101 to")


def test_another_choice_takes_the_brush_away_and_stays() -> None:
    x = [None if row % 10 == 0 else float(row) for row in range(250)]
    panel = opened(subject(visits(x=x), visits(x=[1.0] * 250)))
    shown = panel.controls
    shown.distribution.brush = [10.0, 20.0]
    choose(shown.values, "null")
    assert shown.distribution.brush == shown.distribution.range == []
    assert shown.values.label == "null"
    shown.side.value = 0
    assert counted(panel) == "rows 1 to 25 of 25"


def test_an_interval_has_a_bin_at_least() -> None:
    panel = opened()
    panel.controls.interval.index = (7, 7)
    assert panel.controls.interval.index == (7, 8)
    panel.controls.interval.index = (40, 40)
    assert panel.controls.interval.index == (39, 40)


def test_the_rows_behind_an_interval_are_those_of_the_side_that_is_chosen() -> None:
    panel = opened()
    panel.controls.interval.index = (0, 4)  # [0, 25)
    assert counted(panel) == "rows 1 to 12 of 12"  # right: 1 became 2 and so on up to 24
    choose(panel.controls.side, "main")
    assert counted(panel) == "rows 1 to 12 of 12"
    panel.controls.kind.value = "any"
    assert counted(panel) == "rows 1 to 25 of 25"


def test_a_category_is_chosen_by_click_or_by_name() -> None:
    panel = opened()
    panel.controls.features.value = "c"
    assert panel.controls.distribution.spec["usermeta"] == {"pick": True}
    assert panel.controls.interval.layout.display == "none"
    panel.controls.distribution.picked = ["b"]
    assert panel.controls.values.label == "b"
    assert counted(panel) == "rows 1 to 10 of 10"
    choose(panel.controls.values, "a")
    assert counted(panel) == "no rows"
    panel.controls.distribution.picked = [""]
    assert panel.controls.values.label == "all values"


def test_an_entity_and_a_period_cut_everything() -> None:
    panel = opened()
    assert "u3" in panel.controls.entities["user"].options
    panel.controls.entities["user"].value = "u3"
    assert counted(panel) == "rows 1 to 25 of 25"
    assert "user=u3, the whole period" in panel.controls.caption.value
    panel.controls.period.value = "2024-01-01..2024-01-02"
    assert "user=u3, 2024-01-01..2024-01-02" in panel.controls.caption.value
    assert "(50 rows)" in panel.controls.about.value


@pytest.mark.parametrize(
    ("period", "user", "said"),
    [
        ("2024-13", "", "is not a period"),
        ("", "nobody", "There are no rows for user=nobody"),
        ("1999", "", "There are no rows for all entities, 1999"),
    ],
)
def test_what_cannot_be_is_said_and_never_a_traceback(period: str, user: str, said: str) -> None:
    panel = opened()
    panel.controls.period.value = period
    panel.controls.entities["user"].value = user
    assert said in panel.controls.note.value
    assert "Traceback" not in panel.controls.note.value
    panel.controls.period.value = panel.controls.entities["user"].value = ""
    assert panel.controls.note.value == ""
    assert counted(panel) == "rows 1 to 100 of 125"


def test_other_sides_are_compared_and_one_that_is_not_there_is_said() -> None:
    asked = []

    def other(left: str, right: str) -> ExploredView:
        asked.append((left, right))
        if right == "@1.0":
            raise BranchNotFound.named(right, ["main"])
        return replace(differing(), refs=(left, right), other=other)

    panel = opened(replace(differing(), other=other))
    panel.controls.right.value = "main"
    assert asked == [("main", "main")]
    assert panel.subject.refs == ("main", "main")
    assert panel.controls.note.value == ""
    panel.controls.right.value = "@1.0"
    assert "There is no branch or commit &#x27;@1.0&#x27;" in panel.controls.note.value
    assert panel.controls.right.value == "main"


def test_two_periods_are_named_in_words() -> None:
    numbers = [float(row % 50) for row in range(250)]
    panel = opened(periods(visits(x=numbers), visits(x=[99.0] * 250)))
    assert panel.controls.left.description == "reference"
    assert panel.controls.left.value == "2024-01"
    panel.controls.left.value = "2023-01..2023-03"
    assert panel.controls.note.value == ""
    assert counted(panel) == "rows 1 to 100 of 250"


def test_a_feature_that_is_gone_with_the_other_sides_gives_way_to_another() -> None:
    fewer = subject(visits(y=[1.0] * 250), visits(y=[2.0] * 250))
    panel = opened(replace(differing(), other=lambda *_: fewer))
    panel.controls.right.value = "main"
    assert panel.controls.features.value == "y"


def test_an_error_of_ours_is_a_line_in_the_view() -> None:
    def other(*_: str) -> ExploredView:
        raise ZeroDivisionError("oops <b>")

    panel = opened(replace(differing(), other=other))
    panel.controls.right.value = "main"
    assert "The view could not be updated: ZeroDivisionError: oops &lt;b&gt;" in panel.controls.note.value


@pytest.mark.journey
def test_no_more_than_a_page_and_some_numbers_reach_the_browser() -> None:
    def weight(rows: int) -> int:
        x = [float(row % 997) for row in range(rows)]
        panel = opened(subject(visits(rows, x=x), visits(rows, x=[value + 1 for value in x])))
        return sum(len(str(widget.get_state())) for widget in _all(panel.widget))

    small, large = weight(10_000), weight(200_000)
    assert large < small * 1.05
    assert large < 200_000


def _all(widget: Any) -> list[Any]:
    return [widget, *(found for child in getattr(widget, "children", ()) for found in _all(child))]


def test_a_view_that_one_side_lacks_is_looked_at_on_the_other() -> None:
    here = side(visits(x=[float(row) for row in range(250)]), "exp/new")
    found = diff_views(None, here)
    features = tuple(feature_of(column, found, None) for column in found.columns)
    panel = opened(
        ExploredView("visits", ("main", "exp/new"), (None, here), features, None, lambda: ("main",), no_other)
    )
    assert counted(panel) == "rows 1 to 100 of 250"
    assert panel.controls.side.options == (("exp/new", 1),)
    panel.controls.interval.index = (0, 4)
    assert counted(panel) == "rows 1 to 25 of 25"


def test_rows_that_cannot_be_matched_are_looked_at_by_side() -> None:
    left, right = side(visits(x=[1.0] * 250), "main"), side(visits(x=[2.0] * 250).drop("user"), "exp/new", entities=())
    found = diff_views(left, right)
    assert not found.grain
    features = tuple(feature_of(column, found, None) for column in found.columns)
    panel = opened(
        ExploredView("visits", ("main", "exp/new"), (left, right), features, None, lambda: ("main",), no_other)
    )
    assert panel.controls.entities == {}
    assert {label for label, _ in panel.controls.kind.options} == {"of main", "of exp/new"}
    panel.controls.features.value = "x"
    assert counted(panel) == "rows 1 to 100 of 250"


def test_a_view_without_features_says_so() -> None:
    panel = opened(subject(visits(), visits()))
    assert "no features" in panel.controls.about.value


def no_other(*_: str) -> ExploredView:
    raise AssertionError("nobody asked for other sides")


def nested() -> ExploredView:
    """A number, lists of numbers with a null inside, lists of texts, and structs."""
    number = [float(row % 7) for row in range(250)]
    made: dict[str, Any] = {
        "x": number,
        "emb": pl.Series([[3.0, each] if each else [None, each] for each in number]),
        "words": pl.Series([["a"] * int(each) for each in number]),
        "place": pl.Series([{"lat": each, "lon": 1.0} for each in number]),
    }
    return subject(visits(**made), visits(**{**made, "x": [1.0] * 250}))


@pytest.mark.parametrize(
    ("feature", "title", "said"),
    [
        ("emb", "norm of emb", "Drawn is the norm of each list"),
        ("words", "length of words", "Drawn is how many values each list has."),
        ("place", None, "Values of the type Struct are not drawn"),
    ],
)
def test_lists_and_structs_are_drawn_or_say_why_not(feature: str, title: str | None, said: str) -> None:
    panel = opened(nested())
    shown = panel.controls
    shown.features.value = feature
    assert shown.note.value == ""
    assert said in shown.about.value
    drawn = str(shown.distribution.spec), str(shown.timeline.spec)
    assert [f"'title': '{title}'" in each for each in drawn] == [title is not None] * 2
    assert shown.distribution.spec or title is None
    shown.kind.value = "any"
    assert counted(panel) == "rows 1 to 100 of 250"
    if feature == "emb":
        choose(shown.values, "NaN")
        assert counted(panel) == "rows 1 to 36 of 36", "lists with a null inside"
        shown.interval.index = (0, 39)
        assert counted(panel) == "rows 1 to 100 of 179", "all but the longest"


def test_nothing_of_another_feature_is_left_while_one_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    panel = opened()
    shown, seen = panel.controls, []

    def look(subject: ExploredView, feature: Any, **named: Any) -> Any:
        seen.append((feature.name, shown.about.value))
        drawn = (shown.distribution.spec, shown.timeline.spec, shown.rows.value, shown.caption.value)
        assert not any((*drawn, shown.counted.value, shown.distribution.range))
        assert [value for _, value in shown.values.options] == [-1]
        return distribution(subject, feature, **named)

    monkeypatch.setattr(explorer, "distribution", look)
    shown.distribution.brush = [60.0, 120.0]
    shown.features.value = "y"
    shown.entities["user"].value = "u3"
    ((first, about), (second, _)) = seen
    assert (first, second) == ("y", "y")
    assert "<h4>y</h4><p class='wb-none' role='status'>Counting its values ...</p>" in about
    assert "Counting" not in shown.about.value
    assert shown.note.value == ""


def test_a_feature_that_cannot_be_shown_leaves_nothing_that_looks_like_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Any:
        raise ZeroDivisionError

    panel = opened()
    shown = panel.controls
    monkeypatch.setattr(explorer, "timeline", fail)
    shown.features.value = "y"
    assert "<h4>y</h4>" in shown.about.value
    assert "It could not be shown." in shown.about.value
    assert not any((shown.distribution.spec, shown.timeline.spec, shown.rows.value, shown.counted.value))


def test_what_was_counted_is_kept_until_other_rows_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def look(subject: ExploredView, feature: Any, **named: Any) -> Any:
        asked.append(feature.name)
        return distribution(subject, feature, **named)

    panel = opened()
    monkeypatch.setattr(explorer, "distribution", look)
    for name in ("y", "x", "y", "x"):
        panel.controls.features.value = name
    assert asked == ["y"]
    panel.controls.entities["user"].value = "u3"
    assert asked == ["y", "x"]
    panel.controls.right.value = "main"
    assert asked == ["y", "x", "x"]
