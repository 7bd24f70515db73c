"""Probing the views of one evaluation: what their inputs are, since when rows are known, which upstream views leak."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.check.probes import ProbeInput, probe_view, remade_from, source_input, view_input
from workbench.loop.remember import remembered_probes

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.check import Check
    from workbench.compute import InputData
    from workbench.loop.evaluate import Evaluated, Evaluation


def probe(evaluation: Evaluation, evaluated: Evaluated, *, facts: Path, full: bool = False) -> tuple[Check, ...]:
    """Return the probes of a view that has been evaluated; what passed before is remembered.

    An upstream view's rows count as known from their event time on. Where that is not true, because it leaks, what it
    would have given at an instant is computed instead: a view that uses nothing of the leak still passes.

    Parameters
    ----------
    evaluation
        Holds the view, its sources and the views it uses.
    evaluated
        The view.
    facts
        Where it is remembered what passed.
    full
        Probe all entities, at more instants.
    """
    prepared, stored = evaluated.prepared, evaluated.computed.stored
    inputs = tuple(_input(evaluation, data, facts) for data in prepared.inputs)
    return remembered_probes(
        facts,
        prepared,
        stored,
        leaking=[data.name for data in inputs if data.remade is not None],
        full=full,
        probe=lambda: probe_view(prepared.view, prepared.contract, inputs, stored.frame(), full=full),
    )


def _input(evaluation: Evaluation, data: InputData, facts: Path) -> ProbeInput:
    if data.kind == "source":
        source = evaluation.sources[data.name]
        return source_input(data.name, data.frame, event_time=source.event_time, available_at=source.available_at)
    upstream = evaluation.evaluate(data.name)
    leaks = any(check.name == "leakage" and not check.passed for check in probe(evaluation, upstream, facts=facts))
    view = upstream.prepared.view
    inputs = tuple(_input(evaluation, each, facts) for each in upstream.prepared.inputs) if leaks else ()
    return view_input(view, data.frame, remade=remade_from(view, inputs) if leaks else None)
