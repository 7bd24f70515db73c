"""The published store keeps to a plain model, whatever is done to it in whatever order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.promote.walk import walk

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.journey


@pytest.mark.parametrize("seed", [1, pytest.param(5, marks=pytest.mark.slow)])
def test_readers_get_what_a_plain_model_says(tmp_path: Path, seed: int) -> None:
    walk(tmp_path / "stage", seed=seed, steps=12)
