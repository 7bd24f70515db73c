"""An experiment's description, as trailers of its branch's first commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.branches.model import Branch, Commit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def trailers_for(
    name: str, objective: str | None, hypothesis: str | None, metrics: Sequence[str], tags: Mapping[str, str]
) -> list[tuple[str, str]]:
    """Return the trailers that describe the experiment `name`."""
    told = [("Objective", objective), ("Hypothesis", hypothesis), *(("Metric", metric) for metric in metrics)]
    return [
        ("Experiment", name),
        *((key, value) for key, value in told if value),
        *(("Tag", f"{key}={value}") for key, value in tags.items()),
    ]


def described(name: str, tip: str, base: str | None, own: Sequence[Commit]) -> Branch:
    """Return the branch `name`, described by the first of its `own` commits (newest first) that names it."""
    first = next((commit for commit in reversed(own) if ("Experiment", name) in commit.trailers), None)
    trailers = first.trailers if first else ()
    told = dict(trailers)
    tags = (value.partition("=") for key, value in trailers if key == "Tag")
    return Branch(
        name=name,
        tip=tip,
        base=base,
        objective=told.get("Objective"),
        hypothesis=told.get("Hypothesis"),
        metrics=tuple(value for key, value in trailers if key == "Metric"),
        tags={key: value for key, _, value in tags},
        ahead=len(own),
    )
