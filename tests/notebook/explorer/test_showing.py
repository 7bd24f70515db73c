"""What a real kernel displays: the report first, and the interactive view as an output of its own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import identify
from tests.kernel.conftest import Kernel, running_kernel
from tests.notebook.explorer.project import make_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VIEW = "application/vnd.jupyter.widget-view+json"
DIFF = "%feature diff spend --left exp/one --right exp/two"


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    folder = tmp_path_factory.mktemp("showing")
    with pytest.MonkeyPatch.context() as patch:
        identify(folder, patch)
        with running_kernel(make_project(folder / "trial", rows=400)) as running:
            # what only tests have is no part of the product
            hidden = "import sys\nsys.modules['vl_convert'] = None\n"
            reply = running.run(f"{hidden}before = set(sys.modules)\n%load_ext workbench")
            assert reply.status == "ok", reply.traceback
            yield running


def test_loading_the_extension_loads_nothing_that_draws(kernel: Kernel) -> None:
    reply = kernel.run(
        "print({'altair', 'anywidget', 'workbench.notebook.explorer.explorer'} & set(sys.modules) - before)"
    )
    assert reply.stdout == "set()\n"


@pytest.mark.parametrize(
    "cell",
    [
        DIFF,
        "import workbench as wb\nwb.open('.').diff('spend', 'exp/one', 'exp/two')",
        "%feature drift spend --reference exp/one --current exp/two",
    ],
)
def test_the_report_comes_first_and_then_the_view(kernel: Kernel, cell: str) -> None:
    reply = kernel.run(cell)
    assert reply.status == "ok", reply.traceback
    report, view = (data for data in reply.displays.values() if data.get("text/html") or VIEW in data)
    assert "wb-summary" in report["text/html"]
    assert "spend" in report["text/plain"]
    assert VIEW not in report
    assert view[VIEW]["model_id"]
    assert "needs a notebook and a running kernel" in view["text/plain"]


def test_a_semicolon_silences_both(kernel: Kernel) -> None:
    for cell in (f"{DIFF};", "import workbench as wb\nwb.open('.').diff('spend', 'exp/one', 'exp/two');"):
        reply = kernel.run(cell)
        assert reply.status == "ok", reply.traceback
        assert not reply.outputs
        assert not [data for data in reply.displays.values() if data.get("text/html")]


def test_json_is_text_alone(kernel: Kernel) -> None:
    reply = kernel.run(f"{DIFF} --json")
    assert '"category": "value"' in reply.stdout
    assert not [data for data in reply.displays.values() if VIEW in data]


def test_a_view_that_cannot_be_made_leaves_the_report(kernel: Kernel) -> None:
    broken = "import workbench.notebook.explorer.explorer as home\nkept, home.Panel = home.Panel, lambda _: 1 / 0"
    assert kernel.run(broken).status == "ok"
    reply = kernel.run(DIFF)
    assert kernel.run("home.Panel = kept").status == "ok"
    assert reply.status == "ok"
    assert "wb-summary" in reply.html
    assert "The interactive view could not be started: ZeroDivisionError" in reply.text


@pytest.mark.journey
def test_a_notebook_of_more_rows_is_no_larger(tmp_path: Path, identity: None) -> None:
    from nbclient import NotebookClient  # slow to load, and every process that runs tests loads this module
    from nbformat.v4 import new_code_cell, new_notebook

    notebook: Any = new_notebook()  # type: ignore[no-untyped-call]  # nbformat has no types
    cells = ["import workbench as wb\n%load_ext workbench"]
    for rows in (10_000, 100_000):
        make_project(tmp_path / f"of-{rows}", rows=rows)
        cells.append(f"wb.open('of-{rows}').diff('spend', 'exp/one', 'exp/two')")
    notebook.cells = list(map(new_code_cell, cells))
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    small, large = (size(cell.outputs) for cell in notebook.cells[1:])
    assert abs(large - small) < 0.05 * small
    assert large < 50_000
    # a notebook holds its outputs; where it is told to keep the state of widgets too, that is the rest
    assert notebook.metadata.widgets
    assert size(notebook) < 2 * 300_000


def size(part: Any) -> int:
    return len(json.dumps(part, indent=1).encode())
