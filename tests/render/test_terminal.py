from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from tests.render.samples import CARD, FAILED, UNSEEN, hostile, number
from workbench.render import card_text, render_text


class AsciiFile(io.StringIO):
    """A file that says it takes ASCII alone, as a terminal without a locale does."""

    encoding = "ascii"


def test_it_says_what_the_html_card_says() -> None:
    said = render_text(card_text(FAILED))
    for part in ("carrier_delay", "computed in 0.42 s", "exp/carry-over", "5f3a1c9e", "336,776 rows", "16 entities"):
        assert part in said
    for part in ("delay_mean_7d", "f64 minute", "-16.8 – 22.8", "JFK 35%", "12 rows share a key"):  # noqa: RUF001
        assert part in said
    assert said.index("✗ FAIL contract") < said.index("✓ pass leakage")
    assert "5 of 5,000" in said
    assert "pending" in said


def test_what_was_not_checked_stands_between_what_failed_and_what_passed() -> None:
    said = render_text(card_text(replace(FAILED, checks=(*FAILED.checks, UNSEEN))))
    places = [said.index(word) for word in ("✗ FAIL", "? not checked entity-locality", "✓ pass")]
    assert places == sorted(places)


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    card = replace(FAILED, features=(number("x" * 63), *FAILED.features), view="v" * 63, warnings=("w" * 500,))
    assert max(len(line) for line in render_text(card_text(card), width=width).split("\n")) <= width


def test_at_eighty_columns_no_figure_is_cut() -> None:
    lines = render_text(card_text(CARD), width=80).split("\n")
    (row,) = [line for line in lines if "f64 minute" in line]
    assert row.endswith("-4.9 -16.8 – 22.8 1.2%")  # noqa: RUF001
    assert any(block in row for block in "▂▃▄▅▆▇█")


def test_a_terminal_without_unicode_gets_ascii_alone() -> None:
    file = AsciiFile()
    card = replace(FAILED, description="Größe → ∞")
    Console(file=file, width=80, color_system=None).print(card_text(card))
    said = file.getvalue()
    assert said.isascii()
    assert "FAIL" in said
    assert "#" in said


def test_plain_text_has_no_escape_sequence_and_colours_only_repeat_words() -> None:
    assert "\x1b" not in render_text(card_text(FAILED))
    file = io.StringIO()
    Console(file=file, width=80, force_terminal=True, color_system="standard").print(card_text(FAILED))
    assert "\x1b[" in file.getvalue()


def test_hostile_text_cannot_steer_the_terminal_and_is_no_markup() -> None:
    said = render_text(card_text(hostile()), width=200)
    assert not set(said) & {"\x1b", "\u202e"}
    assert "evil[bold]" in said


def test_a_view_without_rows_says_so() -> None:
    assert "The view has no rows." in render_text(card_text(replace(CARD, rows=0, features=(), period=None)))


def test_a_failed_view_says_after_how_long() -> None:
    assert "failed after 0.42 s" in render_text(card_text(replace(CARD, status="failed")))
