"""Probing the views of one evaluation: what their inputs are, since when rows are known, which upstream views leak."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.checks import ProbeInput, probe_view, remade_from, source_input, view_input
from workbench.pipeline.check_cache import cached_probes
from workbench.pipeline.heard import silent

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.checks import Check
    from workbench.compute import InputData
    from workbench.pipeline.evaluate import Evaluated, Evaluation


def probe(evaluation: Evaluation, evaluated: Evaluated, *, facts: Path, full: bool = False) -> tuple[Check, ...]:
    """Return the probes of a view that has been evaluated; what passed before is remembered.

    An upstream view's rows count as known from their event time on. Where that is not true, because it leaks, what it
    would have given at an instant is computed instead: a view that uses nothing of the leak still passes.
    """
    prepared, stored = evaluated.prepared, evaluated.computed.stored
    inputs = tuple(_input(evaluation, data, facts) for data in prepared.inputs)

    def run() -> tuple[Check, ...]:
        frame = stored.frame()
        with silent():
            checks = probe_view(prepared.view, prepared.contract, inputs, frame, full=full)
        evaluation.confirm()  # another file in a source's place is neither a leak nor a proof that there is none
        return checks

    return cached_probes(
        facts,
        prepared,
        stored,
        leaking=[data.name for data in inputs if data.remade is not None],
        full=full,
        probe=run,
    )


def _input(evaluation: Evaluation, data: InputData, facts: Path) -> ProbeInput:
    if data.kind == "source":
        source = evaluation.sources[data.name]
        return source_input(data.name, data.frame, event_time=source.event_time, available_at=source.available_at)
    above = evaluation.upstream(data.name).evaluation
    upstream = above.evaluate(data.name)
    leaks = any(check.name == "leakage" and check.failed for check in probe(above, upstream, facts=facts))
    view = upstream.prepared.view
    inputs = tuple(_input(above, each, facts) for each in upstream.prepared.inputs) if leaks else ()
    return view_input(view, data.frame, remade=remade_from(view, inputs) if leaks else None)
