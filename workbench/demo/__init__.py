"""The whole loop on 336,776 real flights, in a project of its own."""

from __future__ import annotations

from workbench.demo.data import write_sources
from workbench.demo.run import DemoResult, make_project, run_demo

__all__ = [
    "DemoResult",
    "make_project",
    "run_demo",
    "write_sources",
]
