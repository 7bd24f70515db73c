"""What the branches are, in two or three git processes however many there are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workbench.branches.experiment import described, first_of
from workbench.branches.git import Git, GitFailed
from workbench.branches.log import LOG, parse_log, parse_marked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.branches.model import Branch, Commit

MAIN = "main"


@dataclass(slots=True)
class _Beyond:
    """Commits that main does not have, newest first, and the commits of main that these stand on."""

    own: dict[str, Commit] = field(default_factory=dict)
    boundary: set[str] = field(default_factory=set)

    def of(self, tip: str) -> tuple[list[Commit], set[str]]:
        """Return the commits of the branch with this `tip`, newest first, and those of main it stands on."""
        seen: set[str] = set()
        stands_on: set[str] = set()
        waiting = [tip]
        while waiting:
            commit_id = waiting.pop()
            if commit_id in self.boundary:
                stands_on.add(commit_id)
            elif commit_id in self.own and commit_id not in seen:
                seen.add(commit_id)
                waiting += self.own[commit_id].parents
        return [commit for commit in self.own.values() if commit.id in seen], stands_on


def survey(git: Git, tips: Mapping[str, str], *, main: str | None) -> list[Branch]:
    """Return the branches with these `tips`, by name, sorted.

    Parameters
    ----------
    git
        Runs git in the repository.
    tips
        Each branch's newest commit.
    main
        That of main, where there is one.
    """
    beyond = _beyond(git, tips, main)
    found: dict[str, Branch] = {}
    undescribed = []
    for name in sorted(tips):
        own, stands_on = beyond.of(tips[name]) if name != MAIN else ([], set())
        base = None if name == MAIN else _base(git, tips[name], main, own, stands_on)
        first = first_of(name, own)
        found[name] = described(name, tips[name], base, len(own), first)
        if first is None and base is not None:
            undescribed.append(name)
    if main and undescribed:  # promoted already, perhaps: then main holds the description
        published = parse_log(git.run(*LOG, "--grep=^Experiment: ", main, "--"))
        for name in undescribed:
            newest = next((commit for commit in published if ("Experiment", name) in commit.trailers), None)
            branch = found[name]
            found[name] = described(name, branch.tip, branch.base, branch.ahead, newest)
    return list(found.values())


def _beyond(git: Git, tips: Mapping[str, str], main: str | None) -> _Beyond:
    beyond = _Beyond()
    wanted = sorted({tip for name, tip in tips.items() if name != MAIN})
    if not wanted:
        return beyond
    revisions = [*wanted, *([f"^{main}"] if main else [])]
    out = git.run(*LOG, "--topo-order", "--boundary", "--stdin", given="\n".join([*revisions, ""]).encode())
    for mark, commit in parse_marked(out):
        if mark == "-":
            beyond.boundary.add(commit.id)
        else:
            beyond.own[commit.id] = commit
    return beyond


def _base(git: Git, tip: str, main: str | None, own: list[Commit], stands_on: set[str]) -> str | None:
    if main is None:
        return None
    if not own:
        return tip
    if len(stands_on) < 2:
        return next(iter(stands_on), None)
    return merge_base(git, main, tip)


def merge_base(git: Git, left: str, right: str) -> str | None:
    """Return the newest commit that both (full ids) have; `None` where they share nothing."""
    try:
        return git.run("merge-base", left, right).strip()
    except GitFailed:
        return None
