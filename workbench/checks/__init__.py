"""Checks: whether a computed view keeps its promises, with the rows that do not.

Every check of this room returns a `Check`; none of them changes, casts or drops a value.
"""

from __future__ import annotations

from workbench.checks.contract import check_contract, is_checked_by_row
from workbench.checks.definition.examples import check_on_demand_examples, examples_of, frame_of, named
from workbench.checks.definition.review import Review
from workbench.checks.definition.tests import TestRun, start_tests
from workbench.checks.definition.tools import Finding
from workbench.checks.probes.inputs import ProbeInput, remade_from, source_input, view_input
from workbench.checks.probes.probe import probe_view
from workbench.checks.probes.row_wise import Trial, check_row_wise, try_on_demand
from workbench.checks.result import Check, State
from workbench.checks.stored_rows import Unequal, find_unequal
from workbench.checks.streamed_check import StreamedCheck

__all__ = [
    "Check",
    "Finding",
    "ProbeInput",
    "Review",
    "State",
    "StreamedCheck",
    "TestRun",
    "Trial",
    "Unequal",
    "check_contract",
    "check_on_demand_examples",
    "check_row_wise",
    "examples_of",
    "find_unequal",
    "frame_of",
    "is_checked_by_row",
    "named",
    "probe_view",
    "remade_from",
    "source_input",
    "start_tests",
    "try_on_demand",
    "view_input",
]
