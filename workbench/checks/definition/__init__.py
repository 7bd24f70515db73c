"""Checks of a definition as people wrote it: its own tests and examples, mistakes that a linter knows, its types."""

from __future__ import annotations

from workbench.checks.definition.review import Review
from workbench.checks.definition.tests import TestRun, start_tests
from workbench.checks.definition.tools import Finding

__all__ = [
    "Finding",
    "Review",
    "TestRun",
    "start_tests",
]
