"""MLflow's own compare page, opened from our link: it shows what `compare` says, and "show diff only" tells it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

import workbench as wb
from tests.browser.conftest import ARGUMENTS, CHROMIUM, missing
from tests.conftest import EVENT_VIEW, let_send
from tests.store.conftest import spine_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page

    from workbench.project import Project

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
PATIENCE = 120.0
SEEDS = {"exp/sum": ("cum_sum", 1.5), "exp/max": ("cum_max", 1.2)}


@pytest.fixture
def tried(project_root: Path) -> Iterator[Project]:
    """Two experiments, each a view and a model of three seeds, all of it in MLflow, whose UI answers."""
    let_send(project_root)
    project = wb.open(project_root)
    spine = spine_of(*((f"u{n % 7}", float(n)) for n in range(100)))
    for branch, (how, rmse) in SEEDS.items():
        project.branch(branch, objective="Predict late payment", hypothesis=f"{how} tells it", metrics=["rmse"])
        project.define(EVENT_VIEW.replace("cum_sum", how))
        with project.experiment("late payment") as run:
            project.store.training_set(spine, "spend", label="label")
            run.log_params({"depth": 6})
            for seed in range(3):
                run.log_metric("rmse", rmse + seed / 10, seed=seed)
    try:
        project.ui()
        until = time.monotonic() + PATIENCE
        while project._workspace.tracker.status().queued or project.ui().state != "live":
            assert time.monotonic() < until, project._workspace.tracker.status()
            time.sleep(0.2)
        yield project
    finally:
        project.ui(stop=True)
        project.close()


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    if CHROMIUM is None:
        missing("chromium on PATH")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        shown = chromium.new_page(viewport={"width": 1500, "height": 2600})
        try:
            yield shown
        finally:
            shown.screenshot(path=tmp_path / "last.png", full_page=True)
            chromium.close()


GRID = """title => {
    let place = document.querySelector(`[aria-label="${title} - Show diff only"]`);
    while (!place.querySelector('[role=grid]')) place = place.parentElement;
    const cells = [...place.querySelectorAll('[role=rowgroup] > div')].map(cell => {
        const box = cell.getBoundingClientRect();
        return {top: Math.round(box.top), left: box.left, text: cell.innerText.trim()};
    });
    const rows = [...new Set(cells.map(cell => cell.top))];
    const row = top => cells.filter(cell => cell.top === top).sort((a, b) => a.left - b.left);
    return rows.map(top => row(top).map(cell => cell.text));
}"""


def grid(page: Page, title: str) -> dict[str, list[str]]:
    """Return the rows of a section whose cells are placed one by one, by their first cell."""
    return {row[0]: row[1:] for row in page.evaluate(GRID, title)}


def table(page: Page, title: str) -> dict[str, list[str]]:
    """Return the rows of one of the page's sections, by their first cell."""
    rows = page.evaluate(
        """title => {
            const toggle = document.querySelector(`[aria-label="${title} - Show diff only"]`);
            let place = toggle;
            while (!place.querySelector('table, [role=table]')) place = place.parentElement;
            return [...place.querySelectorAll('tr, [role=row]')].map(
                row => [...row.querySelectorAll('th, td, [role=cell], [role=gridcell], [role=columnheader]')]
                    .map(cell => cell.innerText.trim())
            );
        }""",
        title,
    )
    return {row[0]: row[1:] for row in rows if row and row[0]}


def test_the_link_opens_the_models_and_diff_only_leaves_what_differs(tried: Project, page: Page) -> None:
    comparison = tried.compare("exp/sum", "exp/max").comparison
    assert [each.about for each in comparison.pages] == ["models", "spend"]
    assert comparison.url is not None
    page.goto(comparison.url)
    page.wait_for_selector("text=Comparing 2 Runs from 1 Experiment", timeout=180_000)
    page.wait_for_selector('[aria-label="Parameters - Show diff only"]')
    assert [run.run_id for run in comparison.runs if run.kind == "model"] == page.locator(
        "a[href*='/runs/']"
    ).evaluate_all("links => links.map(link => link.innerText.trim()).filter(text => text.length === 32)")
    params = table(page, "Parameters")
    assert params["branch"] == ["exp/sum", "exp/max"]
    assert params["depth"] == ["6", "6"]
    assert params["features"] == ["spend:total", "spend:total"]
    for title in ("Parameters", "Metrics", "Tags"):
        page.click(f'[aria-label="{title} - Show diff only"]')
    page.wait_for_function("() => !document.body.innerText.includes('depth')")
    assert set(table(page, "Parameters")) == {"branch", "data", "view.spend"}
    metrics = grid(page, "Metrics")
    assert metrics["rmse"] == ["1.6", "1.3"]
    assert "rmse_std" not in metrics
    tags = table(page, "Tags")
    assert tags["hypothesis"] == ["cum_sum tells it", "cum_max tells it"]
    assert "objective" not in tags
    assert "features.json" in page.inner_text("body"), "tables of one name in both runs are set side by side"
