"""Experiments are branches: starting one, coming back to it, listing them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from workbench.render import Report, Reported, Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workbench.git import Branch
    from workbench.workspace import Workspace


@dataclass(frozen=True, slots=True)
class BranchList(Reported):
    """The repository's branches, and which one the handle is on."""

    mime_kind: ClassVar[str] = "branches"

    branches: tuple[Branch, ...]
    current: str | None
    protected: tuple[str, ...]

    @property
    def trunk(self) -> str:
        """The branch that holds what is published."""
        return self.protected[0]

    def to_dict(self) -> dict[str, Any]:
        """Return the branches as JSON-ready values."""
        return {
            "current": self.current,
            "branches": [
                {
                    "name": branch.name,
                    "tip": branch.tip,
                    "ahead": branch.ahead,
                    "protected": branch.name in self.protected,
                    "objective": branch.objective,
                    "hypothesis": branch.hypothesis,
                    "metrics": list(branch.metrics),
                    "tags": dict(branch.tags),
                }
                for branch in self.branches
            ],
        }

    def report(self) -> Report:
        """Return the branches as a table."""
        rows = tuple(
            (
                ("> " if branch.name == self.current else "  ") + branch.name,
                branch.tip[:10],
                branch.ahead,
                "protected" if branch.name in self.protected else branch.objective,
                ", ".join(branch.metrics) or None,
            )
            for branch in self.branches
        )
        current = next((branch for branch in self.branches if branch.name == self.current), None)
        return Report(
            f"On {self.current or 'a detached HEAD'}",
            facts=_described(current),
            tables=(Table("Branches", ("branch", "tip", f"ahead of {self.trunk}", "objective", "metrics"), rows),),
            notes=(
                ("This branch is protected: start an experiment with `%feature branch exp/<name>`.",)
                if self.current in self.protected
                else ()
            ),
        )


def _described(branch: Branch | None) -> tuple[tuple[str, object], ...]:
    if branch is None or not (branch.objective or branch.hypothesis):
        return ()
    return (("objective", branch.objective), ("hypothesis", branch.hypothesis))


def open_experiment(
    workspace: Workspace,
    name: str,
    *,
    start: str | None,
    objective: str | None,
    hypothesis: str | None,
    metrics: Sequence[str],
    tags: Mapping[str, str],
) -> Branch:
    """Return the branch `name`, made from `start` where it does not exist, with what is given of its description."""
    repository = workspace.repository
    metrics, tags = tuple(metrics), dict(tags)
    if not repository.exists(name):
        return repository.create(
            name, start=start, objective=objective, hypothesis=hypothesis, metrics=metrics, tags=tags
        )
    if not (objective or hypothesis or metrics or tags):
        return repository.branch(name)
    return repository.describe(name, objective=objective, hypothesis=hypothesis, metrics=metrics, tags=tags)


def list_branches(workspace: Workspace, *, current: str | None) -> BranchList:
    """Return all branches."""
    return BranchList(tuple(workspace.repository.branches()), current, workspace.protected)
