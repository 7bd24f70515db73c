"""Updating a working tree to its branch's tip from whatever a killed git, or a power cut, left of index and files.

``git read-tree -m -u`` writes the files first and the index last, and refuses to go on from what it left half done.
Here each path is looked at alone. Where the index has what one of the commits on the way has, it gets what the tip has:
the next commit would take the change back otherwise. Where the file has what one of them has, or is a piece of it, it
gets what the tip has, too. Nothing else is touched, so nothing that is not in the history is lost, and a second look
finds less to do.
"""

from __future__ import annotations

import os
import stat
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.git.command import Git, GitFailed, find_blocking_lock

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

Entry = tuple[str, str]
"""Mode and object id of a path, as git writes them."""

SUBMODULE = "160000"
BETWEEN = 50
"""How many commits between an old tip and the new one are known by what they held."""

_NO_EXTRAS = (
    *("-c", "core.splitIndex=false", "-c", "core.fsmonitor=false", "-c", "core.untrackedCache=false"),
    *("-c", "index.sparse=false", "-c", "core.safecrlf=false"),
)


_DAMAGED = ("index file", "bad signature", "unknown index entry", "sharedindex")


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A path that could not be updated, and why."""

    path: str
    reason: str


@dataclass(slots=True)
class Paths:
    """What commits on the way hold at the paths by which they differ.

    Attributes
    ----------
    target
        What the tip holds; `None` where it has no such file.
    known
        What any of them holds.
    """

    target: dict[str, Entry | None] = field(default_factory=dict)
    known: dict[str, set[Entry | None]] = field(default_factory=dict)

    @classmethod
    def between(cls, tree: Git, commits: Iterable[str], tip: str) -> Paths:
        """Return the paths by which `commits` differ from `tip`."""
        found = cls()
        for commit in commits:
            fields = tree.run("diff-tree", "-r", "-z", "--no-renames", commit, tip).split("\0")
            for head, path in zip(fields[0::2], fields[1::2], strict=False):
                old_mode, new_mode, old, new, _ = head.removeprefix(":").split(" ")
                found.target[path] = _entry(new_mode, new)
                found.known.setdefault(path, {found.target[path]}).add(_entry(old_mode, old))
        return found


def update_worktree(tree: Git, commits: Collection[str], tip: str) -> list[Obstacle]:
    """Update index and files to `tip`, which is checked out, and return what could not be updated.

    They may still be at one of `commits`, or between two of them.
    """
    paths = Paths.between(tree, dict.fromkeys([*commits, *_commits_between(tree, commits, tip)]), tip)
    if not paths.target:
        return []
    index, skipped = _read_index(tree, paths.target)
    theirs = {path for path, entries in index.items() if not entries <= paths.known[path] or len(entries) > 1}
    moving = {path for path in paths.target if path not in theirs and index[path] != {paths.target[path]}}
    _write_index(tree, {path: paths.target[path] for path in moving}, skipped, "0" * len(tip))
    obstacles = [Obstacle(path, "something else is staged") for path in sorted(theirs)]
    files = {path for path in paths.target if path not in theirs and path not in skipped}
    obstacles += _update_files(tree, paths, {path for path in files if not _is_submodule(paths.known[path])})
    if moving and tree.read_setting("core.sparseCheckout") == "true":
        with suppress(GitFailed):  # what a checkout would have left out is there, and git says so
            tree.run("sparse-checkout", "reapply")
    return obstacles


def rebuild_index(tree: Git, tip: str) -> None:
    """Write the index anew where a power cut left one that git cannot read; what was staged in it is gone already."""
    try:
        tree.run("ls-files", "--stage", "--", ".git")
    except GitFailed as failure:
        said = str(failure)
        if "open failed" in said or not any(clue in said for clue in _DAMAGED):
            return
        place = Path(tree.run("rev-parse", "--path-format=absolute", "--git-path", "index").rstrip("\n"))
        with suppress(OSError):
            place.rename(place.with_name(f"index.damaged-{time.time_ns()}"))
            tree.run("read-tree", tip)


def _commits_between(tree: Git, commits: Iterable[str], tip: str) -> list[str]:
    """Return the commits between the old ones and the tip: index and files may be at one of these as well."""
    limit, apart = f"--max-count={BETWEEN}", [f"^{commit}" for commit in commits]
    return tree.run("rev-list", "--first-parent", limit, tip, *apart).split()


def _entry(mode: str, object_id: str) -> Entry | None:
    return (mode, object_id) if object_id.strip("0") else None


def _is_submodule(entries: Iterable[Entry | None]) -> bool:
    return any(entry is not None and entry[0] == SUBMODULE for entry in entries)


def _read_index(tree: Git, paths: Iterable[str]) -> tuple[dict[str, set[Entry | None]], set[str]]:
    """Return what the index has at each path, several entries amid a merge; and the paths not to be checked out."""
    found: dict[str, set[Entry | None]] = {path: set() for path in paths}
    skipped = set()
    for line in tree.run("ls-files", "--stage", "-t", "-z").split("\0")[:-1]:
        facts, _, path = line.partition("\t")
        if path not in found:
            continue
        tag, mode, object_id, stage = facts.split(" ")
        found[path].add((mode, object_id) if stage == "0" else (f"{mode} at stage {stage}", object_id))
        if tag == "S":
            skipped.add(path)
    return {path: entries or {None} for path, entries in found.items()}, skipped


def _write_index(tree: Git, entries: Mapping[str, Entry | None], skipped: Collection[str], nothing: str) -> None:
    if not entries:
        return
    gone = sorted(path for path, entry in entries.items() if entry is None)
    there = sorted(path for path, entry in entries.items() if entry is not None)
    ordered = {path: entries[path] for path in [*gone, *there]}  # a file may take a folder's place
    _update_index(tree, ordered, nothing=nothing)
    if hidden := [path for path in there if path in skipped]:
        run_patiently(tree, "update-index", "--skip-worktree", "-z", "--stdin", stdin=_join_nul(hidden))


def _update_index(
    tree: Git, entries: Mapping[str, Entry | None], *, nothing: str = "", index: Path | None = None
) -> None:
    lines = []
    for path, entry in entries.items():
        mode, object_id = entry or ("0", nothing)
        lines.append(f"{mode} {object_id}\t{path}")
    variables = {"GIT_INDEX_FILE": str(index)} if index else {}
    options = _NO_EXTRAS if index else ()
    run_patiently(tree, *options, "update-index", "-z", "--index-info", stdin=_join_nul(lines), variables=variables)


def _update_files(tree: Git, paths: Paths, among: Collection[str]) -> list[Obstacle]:
    gone = {path for path in among if paths.target[path] is None}
    obstacles, behind = _outdated_files(tree, paths, gone)
    obstacles += [found for path in behind if (found := _delete(tree.folder, path)) is not None]
    edited, behind = _outdated_files(
        tree, paths, set(among) - gone
    )  # a file may take the place of a folder that is gone
    return obstacles + edited + _write_files(tree, behind)


def _outdated_files(tree: Git, paths: Paths, among: Collection[str]) -> tuple[list[Obstacle], list[str]]:
    """Return the files that are to be left alone, and those that have to change."""
    states = _states(tree, paths, among)
    obstacles = [Obstacle(path, states[path].reason) for path in sorted(among) if not states[path].is_known]
    return obstacles, [path for path in sorted(among) if states[path].is_known and not states[path].is_target]


def _write_files(tree: Git, paths: Sequence[str]) -> list[Obstacle]:
    if not paths:
        return []
    safe = [path for path in paths if _is_safe_path(tree.folder, path)]
    obstacles = [Obstacle(path, "a folder or a link is in its place") for path in paths if path not in set(safe)]
    command = ("checkout-index", "-f", "-u", "-q", "-z", "--stdin")
    try:
        run_patiently(tree, *command, stdin=_join_nul(safe))
    except GitFailed as failure:
        if find_blocking_lock(failure):
            raise
        for path in safe:  # each alone, so that one that cannot be written keeps no other from it
            try:
                run_patiently(tree, *command, stdin=_join_nul([path]))
            except GitFailed as own:
                obstacles.append(Obstacle(path, _last(own)))
    return obstacles


@dataclass(frozen=True, slots=True)
class _State:
    """What a file is: what the tip has, or a commit on the way; else why it is left alone."""

    is_target: bool
    is_known: bool
    reason: str = "it has edits of yours"


def _states(tree: Git, paths: Paths, among: Collection[str]) -> dict[str, _State]:
    """Return what each file is. Git compares, so that filters, line ends, links and modes count as it has them."""
    found = {}
    absent = {path for path in among if _is_absent(tree.folder / path, as_file=paths.target[path] is None)}
    for path in absent:
        found[path] = _State(paths.target[path] is None, is_known=True)
    rest = {path for path in among if path not in absent}
    layers: list[dict[str, Entry]] = [{}]
    for path in rest:
        target = paths.target[path]
        entries = [target, *sorted(entry for entry in paths.known[path] if entry not in {target, None})]
        for depth, entry in enumerate(entries):
            if entry is not None:
                layers += [{} for _ in range(depth + 1 - len(layers))]
                layers[depth][path] = entry
    same: dict[str, int] = {}
    unclear: dict[str, str] = {}
    for depth, layer in enumerate(layers):
        open_ones = {path: entry for path, entry in layer.items() if path not in same}
        for path, reason in _compare(tree, open_ones).items():
            if reason is None:
                same[path] = depth
            elif reason:
                unclear[path] = reason
    for path in rest:
        if path in same:
            found[path] = _State(same[path] == 0, is_known=True)
        elif _is_partial(tree, path, paths.known[path]):
            found[path] = _State(is_target=False, is_known=True)
        else:
            found[path] = _State(is_target=False, is_known=False, reason=unclear.get(path, "it has edits of yours"))
    return found


def _is_absent(place: Path, *, as_file: bool) -> bool:
    """Whether there is nothing at `place`; with `as_file` a folder, in which others of the tip may be, is nothing."""
    return not os.path.lexists(place) or (as_file and place.is_dir() and not place.is_symlink())


def _compare(tree: Git, entries: Mapping[str, Entry]) -> dict[str, str | None]:
    """Return for each path `None` where the file is what the entry says, else why not: empty where it differs."""
    if not entries:
        return {}
    try:
        differ = _differing(tree, entries)
    except GitFailed as failure:
        if len(entries) == 1:
            return dict.fromkeys(entries, _last(failure))
        return {path: reason for one in entries for path, reason in _compare(tree, {one: entries[one]}).items()}
    return {path: "" if path in differ else None for path in entries}


def _differing(tree: Git, entries: Mapping[str, Entry]) -> set[str]:
    with tempfile.TemporaryDirectory(prefix="workbench-index-") as name:
        index = Path(name) / "index"
        _update_index(tree, entries, index=index)
        variables = {"GIT_INDEX_FILE": str(index)}
        tree.run(
            *_NO_EXTRAS, "update-index", "-q", "--refresh", variables=variables
        )  # else line ends alone count as a difference
        return set(tree.run(*_NO_EXTRAS, "diff-files", "--name-only", "-z", variables=variables).split("\0")[:-1])


def _is_partial(tree: Git, path: str, entries: Iterable[Entry | None]) -> bool:
    """Whether a file is the beginning of what some commit has, or zeros, as a killed git or a power cut leave it."""
    file = tree.folder / path
    try:
        if not stat.S_ISREG(file.lstat().st_mode):
            return False
        content = file.read_bytes()
    except OSError:
        return False
    if not content.strip(b"\0"):
        return True
    for entry in entries:
        for options in ((f"--path={path}", "--filters"), ("blob",)) if entry is not None else ():
            with suppress(GitFailed):
                whole = tree.run("cat-file", *options, entry[1] if entry else "")
                if whole.encode("utf-8", "surrogateescape").startswith(content):
                    return True
    return False


def _delete(top: Path, path: str) -> Obstacle | None:
    file = top / path
    if not _is_safe_path(top, path):
        return Obstacle(path, "a folder or a link is in its place")
    try:
        file.unlink(missing_ok=True)
        for folder in file.parents:
            if folder == top:
                break
            folder.rmdir()
    except OSError as error:
        if file.exists():
            return Obstacle(path, error.strerror or str(error))
    return None


def _is_safe_path(top: Path, path: str) -> bool:
    """Whether writing or removing a file stays in its place: no folder above is a link, and it is not a folder."""
    place = top
    for part in Path(path).parts[:-1]:
        place /= part
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            return False
    last = top / path
    return last.is_symlink() or not last.is_dir()


def run_patiently(tree: Git, *command: str, stdin: bytes = b"", variables: Mapping[str, str] | None = None) -> str:
    """Run git, and retry for about a second where another git holds the index."""
    for pause in (0.01, 0.03, 0.06, 0.1, 0.2, 0.3, 0.3):
        try:
            return tree.run(*command, stdin=stdin, variables=variables)
        except GitFailed as failure:
            if find_blocking_lock(failure) is None:
                raise
            time.sleep(pause)
    return tree.run(*command, stdin=stdin, variables=variables)


def _last(failure: GitFailed) -> str:
    lines = str(failure).splitlines()
    return lines[-1].removeprefix("fatal: ").removeprefix("error: ") if lines else "git gave no reason"


def _join_nul(words: Iterable[str]) -> bytes:
    return "".join(f"{word}\0" for word in words).encode("utf-8", "surrogateescape")
