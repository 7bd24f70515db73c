"""A newcomer in JupyterLab, on the files of others: from the first command to a promoted feature and a training set."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import CONNECTED, missing

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.browser.conftest import Browser, Lab

pytestmark = [pytest.mark.browser, pytest.mark.journey, pytest.mark.timeout(900)]

LONG = 240_000
WORKBENCH = str(Path(sys.executable).with_name("workbench"))
KERNEL = '{"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}'
EMPTY = f'{{"cells": [], "metadata": {KERNEL}, "nbformat": 4, "nbformat_minor": 5}}'
TRAIN = """import workbench as wb

project = wb.open()
rows = project.sources["{source}"].frame().select({keys}).collect()
project.store.training_set(rows, "{view}")"""
ADD = """source => {
    const panel = window.jupyterapp.shell.currentWidget;
    const cells = panel.content.model.sharedModel;
    const last = cells.cells.length - 1;
    if (source === null) { panel.content.activeCellIndex = last; }
    else if (cells.cells[last].getSource() === '') {
        cells.cells[last].setSource(source);
        panel.content.activeCellIndex = last;
    }
    else { cells.addCell({ cell_type: 'code', source }); panel.content.activeCellIndex = last + 1; }
    void window.jupyterapp.commands.execute('notebook:run-cell');
    return panel.content.activeCellIndex;
}"""
RAN = """place => {
    const cell = window.jupyterapp.shell.currentWidget.content.widgets[place];
    const busy = window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status !== 'idle';
    return !busy && cell.model.executionCount !== null;
}"""
SOURCES = "() => window.jupyterapp.shell.currentWidget.content.widgets.map(cell => cell.model.sharedModel.getSource())"
OVERHANG = """() => {
    const shown = [...document.querySelectorAll('.jp-OutputArea-output :is(.wb-report, .wb-card)')];
    return shown.length ? Math.max(...shown.map(each => each.scrollWidth - each.clientWidth)) : Infinity;
}"""


def data(name: str) -> Path:
    """Return a file that comes with a package."""
    spec = importlib.util.find_spec("vega_datasets")
    if spec is None or spec.origin is None:
        missing("vega-datasets")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "_data" / name


def folder(lab: Lab, name: str) -> Path:
    """Return a new folder with one file in it."""
    root = lab.folder / name.partition(".")[0]
    (root / "data").mkdir(parents=True)
    shutil.copy(data(name), root / "data")
    return root


def command(root: Path, *words: str) -> str:
    done = subprocess.run(words, cwd=root, env=os.environ, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Notebook:
    """The notebook in front."""

    def __init__(self, browser: Browser, path: str) -> None:
        self.page: Page = browser.page
        browser.open(path)
        self.page.wait_for_function(CONNECTED, timeout=LONG)

    def run(self, source: str | None) -> Locator:
        """Run `source` in a cell at the end, or the cell that is there, and return what came out."""
        place = self.page.evaluate(ADD, source)
        self.page.wait_for_function(RAN, arg=place, timeout=LONG)
        return self.page.locator(".jp-Notebook .jp-Cell").nth(place).locator(".jp-Cell-outputWrapper")

    def sources(self) -> list[str]:
        found: list[str] = self.page.evaluate(SOURCES)
        return found

    def after(self) -> list[str]:
        """Return what the text at the end of the proposed notebook says to run."""
        return re.findall(r"```python\n(.*?)\n```", self.sources()[-1], re.DOTALL)

    def assert_nothing_overhangs(self) -> None:
        for width in (900, 1400):
            self.page.set_viewport_size({"width": width, "height": 1600})
            assert self.page.evaluate(OVERHANG) <= 1


def test_the_first_command_in_a_new_notebook(lab: Lab, browser: Browser) -> None:
    """Monthly prices with dates such as "Jan 1 2000", in an empty folder."""
    from playwright.sync_api import expect

    (folder(lab, "stocks.csv") / "mine.ipynb").write_text(EMPTY)
    notebook = Notebook(browser, "stocks/mine.ipynb")
    notebook.run("%load_ext workbench")
    declared = notebook.run("%feature init --from data/stocks.csv")
    expect(declared).to_contain_text("workbench.toml declares stocks")
    expect(declared).to_contain_text("2000-01-01 00:00:00")
    assert notebook.sources()[-1].endswith("%feature new windowed stocks"), "what comes next stands in the cell below"
    notebook.run(None)
    assert notebook.sources()[-1].startswith("%%feature"), "so does the skeleton"
    assert "365d" in notebook.sources()[-1]
    expect(notebook.run(None).locator(".wb-card")).to_contain_text("stocks_year")
    expect(notebook.run("%feature promote stocks_year")).to_contain_text("Published stocks_year 1.0")
    trained = notebook.run(
        TRAIN.format(source="stocks", keys='symbol="symbol", event_timestamp="date"', view="stocks_year")
    )
    expect(trained).to_contain_text("560 rows in, 560 rows out")
    notebook.assert_nothing_overhangs()
    assert not browser.errors


def test_the_proposed_notebook_of_a_file_without_entities(lab: Lab, browser: Browser) -> None:
    """Hourly temperatures: two columns, none of which says whom a row is about."""
    from playwright.sync_api import expect

    root = folder(lab, "sf-temps.csv")
    said = command(root, WORKBENCH, "init", "--from", "data/sf-temps.csv")
    assert "Open notebooks/first-feature.ipynb" in said
    notebook = Notebook(browser, "sf-temps/notebooks/first-feature.ipynb")
    browser.run_all()
    expect(browser.page.locator(".wb-card")).to_contain_text("sf_temps_overall")
    promote, train = notebook.after()
    expect(notebook.run(promote)).to_contain_text("Published sf_temps_overall 1.0")
    expect(notebook.run(train)).to_contain_text("8,759 rows in, 8,759 rows out")
    notebook.assert_nothing_overhangs()
    assert not browser.errors


def test_a_repository_that_exists(lab: Lab, browser: Browser) -> None:
    """Daily prices as JSON, in a repository with commits: the settings are the user's to commit, which is said."""
    from playwright.sync_api import expect

    root = folder(lab, "ohlc.json")
    command(root, "git", "init", "-q")
    command(root, "git", "add", "-A")
    command(root, "git", "commit", "-qm", "Mine")
    (root / "mine.ipynb").write_text(EMPTY)
    notebook = Notebook(browser, "ohlc/mine.ipynb")
    notebook.run("%load_ext workbench")
    expect(notebook.run("%feature init --from data/ohlc.json")).to_contain_text("Commit workbench.toml")
    notebook.run('%feature branch exp/first --objective "What comes next"')
    notebook.run("%feature new lag ohlc")
    notebook.run(notebook.sources()[-1].replace('"open"', '"close"'))
    refused = notebook.run("%feature promote ohlc_lag")
    expect(refused).to_contain_text("git add workbench.toml && git commit -m 'Declare the project'")
    command(root, "git", "add", "workbench.toml")
    command(root, "git", "commit", "-qm", "Declare the project")
    expect(notebook.run("%feature promote ohlc_lag")).to_contain_text("Published ohlc_lag 1.0")
    trained = notebook.run(TRAIN.format(source="ohlc", keys='signal="signal", event_timestamp="date"', view="ohlc_lag"))
    expect(trained).to_contain_text("44 rows in, 44 rows out")
    notebook.assert_nothing_overhangs()
    assert not browser.errors
