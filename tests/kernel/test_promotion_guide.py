"""The guide's third notebook, run from top to bottom: an experiment refused, published, felt downstream, taken back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kernel.conftest import run_guide

pytestmark = pytest.mark.journey
Cells = list[dict[str, Any]]


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Cells:
    """The cells with their outputs; one that fails where it should not fails this."""
    return run_guide("03-promote.ipynb", tmp_path_factory.mktemp("promotion"))


def outputs(cells: Cells, begins: str, place: int = 0) -> list[dict[str, Any]]:
    """Return the outputs of a cell that begins so."""
    found = [cell for cell in cells if cell["source"].startswith(begins)]
    return list(found[place]["outputs"])


def shown(cells: Cells, begins: str, place: int = 0) -> str:
    """Return the text that a cell showed, in one line."""
    texts = [
        "\n".join(output["traceback"]) if output["output_type"] == "error" else output["data"]["text/plain"]
        for output in outputs(cells, begins, place)
        if output["output_type"] == "error" or "data" in output
    ]
    return " ".join("\n".join(texts).split())


def test_the_leak_is_refused_and_these_cells_alone_fail(cells: Cells) -> None:
    failed = [
        cell["source"].splitlines()[0]
        for cell in cells
        if any(output["output_type"] == "error" for output in cell["outputs"])
    ]
    assert failed == [
        "%%feature",
        "%feature promote carrier_delay",
        "%feature retire carrier_delay@2",
        '%feature approve carrier_delay --note "Looked at the examples"',
    ]
    planned = shown(cells, "%feature promote carrier_delay --dry-run")
    assert "✗ FAIL probes of carrier_delay: leakage" in planned
    assert "PromotionRefused" in shown(cells, "%feature promote carrier_delay", 1)


def test_the_honest_version_is_published_and_read(cells: Cells) -> None:
    published = shown(cells, "%feature promote carrier_delay", 2)
    assert published.startswith("Published carrier_delay 1.0")
    assert "1 example holds; 100% of the definition's lines ran" in published
    read = shown(cells, "import polars as pl")
    assert read.startswith("2 rows in, 2 rows out"), "the ledger comes first"
    assert "-5.32836" in read


def test_a_change_of_values_names_who_feels_it(cells: Cells) -> None:
    differs = shown(cells, "%feature diff carrier_delay")
    assert "carrier_delay@1.0 against exp/carry-over" in differs
    assert "delay_mean_7d changed" in differs
    assert 'delay_mean=pl.col("arr_delay").median()' in differs
    planned = shown(cells, "%feature promote carrier_delay --dry-run", 1)
    assert "1.0 -> 2.0 value" in planned
    assert "carrier_rank view carrier_delay uses delay_mean_7d; stays on carrier_delay 1.0 until it is" in planned
    together = shown(cells, "%feature promote carrier_delay --with-downstream")
    assert together.startswith("Published carrier_delay 2.0, carrier_rank 2.0")


def test_a_rollback_gives_the_old_values_back(cells: Cells) -> None:
    assert "carrier_delay is at 1.0 again (was 2.0)" in shown(cells, "%feature rollback carrier_delay")
    assert "-5.32836" in shown(cells, 'production.store.training_set(spine, ["carrier_delay"')
    assert "-5.32836" in shown(cells, 'production.store.training_set(spine, "carrier_delay:delay_mean_7d", release=')


def test_versions_end_in_order_and_the_catalog_says_so(cells: Cells) -> None:
    assert "served until" in shown(cells, "%feature retire carrier_delay@2")
    page = shown(cells, "%feature catalog carrier_delay")
    assert "Read carrier_delay@1.0 instead" in page
    assert "authors cannot approve their own" in shown(cells, "%feature approve")
