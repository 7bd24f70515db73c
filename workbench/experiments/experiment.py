"""Experiments are branches: starting one, coming back to it, listing them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from workbench.errors import BranchError
from workbench.git import valid_branch
from workbench.records import to_plain
from workbench.render import Mark, Report, Reported, Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workbench.git import Branch, Repository, Upstream
    from workbench.workspace import Workspace


PATIENCE = 20.0
"""Seconds for a remote to say whether it has a branch."""


class RemoteSilentWarning(UserWarning):
    """The remote did not answer, so what it was last known to have was taken."""


@dataclass(frozen=True, slots=True)
class BranchList(Reported):
    """The repository's branches, and which one the handle is on.

    Attributes
    ----------
    branches
        The branches of this repository.
    current
        The one that the handle is on; None where HEAD is detached.
    protected
        Those that experiments do not write, the one with what is published first.
    upstreams
        How each stands beside the remote's, as last fetched; empty without a remote.
    elsewhere
        What only the remote has, as last fetched.
    notes
        What was done.
    """

    mime_kind: ClassVar[str] = "branches"

    branches: tuple[Branch, ...]
    current: str | None
    protected: tuple[str, ...]
    upstreams: tuple[Upstream, ...] = ()
    elsewhere: tuple[Branch, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def trunk(self) -> str:
        """The branch that holds what is published."""
        return self.protected[0]

    def with_note(self, name: str) -> BranchList:
        """Return the list with a note of how the branch `name` began, where it continues the remote's."""
        theirs = next((each for each in self.upstreams if each.branch == name and each.tip is not None), None)
        return self if theirs is None else replace(self, notes=(*self.notes, f"{name} continues {theirs.label}."))

    def to_dict(self) -> dict[str, Any]:
        """Return the branches as JSON-ready values."""
        beside = {upstream.branch: upstream for upstream in self.upstreams}
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
                    "upstream": to_plain(beside.get(branch.name)),
                }
                for branch in self.branches
            ],
            "elsewhere": [
                {"name": branch.name, "tip": branch.tip, "ahead": branch.ahead, "objective": branch.objective}
                for branch in self.elsewhere
            ],
            "notes": list(self.notes),
        }

    def report(self) -> Report:
        """Return the branches as a table, and those of the remote as another."""
        beside = {upstream.branch: upstream for upstream in self.upstreams}
        rows = tuple(
            (
                ("> " if branch.name == self.current else "  ") + branch.name,
                branch.tip[:10],
                branch.ahead,
                *((_beside(beside.get(branch.name)),) if beside else ()),
                "protected" if branch.name in self.protected else branch.objective,
                ", ".join(branch.metrics) or None,
            )
            for branch in self.branches
        )
        remote = self.upstreams[0].remote if self.upstreams else ""
        columns = ("branch", "tip", f"ahead of {self.trunk}", *((remote,) if beside else ()), "objective", "metrics")
        theirs = tuple((branch.name, branch.tip[:10], branch.ahead, branch.objective) for branch in self.elsewhere)
        current = next((branch for branch in self.branches if branch.name == self.current), None)
        protected = "This branch is protected: start an experiment with `%feature branch exp/<name>`."
        elsewhere = f"`branch {self.elsewhere[0].name}` continues it here." if self.elsewhere else ""
        return Report(
            f"On {self.current or 'a detached HEAD'}",
            facts=_described(current),
            tables=(
                Table("Branches", columns, rows),
                *(
                    (Table(f"Only at {remote}", ("branch", "tip", f"ahead of {self.trunk}", "objective"), theirs),)
                    if theirs
                    else ()
                ),
            ),
            notes=(
                *self.notes,
                *((protected,) if self.current in self.protected else ()),
                *((elsewhere,) if elsewhere else ()),
            ),
        )


def _beside(upstream: Upstream | None) -> Mark | None:
    """Return how a branch stands beside the remote's; the tone says whether something is to be fetched."""
    return None if upstream is None else Mark(upstream.standing, "warn" if upstream.behind else "good")


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
    """Return the branch `name`, with what is given of its description.

    Where it does not exist it continues the remote's of that name, else it starts from `start`.
    """
    repository = workspace.repository
    metrics, tags = tuple(metrics), dict(tags)
    if not repository.exists(name):
        theirs = _look_up(repository, valid_branch(name))
        if theirs is None:
            return repository.create(
                name, start=start, objective=objective, hypothesis=hypothesis, metrics=metrics, tags=tags
            )
        if start is not None:
            raise BranchError(
                f"{theirs.remote} has a branch {name!r} already.",
                remedy=f"`branch {name}` continues it here, without a start; or choose another name.",
            )
        repository.track(name)
    if not (objective or hypothesis or metrics or tags):
        return repository.branch(name)
    return repository.describe(name, objective=objective, hypothesis=hypothesis, metrics=metrics, tags=tags)


def _look_up(repository: Repository, name: str) -> Upstream | None:
    """Return the remote's branch of that name, which it is asked for now; `None` where it has none.

    A remote that does not answer is warned of; one that has the branch and does not give it raises.
    """
    remote = repository.remote(branch=name)
    if remote is None or name in repository.protected:
        return None
    asked = replace(remote, timeout=PATIENCE)
    try:
        has = asked.listed(f"refs/heads/{name}")
    except BranchError as error:
        known = "what was last fetched of it is continued" if remote.tip(name) else "a new one begins here"
        warnings.warn(
            f"{error.message} Whether {remote.name} has a branch {name!r} is not known now: {known}.",
            RemoteSilentWarning,
            stacklevel=2,
        )
    else:
        if has != remote.tip(name):
            asked.fetch(name)  # where that fails nothing is begun: another branch of that name would be in its way
    found = repository.upstream(name)
    return found if found is not None and found.tip is not None else None


def list_branches(workspace: Workspace, *, current: str | None, notes: Sequence[str] = ()) -> BranchList:
    """Return all branches, and those that only the remote has."""
    repository = workspace.repository
    branches = tuple(repository.branches())
    upstreams = (repository.upstream(branch.name) for branch in branches) if repository.has_remote else ()
    return BranchList(
        branches,
        current,
        workspace.protected,
        tuple(upstream for upstream in upstreams if upstream is not None),
        tuple(repository.remote_branches()),
        tuple(notes),
    )


def push_experiment(workspace: Workspace, name: str | None, *, current: str | None) -> BranchList:
    """Give the remote the branch `name`, and return all branches with a note of what was pushed."""
    repository = workspace.repository
    if name is None:
        raise BranchError("HEAD is detached, and no branch was chosen.", remedy="Name the branch to push.")
    before = repository.upstream(name)
    after = repository.push(name)
    if before is not None and before.tip == after.tip:
        note = f"{after.label} had all of {name} already."
    else:
        count = before.ahead if before is not None and before.tip else repository.branch(name).ahead
        commits = f"{count} commit{'' if count == 1 else 's'}"
        note = f"Pushed {name} to {after.remote}, {commits}. Others continue it with `workbench branch {name}`."
    return list_branches(workspace, current=current, notes=[note])
