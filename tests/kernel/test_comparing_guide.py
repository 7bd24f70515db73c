"""The guide about comparing experiments runs from top to bottom, and says what its text promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.kernel.conftest import read_guide, running_kernel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kernel.conftest import Reply

pytestmark = [pytest.mark.journey, pytest.mark.timeout(300)]


def test_the_guide_compares_two_experiments_and_follows_a_model_back(tmp_path: Path, identity: None) -> None:
    cells = [cell for cell in read_guide("04-compare.ipynb").cells if cell.cell_type == "code"]
    replies: dict[str, Reply] = {}
    with running_kernel(tmp_path) as kernel:
        for cell in cells:
            source = cell.source
            replies[source] = kernel.run(source)
            assert replies[source].status == "ok", replies[source].traceback
    compared = replies["%feature compare exp/carriers exp/weather"].text
    assert "Rain and wind add to it" in compared
    assert "(n=5)" in compared
    lineage = replies["%feature lineage"]
    assert "model run straight line" in lineage.text
    assert "<svg" in lineage.html
    assert (
        "delay_mean_14d [added] < flights: arr_delay" in replies["%feature lineage carrier_delay:delay_mean_14d"].text
    )
    back = next(reply for source, reply in replies.items() if "upstream" in source)
    assert "'flights'" in back.text
    assert "'weather'" in back.text
