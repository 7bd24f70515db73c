"""Checks of a definition as people wrote it: its own tests and examples, mistakes that a linter knows, its types."""

from __future__ import annotations

from workbench.checks.definition.lint import lint
from workbench.checks.definition.tests import TestRun, start_tests
from workbench.checks.definition.tools import Finding
from workbench.checks.definition.type_check import check_types

__all__ = [
    "Finding",
    "TestRun",
    "check_types",
    "lint",
    "start_tests",
]
