"""`fetch`: what others published and pushed. Branches go forward where nothing is lost; none is joined or reset."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

from workbench.errors import BranchError, LakeDataMissing, RegistryError
from workbench.git import join_both, no_remote
from workbench.promote.after_publish import announce
from workbench.promote.trunk import TrunkWriter
from workbench.records import to_plain
from workbench.registry import FOLDER, RELEASE_PREFIX, Registry
from workbench.render import Mark, Report, Reported, Table, format_elapsed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from workbench.git import Branch, Commit, Remote
    from workbench.render import Tone
    from workbench.workspace import Workspace

MOST = 200
"""The most commits on main that are listed."""
State = Literal["forward", "new", "same", "ahead", "diverged", "held back", "gone there"]
TONES: Mapping[State, Tone] = {"forward": "good", "new": "good", "diverged": "bad", "held back": "bad"}


@dataclass(frozen=True, slots=True)
class FetchedBranch:
    """What became of one branch.

    Attributes
    ----------
    name
        The branch.
    state
        ``forward`` where it was brought to what the remote has, ``new`` where only the remote has it, ``same``,
        ``ahead``, ``diverged``, ``held back`` by edits in a working tree, or ``gone there``.
    detail
        How far and by whom, or what to do.
    """

    name: str
    state: State
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Fetched(Reported):
    """What a fetch brought.

    Attributes
    ----------
    remote, url
        From where.
    branches
        What became of each branch that the remote has or had.
    published
        The commits by which main went forward, newest first: what was published, rolled back or withdrawn.
    releases
        The releases that are new here.
    unreadable
        Versions that came with it and whose data is not in the lake as it is configured here, each with the reason.
    unshared
        Why others' data is not to be expected there; None where the lake may well be shared.
    seconds
        How long it took.
    """

    remote: str
    url: str
    branches: tuple[FetchedBranch, ...]
    published: tuple[Commit, ...]
    releases: tuple[str, ...]
    unreadable: Mapping[str, str]
    unshared: str | None
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether every branch that the remote is ahead of could follow."""
        return not any(TONES.get(branch.state) == "bad" for branch in self.branches)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-ready values."""
        return {
            "passed": self.passed,
            "remote": self.remote,
            "url": self.url,
            "branches": to_plain(self.branches),
            "published": [
                {"commit": one.id, "what": one.subject, "by": one.author, "time": one.time.isoformat()}
                for one in self.published
            ],
            "releases": list(self.releases),
            "unreadable": dict(self.unreadable),
            "unshared": self.unshared,
            "seconds": round(self.seconds, 3),
        }

    def report(self) -> Report:
        """Return the branches that are not the same, and what was published."""
        moved = tuple(
            (branch.name, Mark(branch.state, TONES.get(branch.state, "good")), branch.detail)
            for branch in self.branches
            if branch.state != "same"
        )
        published = tuple((f"{c.time:%Y-%m-%d %H:%M}", c.subject, c.author, c.id[:10]) for c in self.published)
        same = sum(branch.state == "same" for branch in self.branches)
        return Report(
            self._title(),
            facts=(
                ("from", self.url),
                *((("the same", f"{same} branches" if same != 1 else "1 branch"),) if same else ()),
                *((("new releases", ", ".join(self.releases)),) if self.releases else ()),
                ("took", format_elapsed(self.seconds)),
            ),
            tables=(
                *((Table("Branches", ("branch", "is", ""), moved),) if moved else ()),
                *((Table("On main since", ("UTC", "what", "by", "commit"), published),) if published else ()),
            ),
            notes=self._notes(),
            tone="good" if self.passed else "bad",
        )

    def _title(self) -> str:
        stuck = [branch.name for branch in self.branches if TONES.get(branch.state) == "bad"]
        if stuck:
            return f"Fetched from {self.remote}; {', '.join(stuck)} could not follow"
        done = [branch.name for branch in self.branches if branch.state == "forward"]
        new = sum(branch.state == "new" for branch in self.branches)
        said = [f"{', '.join(done)} brought up to date"] if done else []
        said += [f"{new} new branch{'es' if new != 1 else ''}"] if new else []
        said += [f"{len(self.releases)} new release{'s' if len(self.releases) != 1 else ''}"] if self.releases else []
        return f"Fetched from {self.remote}: {', '.join(said)}" if said else f"Nothing new at {self.remote}"

    def _notes(self) -> tuple[str, ...]:
        new = next((branch.name for branch in self.branches if branch.state == "new"), None)
        notes = [f"`branch {new}` continues it here."] if new else []
        if self.unreadable:
            names = ", ".join(self.unreadable)
            notes.append(
                f"Not in the lake here: {names}. `materialize` computes it again where the sources are as they were."
            )
            notes += [self.unshared] if self.unshared else []
        return tuple(notes)


def fetch(workspace: Workspace) -> Fetched:
    """Bring here what the remote has, and main and the experiments up to it where nothing of theirs is lost."""
    started = time.monotonic()
    repository = workspace.repository
    with TrunkWriter.open(workspace, catches_up=False) as line:
        remote = line.remote
        if remote is None:
            raise no_remote()
        here = repository.names()
        before = _tip(workspace)
        known = {branch.name for branch in repository.remote_branches()}
        had = {name for name in here if remote.tip(name) is not None}
        tags = {tag.name for tag in repository.tags(f"{RELEASE_PREFIX}*")}
        remote.fetch()
        branches = [_follow(line, remote, name, was_there=name in had) for name in _in_order(workspace, here)]
        announce(line)
        after = _tip(workspace)
        branches += [_new(workspace, each, after) for each in repository.remote_branches() if each.name not in known]
        return Fetched(
            remote=remote.name,
            url=remote.url,
            branches=tuple(branch for branch in branches if branch is not None),
            published=_published(workspace, before, after),
            releases=tuple(
                tag.name.removeprefix(RELEASE_PREFIX)
                for tag in repository.tags(f"{RELEASE_PREFIX}*")
                if tag.name not in tags
            ),
            unreadable=dict(_unreadable(workspace, before, after)),
            unshared=workspace.unshared,
            seconds=time.monotonic() - started,
        )


def _in_order(workspace: Workspace, names: list[str]) -> list[str]:
    """Return the branches, first the one with what is published, which may not be here yet."""
    return list(dict.fromkeys([workspace.trunk, *names]))


def _tip(workspace: Workspace) -> str | None:
    return workspace.repository.resolve(workspace.trunk) if workspace.repository.exists(workspace.trunk) else None


def _follow(line: TrunkWriter, remote: Remote, name: str, *, was_there: bool) -> FetchedBranch | None:
    """Bring a branch up to the remote's where it has nothing of its own; None for one that was never there."""
    repository = line.workspace.repository
    old = repository.resolve(name) if repository.exists(name) else None
    theirs = repository.upstream(name)
    if theirs is None or theirs.remote != remote.name:
        return None
    if theirs.tip is None:
        return FetchedBranch(name, "gone there", f"{remote.name} has it no more") if was_there else None
    if theirs.has_diverged:
        remedy = _remedy(line, name) or join_both(theirs)
        return FetchedBranch(name, "diverged", f"{theirs.standing}. {remedy}")
    if old is not None and not theirs.behind:
        return FetchedBranch(name, "ahead", theirs.standing) if theirs.ahead else FetchedBranch(name, "same")
    try:
        line.publisher.follow_remote(name, remote=remote)
    except BranchError as error:
        return FetchedBranch(name, "held back", " ".join([error.message, *map(str.strip, error.lines), error.remedy]))
    came = repository.ahead(theirs.tip, old) if old is not None else []
    return FetchedBranch(name, "forward", f"{_count(came)} by {_authors(came)}" if came else "it was not here")


def _remedy(line: TrunkWriter, name: str) -> str:
    """Return what `follow_remote` says of a main that has diverged; empty for any other branch."""
    if name != line.workspace.trunk:
        return ""
    try:
        line.publisher.follow_remote(name, remote=line.remote)
    except BranchError as error:
        return error.remedy
    return ""


def _new(workspace: Workspace, branch: Branch, main: str | None) -> FetchedBranch:
    commits = workspace.repository.ahead(branch.tip, main) if main else workspace.repository.history(branch.tip)
    return FetchedBranch(branch.name, "new", f"{_count(commits)} by {_authors(commits)}" if commits else "")


def _count(commits: list[Commit]) -> str:
    return f"{len(commits)} commit{'' if len(commits) == 1 else 's'}"


def _authors(commits: list[Commit]) -> str:
    return ", ".join(dict.fromkeys(commit.author.partition(" <")[0] for commit in commits)) or "nobody"


def _published(workspace: Workspace, before: str | None, after: str | None) -> tuple[Commit, ...]:
    if after is None or after == before:
        return ()
    commits = workspace.repository.first_parents(after, limit=MOST)
    until = next((place for place, commit in enumerate(commits) if commit.id == before), len(commits))
    return tuple(commits[:until])


def _unreadable(workspace: Workspace, before: str | None, after: str | None) -> Iterator[tuple[str, str]]:
    """Yield each live version whose record came, and whose rows are not in the lake, with the reason."""
    if after is None or after == before:
        return
    repository = workspace.repository
    paths = repository.changed(before, after, FOLDER) if before else repository.files(after, FOLDER)
    registry = Registry.at(repository, after)
    for view in sorted({PurePosixPath(path).stem for path in paths} & set(registry.views)):
        try:
            versions = registry.record(view).versions
        except RegistryError:
            continue  # said by who reads it
        for version in versions:
            if not version.is_live:
                continue
            try:
                workspace.require_rows(view, version)
            except LakeDataMissing as error:
                yield f"{view} {version.number}", error.message
