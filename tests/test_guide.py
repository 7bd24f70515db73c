"""The guide's notebooks as they are stored: with outputs of the code that they hold, and of no machine."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.guide import LARGEST, NOTEBOOKS, OF, clean, code_cells, digest, guides, read_guide

PLACE = re.compile(r"(?<![\w.:/])/(?:tmp|home|root|Users|var/folders|work|opt|private)/[\w.-]+")
PORT = re.compile(r"(?:127\.0\.0\.1|localhost):\d+")


@pytest.fixture(scope="module", params=guides(), ids=lambda path: path.stem)
def stored(request: pytest.FixtureRequest) -> tuple[Path, Any]:
    path: Path = request.param
    return path, read_guide(path, with_outputs=True)


def shown(notebook: Any) -> str:
    return json.dumps([cell.outputs for cell in code_cells(notebook)], ensure_ascii=False)


def test_the_guide_is_there() -> None:
    assert len(guides()) >= 6


def test_outputs_are_those_of_the_code(stored: tuple[Path, Any]) -> None:
    path, notebook = stored
    assert notebook.metadata[OF] == digest(notebook), f"run `python -m tests.guide {path.name}`"
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))
    assert sum(bool(cell.outputs) for cell in code_cells(notebook)) > len(counts) / 2


def test_no_cell_failed_that_should_not(stored: tuple[Path, Any]) -> None:
    for cell in code_cells(stored[1]):
        failed = any(output.output_type == "error" for output in cell.outputs)
        assert failed == ("raises-exception" in cell.metadata.get("tags", ())), cell.source


def test_outputs_name_no_place_or_port_of_a_machine(stored: tuple[Path, Any]) -> None:
    said = shown(stored[1])
    assert PLACE.findall(said) == []
    assert PORT.findall(said) == []
    assert " at 0x" not in said


def test_outputs_are_small_and_need_no_kernel(stored: tuple[Path, Any]) -> None:
    path, notebook = stored
    assert path.stat().st_size <= LARGEST
    assert "widget" not in "".join(kind for cell in code_cells(notebook) for each in cell.outputs for kind in each)
    assert "application/vnd.jupyter.widget" not in path.read_text(encoding="utf-8")
    assert "widgets" not in notebook.metadata
    assert not [cell for cell in code_cells(notebook) if "execution" in cell.metadata]


def test_a_notebook_is_cleaned_of_its_machine(tmp_path: Path) -> None:
    notebook = read_guide(NOTEBOOKS / "02-time.ipynb")
    first = code_cells(notebook)[0]
    first.metadata["execution"] = {"iopub.status.busy": "2026-01-01"}
    first.outputs = [
        {"output_type": "stream", "name": "stdout", "text": f"{tmp_path}/workbench-demo"},
        {
            "output_type": "execute_result",
            "execution_count": 41,
            "metadata": {},
            "data": {"text/plain": "computed in 0.28 s", "text/html": "<a href='http://127.0.0.1:5001/'>24 ms</a>"},
        },
        {
            "output_type": "display_data",
            "metadata": {},
            "data": {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "Explorer()"},
        },
        {"output_type": "display_data", "metadata": {}, "data": {"text/html": "", "text/plain": ""}},
    ]
    before = digest(notebook)
    clean(notebook, tmp_path)
    assert notebook.metadata[OF] == before
    one, two = first.outputs
    assert one["text"] == "~/workbench-demo"
    assert two["execution_count"] == 1
    assert two["data"] == {
        "text/plain": "computed in \u2026 s",
        "text/html": "<a href='http://127.0.0.1:PORT/'>\u2026 ms</a>",
    }
    assert "execution" not in first.metadata
    first.source += "\n"
    assert notebook.metadata[OF] != digest(notebook)
