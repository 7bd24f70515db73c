"""An experiment's description, as trailers of its branch's first commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.branches.model import Branch, Commit
from workbench.errors import BranchError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def trailers_for(
    name: str, objective: str | None, hypothesis: str | None, metrics: Sequence[str], tags: Mapping[str, str]
) -> list[tuple[str, str]]:
    """Return the trailers that describe the experiment `name`.

    Raises
    ------
    BranchError
        For a tag without a key, or with ``=`` in it.
    """
    for key in tags:
        if not key.strip() or "=" in key:
            raise BranchError(f"{key!r} is not a tag's key.", remedy="Write tags as key=value, with no '=' in the key.")
    told = [("Objective", objective), ("Hypothesis", hypothesis), *(("Metric", metric) for metric in metrics)]
    return [
        ("Experiment", name),
        *((key, value) for key, value in told if value),
        *(("Tag", f"{key}={value}") for key, value in tags.items()),
    ]


def first_of(name: str, commits: Iterable[Commit]) -> Commit | None:
    """Return the oldest of `commits` (newest first) that describes the experiment `name`."""
    found = None
    for commit in commits:
        if ("Experiment", name) in commit.trailers:
            found = commit
    return found


def described(name: str, tip: str, base: str | None, ahead: int, first: Commit | None) -> Branch:
    """Return the branch `name`, described by its `first` commit."""
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
        ahead=ahead,
    )
