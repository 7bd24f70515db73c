"""Building a view or a training set again, and comparing it with what was recorded."""

from __future__ import annotations

from workbench.reproduce.reproduce import Reproduction, reproduce

__all__ = [
    "Reproduction",
    "reproduce",
]
