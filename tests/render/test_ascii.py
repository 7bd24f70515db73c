from __future__ import annotations

from io import BytesIO, TextIOWrapper

from rich.console import Console

from tests.render.samples import changed_file, moved
from workbench.render import DiffListing, Report, Table, overlays


def printed(report: Report, encoding: str) -> str:
    raw = BytesIO()
    with TextIOWrapper(raw, encoding=encoding) as file:
        Console(file=file, width=100, force_jupyter=False).print(report.rich())
        file.flush()
        return raw.getvalue().decode(encoding)


def test_a_terminal_without_unicode_shows_every_figure_as_wide_as_it_was() -> None:
    report = Report(
        "main → exp",
        facts=(("said", "naïve"),),
        figures=(*overlays(moved()), DiffListing(changed_file(("+x = 'é'",)))),
        tables=(Table("t", ("a",), (("–",),)),),  # noqa: RUF001 - what is drawn with
    )
    plain, whole = printed(report, "ascii"), printed(report, "utf-8")
    assert plain.isascii()
    assert "main > exp" in plain
    assert "na?ve" in plain
    assert [len(line) for line in plain.splitlines()] == [len(line) for line in whole.splitlines()]
    assert "███" in whole
    assert "###" in plain
