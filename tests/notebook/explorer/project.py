"""A project whose view differs between two branches, of as many rows as a test wants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import workbench as wb
from tests.conftest import EVENT_VIEW, EVENTS_TOML, events

if TYPE_CHECKING:
    from pathlib import Path


def make_project(root: Path, *, rows: int) -> Path:
    """Make a project in which ``spend`` differs between ``exp/one`` and ``exp/two``."""
    wb.init(root).close()
    (root / "workbench.toml").write_text(EVENTS_TOML)
    (root / "data").mkdir()
    events(rows).write_parquet(root / "data" / "events.parquet")
    project = wb.open(root)
    try:
        project.branch("exp/one", objective="See it")
        project.define(EVENT_VIEW, log=False)
        project.branch("exp/two", start="exp/one", objective="See it")
        project.define(EVENT_VIEW.replace('pl.col("amount")', '(pl.col("amount") + 1)'), log=False)
    finally:
        project.close()
    return root
