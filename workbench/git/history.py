"""Branches and commits: what they are to us, their trailers, the experiment that a branch is, reading ``git log``.

GitPython's commits cannot be read where ids are SHA-256, and each one's trailers cost a process.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from workbench.errors import BranchError
from workbench.git.command import Git, GitFailed
from workbench.times import in_utc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

MADE_AT = "Made-At"
"""The trailer that says to the microsecond when a commit was made: git keeps seconds."""

DESCRIBED = "Described"
"""The trailer of a commit that describes its experiment anew."""


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit: full object ids, author and committer as ``Name <email>``, its time (UTC), subject line, trailers."""

    id: str
    parents: tuple[str, ...]
    tree: str
    author: str
    committer: str
    time: datetime
    subject: str
    trailers: tuple[tuple[str, str], ...] = ()

    @property
    def made_at(self) -> datetime:
        """When it was made: to the microsecond where its trailer says so and the seconds agree, else in seconds."""
        said = next((value for key, value in self.trailers if key == MADE_AT), None)
        try:
            exact = self.time if said is None else in_utc(datetime.fromisoformat(said))
        except ValueError:
            return self.time
        return exact if exact.replace(microsecond=0) == self.time else self.time


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch, and the experiment it is where one of its commits describes one.

    Attributes
    ----------
    name, tip
        Its short name and the full id of its newest commit.
    base
        Where it left main; `None` where it shares nothing with it.
    objective, hypothesis, metrics, tags
        The experiment's description.
    ahead
        Commits that main does not have.
    """

    name: str
    tip: str
    base: str | None = None
    objective: str | None = None
    hypothesis: str | None = None
    metrics: tuple[str, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    ahead: int = 0


@dataclass(frozen=True, slots=True)
class Lifetime:
    """Since when there is a branch of a name: one that was deleted and made again is another branch.

    Attributes
    ----------
    created
        When it was made, to the second; None where git's log of the branch does not go back to that.
    commits
        Gives the ids of its own commits, those that main does not have as its own.
    """

    created: datetime | None
    commits: Callable[[], frozenset[str]]

    def has(self, commit: str, at: datetime) -> bool:
        """Whether something that was done at `commit` of a branch of this name was done on this very branch."""
        if self.created is not None and at >= self.created + timedelta(seconds=1):
            return True
        return commit in self.commits()


KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
LINE = re.compile(rf"({KEY.pattern}): ?(.*)")


def add_trailers(message: str, trailers: Iterable[tuple[str, str]]) -> str:
    r"""Return the commit message `message` with `trailers` as its last paragraph.

    Examples
    --------
    >>> add_trailers("Define spend", [("Feature-View", "spend")])
    'Define spend\n\nFeature-View: spend\n'
    """
    body = message.strip() or "No message"
    if "\0" in body or not _is_unicode(body):
        raise BranchError("The commit message holds characters that git cannot keep.", remedy="Take them out.")
    lines = [f"{_valid_key(key)}: {_encode_value(value)}" for key, value in trailers]
    return "\n\n".join([body, "\n".join(lines)] if lines else [body]) + "\n"


def parse_trailers(message: str) -> tuple[tuple[str, str], ...]:
    r"""Return the trailers that `add_trailers` wrote; none where the last paragraph is prose.

    Examples
    --------
    >>> parse_trailers("Define spend\n\nFeature-View: spend\n")
    (('Feature-View', 'spend'),)
    """
    _, separator, last = message.rstrip("\n").rpartition("\n\n")
    found: list[tuple[str, str]] = []
    for line in last.split("\n") if separator else []:
        match = LINE.fullmatch(line)
        if line.startswith(" ") and found:
            key, value = found.pop()
            found.append((key, f"{value}\n{line[1:]}"))
        elif match:
            found.append((match[1], match[2]))
        else:
            return ()
    return tuple((key, _decode_value(value)) for key, value in found)


def _valid_key(key: str) -> str:
    if not KEY.fullmatch(key):
        raise BranchError(f"{key[:80]!r} is not a trailer's key.", remedy="Use letters, digits and hyphens.")
    return key


def _encode_value(value: str) -> str:
    lines = value.split("\n")
    keeps = all(line and line.isprintable() and line == line.rstrip() for line in lines)
    if keeps and not value.startswith((" ", '"')) and _is_unicode(value):
        return "\n ".join(lines)
    return json.dumps(value, ensure_ascii=not (_is_unicode(value) and value.replace("\n", "").isprintable()))


def _decode_value(value: str) -> str:
    if not value.startswith('"'):
        return value
    try:
        decoded = json.loads(value)
    except ValueError:
        return value  # somebody else's trailer
    return decoded if isinstance(decoded, str) else value


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


def experiment_trailers(
    name: str, objective: str | None, hypothesis: str | None, metrics: Sequence[str], tags: Mapping[str, str]
) -> list[tuple[str, str]]:
    """Return the trailers that describe the experiment `name`."""
    for key in tags:
        if not key.strip() or "=" in key:
            raise BranchError(f"{key!r} is not a tag's key.", remedy="Write tags as key=value, with no '=' in the key.")
    values = [("Objective", objective), ("Hypothesis", hypothesis), *(("Metric", metric) for metric in metrics)]
    return [
        ("Experiment", name),
        *((key, value) for key, value in values if value),
        *(("Tag", f"{key}={value}") for key, value in tags.items()),
    ]


def find_description(name: str, commits: Iterable[Commit]) -> Commit | None:
    """Return which of `commits` (newest first) describes the experiment `name`: the last one that describes it anew.

    Where none does it is the one that began it, since later ones may say ``Experiment`` for reasons of their own.
    """
    began = None
    for commit in commits:
        if (DESCRIBED, name) in commit.trailers:
            return commit
        if ("Experiment", name) in commit.trailers:
            began = commit
    return began


def describe_branch(name: str, tip: str, base: str | None, ahead: int, description: Commit | None) -> Branch:
    """Return the branch `name`, as the commit `description` describes it."""
    trailers = description.trailers if description else ()
    values = dict(trailers)
    tags = (value.partition("=") for key, value in trailers if key == "Tag")
    return Branch(
        name=name,
        tip=tip,
        base=base,
        objective=values.get("Objective"),
        hypothesis=values.get("Hypothesis"),
        metrics=tuple(value for key, value in trailers if key == "Metric"),
        tags={key: value for key, _, value in tags},
        ahead=ahead,
    )


FIELDS = ("%m", "%H", "%P", "%T", "%an <%ae>", "%cn <%ce>", "%ct", "%B")
LOG = ("log", "-z", "--no-show-signature", "--no-color", "--encoding=UTF-8", f"--format={'%x00'.join(FIELDS)}")
"""Prints commits as NUL-ended fields, which no name or message can hold, whatever the user has configured."""


def parse_log(out: str) -> list[Commit]:
    """Return the commits in what `LOG` printed."""
    return [commit for mark, commit in parse_marked_log(out) if mark != "-"]


def parse_marked_log(out: str) -> Iterator[tuple[str, Commit]]:
    """Yield each commit that `LOG` printed with its mark: ``-`` is one on the boundary of the range."""
    fields = out.encode("utf-8", "surrogateescape").decode("utf-8", "replace").split("\0")
    for at in range(0, len(fields) - 1, len(FIELDS)):
        mark, commit_id, parents, tree, author, committer, seconds, message = fields[at : at + len(FIELDS)]
        yield (
            mark,
            Commit(
                id=commit_id,
                parents=tuple(parents.split()),
                tree=tree,
                author=author,
                committer=committer,
                time=parse_seconds(seconds),
                subject=message.partition("\n")[0],
                trailers=parse_trailers(message),
            ),
        )


def parse_seconds(seconds: str) -> datetime:
    """Return the time of a commit or tag."""
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):  # it can claim any time
        return datetime.fromtimestamp(0, UTC)


@dataclass(slots=True)
class _Unmerged:
    """Commits that main does not have, newest first, and the commits of main that these stand on."""

    own: dict[str, Commit] = field(default_factory=dict)
    boundary: set[str] = field(default_factory=set)

    def of(self, tip: str) -> tuple[list[Commit], set[str]]:
        """Return the commits of the branch with this `tip`, newest first, and those of main it stands on."""
        seen: set[str] = set()
        bases: set[str] = set()
        waiting = [tip]
        while waiting:
            commit_id = waiting.pop()
            if commit_id in self.boundary:
                bases.add(commit_id)
            elif commit_id in self.own and commit_id not in seen:
                seen.add(commit_id)
                waiting += self.own[commit_id].parents
        return [commit for commit in self.own.values() if commit.id in seen], bases


def read_branches(git: Git, tips: Mapping[str, str], *, trunk: str, main: str | None) -> list[Branch]:
    """Return the branches with these `tips`, sorted by name; `main` is the tip of the `trunk` where it has one."""
    beyond = _read_unmerged(git, [tip for name, tip in tips.items() if name != trunk], main)
    found: dict[str, Branch] = {}
    undescribed = []
    for name in sorted(tips):
        own, bases = beyond.of(tips[name]) if name != trunk else ([], set())
        base = None if name == trunk else _base(git, tips[name], main, own, bases)
        description = find_description(name, own)
        found[name] = describe_branch(name, tips[name], base, len(own), description)
        if description is None and base is not None:
            undescribed.append(name)
    if main and undescribed:  # promoted already, perhaps: then main holds the description
        published = parse_log(git.run(*LOG, "--grep=^Experiment: ", main, "--"))
        for name in undescribed:
            newest = next((commit for commit in published if ("Experiment", name) in commit.trailers), None)
            branch = found[name]
            found[name] = describe_branch(name, branch.tip, branch.base, branch.ahead, newest)
    return list(found.values())


def _read_unmerged(git: Git, tips: Iterable[str], main: str | None) -> _Unmerged:
    beyond = _Unmerged()
    unique = sorted(set(tips))
    if not unique:
        return beyond
    revisions = [*unique, *([f"^{main}"] if main else [])]
    out = git.run(*LOG, "--topo-order", "--boundary", "--stdin", stdin="\n".join([*revisions, ""]).encode())
    for mark, commit in parse_marked_log(out):
        if mark == "-":
            beyond.boundary.add(commit.id)
        else:
            beyond.own[commit.id] = commit
    return beyond


def _base(git: Git, tip: str, main: str | None, own: list[Commit], bases: set[str]) -> str | None:
    if main is None:
        return None
    if not own:
        return tip
    if len(bases) < 2:
        return next(iter(bases), None)
    return merge_base(git, main, tip)


def merge_base(git: Git, left: str, right: str) -> str | None:
    """Return the newest commit that both (full ids) have; `None` where they share nothing."""
    try:
        return git.run("merge-base", left, right).strip()
    except GitFailed as failure:
        if failure.status != 1:
            raise
        return None
