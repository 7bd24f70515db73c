from __future__ import annotations

import json

import pytest
import vl_convert

from tests.notebook.explorer.stage import START, periods, subject, visits
from workbench.notebook.explorer import charts
from workbench.notebook.explorer.distribution import distribution
from workbench.notebook.explorer.timeline import Timeline, timeline

NUMBERS = [float(row) for row in range(250)]
NAMES = [f"c{row % 30}" for row in range(250)]


def drawings() -> dict[str, dict[str, object]]:
    one = visits(x=NUMBERS, c=NAMES, t=visits()["at"])
    both = periods(one, visits(x=NUMBERS[::-1], c=NAMES, t=visits()["at"]))
    features = {name: both.feature(name) for name in "xct"}
    return {
        "numbers": charts.histogram(distribution(both, features["x"])),
        "times": charts.histogram(distribution(both, features["t"])),
        "names": charts.categories(distribution(both, features["c"])),
        "line": charts.line(timeline(both, features["x"])),
        "line of names": charts.line(timeline(both, features["c"])),
    }


@pytest.mark.parametrize("name", ["numbers", "times", "names", "line", "line of names"])
def test_each_chart_is_valid_and_can_be_drawn_without_a_network(name: str) -> None:
    spec = drawings()[name]
    import altair as alt  # slow to load, and every process that runs tests loads this module

    alt.Chart.from_dict(spec | {"data": {"values": []}})  # checks it against the schema of Vega-Lite
    drawn = vl_convert.vegalite_to_svg({**spec, "width": 400})
    assert drawn.count("<path") > 5


def test_two_sides_differ_in_shape_and_not_in_colour_alone() -> None:
    found = {name: json.dumps(spec) for name, spec in drawings().items()}
    assert '"interpolate": "step-after"' in found["numbers"]
    assert '"fillOpacity"' in found["names"]
    assert '"strokeDash"' in found["line"]
    assert '"shape"' in found["line"]


@pytest.mark.journey
def test_a_chart_holds_no_more_numbers_than_can_be_seen() -> None:
    many = 200_000
    rows = [float(row % 9973) for row in range(many)]
    both = subject(visits(many, x=rows, c=[f"c{row % 5000}" for row in range(many)]), visits(many, x=rows[::-1], c="a"))
    assert len(json.dumps(charts.histogram(distribution(both, both.feature("x"))))) < 12_000
    assert len(json.dumps(charts.categories(distribution(both, both.feature("c"))))) < 6_000
    over_time = charts.line(timeline(both, both.feature("x")))
    assert over_time["data"]["values"].count("\n") <= 1_001
    assert len(json.dumps(over_time)) < 50_000


def test_text_and_ground_are_left_to_the_page() -> None:
    for spec in drawings().values():
        assert spec["background"] == "transparent"
        assert "black" not in json.dumps(spec)


def test_there_is_no_chart_of_nothing() -> None:
    both = subject(visits(3, x=[1.0] * 3), visits(3, x=[1.0] * 3))
    nothing = distribution(both, both.feature("x"))
    empty = type(nothing)("x", "number", None, (), (0, 0))
    assert charts.histogram(empty) == charts.categories(empty) == {}
    assert charts.line(Timeline("x", "number", None, ((), ()))) == {}


def test_times_of_a_line_are_utc_whatever_the_machine_says() -> None:
    both = subject(visits(2, x=[1.0, 2.0]), visits(2, x=[1.0, 2.0]))
    first = charts.line(timeline(both, both.feature("x")))["data"]["values"].split()[1]
    assert first == f"{START.timestamp() * 1000:.0f},left,1,1,1"
