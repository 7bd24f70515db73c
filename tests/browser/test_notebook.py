"""Jupyter Notebook behind a path, as JupyterHub serves it: what has a place there works, what has none is absent."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import CONNECTED, missing
from tests.browser.test_panel import LONG, look_up_columns
from tests.conftest import copy_project

if TYPE_CHECKING:
    from tests.browser.conftest import Browser, Lab

pytestmark = [pytest.mark.browser, pytest.mark.journey, pytest.mark.timeout(900)]
ITS_OWN = "reading 'schema'"
"""What Notebook's console says without us, too, when a page is opened."""


@pytest.fixture
def lab_arguments(panel: list[str]) -> list[str]:
    if importlib.util.find_spec("notebook") is None:
        missing("notebook")
    same = [argument.replace("LabApp", "JupyterNotebookApp") for argument in panel if "LabApp" in argument]
    return [*panel, *same, "--JupyterNotebookApp.expose_app_in_browser=True"]


@pytest.fixture
def lab_program() -> str:
    return "notebook"


@pytest.fixture
def lab_base() -> str:
    return "/user/x"


def test_results_completion_and_help_are_there_and_no_error(lab: Lab, browser: Browser, begun_once: Path) -> None:
    from playwright.sync_api import expect

    root = copy_project(begun_once, lab.folder)
    notebook = {"cells": [], "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}}}
    (root / "a.ipynb").write_text(json.dumps({**notebook, "nbformat": 4, "nbformat_minor": 5}))
    page = browser.page
    page.goto(f"{lab.url}/notebooks/trial/a.ipynb?token={lab.token}")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=LONG)
    page.wait_for_function(CONNECTED, timeout=LONG)
    look_up_columns(page)
    page.evaluate(
        """code => {
            window.jupyterapp.shell.currentWidget.content.activeCell.model.sharedModel.setSource(code);
            void window.jupyterapp.commands.execute('notebook:run-cell');
        }""",
        "%load_ext workbench\n%feature status",
    )
    expect(page.locator(".jp-OutputArea .wb-Result[data-kind]")).to_contain_text("main", timeout=LONG)
    expect(page.locator(".wb-StatusButton")).to_have_count(0)

    # the panel is among its side bars, where it is opened; the list of files has no place for it
    browser.command("workbench:open-panel")
    expect(page.locator("#workbench-panel .wb-Header h1")).to_have_text("trial", timeout=LONG)
    expect(page.locator("#workbench-panel")).to_be_visible()
    page.goto(f"{lab.url}/tree?token={lab.token}")
    expect(page.locator(".jp-DirListing-item", has_text="trial")).to_be_visible(timeout=LONG)
    expect(page.locator("#workbench-panel")).not_to_be_visible()
    assert not [error for error in browser.errors if ITS_OWN not in error]
