"""`GateSubject`: one view that is to be promoted, with all that its gates look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.pipeline import Evaluation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.checks import Review
    from workbench.config import PolicySettings
    from workbench.define import Definitions
    from workbench.diff import ViewDiff
    from workbench.git import Branch
    from workbench.pipeline import Evaluated
    from workbench.promote.view_change import Impact
    from workbench.registry import Version
    from workbench.workspace import Workspace


@dataclass(frozen=True)
class GateSubject:
    """One view that is to be promoted.

    Attributes
    ----------
    workspace
        The project's workspace.
    view
        Its name.
    definitions
        Main's definitions with the promoted ones merged in.
    evaluated
        Its data, computed from these definitions.
    serving
        The version that serves now; None for a new view.
    diff
        How its data differs from that version's; None for a new view.
    category
        What kind of change it is.
    merge_changed
        Whether merging made another definition of it than the branch has.
    branch, commit
        The experiment that it comes from, and its commit.
    upstream
        For each view that it reads, the published version with the same data; None where there is none.
    left_out
        What reads it on main, and would not fit it any more.
    policy
        What main demands.
    accept
        What is accepted by name, with the reason.
    review
        What linter and type checker find in the promoted definitions.
    evaluation
        What `evaluated` comes from; where it is None the view is looked up in the cache again.
    """

    workspace: Workspace
    view: str
    definitions: Definitions
    evaluated: Evaluated
    serving: Version | None
    diff: ViewDiff | None
    category: str
    merge_changed: bool
    branch: Branch
    commit: str
    upstream: Mapping[str, str | None]
    left_out: tuple[Impact, ...]
    policy: PolicySettings
    accept: Mapping[str, str]
    review: Review
    evaluation: Evaluation | None = None

    def reopened(self) -> Evaluation:
        """Return the evaluation that the view's data comes from, or one that reads the same data."""
        return self.evaluation or Evaluation(self.definitions, self.workspace.sources, self.workspace.cache)
