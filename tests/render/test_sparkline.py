from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.render.page import Page
from tests.render.samples import number, text
from workbench.profile import FeatureProfile, Histogram
from workbench.render import blocks, sparkline
from workbench.render.sparkline import HEIGHT, WIDTH, describe_sparkline, instead


def with_histogram(histogram: Histogram, *, dtype: str = "Float64") -> FeatureProfile:
    return replace(number(), dtype=dtype, histogram=histogram, min=histogram.edges[0], max=histogram.edges[-1])


def heights(drawing: str) -> list[float]:
    return [float(height) for height in re.findall(r"v-([\d.]+)", drawing)]


def test_bars_are_as_high_as_their_counts() -> None:
    drawn = sparkline(with_histogram(Histogram((0.0, 1.0, 2.0, 3.0), (50, 100, 25))))
    assert heights(drawn) == [pytest.approx(share * HEIGHT, rel=0.01) for share in (0.5, 1, 0.25)]


def test_a_rare_bin_is_seen_and_an_empty_one_is_not() -> None:
    drawn = sparkline(with_histogram(Histogram((0.0, 1.0, 2.0, 3.0), (1_000_000, 0, 1))))
    assert len(heights(drawn)) == 2
    assert min(heights(drawn)) >= 10


def test_tails_stand_apart_and_inside_the_drawing() -> None:
    drawn = sparkline(with_histogram(Histogram((0.0, 1.0, 2.0), (10, 10), below=1, above=500)))
    bulk, tails = re.findall(r'class="wb-(?:bar|tail)" d="([^"]*)"', drawn)
    assert len(heights(bulk)) == len(heights(tails)) == 2
    assert max(heights(drawn)) <= HEIGHT
    starts = [float(start) for start in re.findall(r"M([\d.]+)", bulk)]
    low, high = [float(start) for start in re.findall(r"M([\d.]+)", tails)]
    assert low + 50 < starts[0] < starts[1] < high
    for start, width in re.findall(r"M([\d.]+) [^h]*h([\d.]+)", drawn):
        assert 0 <= float(start) <= float(start) + float(width) <= WIDTH + 1


def test_fifty_bins_stay_small() -> None:
    assert len(sparkline(number(bins=50))) < 1_600


def test_it_is_described_for_those_who_do_not_see_it() -> None:
    page = Page(sparkline(number()))
    said = "delay_mean_7d: histogram from -20.1 to 86.5, 0.5% below, 0.5% above, from a sample of 1,000 values"
    assert page.values("title") == [said]
    assert page.text.strip() == blocks(number()), "for where drawings are taken away"
    assert page.values("role") == ["img"]


def test_whole_numbers_are_described_by_whole_ends() -> None:
    feature = replace(
        with_histogram(Histogram((0.5, 1.5, 2.5, 3.5), (1, 2, 3), above=2), dtype="Int64"), min=1.0, max=9.0
    )
    assert "from 1 to 3," in describe_sparkline(feature)


def test_categories_are_segments_that_fill_the_width() -> None:
    drawn = sparkline(text())
    assert drawn.count("<path") == 5
    assert describe_sparkline(text()) == "airport: JFK 35%, LGA 25%, EWR 20%, ORD 10%, 2 more values"
    alone = replace(text(), categories=(("a", 100),), distinct=1)
    assert (sparkline(alone), instead(alone)) == ("", "always a")


def test_what_cannot_be_drawn_is_empty() -> None:
    assert sparkline(replace(number(), histogram=None)) == ""
    assert sparkline(with_histogram(Histogram((7.0, 7.0), (5,)))) == ""


def test_blocks_follow_the_counts() -> None:
    feature = with_histogram(Histogram((0.0, 1.0, 2.0, 3.0, 4.0), (0, 1, 50, 100)))
    assert blocks(feature) == " ▁▅█"
    assert blocks(feature, ascii_only=True) == " _+#"


def test_blocks_add_bins_up_to_the_width_without_bias() -> None:
    flat = with_histogram(Histogram(tuple(map(float, range(51))), (10,) * 50))
    assert blocks(flat, width=16) == "█" * 16


def test_a_constant_has_no_blocks() -> None:
    assert blocks(with_histogram(Histogram((7.0, 7.0), (5,)))) == ""
