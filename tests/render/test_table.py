"""Tables: numbers stand to the right, drawn cells have a text, and what is not shown is counted."""

from __future__ import annotations

import pytest

from tests.render.page import Page
from workbench.render import Report, ShareBar, Table, render_text

TABLE = Table(
    "Values",
    ("feature", "changed", "share", "is new", "nothing"),
    (("delay", 1_234_567, ShareBar(0.25), True, None), ("flights", None, ShareBar(0.0), False, None)),
)


def test_columns_of_numbers_stand_to_the_right_with_their_heads_in_every_form() -> None:
    html = TABLE.html()
    assert html.count("class=wb-num") == 3, "one head and two cells"
    assert "<td class=wb-num>1,234,567</td><td>" in html
    assert "| --- | ---: | --- | --- | --- |" in TABLE.markdown()
    head, first, second = TABLE.text().splitlines()
    assert head.index("changed") + len("changed") == first.index("1,234,567") + len("1,234,567")
    assert second.split()[0:2] == ["flights", "-"]


def test_a_drawn_cell_is_a_picture_in_html_and_a_number_everywhere_else() -> None:
    assert Page(TABLE.html()).tags.count("svg") == 2
    assert "25%" in Page(TABLE.html()).text
    assert "| 25% |" in TABLE.markdown()
    assert "25%" in TABLE.text()


@pytest.mark.parametrize(("share", "width"), [(0.0, "0.0"), (1e-9, "1.0"), (0.5, "30.0"), (1.0, "60.0"), (7.0, "60.0")])
def test_a_bar_is_as_long_as_its_share_and_a_rare_one_is_seen(share: float, width: str) -> None:
    assert f"h{width}v8" in ShareBar(share).html()


def test_what_users_pass_is_never_taken_for_a_drawing() -> None:
    class Hostile:
        def html(self) -> str:
            return "<script>"

        def __str__(self) -> str:
            return "<b>"

    html = Table("t", ("a",), ((Hostile(),),)).html()
    assert "<script>" not in html
    assert "&lt;b&gt;" in html


def test_fifty_rows_are_shown_and_the_rest_is_counted_and_on_a_page_folded() -> None:
    rows = tuple((place,) for place in range(51))
    table = Table("t", ("n",), rows)
    first, rest = table.html().split("<details>")
    for said in (first, table.text(), table.markdown()):
        assert "49" in said
        assert "50" not in said
        assert ("and 1 more row" in said) == (said is not first)
    assert rest.startswith("<summary>and 1 more row</summary>")
    assert ">50<" in rest
    whole = Table("t", ("n",), rows, most=None)
    assert "50" in whole.html()
    assert "more row" not in whole.html()


def test_a_row_of_one_value_is_a_heading_of_the_rows_below_it() -> None:
    table = Table("t", ("", "n"), (("Long heading of these",), ("a", 1), ("b", 2)))
    assert "<th scope='rowgroup' colspan='2' class=wb-group>Long heading of these</th>" in table.html()
    assert [line.split() for line in table.text().splitlines()[-2:]] == [["a", "1"], ["b", "2"]]
    assert "| **Long heading of these** |  |" in table.markdown()
    assert "class=wb-num>1<" in table.html(), "numbers are told without it"


def test_markdown_keeps_the_count_out_of_the_table() -> None:
    lines = Table("t", ("n",), ((1,), (2,)), most=1).markdown().splitlines()
    assert lines[-2:] == ["", "and 1 more row"]


def test_a_table_may_stand_among_the_figures() -> None:
    said = Report("t", figures=(TABLE,), tables=(Table("After", ("a",), ((1,),)),)).text()
    assert said.index("Values") < said.index("After")


def test_an_empty_table_has_its_head() -> None:
    table = Table("t", ("a", "b"), ())
    assert Page(table.html()).tags.count("th") == 2
    assert table.text().split() == ["a", "b"]


def test_what_a_line_is_about_is_not_folded_in_a_narrow_terminal() -> None:
    name = "carrier_trouble_by_airport@12.3"
    shown = render_text(Table("", ("view", "says"), ((name, "word " * 40),)), width=60)
    assert name in shown
    long = "x" * 200
    assert max(map(len, render_text(Table("", ("view", "says"), ((long, "a"),)), width=60).splitlines())) <= 60


def test_columns_that_say_nothing_can_be_left_out() -> None:
    table = Table("Columns", ("name", "unit", "n", "says"), (("a", None, 0, ""), ("b", None, None, "")))
    assert table.without_empty_columns() == Table("Columns", ("name", "n"), (("a", 0), ("b", None)))
    grouped = Table("Columns", ("name", "unit"), (("of spend",), ("a", None)))
    assert grouped.without_empty_columns() is grouped
