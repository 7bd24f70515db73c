"""Reports: the same facts in HTML and in text, every value escaped."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import pytest

from tests.render.samples import FAILED
from workbench.errors import ProjectError, UsageError
from workbench.render import Finding, Mark, Report, Reported, Table, card_html

HOSTILE = "<script>alert('x')</script>[bold]"


def hostile() -> Report:
    return Report(
        HOSTILE,
        facts=((HOSTILE, HOSTILE),),
        tables=(Table(HOSTILE, (HOSTILE,), ((HOSTILE,),)),),
        notes=(HOSTILE,),
        links=((HOSTILE, "http://127.0.0.1/'onclick='x"),),
    )


def test_text_has_the_colour_of_the_text_around_it() -> None:
    shown = (
        Report("title", facts=(("a", 1),), findings=(Finding(Mark("FAIL", "bad"), "x", "says", ("1",), "do"),)).html(),
        card_html(FAILED),
    )
    for html in shown:
        assert "CanvasText" not in html, "black, where a dark page says by a class alone that it is dark"
        assert "GrayText" not in html
        assert re.search(r"\.wb-(report|card):is\([^{]*\.vscode-dark \*\)\{color-scheme:dark\}", html)
        assert "light-dark(#c4302b,#f4837d)" in html


def test_html_escapes_whatever_a_user_wrote() -> None:
    html = hostile().html()
    assert "<script" not in html
    assert "'onclick='" not in html
    assert html.count("&lt;script&gt;") == 8


def test_text_shows_markup_as_it_was_written() -> None:
    text = hostile().text(width=300)
    assert text.count(HOSTILE) == 8


def test_values_read_well() -> None:
    report = Report("t", facts=(("none", None), ("yes", True), ("many", 1234567), ("long", 1 / 3)))
    text = report.text()
    assert "1,234,567" in text
    assert "0.333333" in text
    assert [line.split()[-1] for line in text.splitlines()[1:3]] == ["-", "yes"]


def test_a_text_report_has_no_colour_codes_and_fits() -> None:
    text = Report("t", tables=(Table("long", ("a", "b"), (("x" * 200, "y"),)),)).text(width=60)
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 60


def test_what_reports_shows_itself() -> None:
    class Said(Reported):
        def report(self) -> Report:
            return Report("It is said.")

    bundle = Said()._repr_mimebundle_()
    assert "It is said." in bundle["text/html"]
    assert bundle["text/plain"] == "It is said."
    assert bundle["application/vnd.workbench+json"] == {"kind": "report", "version": 1, "title": "It is said."}


def test_markdown_says_what_was_written_and_nothing_else() -> None:
    said = Report(
        "a_b *c*",
        facts=(("one|two", "<b>x</b> @ann #12 `code`"),),
        tables=(
            Table(
                "t",
                ("a", "b"),
                (("1|2", None), ("line\nbreak", 1234567)),
            ),
        ),
        notes=("[not a link](http://x)",),
        links=(("Open", "http://127.0.0.1/#/runs?x=[1]"),),
    ).markdown()
    assert said.splitlines()[0] == r"### a\_b \*c\*"
    assert "<b>" not in said
    assert "@ann" not in said
    assert "#12" not in said
    assert r"| 1\|2 | - |" in said
    assert "| line break | 1,234,567 |" in said
    assert r"\[not a link\]" in said
    assert "[Open](<http://127.0.0.1/#/runs?x=[1]>)" in said


def test_a_saved_page_is_whole_and_needs_no_network(tmp_path: Path) -> None:
    class Said(Reported):
        def report(self) -> Report:
            return hostile()

    path = Said().save(tmp_path / "report.html")
    page = path.read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert "color-scheme:light dark" in page
    assert "<script" not in page
    assert "src=" not in page
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]


def test_a_report_is_saved_as_a_page_markdown_or_numbers_by_the_files_name(tmp_path: Path) -> None:
    class Said(Reported):
        def report(self) -> Report:
            return hostile()

        def to_dict(self) -> dict[str, object]:
            return {"rows": 3, "at": date(2024, 1, 1)}

    assert Said().save(tmp_path / "report.md").read_text() == hostile().markdown()
    assert json.loads(Said().save(tmp_path / "report.json").read_text()) == {"rows": 3, "at": "2024-01-01"}
    with pytest.raises(UsageError, match="not a kind of report"):
        Said().save(tmp_path / "report.pdf")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["report.json", "report.md"]


def test_a_page_that_cannot_be_written_says_so_and_leaves_what_was_there(tmp_path: Path) -> None:
    class Said(Reported):
        def report(self) -> Report:
            return hostile()

    with pytest.raises(ProjectError, match="nowhere"):
        Said().save(tmp_path / "nowhere" / "report.html")
