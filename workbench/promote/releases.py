"""Releases: a signed tag on main that pins what was published then, for training and serving to read together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from workbench.errors import (
    BranchError,
    LakeDataMissing,
    LakeError,
    PromotionError,
    WorkbenchError,
    did_you_mean,
)
from workbench.promote.policy import require_permission
from workbench.promote.trunk import TrunkWriter
from workbench.registry import RELEASE_PREFIX, Registry, valid_release
from workbench.render import Report, Reported, Table
from workbench.store import main_config

if TYPE_CHECKING:
    from workbench.git import Tag
    from workbench.workspace import Workspace

PINS = "Release-View"


@dataclass(frozen=True, slots=True)
class Release(Reported):
    """A release: its name, commit on main, who cut it and when, and ``view number`` of everything it pins."""

    name: str
    commit: str
    tagger: str
    time: datetime
    versions: tuple[str, ...]
    signed: bool
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the release as JSON-ready values."""
        return {
            "name": self.name,
            "commit": self.commit,
            "by": self.tagger,
            "time": self.time.isoformat(),
            "versions": dict(pinned.rsplit(" ", 1) for pinned in self.versions),
            "signed": self.signed,
        }

    def report(self) -> Report:
        """Return what it pins."""
        rows = tuple(tuple(pinned.rsplit(" ", 1)) for pinned in self.versions)
        signed = "signed" if self.signed else "not signed"
        return Report(
            f"Release {self.name}",
            facts=(
                ("commit", f"{self.commit[:10]} on main"),
                ("cut", f"{self.time:%Y-%m-%d %H:%M} UTC by {self.tagger}, {signed}"),
            ),
            tables=(Table("Pins", ("view", "version"), rows),),
            notes=(*self.notes, f'Read it with store.training_set(..., release="{self.name}").'),
        )


@dataclass(frozen=True, slots=True)
class ReleaseList(Reported):
    """All releases, newest first."""

    releases: tuple[Release, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the releases as JSON-ready values."""
        return {"releases": [release.to_dict() for release in self.releases]}

    def report(self) -> Report:
        """Return one line a release."""
        rows = tuple(
            (r.name, len(r.versions), r.commit[:10], r.time.strftime("%Y-%m-%d %H:%M"), r.tagger, r.signed)
            for r in self.releases
        )
        tables = (Table("", ("release", "views", "commit", "cut (UTC)", "by", "signed"), rows),) if rows else ()
        return Report(
            "Releases",
            tables=tables,
            notes=() if rows else ("There are no releases yet; `release cut NAME` pins what is published.",),
        )


def cut(workspace: Workspace, name: str) -> Release:
    """Pin what is published now under `name`, by a tag on main; signed where git knows a key, or policy demands it."""
    valid_release(name)
    with TrunkWriter.open(workspace) as line:
        registry = line.registry()
        if registry.commit is None or not registry.serving:
            raise PromotionError("Nothing is published, so there is nothing to pin.", remedy="Promote a view first.")
        require_permission(workspace, registry.commit, registry.serving)
        known = workspace.repository.tag(RELEASE_PREFIX + name)
        if known is not None:
            raise PromotionError(
                f"Release {name!r} already exists, at commit {known.commit[:10]}.",
                remedy="Choose another name; releases are immutable.",
            )
        versions, elsewhere = _readable(workspace, registry)
        policy = main_config(workspace, registry.commit).policy
        line.publisher.tag(
            RELEASE_PREFIX + name,
            registry.commit,
            message=f"Release {name}",
            trailers=tuple((PINS, pinned) for pinned in versions),
            sign=policy.require_signed,
        )
        if line.remote is not None:
            line.remote.push_refs([f"refs/tags/{RELEASE_PREFIX}{name}"])
    found = workspace.repository.tag(RELEASE_PREFIX + name)
    if found is None:
        raise PromotionError(f"The tag {RELEASE_PREFIX}{name} was deleted.", remedy="Cut the release again.")
    made = _release(found)
    if not elsewhere:
        return made
    note = f"Not checked, since the data is not in the lake here: {', '.join(elsewhere)}. {workspace.unshared}"
    return replace(made, notes=(note,))


def drop(workspace: Workspace, name: str) -> ReleaseList:
    """Take a release away, and return the ones left. The versions that it pinned stay published."""
    pinned = one(workspace, name).versions
    with TrunkWriter.open(workspace) as line:
        main = workspace.repository.resolve(workspace.trunk)
        require_permission(workspace, main, [version.rpartition(" ")[0] for version in pinned])
        line.publisher.drop_tag(RELEASE_PREFIX + name, remote=line.remote)
    return ReleaseList(releases(workspace))


def one(workspace: Workspace, name: str) -> Release:
    """Return the release `name`."""
    known = {release.name: release for release in releases(workspace)}
    if name not in known:
        raise PromotionError(f"There is no release {name!r}.", remedy=did_you_mean(name, known))
    return known[name]


def releases(workspace: Workspace) -> tuple[Release, ...]:
    """Return all releases, newest first."""
    found = [_release(tag) for tag in workspace.repository.tags(f"{RELEASE_PREFIX}*") if tag.tagger is not None]
    return tuple(sorted(found, key=lambda release: release.time, reverse=True))


def _release(tag: Tag) -> Release:
    return Release(
        name=tag.name.removeprefix(RELEASE_PREFIX),
        commit=tag.commit,
        tagger=tag.tagger or "",
        time=tag.time or datetime.fromtimestamp(0, UTC),
        versions=tuple(value for key, value in tag.trailers if key == PINS),
        signed=tag.is_signed,
    )


def _readable(workspace: Workspace, registry: Registry) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return ``view number`` of what serves, and those among it whose data lies where only somebody else can look."""
    found, elsewhere = [], []
    for view in registry.serving:
        version = registry.version(view)
        pinned = f"{view} {version.number}"
        try:
            workspace.require_rows(view, version)
        except LakeDataMissing as error:
            if workspace.unshared is None:
                raise _unreadable(pinned, error) from None
            elsewhere.append(pinned)
        except (LakeError, BranchError) as error:
            raise _unreadable(pinned, error) from None
        found.append(pinned)
    return tuple(found), tuple(elsewhere)


def _unreadable(pinned: str, error: WorkbenchError) -> PromotionError:
    return PromotionError(
        f"The data of {pinned} cannot be read: {error.message}",
        remedy=f"`materialize {pinned.partition(' ')[0]}` computes it again, or restore the lake; a release must be "
        "readable.",
    )
