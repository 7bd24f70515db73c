"""Checks of a definition as people wrote it: its own tests and examples, mistakes that a linter knows, its types."""

from __future__ import annotations

from workbench.checks.definition.lint import lint
from workbench.checks.definition.tests import check_tests
from workbench.checks.definition.tools import Finding
from workbench.checks.definition.type_check import check_types

__all__ = [
    "Finding",
    "check_tests",
    "check_types",
    "lint",
]
