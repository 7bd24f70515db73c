from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.render.page import Page
from tests.render.samples import BROKEN, CARD, FAILED, SOUND, START, UNSEEN, failures, hostile, listed, number, text
from workbench.checks import Check
from workbench.render import Card, card_html, card_text, render_text


def test_it_says_what_view_where_and_how_it_went() -> None:
    said = Page(card_html(CARD)).text
    for part in ("carrier_delay", "exp/carry-over", "5f3a1c9e", "9f8e7d6c5b4a", "delay-team", "computed in 0.42 s"):
        assert part in said
    for part in ("336,776", "16", "2013-01-01 → 2013-12-31", "1.2% of values differ", "Arrival delay of a carrier"):
        assert part in said
    assert "check passed" in said


def test_ids_are_short_and_whole_on_hover() -> None:
    page = Page(card_html(CARD))
    assert CARD.view_id not in page.text
    assert {CARD.view_id, CARD.commit} <= set(page.values("title"))


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("computed", "computed in 0.42 s"),
        ("reused", "reused"),
        ("refactoring: reused", "refactoring: reused"),
        ("failed", "failed after 0.42 s"),
    ],
)
def test_every_status_is_said(status: str, said: str) -> None:
    page = Page(card_html(replace(CARD, status=status)))  # type: ignore[arg-type]  # the four literals above
    assert said in page.text
    assert ("wb-card wb-broken" in page.values("class")) == (status == "failed")


def test_a_reused_view_claims_no_time() -> None:
    assert "0.42 s" not in Page(card_html(replace(CARD, status="reused"))).text


def test_a_failed_check_comes_first_with_its_rows_and_is_said_in_words() -> None:
    page = Page(card_html(FAILED))
    assert "1 of 2 checks failed" in page.text
    assert page.text.index("contract failed") < page.text.index("leakage")
    assert "8 of 5,000 failing rows" in page.text
    assert page.text.count("delay: is above 1500") == 1, "said once, above its rows"
    assert page.text.count("C7") == 1
    assert "2013-01-01 00:00:00" in page.text
    assert {"failed", "passed"} <= set(page.values("aria-label"))
    assert "wb-card wb-broken" in page.values("class")


def test_what_was_not_checked_is_amber_and_not_counted_as_passed() -> None:
    page = Page(card_html(replace(CARD, checks=(SOUND, UNSEEN))))
    assert "1 check passed, 1 not checked" in page.text
    assert page.text.index("entity-locality not checked") < page.text.index("leakage")
    assert {"not checked", "passed"} <= set(page.values("aria-label"))
    assert {"wb-card wb-unseen", "wb-heed"} <= set(page.values("class"))
    assert "1 of 3 checks failed, 1 not checked" in Page(card_html(replace(CARD, checks=(SOUND, UNSEEN, BROKEN)))).text
    assert replace(CARD, checks=(UNSEEN,)).verdict == "not checked"


def test_rows_of_a_rule_that_is_rarely_broken_are_shown_too() -> None:
    rows = failures(19).vstack(failures(1, said="is below 0"))
    card = replace(CARD, checks=(replace(BROKEN, failures=rows),))
    assert "is below 0" in Page(card_html(card)).text


def test_failures_of_another_shape_are_shown() -> None:
    probe = Check("leakage", passed=False, detail="", failures=failures(2).select("carrier", other="value"))
    assert "1801.25" in Page(card_html(replace(CARD, checks=(probe,)))).text


def test_warnings_notes_and_an_empty_view_are_said() -> None:
    page = Page(card_html(replace(FAILED, rows=0)))
    for said in ("The view has no rows.", "12 rows share a key", "the plan is the same"):
        assert said in page.text
    many = Page(card_html(replace(CARD, warnings=tuple(f"warning {n}" for n in range(100)))))
    assert "and 92 more" in many.text


def test_features_show_dtype_unit_distribution_and_nulls() -> None:
    page = Page(card_html(CARD))
    assert page.tags.count("svg") == 2
    for said in ("delay_ mean_ 7d", "Float64 ·  minute", "-4.9", "-16.8 – 22.8", "1.2%", "JFK 35% · LGA 25%"):  # noqa: RUF001
        assert said in page.text


def test_odd_features_have_words_in_place_of_a_drawing() -> None:
    constant = replace(number(), min=3.0, max=3.0)
    nothing = replace(number(), nulls=1000, histogram=None, quantiles={}, min=None, max=None)
    listed = replace(nothing, kind="other", nulls=0)
    broken = replace(number(), nans=5, infinities=1000)
    said = Page(card_html(replace(CARD, features=(constant, nothing, listed, broken)))).text
    for part in ("always 3", "no values", "not summarised", "NaN 0.5%", "inf 100%"):
        assert part in said


def test_lists_are_told_by_their_dimension_norm_and_what_is_amiss_inside() -> None:
    source = card_html(replace(CARD, features=(listed(),)))
    said = Page(source).text
    for part in ("List of Float64", "3 values each", "embedding: norm", "NaN 1%", "embedding: values"):
        assert part in said
    assert "embedding: length" not in said, "it is always the same"
    printed = render_text(card_text(replace(CARD, features=(listed(),))))
    for part in ("List of Float64 minute", "3 values each", "embedding: norm", "embedding: values"):
        assert part in printed


def test_a_unit_or_a_remedy_is_never_broken_or_cut_in_a_terminal_of_eighty_columns() -> None:
    remedy = "states no time zone where UTC is declared: " + "say what it is in " * 20 + '.dt.replace_time_zone("UTC")'
    units = ("mile_per_hour", "dimensionless / second", "kilometer / hour ** 2")
    features = tuple(replace(number(f"feature_{n}_of_a_long_name"), unit=unit) for n, unit in enumerate(units))
    check = replace(BROKEN, failures=failures(said=remedy).with_columns(landed_at=START + timedelta(microseconds=1)))
    printed = render_text(card_text(replace(CARD, features=features, checks=(check,))))
    assert max(map(len, printed.splitlines())) <= 80
    for part in ("mile_per_hour", "dimensionless/second", "kilometer/hour**2", "just after 2013-01-01 00:00:00"):
        assert part in printed
    assert ".000001" not in printed
    assert " ".join(printed.split()).count(" ".join(remedy.split())) == 1
    assert Page(card_html(replace(CARD, checks=(check,)))).text.count(remedy) == 1


@pytest.mark.parametrize(
    ("run", "said", "link"),
    [
        ("queued", "pending", False),
        ("0123456789abcdef", "0123456789ab", False),
        ("http://127.0.0.1:5000/#/experiments/1/runs/a?b=1&c=2", "Open the MLflow run", True),
        ("javascript:alert(1)", "javascript:a", False),
        ("data:text/html,<b>", "data:text/ht", False),
    ],
)
def test_only_web_addresses_become_links(run: str, said: str, link: bool) -> None:  # noqa: FBT001  # a case
    page = Page(card_html(replace(CARD, run=run)))
    assert said in page.text
    assert page.values("href") == ([run] if link else [])


def test_a_card_of_nothing_but_names_is_drawn() -> None:
    page = Page(card_html(Card(view="v", branch="b", commit="c", view_id="i")))
    assert "not checked" in page.text


def test_hostile_text_makes_no_tag_no_attribute_and_no_control_character() -> None:
    source = card_html(hostile())
    page = Page(source)
    assert not {"script", "img", "iframe", "a:"} & set(page.tags)
    assert page.tags.count("style") == page.tags.count("samp") == 1
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert not set(source) & {"\x1b", "\u202e", "\n"}
    assert "<img src=x onerror=alert(1)>" in page.text  # as text


def test_nothing_is_fetched_and_no_script_runs() -> None:
    page = Page(card_html(replace(FAILED, run="http://127.0.0.1/")))
    assert not {"script", "link", "img", "iframe", "object", "use"} & set(page.tags)
    assert not {"src", "srcset", "xlink:href"} & {name for _, name, _ in page.attributes}
    assert "url(" not in page.style
    assert "@import" not in page.style


def test_every_style_rule_is_scoped_to_the_card() -> None:
    rules = re.sub(r"@container[^{]*\{", "", Page(card_html(CARD)).style)
    selectors = [part for rule in re.findall(r"([^{}]+)\{", rules) for part in re.split(r",(?![^(]*\))", rule)]
    assert len(selectors) > 40
    assert all(selector.strip().startswith(".wb-card") for selector in selectors), selectors


def test_every_colour_comes_from_the_theme_with_a_fallback() -> None:
    style = Page(card_html(CARD)).style
    assert all("," in use for use in re.findall(r"var\((--jp-[^()]*(?:\([^()]*\))?)", style))
    assert not re.findall(r"(?<!,)(?<!light-dark\()#[0-9a-f]{3,6}\b", style)


def test_drawings_and_marks_have_words_for_screen_readers() -> None:
    page = Page(card_html(FAILED))
    labels = page.values("aria-label")
    assert labels[0] == "carrier_delay: computed, 1 of 2 checks failed"
    assert page.tags.count("svg") == 2
    drawn = ("delay_mean_7d: histogram", "airport: JFK")
    assert sum(title.startswith(drawn) for title in page.values("title")) == 2
    assert {"checks", "messages", "failing rows", "passed", "failed", "warning", "note"} <= set(labels)
    assert page.values("role") == ["group", "heading", *["img"] * (2 + 2 + 2)]  # drawings, checks, messages
    assert page.values("scope")


def test_ten_features_stay_under_thirty_kilobytes_whatever_the_rows() -> None:
    sizes = []
    for rows in (1_000, 1_000_000_000):
        features = tuple(replace(number(f"feature_number_{n:02}", rows=rows, bins=50)) for n in range(10))
        card = replace(FAILED, rows=rows, features=features, checks=(BROKEN, SOUND, SOUND, SOUND))
        sizes.append(len(card_html(card).encode()))
    assert max(sizes) < 30_000
    assert abs(sizes[1] - sizes[0]) < 1_500


def test_many_features_and_long_texts_are_cut_and_said_to_be() -> None:
    card = replace(
        FAILED,
        features=tuple(text(f"f{n}") for n in range(500)),
        description="x" * 100_000,
        warnings=("y" * 100_000,) * 50,
        checks=(replace(BROKEN, detail="z" * 100_000),) * 3,
    )
    source = card_html(card)
    assert "and 440 more features" in Page(source).text
    assert len(source) < 120_000
