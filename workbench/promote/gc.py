"""`collect_garbage`: list unreachable data, and remove it on request.

What is kept: what was last computed on each branch, and what that was made from; every version in the registry that is
not retired, as main has it now, had it in the last 90 days, or a release pins it; what saved training sets, models and
pinned runs were made from; and whatever was used in the last hour. Of the lake's versions only those go that main's
history names, or that this copy of the repository wrote: another copy may share the lake. No definition is run for it.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.files import UNFINISHED
from workbench.lake import LakeWriter
from workbench.memory import SCRATCH
from workbench.point_in_time import INDEXES
from workbench.promote.identities import at_work
from workbench.promote.incremental import SKETCHES
from workbench.promote.publish import copy_of, owner_of
from workbench.promote.releases import releases
from workbench.promote.rules import permission
from workbench.promote.trunk import TrunkWriter
from workbench.registry import FOLDER, Registry
from workbench.render import Report, Reported, Table
from workbench.store import main_config, saved_sets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.workspace import Workspace

KEPT = timedelta(days=90)
"""How long back in time readers may ask for what was published then."""
SAFETY = timedelta(hours=1)
UNUSED = timedelta(days=7)
"""For how long an index stays that no training set was joined by: it is soon made again."""
DAY = timedelta(days=1)
MOST = 100_000
_OF_PROCESS = re.compile(
    r"workbench-(?:[a-z-]+-(?P<pid>\d+)-|(?:blobs|commit|index|inputs|merge|s3|sign|verify)-)", re.ASCII
)
"""Folders of ours among the temporary ones: of a process that lives long, or of a call that takes seconds."""
_PID = re.compile(r"^(?:workbench-[a-z]+-)?(\d+)(?:-|$)")
"""The process whose rows a folder holds that did not fit into memory."""


@dataclass(frozen=True, slots=True)
class Trash:
    """One unreachable thing: its kind, name and size in bytes."""

    kind: str
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Garbage(Reported):
    """Unreachable data.

    Attributes
    ----------
    found
        One entry a thing.
    deleted
        Whether it was removed.
    kept_views, kept_versions
        How many computed views and versions in the lake are kept.
    notes
        What could not be looked at, and was kept therefore.
    """

    found: tuple[Trash, ...]
    deleted: bool
    kept_views: int
    kept_versions: int
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all of it together."""
        return sum(trash.size for trash in self.found)

    def to_dict(self) -> dict[str, Any]:
        """Return the list as JSON-ready values."""
        return {
            "deleted": self.deleted,
            "bytes": self.size,
            "kept_views": self.kept_views,
            "kept_versions": self.kept_versions,
            "found": [{"kind": t.kind, "name": t.name, "bytes": t.size} for t in self.found],
            "notes": list(self.notes),
        }

    def report(self) -> Report:
        """Return one line a kind, and what to do."""
        kinds = dict.fromkeys(trash.kind for trash in self.found)
        rows = tuple(
            (kind, len(of := [t for t in self.found if t.kind == kind]), f"{sum(t.size for t in of) / 1e6:,.1f} MB")
            for kind in kinds
        )
        done = "Removed" if self.deleted else "Unreachable"
        todo = () if self.deleted or not rows else ("Nothing was removed: gc --delete does it.",)
        return Report(
            f"{done} {self.size / 1e6:,.1f} MB" if rows else "Nothing to collect",
            facts=(("kept", f"{self.kept_views} computed views, {self.kept_versions} versions in the lake"),),
            tables=(Table("", ("what", "how many", "size"), rows),) if rows else (),
            notes=(*self.notes, *todo),
        )


@dataclass(slots=True)
class _Kept:
    """What must stay: view ids, Delta versions by view and major version, trees of definitions, digests.

    `named` are the Delta versions that main's history names, kept or not.
    """

    views: set[str]
    lake: dict[tuple[str, int], set[int]]
    trees: set[str]
    notes: list[str]
    named: dict[tuple[str, int], set[int]]


def collect_garbage(workspace: Workspace, *, delete: bool = False, safety: timedelta = SAFETY) -> Garbage:
    """Return unreachable data, and remove it if `delete` is set."""
    with TrunkWriter.open(workspace) as line, line.lock():
        kept = _find_kept(workspace)
        found: list[Trash] = []
        lake = _lake(workspace, kept)
        if delete:
            lake = _permitted_tables(workspace, kept, lake)
        drop = list(lake) if any(lake.values()) else ()
        swept = LakeWriter(workspace.lake).vacuum(
            {table: versions for table, versions in lake.items() if versions},
            dry_run=not delete,
            older_than=safety,
            drop_tables=drop,
        )
        found += [Trash("lake file", name, 0) for name in swept.files]
        if swept.files:
            found[-1] = Trash("lake file", swept.files[-1], swept.bytes)
        found += [Trash("lake table", name, 0) for name in swept.tables]
        found += _views(workspace, kept, delete=delete, safety=safety)
        found += _folders(workspace, kept, delete=delete, safety=safety)
        found += _unfinished(workspace, delete=delete)
        if delete:
            workspace.cache.sweep()
        versions = sum(len(some) for some in kept.lake.values())
        return Garbage(
            tuple(found), delete, len(kept.views & set(workspace.cache.stored())), versions, tuple(kept.notes)
        )


def _find_kept(workspace: Workspace) -> _Kept:
    kept = _Kept(set(), {}, set(), [], {})
    _published(workspace, kept)
    _branches(workspace, kept)
    for training in saved_sets(workspace.home):
        kept.views |= {view.view_id for view in training.views}
        for view in training.views:
            if view.version is not None and view.delta_version is not None:
                table = (view.view, int(view.version.partition(".")[0]))
                kept.lake.setdefault(table, set()).add(view.delta_version)
    kept.views |= workspace.tracker.views_in_use()
    return kept


def _published(workspace: Workspace, kept: _Kept) -> None:
    """Keep what main and releases publish, and what main published lately."""
    repository = workspace.repository
    repository.refuse_shallow("earlier versions are not known and would be collected")
    now = Registry.at(repository, workspace.trunk)
    since = datetime.now(UTC) - KEPT
    history = repository.first_parents(workspace.trunk, limit=MOST) if now.commit else []
    recent = [commit.id for commit in history if commit.time >= since]
    older = [commit.id for commit in history if commit.time < since][:1]  # what was published when the time began
    pinned = [release.commit for release in releases(workspace)]
    served = dict.fromkeys([*([now.commit] if now.commit else []), *recent, *older, *pinned])
    seen: set[str | None] = {None}
    for commit in (*served, *(commit.id for commit in history if commit.id not in served)):
        folder = repository.subtree(commit, FOLDER)
        if folder in seen:
            continue
        seen.add(folder)
        registry = Registry(repository, commit)
        for view in registry.views:
            for version in registry.record(view).versions:
                table = view, version.major
                kept.named.setdefault(table, set()).add(version.delta_version)
                if commit in served and (version.is_served or version.withdrawn is not None):
                    kept.views.add(version.view_id)
                    kept.trees.add(version.features)
                    kept.lake.setdefault(table, set()).add(version.delta_version)


def _branches(workspace: Workspace, kept: _Kept) -> None:
    """Keep what was computed last of each view on each branch, what that was made from, and the branches' trees."""
    names = set(workspace.repository.names())
    for name in names:
        tree = workspace.repository.subtree(workspace.repository.resolve(name))
        if tree is not None:
            kept.trees.add(tree)
    made_from: set[str] = set()
    for view in sorted({entry.view for entry in workspace.journal.everything()}):
        for name in names:
            last = workspace.journal.last(view, branch=name)
            if last is not None:
                kept.views.add(last.view_id)
                made_from |= set(last.inputs.values())
    for view_id in workspace.cache.stored():
        stored = workspace.cache.get(view_id, using=False)
        if stored is not None and stored.record.digest.exact in made_from:
            kept.views.add(view_id)


def _lake(workspace: Workspace, kept: _Kept) -> dict[tuple[str, int], frozenset[int]]:
    """Return the Delta versions to keep of each table that is this project's.

    What main's history does not name, and another copy of the repository wrote, is kept: that copy may publish it, or
    its history may say so by now.
    """
    own, copy = workspace.config.project.name, copy_of(workspace)
    found: dict[tuple[str, int], frozenset[int]] = {}
    foreign = 0
    for table in workspace.lake.tables():
        key = table.view, table.major
        newest = table.latest()
        if newest is None or owner_of(workspace, *key) not in {None, own}:
            continue
        unnamed = set(range(newest + 1)) - kept.named.get(key, set())
        commits = {version: table.commit(version) for version in unnamed}
        others = {v for v, commit in commits.items() if commit is not None and commit.metadata.get("copy") != copy}
        foreign += len(others)
        found[key] = frozenset(kept.lake.get(key, set()) | others)
    if foreign:
        kept.notes.append(
            f"{foreign} versions in the lake were written by another copy of this repository and are kept; "
            "collect them there."
        )
    return found


def _permitted_tables(
    workspace: Workspace, kept: _Kept, lake: dict[tuple[str, int], frozenset[int]]
) -> dict[tuple[str, int], frozenset[int]]:
    """Return the tables of `lake` of views that main's policy lets this person change, and note the others."""
    if not lake:
        return lake
    main = workspace.repository.resolve(workspace.trunk)
    policy = main_config(workspace, main).policy
    if not policy.require_signed and not any(rule.promoters for rule in policy.rules):
        return lake
    person = at_work(workspace.repository, policy, main=main)
    asked = {view: permission(policy, views=[view], person=person) for view in {view for view, _ in lake}}
    refused = {view: result for view, result in asked.items() if not result.passed}
    if refused:
        why = "; ".join(dict.fromkeys(result.detail for result in refused.values()))
        kept.notes.append(f"The lake keeps all of {', '.join(sorted(refused))}: {why}.")
    return {table: versions for table, versions in lake.items() if table[0] not in refused}


def _views(workspace: Workspace, kept: _Kept, *, delete: bool, safety: timedelta) -> Iterator[Trash]:
    """Yield the computed views that are not kept."""
    for view_id, size in sorted(workspace.cache.stored().items()):
        if view_id in kept.views or workspace.cache.age(view_id) < safety.total_seconds():
            continue
        if not delete or workspace.cache.drop(view_id):
            yield Trash("computed view", view_id, size)


def _folders(workspace: Workspace, kept: _Kept, *, delete: bool, safety: timedelta) -> Iterator[Trash]:
    """Yield what is remembered of views that are gone, files of definitions that no branch has, and old plans."""
    views = set(workspace.cache.stored()) | kept.views
    for path in _old(workspace.facts, safety):
        if len(path.name) == 64 and path.name not in views:
            yield from _gone("facts of a view", path, delete=delete)
    for view_id in sorted(views):
        for path in _old(workspace.facts / view_id, UNUSED):
            if path.name.startswith(INDEXES):
                yield from _gone("join index", path, delete=delete)
    for path in _old(workspace.facts / SKETCHES, KEPT):
        yield from _gone("sketch of an input", path, delete=delete)
    for path in _old(workspace.hidden / "definitions", DAY):
        if path.name not in kept.trees and not path.name.startswith("."):
            yield from _gone("files of definitions", path, delete=delete)
    for path in _old(workspace.hidden / "plans", KEPT):
        yield from _gone("saved plan", path, delete=delete)


def _unfinished(workspace: Workspace, *, delete: bool) -> Iterator[Trash]:
    """Yield the work folders and half-written files that processes left which were killed."""
    left = [path for path in _old(workspace.hidden, DAY) if path.name.startswith("reproduce-")]
    for folder in (workspace.hidden / "definitions", workspace.home / "training-sets"):
        left += [path for path in _old(folder, DAY) if path.name.startswith(".")]
    folders = (workspace.hidden, workspace.home, workspace.repository.git_dir / "workbench")
    unfinished = {path for folder in folders if folder.is_dir() for path in folder.rglob(f"{UNFINISHED}*")}
    left += [path for path in sorted(unfinished) if _age(path) > DAY.total_seconds()]
    scratch = workspace.hidden / SCRATCH
    spilled = [*_old(scratch, DAY), *_old(scratch / "polars", DAY)]
    left += [path for path in spilled if (pid := _PID.search(path.name)) and not _lives(int(pid[1]))]
    for path in _old(Path(tempfile.gettempdir()), DAY):
        found = _OF_PROCESS.match(path.name)
        if found is not None and path.stat().st_uid == os.getuid() and not (found["pid"] and _lives(int(found["pid"]))):
            left.append(path)
    for folder in (workspace.repository.git_dir / "objects").glob(
        "??"
    ):  # where git itself looks only once in two weeks
        left += [path for path in _old(folder, DAY) if path.name.startswith("tmp_obj_")]
    for path in left:
        yield from _gone("work of a killed process", path, delete=delete)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0


def _old(folder: Path, age: timedelta) -> list[Path]:
    """Return what is in `folder` and was not changed for `age`."""
    try:
        found = sorted(folder.iterdir())
    except OSError:
        return []
    return [path for path in found if _age(path) > age.total_seconds()]


def _gone(kind: str, path: Path, *, delete: bool) -> Iterator[Trash]:
    size = sum(each.stat().st_size for each in path.rglob("*") if each.is_file()) if path.is_dir() else 0
    size = size or path.stat().st_size
    if delete:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    yield Trash(kind, path.name, size)
