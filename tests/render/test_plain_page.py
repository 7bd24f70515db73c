"""Without style and without drawings, as on GitHub and in a notebook that is not trusted, all is there and in order."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.render.plain_page import read, sanitize
from tests.render.samples import BROKEN, CARD, FAILED, SOUND, UNSEEN, moved, number, text
from workbench.profile import Profile
from workbench.render import Report, card_html, overlays, profile_table

WHOLE = replace(FAILED, checks=(SOUND, UNSEEN, BROKEN), features=(number(), text(), replace(number("n"), nans=5)))


def test_a_card_is_read_line_by_line() -> None:
    assert read(sanitize(card_html(WHOLE))) == [
        "carrier_delay · computed in 0.42 s · ✗ 1 of 3 checks failed, 1 not checked",
        "Arrival delay of a carrier over the last week.",
        "exp/carry-over · commit 5f3a1c9e · view 9f8e7d6c5b4a · delay-team",
        "rows: 336,776",
        "entities: 16",
        "period (UTC): 2013-01-01 → 2013-12-31",
        "against main: 1.2% of values differ",
        "| feature | distribution | median | 5 – 95% | distinct | null",  # noqa: RUF001
        *("|", "delay_mean_7d", "Float64 · minute", "|"),
        *("▁▁▂▂▃▃▄▄▅▅▆▆▇███", "‹ -20.1 to 86.5 ›"),  # noqa: RUF001
        "| -4.9 | -16.8 – 22.8 | 1,000 | 1.2%",  # noqa: RUF001
        *("|", "airport", "String", "|", "JFK 35% · LGA 25% · +4"),
        "| | | 6 | 0%",
        *("|", "n", "Float64 · minute", "|", "▁▁▂▂▃▃▄▄▅▅▆▆▇███", "‹ -20.1 to 86.5 ›"),  # noqa: RUF001
        "| -4.9 | -16.8 – 22.8 | 1,000 | 1.2%",  # noqa: RUF001
        "NaN 0.5%",
        "✗ contract failed: 1 of 9 rules broken: delay <= 1500 (5,000 rows) · 50 ms",
        "delay: is above 1500",
        "| carrier | landed_at | value",
        *(f"| C{row} | 2013-01-01 00:00:0{row} | {1800.25 + row}" for row in range(8)),
        "8 of 5,000 failing rows",
        "? entity-locality not checked: there is only one entity · 0.10 s",
        "✓ leakage: 12 entities, 3 cut times · 0.20 s",
        "! 12 rows share a key",
        "i the plan is the same",
        "MLflow run: pending",
    ]


def test_what_only_stands_in_for_style_is_hidden_by_it() -> None:
    source = card_html(WHOLE)
    assert ".wb-card :is(.wb-bare,svg+.wb-line){display:none}" in source
    assert ".wb-report svg+.wb-line{display:none}" in Report("t").html()
    # a line of characters stands right after its drawing: another card's style must not hide both
    assert source.count('<samp class="wb-line">') == source.count('</svg><samp class="wb-line">') == 2


@pytest.mark.parametrize("name", ["card", "profile", "drift"])
def test_no_two_parts_run_together(name: str) -> None:
    report = Report("t", (("a", "b"),), (profile_table(Profile(1000, None, 6, (number(),), (text(),))),))
    source = {
        "card": card_html(CARD),
        "profile": report.html(),
        "drift": Report("t", figures=overlays(moved())).html(),
    }[name]
    left = sanitize(source)
    assert not re.search("<(svg|style|path|section)", left)
    assert "▁▁▂" in left
    run_together = re.compile(r"[a-z_](Float64|String)|%[A-Za-z]|\d\.\d+\.\d|›\w|[a-z]\d+(\.\d)? →")  # noqa: RUF001
    assert [line for line in read(left) if run_together.search(line)] == []
