"""Reports: the same facts in HTML and in text, every value escaped."""

from __future__ import annotations

from workbench.widgets import Report, Reported, Table

HOSTILE = "<script>alert('x')</script>[bold]"


def hostile() -> Report:
    return Report(
        HOSTILE,
        facts=((HOSTILE, HOSTILE),),
        tables=(Table(HOSTILE, (HOSTILE,), ((HOSTILE,),)),),
        notes=(HOSTILE,),
        links=((HOSTILE, "http://127.0.0.1/'onclick='x"),),
    )


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
