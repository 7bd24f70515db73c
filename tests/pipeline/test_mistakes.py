"""Beginners' mistakes: of each the page on troubleshooting shows what is really said, with the remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conftest import identify, in_part
from tests.pipeline.mistakes import CELL, MISTAKES, PAGE, SECTIONS, Mistake, shop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.project import Project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    folder = tmp_path_factory.mktemp("mistakes")
    with pytest.MonkeyPatch.context() as patch:
        identify(folder, patch)
        with shop(folder) as opened:
            yield opened


@pytest.mark.parametrize("mistake", in_part(MISTAKES, 20))
def test_the_page_shows_what_is_said_and_the_remedy(project: Project, mistake: Mistake) -> None:
    shown = mistake.make(project)
    assert mistake.remedy in shown
    assert "site-packages" not in shown
    assert mistake.section(shown) in PAGE.read_text(encoding="utf-8"), "run: python -m tests.pipeline.mistakes"


def test_the_page_has_all_mistakes_in_order() -> None:
    text = PAGE.read_text(encoding="utf-8")
    titles = [line.removeprefix("### ") for line in text.splitlines() if line.startswith("### ")]
    assert titles == list(MISTAKES)
    assert len(titles) == sum(map(len, SECTIONS.values())) >= 40
    assert CELL in text
