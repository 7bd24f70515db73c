"""Two distributions over each other: what is drawn is what was counted, and says the same in every form."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from tests.render.page import Page
from tests.render.samples import HOSTILE, moved
from workbench.drift import DriftReport, FeatureDrift
from workbench.profile import Histogram
from workbench.profile.bins import Bin
from workbench.render import Overlay
from workbench.render.distribution import COLUMNS, MOST_BARS, WIDTH, bars, overlay_svg

LABELS = ("main", "exp/carry-over")
SVG = "{http://www.w3.org/2000/svg}"
BASE, TOP = 84.0, 2.0


@pytest.fixture(scope="module")
def report() -> DriftReport:
    return moved()


def drawn(drift: FeatureDrift, labels: tuple[str, str] = LABELS) -> ET.Element:
    return ET.fromstring(overlay_svg(drift, labels))


def paths(drift: FeatureDrift) -> list[str]:
    """Return the filled and the outlined path of the histogram or, without one, of the bars."""
    found = [path for path in drawn(drift).iter(f"{SVG}path") if path.get("stroke-opacity") is None]
    return [str(path.get("d")) for path in found]


def heights(path: str) -> list[float]:
    return [BASE - float(at) for at in re.findall(r"V([\d.]+)[Hh]", path)]


def of_counts(one: tuple[int, ...], two: tuple[int, ...], *, above: tuple[int, int] = (0, 0)) -> FeatureDrift:
    edges = tuple(map(float, range(len(one) + 1)))
    pair = Histogram(edges, one, above=above[0]), Histogram(edges, two, above=above[1])
    sample = moved()["wait"]
    sides = (replace(side, dtype="Float64", rows=100) for side in (sample.reference, sample.current))
    return replace(sample, kind="numeric", histograms=pair, bins=(), reference=next(sides), current=next(sides))


def of_categories(count: int, *, letters: int = 5, name: str = "airport") -> FeatureDrift:
    bins = [Bin("value", f"{place:0{letters}}", None, None, 100 - place, place) for place in range(count)]
    bins += [Bin("other", "other", None, None, 10, 20), Bin("null", "null", None, None, 0, 7)]
    return replace(moved()["airport"], name=name, bins=tuple(bins))


def test_steps_are_as_high_as_the_shares_and_both_sides_have_one_scale() -> None:
    filled, line = paths(of_counts((50, 25, 25), (100, 0, 0)))
    full = BASE - TOP
    assert heights(filled) == pytest.approx([full / 2, full / 4, full / 4], abs=0.1)
    assert heights(line) == pytest.approx([full, 0, 0], abs=0.1)


def test_a_rare_bin_is_seen() -> None:
    drift = of_counts((1_000_000, 1), (1_000_000, 0))
    sides = (replace(side, rows=1_000_001) for side in (drift.reference, drift.current))
    assert heights(paths(replace(drift, reference=next(sides), current=next(sides)))[0])[1] == 1.0


def test_what_lies_beyond_the_bins_stands_apart_and_does_not_press_them_flat() -> None:
    filled, line = paths(of_counts((50, 50), (5, 5), above=(0, 90)))
    assert len(heights(filled)) == 2
    assert heights(line)[-1] == pytest.approx((BASE - TOP) * 0.9 / 0.9, abs=0.1)
    assert heights(filled)[0] == pytest.approx((BASE - TOP) * 0.5 / 0.9, abs=0.1)
    far = of_counts((10, 10), (1, 1), above=(80, 98))
    filled, line = paths(far)
    assert heights(filled) == pytest.approx([(BASE - TOP) / 2] * 2 + [BASE - TOP], abs=0.1)
    assert heights(line)[-1] == pytest.approx(BASE - TOP, abs=0.1)
    main, other = Overlay(far, LABELS).text().splitlines()[:2]
    assert main.split()[1:] == ["▅" * 26, "█"]
    assert other.split()[1:] == ["▁" * 26, "█"]


def test_sides_differ_by_shape_and_not_by_hue_alone(report: DriftReport) -> None:
    for drift in report.features:
        if drift.bins:
            one, two = [path for path in drawn(drift).iter(f"{SVG}path") if path.get("stroke-opacity") is None][:2]
            assert one.get("fill") != "none"
            assert one.get("stroke") is None
            assert two.get("fill") == "none"
            assert two.get("stroke") is not None


def test_colours_need_no_style_sheet_and_text_has_the_colour_of_the_page(report: DriftReport) -> None:
    svg = drawn(report["airport"])
    assert svg.get("fill") == "currentColor"
    assert all(path.get("fill") for path in svg.iter(f"{SVG}path") if path.get("stroke-opacity") is None)
    assert not [text for text in svg.iter(f"{SVG}text") if text.get("fill")]


def test_nulls_nan_and_what_is_out_of_range_have_bars_of_their_own(report: DriftReport) -> None:
    assert [(bar.label, bar.said) for bar in bars(report["delay"])] == [
        ("above 20.1", "0 → 3.8%"),
        ("null", "0 → 10%"),
    ]
    assert [bar.label for bar in bars(report["broken"])] == ["NaN"], "one row of 400 out of range is no bar"
    said = "".join(drawn(report["delay"]).itertext())
    assert "null" in said
    assert "0 → 10%" in said


def test_a_small_share_looks_small() -> None:
    drift = of_counts((50, 50), (50, 49))
    tiny = replace(drift, bins=(Bin("null", "null", None, None, 0, 1),))
    assert float(re.findall(r"h([\d.]+)", paths(tiny)[-1])[0]) < 15


def test_categories_are_bars_that_hold_all_rows() -> None:
    drift = of_categories(20)
    drift = replace(drift, reference=replace(drift.reference, rows=1820), current=replace(drift.current, rows=217))
    found = bars(drift)
    assert len(found) == MOST_BARS + 2
    assert sum(bar.reference for bar in found) == sum(one.reference for one in drift.bins)
    assert sum(bar.current for bar in found) == sum(one.current for one in drift.bins)
    assert [bar.label for bar in found[-2:]] == ["all others", "null"]
    assert {"00000", "00019"} <= {bar.label for bar in found}, "the commonest, and what changed most"


def test_few_categories_and_values_are_bars_in_their_order(report: DriftReport) -> None:
    assert [bar.label for bar in bars(report["late"])] == ["false", "true"]
    assert [bar.label for bar in bars(report["always"])] == ["3"]


def test_numbers_without_histograms_are_drawn_by_interval(report: DriftReport) -> None:
    segment = replace(report["delay"], histograms=None, segment=(("carrier", "UA"),))
    labels = [bar.label for bar in bars(segment)]
    assert labels[0].startswith("-4.09 – ")  # noqa: RUF001  # as in figures
    assert labels[-1] == "null"
    assert Overlay(segment, LABELS).title == "delay, carrier=UA"


def test_a_bar_says_each_share_and_the_unit_once(report: DriftReport) -> None:
    (bar,) = [bar for bar in bars(report["airport"]) if bar.label == "JFK"]
    assert bar.said == "33.5 → 0%"
    assert bar.shares == (134 / 400, 0.0)
    assert bars(report["late"])[0].said == "80 → 75%"


@pytest.mark.parametrize(
    ("name", "ends"),
    [("flights", ("0", "11 ›")), ("seen", ("2013-01-01", "2013-01-17 ›")), ("wait", ("0 ms", "59 min"))],  # noqa: RUF001
)
def test_the_ends_are_values_of_the_feature(report: DriftReport, name: str, ends: tuple[str, str]) -> None:
    texts = ["".join(text.itertext()) for text in drawn(report[name]).iter(f"{SVG}text")]
    assert tuple(texts[:2]) == ends


def test_it_says_in_words_what_it_shows(report: DriftReport) -> None:
    page = Page(Overlay(report["delay"], LABELS).html())
    (label,) = [label for label in page.values("aria-label") if label]
    assert label == (
        "delay: main filled, exp/carry-over outlined, histograms from -4.09 to 20.1; above 20.1 0 → 3.8%; null 0 → 10%"
    )
    for said in ("Moved: PSI 4.5", "PSI\u00a04.5", "KS\u00a00.55", "Wasserstein\u00a05.78\u00a0(1.4\u00a0sd)"):
        assert said in page.text
    assert "exp/carry-over" in page.text


def test_what_is_not_exact_says_by_how_much(report: DriftReport) -> None:
    bounds = {"ks": 1.2e-5, "wasserstein": 0.01, "wasserstein_scaled": 0.003}
    found = Overlay(replace(report["delay"], bounds=bounds), LABELS)
    for said in ("KS\u00a00.55\u00a0±\u00a02e-5", "5.78\u00a0(1.4\u00a0±\u00a00.003\u00a0sd)"):
        assert said in Page(found.html()).text
        assert said in found.text().replace("\n", " ")


def test_noise_is_said_as_the_drift_says_it(report: DriftReport) -> None:
    for drift in report.features:
        sentence = Overlay(drift, LABELS).sentence
        assert sentence[0].isupper()
        assert drift.sentence.endswith(sentence[1:])


def test_the_text_form_says_the_same_and_fits(report: DriftReport) -> None:
    text = Overlay(report["delay"], LABELS).text()
    assert max(map(len, text.splitlines())) <= COLUMNS
    lines = text.splitlines()
    assert lines[0].startswith("main  ")
    assert lines[1].startswith("exp/carry-ov…")
    assert len(lines[0].rstrip()) < len(lines[1]), "only the current rows lie beyond the bins"
    assert "null" in text
    assert "PSI\u00a04.5" in text


def test_blocks_say_what_both_have_and_who_has_more(report: DriftReport) -> None:
    false, true = Overlay(report["late"], LABELS).text().splitlines()[:2]
    assert "███████████- " in false
    assert "███+ " in true


def test_markdown_has_the_sentence_and_the_text_in_a_fence(report: DriftReport) -> None:
    said = Overlay(report["delay"], LABELS).markdown()
    assert said.startswith("delay moved: PSI 4\\.5" if "4\\.5" in said else "delay moved: PSI 4.5")
    assert said.count("```") == 2


def test_what_was_not_compared_says_why_and_draws_nothing(report: DriftReport) -> None:
    overlay = Overlay(report["nested"], LABELS)
    assert "<svg xmlns" not in overlay.html()
    assert overlay.sentence.startswith("Was not compared: values of dtype List")
    assert "Was not compared" in overlay.text()


def test_hostile_names_make_no_tag_no_markdown_and_no_control_character() -> None:
    drift = of_categories(20, name=HOSTILE)
    bins = tuple(replace(one, label="```" + HOSTILE) if one.kind == "value" else one for one in drift.bins)
    overlay = Overlay(replace(drift, bins=bins, segment=((HOSTILE, HOSTILE),), unit=HOSTILE), (HOSTILE, HOSTILE))
    page = Page(overlay.html())
    assert not {"script", "img"} & set(page.tags)
    assert page.tags.count("style") == 1
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    for said in (overlay.html(), overlay.text(), overlay.markdown()):
        assert not set(said) & {"\x1b", "\u202e"}
    assert overlay.markdown().splitlines()[-1] == "`" * 4
    drawn(overlay.drift, (HOSTILE, HOSTILE))


def test_the_largest_pictures_stay_under_six_kilobytes() -> None:
    jagged = tuple(1_234_567 * (place % 7 + 1) for place in range(50))
    bins = tuple(Bin(kind, kind, 1.0, 2.0, 123, 456) for kind in ("below", "above", "null", "nan", "infinite"))
    for drift in (replace(of_counts(jagged, jagged[::-1], above=(1, 5)), bins=bins), of_categories(20, letters=60)):
        assert len(overlay_svg(drift, ("a" * 60, "b" * 60)).encode()) < 6_000


def test_everything_is_inside_the_picture(report: DriftReport) -> None:
    for drift in report.features:
        if not drift.bins:
            continue
        svg = drawn(drift)
        height = float(str(svg.get("height")))
        assert svg.get("viewBox") == f"0 -2 {WIDTH} {height:.0f}"
        for text in svg.iter(f"{SVG}text"):
            assert 0 < float(str(text.get("y"))) <= height - 4
        for place in re.findall(r"[HM]([\d.]+)", " ".join(paths(drift))):
            assert 0 <= float(place) <= WIDTH
