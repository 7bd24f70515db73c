"""The guide about differences and drift runs from top to bottom, and says what its text promises."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.kernel.conftest import run_guide

pytestmark = [pytest.mark.journey, pytest.mark.timeout(300)]
Run = tuple[Path, dict[str, list[dict[str, Any]]]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Where it ran, and what each cell displayed; a cell that fails fails this."""
    folder = tmp_path_factory.mktemp("differences")
    return folder, {cell.source: cell.outputs for cell in run_guide("05-differences.ipynb", folder)}


def said(run: Run, begins: str) -> str:
    """Return the text that the cell which begins so displayed first, in one line."""
    outputs = next(outputs for source, outputs in run[1].items() if source.startswith(begins))
    return " ".join((outputs[0].get("text") or outputs[0]["data"]["text/plain"]).split())


def test_the_difference_has_all_five_layers(run: Run) -> None:
    text = said(run, "%feature diff carrier_delay")
    assert "carrier_delay: main against exp/median: " in text
    assert "category value" in text
    assert "very_late_1d is new" in text
    assert "rows 837,699 changed, 162 the same" in text
    assert "no promise breaks" in text
    assert "delay_mean_7d changed 837,677 >99.9%" in text
    assert "Distributions main → exp/median" in text
    assert '- delay_mean=pl.col("arr_delay").mean(),' in text
    assert '+ delay_mean=pl.col("arr_delay").median(),' in text


def test_the_summary_comes_first_and_the_interactive_view_is_an_output_of_its_own(run: Run) -> None:
    static, view = run[1]["%feature diff carrier_delay"]
    assert "<svg" in static["data"]["text/html"]
    assert "<td>very_late_7d</td><td>column</td><td>-</td><td>Int64</td>" in static["data"]["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in view["data"]
    assert "application/vnd.jupyter.widget-view+json" not in static["data"]
    assert len(json.dumps([static, view])) < 300_000


def test_main_holds_what_was_published(run: Run) -> None:
    assert "main: no value differs category none rows" in said(run, "%feature diff carrier_delay --left @1.0")


def test_drift_is_told_beside_a_features_own_noise_and_by_segment(run: Run) -> None:
    text = said(run, "%feature drift carrier_delay --reference")
    assert "reference 2013-01..2013-03 (193,132 rows) current 2013-04 (70,107 rows)" in text
    assert "PSI" in text
    assert "Segments by carrier: " in said(run, "%feature drift carrier_delay:delay_mean_1d")
    assert "mean -4.235 to -254.2 minute" in said(run, "import polars as pl")


def test_the_report_opens_offline(run: Run) -> None:
    page = (run[0] / "workbench-demo" / "difference.html").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert "<script" not in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    assert said(run, "print(difference.to_markdown()").startswith("### carrier\\_delay: main against exp/median")
