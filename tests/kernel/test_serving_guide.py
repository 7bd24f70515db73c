"""The guide's sixth notebook, run from top to bottom: trained, served, a new version under load, taken back."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.kernel.conftest import run_guide

pytestmark = [pytest.mark.journey, pytest.mark.service]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    """The first line of each cell, and what it showed; a cell that fails fails this."""
    return [
        (cell["source"].splitlines()[0], "\n".join(map(text, cell["outputs"])))
        for cell in run_guide("06-serve.ipynb", tmp_path_factory.mktemp("serving"))
    ]


def text(output: Any) -> str:
    return str(output["data"].get("text/plain", "")) if "data" in output else str(output.get("text", ""))


def of(shown: list[tuple[str, str]], begins: str) -> str:
    """Return what the cell showed that begins so."""
    (found,) = [said for line, said in shown if line.startswith(begins)]
    return found


def test_what_is_served_is_what_training_has(shown: list[tuple[str, str]]) -> None:
    assert "20,000 rows in, 20,000 rows out" in of(shown, "import polars as pl")
    assert "status='present'" in of(shown, "from datetime import")
    assert "source='online'" in of(shown, "from datetime import")
    assert of(shown, "asked = ") == "True"
    assert of(shown, "over_http = ") == "True"


def test_every_reader_has_the_new_version_and_then_the_old_one_and_none_fails(shown: list[tuple[str, str]]) -> None:
    said = of(shown, "finished.set()")
    assert re.search(r"^[\d,]+ reads, 0 failures", said, re.MULTILINE), said
    turns = re.findall(r"^│ (\d) +┆ ([\d.]+) +┆ (\S+)", said, re.MULTILINE)
    assert [(turn, version) for turn, version, _ in turns] == [("0", "1.0"), ("1", "2.0"), ("2", "1.0")]
    assert turns[0][2] == turns[2][2] != turns[1][2]


def test_the_monitor_shows_the_service(shown: list[tuple[str, str]]) -> None:
    said = of(shown, "get_ipython()")
    assert "carrier_delay" in said
    assert re.search(r"failed +0%", said)
