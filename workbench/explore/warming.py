"""`warm_up`: loads what charts need in the background."""

from __future__ import annotations

import threading
from functools import cache


@cache
def warm_up() -> None:
    """Begin to load widgets, Altair and Vega, once a process; returns at once."""
    threading.Thread(target=_load, name="workbench-charts", daemon=True).start()


def _load() -> None:
    import altair  # noqa: F401, ICN001 - loaded for the first chart

    import workbench.explore.panel  # noqa: F401 - loaded for the first view
    from workbench.explore.picture import library

    library()
