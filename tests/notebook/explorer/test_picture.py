"""The chart library: where npm built it, it is one module that needs no network; where not, a line says so."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import missing
from tests.notebook.explorer.stage import subject, visits
from workbench.notebook import not_built
from workbench.notebook.explorer import picture
from workbench.notebook.explorer.explorer import Panel

PACKAGE = Path(__file__).parents[3] / "extensions" / "lab" / "package.json"


@pytest.fixture
def built() -> Path:
    if not picture.LIBRARY.is_file():
        missing("the chart library, built: npm run charts in extensions/lab")
    return picture.LIBRARY


@pytest.fixture
def absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "LIBRARY", tmp_path / "vega.js")


def answers(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, list[bytes]]]:
    """Return what a chart answers to a page that asks for the library."""
    sent: list[tuple[object, list[bytes]]] = []
    chart = picture.Picture()
    monkeypatch.setattr(chart, "send", lambda content, buffers: sent.append((content, buffers)))
    chart._handle_custom_msg({"what": "library"}, [])
    return sent


def opened() -> Panel:
    numbers = [float(row) for row in range(250)]
    panel = Panel(subject(visits(x=numbers), visits(x=numbers[::-1])))
    panel.draw()
    return panel


@pytest.mark.usefixtures("absent")
def test_a_library_that_is_not_built_is_said_in_a_line_and_all_else_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = opened().controls
    assert shown.note.value == ""
    line = html.escape(not_built("chart library"))
    assert shown.about.value.count(line) == 1
    assert "rows 1 to 100 of 250" in shown.counted.value
    assert shown.rows.value.count("<tr>") == 102
    shown.interval.index = (0, 4)
    assert "rows 1 to 25 of" in shown.counted.value
    assert shown.note.value == ""
    assert answers(monkeypatch) == [({"what": "library"}, [])], "the page need not wait for it"


def test_a_library_that_is_built_is_what_a_page_gets(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "not built" not in opened().controls.about.value
    assert answers(monkeypatch) == [({"what": "library"}, [built.read_bytes()])]


def test_the_library_is_one_module_that_exports_what_is_called(built: Path) -> None:
    module = built.read_text(encoding="utf-8")
    called = set(re.findall(r"\bvega\.(\w+)\(", built.with_name("picture.js").read_text(encoding="utf-8")))
    (exported,) = re.findall(r"\bexport\s*\{([^}]*)\}", module)
    assert {name.split(" as ")[-1].strip() for name in exported.split(",")} == called == {"vegaEmbed"}
    assert not re.findall(r"""\bimport\s*(?:["'(]|[\w*{][^;]*?\bfrom\b)""", module)
    assert len(module) < 1_000_000


def test_the_library_keeps_the_licences_of_what_is_in_it(built: Path) -> None:
    licences = built.with_name("vega.js.LICENSE.txt").read_text(encoding="utf-8")
    for name, version in pinned().items():
        assert f"{name} {version}, BSD-3-Clause\n\nCopyright" in licences


def test_the_library_speaks_the_vega_lite_of_altair() -> None:
    import altair as alt  # slow to load, and every process that runs tests loads this module

    found = pinned()
    assert found["vega-lite"] == alt.SCHEMA_VERSION.removeprefix("v")
    assert found["vega"].split(".")[0] == alt.VEGA_VERSION
    assert found["vega-embed"].split(".")[0] == alt.VEGAEMBED_VERSION


def pinned() -> dict[str, str]:
    needed: dict[str, Any] = json.loads(PACKAGE.read_text(encoding="utf-8"))["devDependencies"]
    found = {name: version for name, version in needed.items() if name.startswith("vega")}
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in found.values())
    return found
