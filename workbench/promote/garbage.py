"""`collect_garbage`: what nobody can reach any more, listed, and removed if it is asked for.

What is kept: what branches define on today's data and what was last computed on them; every version in the registry
that is not retired, as main has it now, had it in the last 90 days, or a release pins it; what saved training sets,
models and pinned runs were made from; and whatever is younger than an hour, since somebody may be about to use it.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.define import load_tree
from workbench.errors import WorkbenchError
from workbench.lake import LakeWriter
from workbench.loop.evaluate import Evaluation
from workbench.promote.mainline import Mainline
from workbench.promote.publish import owner_of
from workbench.promote.release import releases
from workbench.registry import FOLDER, Registry
from workbench.serve import saved_sets
from workbench.widgets import Report, Reported, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.loop.rooms import Rooms
    from workbench.registry import Version

KEPT = timedelta(days=90)
"""How long back in time readers may ask for what was published then."""
SAFETY = timedelta(hours=1)
MOST = 100_000


@dataclass(frozen=True, slots=True)
class Trash:
    """One thing that nobody can reach: what it is, its name, and the bytes it takes."""

    kind: str
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Garbage(Reported):
    """What nobody can reach any more.

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
        done = "Removed" if self.deleted else "Nobody can reach"
        todo = () if self.deleted or not rows else ("Nothing was removed: gc --delete does it.",)
        return Report(
            f"{done} {self.size / 1e6:,.1f} MB" if rows else "Nothing to collect",
            facts=(("kept", f"{self.kept_views} computed views, {self.kept_versions} versions in the lake"),),
            tables=(Table("", ("what", "how many", "size"), rows),) if rows else (),
            notes=(*self.notes, *todo),
        )


@dataclass(slots=True)
class _Kept:
    """What must stay: view ids, Delta versions by view and major version, trees of definitions, digests."""

    views: set[str]
    lake: dict[tuple[str, int], set[int]]
    trees: set[str]
    notes: list[str]


def collect_garbage(rooms: Rooms, *, delete: bool = False, safety: timedelta = SAFETY) -> Garbage:
    """Return what nobody can reach any more, after removing it where `delete` is set.

    Parameters
    ----------
    rooms
        The project's rooms.
    delete
        Remove it.
    safety
        What is younger is left: somebody may be about to use it.

    Raises
    ------
    LakeError
        Where the lake cannot be read: nothing is removed then.
    """
    with Mainline.open(rooms) as line, line.alone():
        kept = _kept(rooms)
        found: list[Trash] = []
        own = rooms.config.project.name
        writer = LakeWriter(rooms.lake)
        lake = {table: frozenset(versions) for table, versions in kept.lake.items()}
        mine = [(t.view, t.major) for t in rooms.lake.tables() if owner_of(rooms, t.view, t.major) in {None, own}]
        lake = {table: versions for table, versions in lake.items() if table in mine}
        swept = writer.vacuum(lake, dry_run=not delete, older_than=safety, drop_tables=mine if lake else ())
        found += [Trash("lake file", name, 0) for name in swept.files]
        if swept.files:
            found[-1] = Trash("lake file", swept.files[-1], swept.bytes)
        found += [Trash("lake table", name, 0) for name in swept.tables]
        found += _views(rooms, kept, delete=delete, safety=safety)
        found += _folders(rooms, kept, delete=delete, safety=safety)
        if delete:
            rooms.cache.sweep()
        versions = sum(len(some) for some in kept.lake.values())
        return Garbage(tuple(found), delete, len(kept.views & set(rooms.cache.stored())), versions, tuple(kept.notes))


def _kept(rooms: Rooms) -> _Kept:
    kept = _Kept(set(), {}, set(), [])
    _published(rooms, kept)
    for name in rooms.repository.names():
        _branch(rooms, name, kept)
    for training in saved_sets(rooms.hidden):
        kept.views |= {view.view_id for view in training.views}
        for view in training.views:
            if view.version is not None and view.delta_version is not None:
                table = (view.view, int(view.version.partition(".")[0]))
                kept.lake.setdefault(table, set()).add(view.delta_version)
    kept.views |= rooms.tracker.views_in_use()
    return kept


def _published(rooms: Rooms, kept: _Kept) -> None:
    """Keep what main and releases publish, and what main published lately."""
    repository = rooms.repository
    now = Registry.at(repository, rooms.trunk)
    since = datetime.now(UTC) - KEPT
    history = repository.first_parents(rooms.trunk, limit=MOST) if now.commit else []
    recent = [commit.id for commit in history if commit.time >= since]
    older = [commit.id for commit in history if commit.time < since][:1]  # what was published when the time began
    pinned = [release.commit for release in releases(rooms)]
    seen: set[str | None] = {None}
    for commit in dict.fromkeys([*([now.commit] if now.commit else []), *recent, *older, *pinned]):
        folder = repository.subtree(commit, FOLDER)
        if folder not in seen:
            seen.add(folder)
            registry = Registry(repository, commit)
            for view in registry.views:
                _versions(kept, view, registry.record(view).versions)


def _versions(kept: _Kept, view: str, versions: tuple[Version, ...]) -> None:
    for version in versions:
        if version.is_served:
            kept.views.add(version.view_id)
            kept.trees.add(version.features)
            kept.lake.setdefault((view, version.major), set()).add(version.delta_version)


def _branch(rooms: Rooms, name: str, kept: _Kept) -> None:
    """Keep what a branch defines on today's data, and what was computed on it last."""
    definitions = load_tree(rooms.repository, rooms.repository.resolve(name), cache=rooms.hidden)
    kept.trees.add(definitions.tree)
    evaluation = Evaluation(definitions, rooms.sources, rooms.cache)
    for view in [*definitions.views, *definitions.broken]:
        last = rooms.journal.last(view, branch=name)
        if last is not None:
            kept.views.add(last.view_id)
        try:
            identity = evaluation.identity(view)
        except WorkbenchError as error:
            kept.notes.append(f"{view} on {name}: {error.message}")
            continue
        if identity is not None:
            kept.views.add(identity)


def _views(rooms: Rooms, kept: _Kept, *, delete: bool, safety: timedelta) -> Iterator[Trash]:
    """Yield the computed views that are not kept."""
    for view_id, size in sorted(rooms.cache.stored().items()):
        if view_id in kept.views or rooms.cache.age(view_id) < safety.total_seconds():
            continue
        if not delete or rooms.cache.drop(view_id):
            yield Trash("computed view", view_id, size)


def _folders(rooms: Rooms, kept: _Kept, *, delete: bool, safety: timedelta) -> Iterator[Trash]:
    """Yield what is remembered of views that are gone, files of definitions that no branch has, and old plans."""
    views = set(rooms.cache.stored()) | kept.views
    for path in _old(rooms.hidden / "facts", safety):
        if len(path.name) == 64 and path.name not in views:
            yield from _gone("facts of a view", path, delete=delete)
    for path in _old(rooms.hidden / "definitions", timedelta(days=1)):
        if path.name not in kept.trees:
            yield from _gone("files of definitions", path, delete=delete)
    for path in _old(rooms.hidden / "plans", KEPT):
        yield from _gone("saved plan", path, delete=delete)


def _old(folder: Path, age: timedelta) -> list[Path]:
    """Return what is in `folder` and was not changed for `age`."""
    try:
        found = sorted(folder.iterdir())
        return [path for path in found if time.time() - path.stat().st_mtime > age.total_seconds()]
    except OSError:
        return []


def _gone(kind: str, path: Path, *, delete: bool) -> Iterator[Trash]:
    size = sum(each.stat().st_size for each in path.rglob("*") if each.is_file()) if path.is_dir() else 0
    size = size or path.stat().st_size
    if delete:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    yield Trash(kind, path.name, size)
