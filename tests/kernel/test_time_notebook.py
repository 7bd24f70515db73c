"""The guide's second notebook, run from top to bottom: what it says of time is what comes out."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.kernel.conftest import run_guide

pytestmark = pytest.mark.journey
NAME = "02-time.ipynb"
Cells = list[dict[str, Any]]


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Cells:
    """The cells with their outputs; one that fails where it should not fails this."""
    return run_guide(NAME, tmp_path_factory.mktemp("time"))


def shown(cells: Cells, begins: str, kind: str = "text/plain") -> str:
    """Return what the one cell that contains `begins` showed."""
    (cell,) = (cell for cell in cells if begins in cell["source"])
    texts = [output.get("data", {}).get(kind) or output.get("text", "") for output in cell["outputs"]]
    texts += ["\n".join(output["traceback"]) for output in cell["outputs"] if output["output_type"] == "error"]
    return "\n".join(texts)


def test_the_leak_fails_its_cell_and_alone_does(cells: Cells) -> None:
    failed = [cell for cell in cells if any(output["output_type"] == "error" for output in cell["outputs"])]
    assert ["def carrier_today" in cell["source"] for cell in failed] == [True]
    card = " ".join(shown(cells, "def carrier_today").split())
    assert "scheduled_at comes before flights.known_at" in card
    assert "as known then" in card
    assert "with hindsight" in card
    assert "FailedCheckWarning" in shown(cells, "leaking = store.training_set")


def test_the_leak_flatters_and_costs_more_in_production_than_no_feature(cells: Cells) -> None:
    table = shown(cells, 'scores["honest"]')
    scores = {name.strip(): float(value) for name, value in re.findall(r"│ ([a-z][^│]*?) +┆ ([\d.]+) +│", table)}
    without, flattered, honest, live = (
        scores[name]
        for name in (
            "without the feature",
            "with the leak, in the notebook",
            "honest",
            "with the leak, in production",
        )
    )
    assert flattered < without - 3, "the text says four minutes"
    assert flattered < honest < without < live


def test_the_rules_come_out_as_told(cells: Cells) -> None:
    answers = re.findall(r"┆ ([\d.]+|null) +│", shown(cells, "spine_of_nine ="))
    assert answers == ["null", "10.0", "10.0", "20.0", "20.0", "20.0", "null", "null", "30.0"]
    assert shown(cells, "plt.show()", "image/png").startswith("iVBORw0KGgo"), "a PNG in base64"
    known = shown(cells, "spine_of_four =").splitlines()
    assert "first report" in known[7]
    assert "told an hour late" in known[7]
    assert "50,000 rows in, 50,000 rows out" in shown(cells, "honest.explain()")
    assert "the newest one had" in " ".join(shown(cells, "honest.why_row").split())
    assert "won" in shown(cells, "%feature why")


def test_windows_are_right_at_any_instant_and_the_set_is_built_again(cells: Cells) -> None:
    asked, wrong, off = re.findall(r"│ (\d+) +┆ (\d+) +┆ ([\d.e-]+) +│", shown(cells, "wrong_counts=")).pop()
    assert (int(asked), int(wrong)) == (2_000, 0)
    assert float(off) < 1e-9
    assert "identical" in shown(cells, "%feature reproduce")
