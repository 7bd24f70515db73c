"""Checks of a definition as people wrote it: its own tests and examples, mistakes that a linter knows, its types."""

from __future__ import annotations

from workbench.check.definition.lint import lint
from workbench.check.definition.tests import check_tests
from workbench.check.definition.tools import Finding
from workbench.check.definition.typed import check_types

__all__ = ["Finding", "check_tests", "check_types", "lint"]
