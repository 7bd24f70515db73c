"""Probes: a definition is run on altered inputs, and its values must stay what they were.

Nothing is read from the code; only what it computes counts. The inputs are altered in four ways: cut off at an instant
(leakage), shuffled (determinism), narrowed to a few entities (entity-locality), and without what is older than the
declared lookback. First all of these at once, on a sample: values that survive that survive each. Only where some do
not is each alteration tried by itself, to say which promise is broken, by which value, and what the usual cause is.
"""

from __future__ import annotations

from workbench.checks.probes.inputs import ProbeInput, remade_from, source_input, view_input
from workbench.checks.probes.probe import probe_view
from workbench.checks.probes.row_wise import Trial, check_row_wise, try_on_demand

__all__ = [
    "ProbeInput",
    "Trial",
    "check_row_wise",
    "probe_view",
    "remade_from",
    "source_input",
    "try_on_demand",
    "view_input",
]
