"""Training-serving skew: reads that the service logs, and what of them a training set does not give.

Start reading at `log`, which the service writes through; `replay` answers the reads again, `result` says what differs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.lazy import loading

if TYPE_CHECKING:
    from workbench.skew.log import ReadLog
    from workbench.skew.record import LoggedRead, LoggedView, logged_line
    from workbench.skew.replay import measure_skew
    from workbench.skew.result import FeatureSkew, SkewExample, SkewReport, Uncompared

_HOMES = {
    "log": ("ReadLog",),
    "record": ("LoggedRead", "LoggedView", "logged_line"),
    "replay": ("measure_skew",),
    "result": ("FeatureSkew", "SkewExample", "SkewReport", "Uncompared"),
}

__all__ = [
    "FeatureSkew",
    "LoggedRead",
    "LoggedView",
    "ReadLog",
    "SkewExample",
    "SkewReport",
    "Uncompared",
    "logged_line",
    "measure_skew",
]

__getattr__, __dir__ = loading(__name__, _HOMES)
