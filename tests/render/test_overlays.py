"""Many distributions: what moved most comes first, what is left is counted, and the page stays small."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.render.page import Page
from tests.render.samples import changed_file, moved
from workbench.diff import CodeDiff
from workbench.drift import DriftReport, FeatureDrift
from workbench.render import Overlay, Overlays, Report, ShareBar, Table, listings, overlays


@pytest.fixture(scope="module")
def report() -> DriftReport:
    return moved()


def many(report: DriftReport, count: int) -> DriftReport:
    """Return a report of `count` features: each that was measured, again and again under other names."""
    known = [one for one in report.features if one.bins]
    found: list[FeatureDrift] = []
    for place in range(count):
        one = known[place % len(known)]
        found.append(replace(one, name=f"feature_{place:03}_of_{one.name}"))
    return replace(report, features=tuple(found))


def grid(report: DriftReport) -> Overlays:
    (found,) = overlays(report)
    assert isinstance(found, Overlays)
    return found


def test_what_moved_most_comes_first(report: DriftReport) -> None:
    drawn = [one.drift for one in grid(report).drawn]
    assert drawn == sorted(drawn, key=lambda one: -one.excess)
    assert drawn[0].drifted
    assert drawn[-1].name in {"wait", "always"}


def test_what_has_nothing_to_draw_is_left_to_the_tables(report: DriftReport) -> None:
    assert "nested" not in {one.drift.name for one in grid(report).drawn}
    assert overlays(replace(report, features=(report["nested"],))) == ()


def test_of_many_features_twelve_are_drawn_and_the_others_counted(report: DriftReport) -> None:
    figure = grid(many(report, 200))
    assert len(figure.drawn) == 12
    for said in (figure.html(), figure.text(), figure.markdown()):
        assert "and 188 more features that moved less" in said
    assert Page(figure.html()).tags.count("svg") == 12 + 2, "and the key"


def test_style_and_key_are_there_once(report: DriftReport) -> None:
    page = Page(grid(report).html())
    assert page.tags.count("style") == 1
    assert page.text.count("exp/carry-over") == 1


def test_a_terminal_shows_as_many_beside_each_other_as_it_has_room_for(report: DriftReport) -> None:
    figure = grid(report)
    wide, narrow = (Report("t", figures=(figure,)).text(width=width) for width in (120, 60))
    assert len(wide.splitlines()) < 0.7 * len(narrow.splitlines())
    assert max(map(len, narrow.splitlines())) <= 60
    for name in ("delay", "airport", "always"):
        assert name in wide
        assert name in narrow


def test_one_overlay_stands_alone_too(report: DriftReport) -> None:
    said = Report("t", figures=(Overlay(report["delay"], report.labels),))
    assert Page(said.html()).tags.count("h4") == 2
    assert said.markdown().count("#### delay") == 1
    assert said.text().count("\ndelay") == 1


def test_a_report_of_two_hundred_features_with_every_figure_stays_under_450_kilobytes(report: DriftReport) -> None:
    large = many(report, 200)
    line = "+    value = pl.col('a_long_name').rolling_mean_by('landed_at', window_size='7d').fill_null(0)  # why"
    code = CodeDiff(tuple(changed_file((line,) * 1000, path=f"features/f{n}.py") for n in range(40)))
    rows = tuple((one.name, "changed", 10**9, ShareBar(0.5), 1 / 3, 1 / 7, one.sentence) for one in large.features)
    columns = ("feature", "is", "values changed", "share", "mean change", "largest", "says")
    whole = Report(
        "carrier_delay: main against exp/carry-over",
        tables=tuple(Table(title, columns, rows) for title in ("Values", "Measures", "Segments")),
        figures=(*overlays(large), *listings(code)),
    )
    assert len(whole.page().encode()) < 450_000
    assert len(whole.markdown().encode()) < 65_536, "what GitHub takes as one comment"
    assert whole.html().count("and 150 more rows") == 3
