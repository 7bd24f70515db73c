"""The notebooks of the guide with what they show: run from top to bottom, cleaned, and stored beside their sources.

``python -m tests.guide`` runs them all anew, ``python -m tests.guide 02-time.ipynb`` one of them.
"""

from __future__ import annotations

import hashlib
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import identify

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
OF = "outputs_of"
"""The notebook's metadata that says of which code its outputs are."""
LARGEST = 400_000
"""Bytes that a notebook with its outputs has at most."""
_LARGE = 100_000
_WIDGET = "application/vnd.jupyter.widget-view+json"
_PORT = re.compile(r"(127\.0\.0\.1|localhost):\d+")
_SECONDS = re.compile(r"(?<![\w.,])\d[\d.,]*(?=(?: |\u00a0)(?:ms|s)\b)")
_OBJECT = re.compile(r" at 0x[0-9a-f]+")
_CELL = re.compile(r"[^\s'\"<>]*/ipykernel_\d+/\d+\.py")


def guides() -> list[Path]:
    """Return the notebooks of the guide."""
    return sorted(NOTEBOOKS.glob("*.ipynb"))


def read_guide(path: Path, *, with_outputs: bool = False) -> Any:
    """Return a notebook of the guide, without its outputs unless they are asked for."""
    import nbformat  # slow to load, and every process that runs tests loads this module

    notebook = nbformat.read(path, 4)  # type: ignore[no-untyped-call]  # nbformat is not typed
    if not with_outputs:
        for cell in code_cells(notebook):
            cell.outputs, cell.execution_count = [], None
    return notebook


def run_guide(path: Path, folder: Path) -> Any:
    """Return a notebook of the guide after it was run from top to bottom in `folder`."""
    from nbclient import NotebookClient

    notebook = read_guide(path)
    with pytest.MonkeyPatch.context() as patch:
        identify(folder, patch)
        NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    return notebook


def code_cells(notebook: Any) -> list[Any]:
    """Return the cells of code."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def digest(notebook: Any) -> str:
    """Return what identifies the code of all cells."""
    return hashlib.sha256("\n\0".join(cell.source for cell in code_cells(notebook)).encode()).hexdigest()[:16]


def clean(notebook: Any, folder: Path) -> None:
    """Take out what says where and how fast a notebook was run, and what only a running kernel shows."""
    places = {str(folder): "~", str(NOTEBOOKS.parent): "feature-workbench", sys.prefix: "venv", str(Path.home()): "~"}

    def cleaned(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: cleaned(each) for key, each in value.items()}
        if isinstance(value, list):
            return [cleaned(each) for each in value]
        if not isinstance(value, str):
            return value
        for place, shown in places.items():
            value = value.replace(place, shown)
        value = _OBJECT.sub("", _PORT.sub(r"\1:PORT", _CELL.sub("cell", value)))
        return _SECONDS.sub("…", value)

    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = {"name": "python"}
    notebook.metadata[OF] = digest(notebook)
    for count, cell in enumerate(code_cells(notebook), start=1):
        cell.metadata.pop("execution", None)
        cell.execution_count = count
        cell.outputs = [each for each in map(_small, cell.outputs) if each is not None]
        for output in cell.outputs:
            if "execution_count" in output:
                output["execution_count"] = count
            for part in {"data", "text", "traceback", "evalue"} & output.keys():
                output[part] = cleaned(output[part])


def is_blank(output: Any) -> bool:
    """Whether an output is what is left of a line of progress, which slow work alone shows."""
    return "data" in output and not any(str(text).strip() for text in output["data"].values())


def _small(output: Any) -> Any | None:
    """Return an output without what is alive, and as text alone where it is large; None where nothing is left."""
    if "data" not in output:
        return output
    if _WIDGET in output["data"] or is_blank(output):
        return None
    output["metadata"] = {}
    if sum(len(str(value)) for value in output["data"].values()) > _LARGE:
        output["data"] = {kind: text for kind, text in output["data"].items() if kind == "text/plain"}
    return output


def store(path: Path) -> None:
    """Run a notebook and store it with what it shows."""
    import nbformat

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        notebook = run_guide(path, Path(folder))
        clean(notebook, Path(folder))
    nbformat.write(notebook, path)  # type: ignore[no-untyped-call]  # nbformat is not typed


if __name__ == "__main__":
    for each in [NOTEBOOKS / name for name in sys.argv[1:]] or guides():
        store(each)
        print(f"{each.name}: {each.stat().st_size:,} bytes")
