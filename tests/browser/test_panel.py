"""The panel in real JupyterLab: from no project to a published feature, beside another process and without a kernel."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import workbench as wb
from tests.browser.conftest import CONNECTED, EXTENSION, missing
from tests.conftest import copy_project
from tests.lab.conftest import commit_all

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playwright.sync_api import Page

    from tests.browser.conftest import Browser, Lab

pytest.importorskip("workbench.lab")
pytestmark = [pytest.mark.browser, pytest.mark.journey, pytest.mark.timeout(900)]

AXE = EXTENSION / "node_modules" / "axe-core" / "axe.min.js"
LONG = 120_000
SERIOUS = """async place => (await axe.run(place, { resultTypes: ['violations'] })).violations
    .filter(found => ['serious', 'critical'].includes(found.impact))
    .map(found => [found.id, ...found.nodes.map(node => node.html.slice(0, 160))])"""
ORDERS = """user,ordered_at,amount
ann,2026-01-05T10:00:00Z,20.00
bo,2026-01-06T09:30:00Z,12.50
ann,2026-01-09T18:15:00Z,35.00
cy,2026-01-11T12:00:00Z,8.00
bo,2026-01-14T08:45:00Z,40.00
"""
SPEND = '''
class Spend(FeatureModel):
    user: str
    ordered_at: UTC
    spend_7d: float = Feature(unit="EUR", ge=0, nullable=True)

@feature_view(entities="user", event_time="ordered_at", lookback="7d", owner="shop-team")
def spend(orders: pl.LazyFrame) -> LazyFrame[Spend]:
    """What a user spent in the last seven days."""
    return windowed(orders, by="user", time="ordered_at", windows=["7d"], spend=pl.col("amount").sum())
'''

WRITTEN = """%%feature
@feature_view(entities="user", event_time="at", owner="me")
def recent(events: pl.LazyFrame) -> pl.LazyFrame:
    recent = (
        events.select(pl.col("am
    )
"""
WIDTH = "style => document.querySelector('#workbench-panel').setAttribute('style', style)"
CUT = """() => {
    const panel = document.querySelector('#workbench-panel');
    const right = panel.getBoundingClientRect().right;
    if (panel.querySelectorAll('.wb-Figure').length === 0) {
        return ['nothing is shown'];
    }
    return [...panel.querySelectorAll('*')].filter(node => !node.closest('pre, details:not([open]) > :not(summary)'))
        .filter(node => node.getBoundingClientRect().right > right + 1 && !node.closest('.wb-Hidden'))
        .map(node => node.outerHTML.slice(0, 120));
}"""
COMPLETED = """() => {
    const items = [...document.querySelectorAll('.jp-Completer-item')];
    const isThere = items.some(item => item.textContent.includes('amount'));
    if (!isThere) {  // Lab waits a second for completions, which a busy machine may not keep to
        void window.jupyterapp.commands.execute('completer:invoke-notebook');
    }
    return isThere;
}"""
PLACE_OF = """word => {
    const texts = document.createTreeWalker(document.querySelector('.jp-mod-active .cm-content'), NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const at = texts.currentNode.data.indexOf(word);
        if (at >= 0) {
            const range = document.createRange();
            range.setStart(texts.currentNode, at);
            range.setEnd(texts.currentNode, at + word.length);
            const box = range.getBoundingClientRect();
            return [box.left + box.width / 2, box.top + box.height / 2];
        }
    }
}"""


def look_up_columns(page: Page) -> None:
    """Write a view into the cell that is chosen, and see its columns completed and its source explained."""
    from playwright.sync_api import expect

    page.evaluate(
        """text => {
            const { content } = window.jupyterapp.shell.currentWidget;
            content.activeCell.model.sharedModel.setSource(text);
            content.mode = 'edit';
            content.activeCell.editor.setCursorPosition({ line: 4, column: 32 });
        }""",
        WRITTEN,
    )
    page.wait_for_function(COMPLETED, timeout=LONG, polling=2_000)
    page.keyboard.press("Escape")
    page.mouse.move(*page.evaluate(PLACE_OF, "events"))
    expect(page.locator(".cm-tooltip-hover .wb-Hover")).to_contain_text("event_id", timeout=LONG)


@pytest.fixture
def lab_arguments(panel: list[str]) -> list[str]:
    return panel


def workbench(folder: Path, *words: str) -> None:
    """Do something in the project as another process."""
    command = [str(Path(sys.executable).with_name("workbench")), *words]
    done = subprocess.run(command, cwd=folder, env=os.environ, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def many_views(count: int) -> dict[str, str]:
    """Return the files of views with five features each."""
    columns = "".join(f'    value_{place}: float = Feature(unit="count")\n' for place in range(5))
    head = "import polars as pl\nfrom workbench import UTC, Feature, FeatureModel, LazyFrame, feature_view\n\n"
    return {
        f"features/view_{number}.py": f"""{head}class View{number}(FeatureModel):
    user: str
    at: UTC
{columns}
@feature_view(entities="user", event_time="at", owner="me")
def view_{number}(events: pl.LazyFrame) -> LazyFrame[View{number}]:
    return events
"""
        for number in range(count)
    }


def assert_accessible(page: Page, place: str) -> None:
    assert page.evaluate(SERIOUS, place) == []


def fill(page: Page, values: Mapping[str, str]) -> None:
    """Fill the fields of a dialog and accept it."""
    page.wait_for_selector(".jp-Dialog .wb-Form", timeout=LONG)
    for name, value in values.items():
        page.fill(f".jp-Dialog input[name={name}]", value)
    page.click(".jp-Dialog button.jp-mod-accept")


def test_from_no_project_to_a_published_feature(lab: Lab, browser: Browser) -> None:
    from playwright.sync_api import expect

    if not AXE.is_file():
        missing("axe-core: npm ci in extensions/lab")
    page = browser.page
    (lab.folder / "orders.csv").write_text(ORDERS)
    page.goto(f"{lab.url}/lab?token={lab.token}&reset")
    page.wait_for_selector('[data-id="workbench-panel"]', timeout=LONG)
    page.add_script_tag(path=AXE)

    # no project: the panel says how to make one
    browser.command("workbench:open-panel")
    expect(page.locator(".wb-Panel")).to_contain_text("No project here", timeout=LONG)
    assert_accessible(page, "#workbench-panel")
    page.locator(".wb-Panel .jp-mod-accept").click()
    fill(page, {"name": "shop", "files": "orders.csv"})
    expect(page.locator(".wb-Header h1")).to_have_text("shop", timeout=LONG)
    expect(page.locator(".wb-TabPanel")).to_contain_text("No features on this branch yet", timeout=LONG)

    # an experiment, which has no objective yet
    shop = lab.folder / "shop"
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=LONG)
    page.wait_for_function(CONNECTED, timeout=LONG)
    page.locator(".wb-Branch button").click()
    fill(page, {"name": "exp/spend"})
    expect(page.locator(".wb-Branch select")).to_have_value("exp/spend", timeout=LONG)
    expect(page.locator(".wb-StatusButton")).to_contain_text("exp/spend", timeout=LONG)

    # a cell from a template, filled with the columns of the source, and what is wrong in it is marked
    page.get_by_role("button", name="Insert a cell", exact=True).click()
    page.locator(".lm-Menu-item:visible", has_text="Lag").click()
    written = page.locator(".jp-Notebook .jp-CodeCell.jp-mod-active .cm-content")
    expect(written).to_contain_text("shift(1).over(", timeout=LONG)
    expect(written).to_contain_text("ordered_at")
    page.evaluate(
        """() => {
            const cell = window.jupyterapp.shell.currentWidget.content.activeCell.model.sharedModel;
            cell.setSource(cell.getSource().replace('"amount",', '"amuont",'));
        }"""
    )
    wrong = page.locator(".jp-mod-active .cm-lintRange").first
    expect(wrong).to_be_visible(timeout=LONG)
    wrong.hover()
    expect(page.locator(".cm-tooltip-lint")).to_contain_text("amuont", timeout=LONG)

    # another process defines a view: it appears, and the kernel has no part in it
    browser.command("kernelmenu:shutdown")
    (lab.folder / "spend.py").write_text(SPEND)
    workbench(shop, "define", str(lab.folder / "spend.py"), "--branch", "exp/spend")
    row = page.locator(".wb-TreeRow").first
    expect(row).to_contain_text("spend", timeout=LONG)
    assert_accessible(page, "#workbench-panel")

    # by keyboard alone: to the view, to its details, and back
    page.locator(".wb-Tree").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".wb-Details")).to_contain_text("What a user spent", timeout=LONG)
    expect(page.get_by_role("button", name="Back to the list")).to_be_focused()
    expect(page.locator(".wb-Details")).to_contain_text("spend_7d")
    assert_accessible(page, "#workbench-panel")

    # the difference, beside the notebook
    page.locator(".wb-Actions").get_by_role("button", name="Diff", exact=True).click()
    shown = page.locator(".wb-Document:visible .wb-Html")
    expect(shown).to_contain_text("exp/spend", timeout=LONG)
    assert_accessible(page, ".wb-Document:not(.lm-mod-hidden)")

    # promotion is refused while the experiment has no objective
    promote = page.locator(".wb-Document:visible .wb-JobTop .jp-mod-accept")
    page.locator(".wb-Actions").get_by_role("button", name="Promote…").click()
    expect(promote).to_be_visible(timeout=LONG)
    expect(promote).to_be_disabled()
    expect(shown).to_contain_text("objective")
    workbench(shop, "branch", "exp/spend", "--objective", "Predict who orders again")
    page.locator(".wb-Document:visible").get_by_role("button", name="Run again").click()
    expect(promote).to_be_enabled(timeout=LONG)
    promote.click()
    page.locator(".jp-Dialog button.jp-mod-accept").click()
    expect(shown).to_contain_text("Published spend 1.0", timeout=LONG)

    # it is published, in the dark as well
    page.evaluate(
        "() => void window.jupyterapp.commands.execute('apputils:change-theme', { theme: 'JupyterLab Dark' })"
    )
    page.get_by_role("button", name="Back to the list").click()
    page.get_by_role("tab", name="Published").click()
    expect(page.locator(".wb-TreeRow").first).to_contain_text("1.0", timeout=LONG)
    expect(page.locator("body[data-jp-theme-light=false]")).to_be_attached(timeout=LONG)
    assert_accessible(page, "#workbench-panel")
    assert not browser.errors


@pytest.fixture
def published(lab: Lab, begun_once: Path, event_view: str) -> Path:
    """The small project in Lab's folder: ``spend`` is published as 1.0 and 2.0, and Lab has a notebook beside it."""
    root = copy_project(begun_once, lab.folder)
    commit_all(root)
    owned = event_view.replace('event_time="at")', 'event_time="at", owner="me")')
    with closing(wb.open(root, branch="exp/first")) as project:
        project.define(owned)
        project.promote("spend")
        project.define(owned.replace('pl.col("amount")', '2 * pl.col("amount")'))
        project.promote("spend", accept={"spend:total": "it counts twice"})
    notebook = {"cells": [], "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}}}
    (root / "a.ipynb").write_text(json.dumps({**notebook, "nbformat": 4, "nbformat_minor": 5}))
    return root


def test_a_published_view_is_checked_compared_and_rolled_back_and_a_cell_is_helped(
    lab: Lab, browser: Browser, published: Path
) -> None:
    from playwright.sync_api import expect

    page = browser.page
    browser.open("trial/a.ipynb")
    page.wait_for_function(CONNECTED, timeout=LONG)
    browser.command("workbench:open-panel")
    page.locator(".wb-Branch select").select_option("exp/first", timeout=LONG)
    page.locator(".wb-TreeRow", has_text="spend").first.click(timeout=LONG)
    actions = page.locator(".wb-Actions")
    shown = page.locator(".wb-Document:visible .wb-Html")

    # it can be read in a narrow panel, in high contrast and in the system's own colours
    page.add_script_tag(path=AXE)
    expect(page.locator(".wb-Figure").first).to_be_attached(timeout=LONG)
    style = page.locator("#workbench-panel").get_attribute("style")
    page.evaluate(WIDTH, f"{style}; width: 200px !important; min-width: 0 !important")
    assert page.evaluate(CUT) == []
    page.evaluate(WIDTH, style)
    theme = "theme => void window.jupyterapp.commands.execute('apputils:change-theme', { theme })"
    for name in ("JupyterLab Dark High Contrast", "JupyterLab Light"):
        page.evaluate(theme, name)
        expect(page.locator(f"body[data-jp-theme-name='{name}']")).to_be_attached(timeout=LONG)
        assert_accessible(page, "#workbench-panel")
    page.emulate_media(forced_colors="active")
    assert_accessible(page, "#workbench-panel")
    page.emulate_media(forced_colors="none")

    actions.get_by_role("button", name="Check", exact=True).click()
    expect(shown).to_contain_text("leakage", timeout=LONG)

    # the drift of two periods, which a dialog asks for
    actions.get_by_role("button", name="Drift", exact=True).click()
    fill(page, {"reference": "2024-01-01T00:00..2024-01-01T01:00", "current": "2024-01-01T02:00..2024-01-01T03:00"})
    expect(shown).to_contain_text("2024-01-01T02:00", timeout=LONG)
    expect(shown).to_contain_text("total")

    # back to the version before; the panel hears of it
    versions = page.locator(".wb-Part", has=page.locator("summary", has_text="Versions"))
    versions.locator("summary").click()
    actions.get_by_role("button", name="Roll back…").click()
    dialog = page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("Roll spend back from 2.0 to")
    dialog.locator("button.jp-mod-accept").click()
    expect(shown).to_contain_text("1.0", timeout=LONG)
    page.get_by_role("button", name="Back to the list").click()
    page.get_by_role("tab", name="Published").click()
    expect(page.locator(".wb-TreeRow .wb-State").first).to_contain_text("1.0", timeout=LONG)
    with closing(wb.open(published)) as project:
        (entry,) = project.store.catalog().entries
        assert entry.version == "1.0"

    # of 2,000 features the page has those in sight
    with closing(wb.open(published)) as project:
        project.branch("exp/many")
        project.repository.commit("exp/many", many_views(400), message="Define many")
    page.get_by_role("tab", name="Features").click()
    page.locator(".wb-Branch select").select_option("exp/many", timeout=LONG)
    expect(page.get_by_role("tab", name="Features")).to_contain_text("2,001", timeout=LONG)
    expect(page.locator(".wb-TreeRow").first).to_contain_text("spend", timeout=LONG)
    tree = page.locator(".wb-Tree")
    tree.focus()
    page.keyboard.press("End")
    expect(page.locator(".wb-TreeRow", has_text="view_99")).to_be_visible(timeout=LONG)
    assert tree.evaluate("node => node.querySelectorAll('*').length") < 500

    # in a cell: what a source is, and which columns it has
    page.get_by_role("tab", name="a.ipynb").click()
    look_up_columns(page)

    # the panel goes where the notebook goes
    page.mouse.move(0, 0)
    for code, name in (
        ("import os, workbench; workbench.init('../other'); os.chdir('../other')", "other"),
        ("os.chdir('../trial')", "trial"),
    ):
        page.evaluate(
            """code => {
                window.jupyterapp.shell.currentWidget.content.activeCell.model.sharedModel.setSource(code);
                void window.jupyterapp.commands.execute('notebook:run-cell');
            }""",
            code,
        )
        expect(page.locator(".wb-Header h1")).to_have_text(name, timeout=LONG)
    assert not browser.errors
