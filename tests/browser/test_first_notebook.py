"""The first guide notebook in real JupyterLab: fresh, reloaded, and when the kernel is gone."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import nbformat
import pytest

from tests.guide import NOTEBOOKS, read_guide

if TYPE_CHECKING:
    from playwright.sync_api import Locator

    from tests.browser.conftest import Browser, Lab

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

NOTEBOOK = NOTEBOOKS / "01-a-feature-in-a-cell.ipynb"
PATIENCE = 60.0
CARD = ".jp-OutputArea .wb-card"


def cards(browser: Browser) -> Locator:
    return browser.page.locator(CARD)


def assert_the_cards_are_there(browser: Browser) -> None:
    from playwright.sync_api import expect

    first = cards(browser).first
    expect(first).to_contain_text("carrier_delay", timeout=180_000)
    expect(first.locator("svg").nth(1)).to_be_attached()
    # a card is drawn anew when its run has reached MLflow, and may have moved then
    until = time.monotonic() + PATIENCE
    while True:
        first.evaluate("node => node.scrollIntoView()")
        try:
            expect(first).to_be_in_viewport(timeout=2_000)
        except AssertionError:
            if time.monotonic() > until:
                raise
        else:
            break
    box = first.bounding_box()
    assert box is not None
    assert box["width"] > 300


def test_the_first_notebook_runs_and_its_cards_outlive_reload_and_kernel(lab: Lab, browser: Browser) -> None:
    nbformat.write(read_guide(NOTEBOOK), lab.folder / "guide.ipynb")  # type: ignore[no-untyped-call]  # it is not typed
    browser.open("guide.ipynb")
    browser.run_all()
    assert_the_cards_are_there(browser)
    assert cards(browser).count() == 6
    texts = browser.page.locator(".jp-OutputArea").all_text_contents()
    failed = [text for text in texts if "ContractViolation" in text]
    assert len(failed) == 1, "one cell breaks its contract on purpose"
    assert not [text for text in texts if "Traceback" in text]

    browser.save()
    browser.page.reload()
    assert_the_cards_are_there(browser)

    browser.command("kernelmenu:shutdown")
    assert_the_cards_are_there(browser)
    assert not browser.errors
