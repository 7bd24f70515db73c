"""Whatever happens to code and sources, what is stored and published is what a clean computation in full gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.promote import oracle

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.journey


@pytest.mark.parametrize("seed", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_what_is_stored_is_what_a_computation_in_full_gives(tmp_path: Path, identity: None, seed: int) -> None:
    """Each seed is a project of four views and three changes; `python -m tests.promote.oracle` runs more of them."""
    assert oracle.run(seed, tmp_path / "p").total()
