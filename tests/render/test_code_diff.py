"""Code that differs: its lines are all there, told apart by signs, coloured without changing a letter."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from tests.render.page import Page
from tests.render.samples import HOSTILE, changed_file
from workbench.diff import CodeDiff, code_diff
from workbench.render import DiffListing, Report, listings, render_text
from workbench.render.code_diff import _FALLBACKS, LONGEST, MOST_FILES, MOST_IN_ALL, STYLE, highlight
from workbench.render.format import visible

OLD = """import polars as pl


@feature_view(entities="carrier")
def delay(flights: pl.LazyFrame) -> pl.LazyFrame:
    \"\"\"Arrival delay.

    As known then.
    \"\"\"
    late = flights.filter(pl.col("delay") > 15)  # minutes
    return late
"""
NEW = OLD.replace("> 15", "> LATE").replace("As known then", "As known at each landing")


def changed() -> DiffListing:
    (file,) = code_diff({"features/delay.py": OLD}, {"features/delay.py": NEW}).files
    return DiffListing(file)


def bare(listing: DiffListing) -> str:
    """Return what is left of the HTML where style and tags are taken away."""
    return Page(listing.html()).text


def test_it_says_which_file_and_how_many_lines() -> None:
    assert changed().title == "features/delay.py: definition changed, +2\u00a0-2"
    helper = changed_file(("+x = 1",), part="helper", path="features/shared.py")
    assert DiffListing(helper).title == "features/shared.py: reached helper changed, +1\u00a0-0"


def test_without_its_style_it_is_the_unified_diff() -> None:
    text = re.sub(r"<style>.*?</style>|<[^>]*>", "", changed().html())
    assert text.replace("&lt;", "<").replace("&gt;", ">").splitlines() == list(changed().file.lines)
    assert changed().text().splitlines() == list(changed().file.lines)


def test_lines_are_marked_by_more_than_colour() -> None:
    html = changed().html()
    assert "<span class='wb-a'>+    " in html
    assert "<span class='wb-d'>-    " in html
    assert "border-left:3px" in STYLE


def test_python_is_coloured_in_html() -> None:
    html = changed().html()
    for run in ("wb-ke'>def<", "wb-de'>delay<", 'wb-st\'>"delay"<', "wb-nu'>15<", "wb-co'># minutes<"):
        assert run in html
    assert "wb-me'>@feature_view<" not in html, "it is not among the lines around"


def test_each_side_is_read_by_itself() -> None:
    lines = ('-"""One', "+'''Two", " x = 1", "-y = 2", '-"""', "+y = 3", "+'''")
    html = DiffListing(changed_file(lines)).html()
    assert "<span class='wb-st'>y = 2</span>" in html
    assert "<span class='wb-st'>y = 3</span>" in html


def test_what_is_no_python_is_not_coloured() -> None:
    lines = ("+def x", " import y")
    assert "'wb-ke'" in DiffListing(changed_file(lines)).html()
    assert "'wb-ke'" not in DiffListing(changed_file(lines, path="features/notes.txt")).html()


def test_a_difference_that_begins_in_a_docstring_is_not_turned_inside_out() -> None:
    runs = highlight(["    As known then.", '    """', "    return 1"])
    assert runs[0] == [("string", "    As known then.")]
    assert ("keyword", "return") in runs[2]
    runs = highlight(["def f():", '    """Say', "    what."])
    assert runs[0][0] == ("keyword", "def")
    assert runs[2] == [("string", "    what.")]
    for opening in ('x = """', 'x = f"""', 'sql("""', 'return """'):
        assert highlight(["y = 1", opening, "select"])[2] == [("string", "select")]


@given(st.lists(st.text(max_size=60).filter(lambda text: len(text.splitlines()) <= 1), min_size=1, max_size=12))
def test_colours_change_no_letter(lines: list[str]) -> None:
    lines = [line.rstrip("\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029") for line in lines]
    runs = highlight(lines)
    assert ["".join(part for _, part in each) for each in runs] == [visible(line, limit=LONGEST) for line in lines]


def test_eighty_lines_are_shown_and_the_rest_is_counted() -> None:
    long = DiffListing(changed_file(tuple(f"+line_{n} = {n}" for n in range(200))))
    for said in (bare(long), long.text(), long.markdown(), Report("t", figures=(long,)).text()):
        assert "line_78" in said
        assert "line_79" not in said, "one of the eighty is the head"
        assert "and 121 more lines" in said


def test_a_long_line_is_cut() -> None:
    listing = DiffListing(changed_file((f"+x = '{'y' * 100_000}'",)))
    assert len(listing.html()) < 5_000
    assert "…" in listing.text()


def test_hostile_code_makes_no_tag_and_hides_nothing() -> None:
    line = f"+{HOSTILE.strip()} \u202e\u2066 ```"
    listing = DiffListing(changed_file((line, "+```", "+</pre></style>"), path=HOSTILE))
    page = Page(Report("t", figures=(listing,)).html())
    assert not {"script", "img"} & set(page.tags)
    assert page.tags.count("pre") == 1
    for said in (listing.html(), listing.text(), listing.markdown(), listing.title):
        assert not set(said) & {"\x1b", "\u202e", "\u2066"}
    lines = listing.markdown().splitlines()
    assert lines[0] == "````diff"
    assert lines[-1] == "````"


def test_a_terminal_has_signs_and_colours_and_reads_without_them() -> None:
    console = Console(width=100, color_system="standard", force_terminal=True, force_jupyter=False)
    with console.capture() as captured:
        console.print(changed())
    assert "\x1b[32m+" in captured.get()
    assert "\x1b[31m-" in captured.get()
    assert render_text(changed()).splitlines() == [line.rstrip() for line in changed().file.lines]


def test_of_many_files_some_are_listed_and_the_others_named() -> None:
    files = tuple(changed_file(("+x = 1",) * 100, path=f"features/f{n:02}.py", part="helper") for n in range(30))
    figures = listings(CodeDiff(files))
    shown = [figure for figure in figures if isinstance(figure, DiffListing)]
    assert sum(min(listing.most, len(listing.file.lines)) for listing in shown) <= MOST_IN_ALL
    assert 0 < len(shown) <= MOST_FILES
    said = Report("t", figures=figures).text()
    assert all(f"f{n:02}.py" in said for n in range(30))


def test_few_small_files_are_all_listed() -> None:
    files = tuple(changed_file(("+x = 1",), path=f"features/f{n}.py") for n in range(MOST_FILES))
    assert [type(figure) for figure in listings(CodeDiff(files))] == [DiffListing] * MOST_FILES
    assert listings(CodeDiff()) == ()


def _luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("kind", list(_FALLBACKS))
def test_fallback_colours_are_read_on_light_and_on_dark(kind: str) -> None:
    light, dark = (_luminance(colour) for colour in _FALLBACKS[kind])  # type: ignore[index]  # the keys above
    assert 1.05 / (light + 0.05) >= 4.5
    assert (dark + 0.05) / (_luminance("#121212") + 0.05) >= 4.5
