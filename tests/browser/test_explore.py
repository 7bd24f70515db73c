"""The interactive view in real JupyterLab: open, choose, brush, page, reload, and when the kernel is gone."""

from __future__ import annotations

import importlib.util
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

import workbench as wb
from tests.browser.conftest import CONNECTED, missing
from tests.conftest import EVENTS_TOML
from tests.render.samples import FAILED
from workbench.notebook import not_built
from workbench.notebook.explorer.picture import LIBRARY
from workbench.render import card_html

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.conftest import Browser, Lab

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

VIEW = '''\
class Spend(FeatureModel):
    user: str
    at: UTC
    total: float = Feature(unit="count", ge=0)
    recent: float = Feature(unit="count", ge=0)
    tier: str
    pair: list[float]


@feature_view(entities="user", event_time="at")
def spend(events: pl.LazyFrame) -> LazyFrame[Spend]:
    """What a user has spent so far."""
    total = pl.col("amount").cum_sum().over("user")
    recent = pl.col("amount").rolling_mean(5, min_samples=1).over("user")
    tier = pl.when(total > 2500).then(pl.lit("gold")).otherwise(pl.lit("tin"))
    pair = pl.concat_list(recent)
    return events.sort("user", "at").select("user", "at", total=total, recent=recent, tier=tier, pair=pair)
'''
ROWS = 7_000
OVERHANG = """() => Math.max(...[...document.querySelectorAll('.wb-explore')].flatMap(view =>
    [...view.querySelectorAll('.wb-rows, .wb-picture, select, input')].map(
        each => each.getBoundingClientRect().right - view.getBoundingClientRect().right)))"""
SERIOUS = """async where => (await axe.run(where)).violations
    .filter(each => ['serious', 'critical'].includes(each.impact))
    .flatMap(each => each.nodes.map(node => `${each.id}: ${node.html.slice(0, 200)}`))"""
RESTART = "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart().then(() => 1)"
ENDED = "ended with its kernel; run the cell again"
BEFORE = "node => getComputedStyle(node, '::before').content"
INSTEAD = "node => getComputedStyle(node, '::after').content"
NEW_KERNEL = """() => {
    const context = window.jupyterapp.shell.currentWidget.sessionContext;
    return context.ready.then(() => context.changeKernel({ name: 'python3' })).then(() => 1);
}"""
NOT_BUILT = """from workbench.notebook.explorer import picture
picture.LIBRARY = picture.LIBRARY.with_name("none.js")"""
DIFF = "%feature diff spend --left exp/one --right exp/two"
DRIFT = "%feature drift spend --reference exp/two,2024-01-01..2024-01-02 --current exp/two,2024-01-03..2024-01-04"


def make_project(root: Path) -> None:
    wb.init(root).close()
    (root / "workbench.toml").write_text(EVENTS_TOML)
    (root / "data").mkdir()
    start = datetime(2024, 1, 1, tzinfo=UTC)
    pl.DataFrame(
        {
            "event_id": range(ROWS),
            "user": [f"u{row % 7}" for row in range(ROWS)],
            "at": [start + timedelta(minutes=row) for row in range(ROWS)],
            "amount": [float(row * 7919 % 11) for row in range(ROWS)],
        },
        schema={"event_id": pl.Int64, "user": pl.String, "at": pl.Datetime("us", "UTC"), "amount": pl.Float64},
    ).write_parquet(root / "data" / "events.parquet")
    project = wb.open(root)
    try:
        project.branch("exp/one", objective="See it")
        project.define(VIEW, log=False)
        project.branch("exp/two", start="exp/one", objective="See it")
        project.define(VIEW.replace("rolling_mean(5,", "rolling_mean(9,").replace("2500", "3000"), log=False)
    finally:
        project.close()


def write_notebook(path: Path, *cells: str) -> None:
    made: list[dict[str, object]] = [
        {"cell_type": "code", "id": f"c{n}", "metadata": {}, "outputs": [], "execution_count": None, "source": text}
        for n, text in enumerate(cells)
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path.write_text(json.dumps({"cells": made, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))


def picture(browser: Browser, name: str, *, width: int, dark: bool = False) -> None:
    """Keep a screenshot for whoever wants to look."""
    theme = "JupyterLab Dark" if dark else "JupyterLab Light"
    page = browser.page
    page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme}).then(() => 1)", theme)
    page.set_viewport_size({"width": width, "height": 1500})
    page.wait_for_function("width => Math.abs(window.innerWidth - width) < 2", arg=width)
    page.wait_for_selector("#jupyterlab-splash", state="detached")
    page.locator(".wb-explore .wb-rows").first.scroll_into_view_if_needed()
    page.screenshot(path=browser.lab.folder.parent / f"{name}.png")


def barriers(page: Page, where: str) -> list[str]:
    """Return what axe-core finds that is serious within elements."""
    found = importlib.util.find_spec("axe_playwright_python")
    if found is None or found.origin is None:
        missing("axe-playwright-python")
        return []
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(Path(found.origin).with_name("axe.min.js").read_text(encoding="utf-8"))
    told: list[str] = page.evaluate(SERIOUS, where)
    return told


@pytest.fixture
def opened(lab: Lab, browser: Browser, identity: None) -> Browser:
    """A notebook with a difference and a drift, run."""
    if not LIBRARY.is_file():
        missing("the chart library, built: npm run charts in extensions/lab")
    make_project(lab.folder / "trial")
    write_notebook(lab.folder / "trial" / "explore.ipynb", "%load_ext workbench", DIFF, DRIFT)
    browser.open("trial/explore.ipynb")
    browser.run_all()
    browser.command("application:toggle-left-area")
    return browser


def test_a_view_is_explored_outlives_a_reload_and_says_that_its_kernel_is_gone(opened: Browser) -> None:
    from playwright.sync_api import expect

    page = opened.page
    summary, view = page.locator(".wb-summary").first, page.locator(".wb-explore").first
    expect(summary).to_contain_text("exp/one against exp/two")
    expect(view.locator(".wb-picture svg")).to_have_count(2, timeout=180_000)
    expect(view).to_contain_text("rows 1 to 100 of 6,965")

    assert barriers(page, ".wb-explore, .wb-summary") == []

    picture(opened, "narrow", width=600)
    assert page.evaluate(OVERHANG) <= 0, "what is too wide scrolls in its own box"
    picture(opened, "wide", width=1400)

    # by mouse: a brush over the left half of the histogram
    drawn = view.locator(".wb-picture svg").first
    drawn.scroll_into_view_if_needed()
    box = drawn.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 90, steps=8)
    page.mouse.up()
    status = view.locator("[role=status]").last
    expect(status).not_to_contain_text("6,965")
    ends = view.get_by_text(re.compile(r"^from .* to "))
    brushed = ends.inner_text()
    expect(view.get_by_role("combobox", name="values", exact=True)).to_have_value("in the interval")

    # by keyboard: the same interval, one bin shorter; and the next page
    handle = view.locator(".noUi-handle-upper")
    handle.focus()
    handle.press("ArrowLeft")
    expect(ends).not_to_have_text(brushed)
    for _ in range(2):  # a kernel at work is sent the interval when it is done, and with it the first page comes
        page.wait_for_timeout(300)
        page.wait_for_function(CONNECTED)
    view.get_by_role("button", name="next").press("Enter")
    expect(status).to_contain_text("rows 101 to 200")
    view.get_by_role("button", name="previous").press("Enter")
    expect(status).to_contain_text("rows 1 to 100")

    # a list, drawn as its norm; a feature of categories, of which one is chosen; an entity and a period
    view.get_by_role("listbox", name="features").press("ArrowDown")
    expect(view.locator(".wb-drawn h4")).to_have_text("pair")
    expect(view.locator(".wb-drawn")).to_contain_text("Drawn is the norm of each list")
    expect(view.locator(".wb-picture svg").first).to_contain_text("norm of pair")
    view.get_by_role("listbox", name="features").press("ArrowDown")
    expect(view.locator(".wb-drawn h4")).to_have_text("tier")
    expect(view).to_contain_text("of 700")
    view.locator(".wb-picture svg").first.locator(".mark-rect path").first.click()
    expect(view.get_by_role("combobox", name="values", exact=True)).not_to_have_value("all values")
    view.get_by_role("combobox", name="user", exact=True).fill("u3")
    view.get_by_role("combobox", name="user", exact=True).press("Enter")
    expect(view).to_contain_text("user=u3, the whole period")
    view.get_by_role("textbox", name="period").fill("2024-13")
    view.get_by_role("textbox", name="period").press("Enter")
    expect(view.locator(".wb-note")).to_contain_text("is not a period")
    view.get_by_role("textbox", name="period").fill("2024-01-04")
    view.get_by_role("textbox", name="period").press("Enter")
    expect(view).to_contain_text("user=u3, 2024-01-04")

    # another branch
    view.get_by_role("combobox", name="right", exact=True).select_option("exp/one")
    expect(view.locator(".wb-key").first).to_contain_text("exp/one", timeout=180_000)
    expect(view.locator(".wb-list select")).to_contain_text("tier (same)")
    view.get_by_role("combobox", name="right", exact=True).select_option("exp/two")
    expect(view.locator(".wb-list select")).to_contain_text("tier (10%", timeout=180_000)

    other = page.locator(".wb-explore").last
    other.scroll_into_view_if_needed()
    expect(other).to_contain_text("of 2,880")
    expect(other.locator(".wb-picture svg")).to_have_count(2)

    picture(opened, "wide-dark", width=1400, dark=True)

    opened.save()
    page.reload()
    expect(view.locator(".wb-picture svg")).to_have_count(2, timeout=180_000)
    expect(view).to_contain_text("user=u3, 2024-01-04")
    assert not opened.errors

    # a kernel that is started again has no view: words say so, once, and no icons
    page.evaluate(RESTART)
    expect(view).to_have_class(re.compile("jupyter-widgets-disconnected"), timeout=180_000)
    said = [view.evaluate(BEFORE), view.locator(".wb-list").evaluate(BEFORE)]
    assert (ENDED in said[0], said[1]) == (True, "none")

    opened.command("kernelmenu:shutdown")
    page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.sessionContext.session")
    expect(summary).to_be_visible()
    page.reload()
    expect(summary).to_contain_text("exp/one against exp/two", timeout=180_000)
    place = page.locator(".jp-OutputArea-child:has(.wb-summary) + .jp-OutputArea-child .jp-OutputArea-output").first
    assert "run the cell again" in place.evaluate(INSTEAD)
    page.evaluate(NEW_KERNEL)
    expect(place).to_have_class(re.compile("jupyter-widgets"), timeout=180_000)
    assert "ended with its kernel; run the cell again" in place.evaluate(INSTEAD)
    assert place.evaluate("node => getComputedStyle(node).fontSize") == "0px"

    # without the chart library, a line says so, and all that is no chart is there
    write_notebook(opened.lab.folder / "trial" / "plain.ipynb", "%load_ext workbench", NOT_BUILT, DIFF)
    opened.errors.clear()
    opened.open("trial/plain.ipynb")
    opened.run_all()
    expect(summary).to_contain_text("exp/one against exp/two")
    expect(view.locator(".wb-drawn")).to_contain_text(not_built("chart library"), timeout=180_000)
    expect(view).to_contain_text("rows 1 to 100 of 6,965")
    expect(view.locator(".wb-picture").first).to_be_attached()
    expect(view.locator(".wb-picture svg")).to_have_count(0)
    picture(opened, "plain", width=1400)
    assert not opened.errors


def test_a_card_is_read_where_the_notebook_is_not_trusted(lab: Lab, browser: Browser) -> None:
    from playwright.sync_api import expect

    path = lab.folder / "stored.ipynb"
    write_notebook(path, "pass")
    notebook = json.loads(path.read_text())
    output = {"output_type": "display_data", "metadata": {}, "data": {"text/html": card_html(FAILED)}}
    notebook["cells"][0] |= {"outputs": [output], "execution_count": 1}
    path.write_text(json.dumps(notebook))
    browser.open("stored.ipynb")
    card = browser.page.locator(".wb-card")
    expect(card).to_contain_text("carrier_delay · computed in 0.42 s", timeout=60_000)
    assert not card.locator("svg").count(), "drawings are taken away"
    expect(card.locator("samp")).to_be_visible()
    lines = card.inner_text().splitlines()
    for said in ("rows: 336,776", "exp/carry-over · commit 5f3a1c9e · view 9f8e7d6c5b4a · delay-team"):
        assert said in lines

    assert browser.page.context.browser is not None
    page = browser.page.context.browser.new_page()
    page.set_content(f"<html lang='en'><title>t</title><main>{card_html(FAILED)}</main></html>")
    expect(page.locator("samp")).to_be_hidden()
    assert barriers(page, ".wb-card") == []
