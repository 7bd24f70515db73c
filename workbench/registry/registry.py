"""`Registry`: the records of all views as they stand at one commit."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Protocol, TypeVar

from workbench.errors import BranchNotFound, FeatureNotFound
from workbench.kept import Kept, made_by
from workbench.registry.on_demand_record import ON_DEMAND_FOLDER, OnDemandRecord, on_demand_path
from workbench.registry.record import FOLDER, Record, Version
from workbench.registry.summary import Summary, summary_of
from workbench.registry.versions import VersionNumber

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from workbench.registry.record import InputRecord


T = TypeVar("T")


class Tree(Protocol):
    """What is asked of the repository."""

    def resolve(self, ref: str) -> str:
        """Return a full commit id."""

    def is_unborn(self, name: str) -> bool:
        """Whether a branch waits for its first commit."""

    def files(self, commit_or_tree: str, under: str = ...) -> dict[str, str]:
        """Return path and blob id of the files below a folder."""

    def read_blob(self, blob: str) -> bytes:
        """Return a blob's content."""


class Registry:
    """What is published, as of `commit`.

    Parameters
    ----------
    repository
        Where the commit is.
    commit
        Its full id; None where nothing was ever committed.
    kept
        The folder where it is kept what lists say of records; None to read them.
    """

    def __init__(self, repository: Tree, commit: str | None, *, kept: Path | None = None) -> None:
        self.commit = commit
        self._repository = repository
        self._folder = kept
        self._records: dict[str, Record] = {}
        self._on_demand: dict[str, OnDemandRecord] = {}

    @classmethod
    def at(cls, repository: Tree, ref: str = "main", *, kept: Path | None = None) -> Registry:
        """Return the registry at a branch, tag or commit; an empty one where `ref` waits for its first commit."""
        try:
            return cls(repository, repository.resolve(ref), kept=kept)
        except BranchNotFound:
            if not repository.is_unborn(ref):
                raise
            return cls(repository, None)

    @cached_property
    def _blobs(self) -> Mapping[str, str]:
        return {name: blob for name, blob in self._files.items() if "/" not in name}

    @cached_property
    def _on_demand_blobs(self) -> Mapping[str, str]:
        below = f"{ON_DEMAND_FOLDER.removeprefix(FOLDER).strip('/')}/"
        return {name.removeprefix(below): blob for name, blob in self._files.items() if name.startswith(below)}

    @cached_property
    def _files(self) -> Mapping[str, str]:
        if self.commit is None:
            return {}
        found = self._repository.files(self.commit, FOLDER)
        return {
            path.removeprefix(f"{FOLDER}/").removesuffix(".toml"): blob
            for path, blob in sorted(found.items())
            if path.endswith(".toml")
        }

    @property
    def views(self) -> tuple[str, ...]:
        """The names of all views that were ever published, sorted."""
        return tuple(self._blobs)

    @property
    def serving(self) -> tuple[str, ...]:
        """The names of the views with a current version."""
        return tuple(view for view in self.views if self.record(view).current is not None)

    def __contains__(self, view: object) -> bool:
        return view in self._blobs

    @property
    def on_demand_views(self) -> tuple[str, ...]:
        """The names of all on-demand views that were ever published, sorted."""
        return tuple(self._on_demand_blobs)

    def on_demand(self, view: str) -> OnDemandRecord:
        """Return the record of the on-demand view `view`."""
        if view not in self._on_demand_blobs:
            raise FeatureNotFound.unpublished(view, self.on_demand_views)
        if view not in self._on_demand:
            text = self._repository.read_blob(self._on_demand_blobs[view]).decode("utf-8", "replace")
            self._on_demand[view] = OnDemandRecord.from_toml(text, path=on_demand_path(view))
        return self._on_demand[view]

    def record(self, view: str) -> Record:
        """Return the record of `view`."""
        if view not in self._records:
            self._records[view] = Record.from_toml(self._text(view), path=f"{FOLDER}/{view}.toml")
        return self._records[view]

    def live_versions(self, view: str) -> tuple[Version, ...]:
        """Return the live versions of `view`; its record is read where it is new."""
        blob = self._blobs.get(view, "")
        known = self._live.get(blob)
        if known is None:
            known = tuple(version for version in self.record(view).versions if version.is_live)
            self._live.put(blob, known)
        return known

    def summary(self, view: str) -> Summary:
        """Return what a list says of `view`: much quicker than its record where many versions were published."""
        blob = self._blobs.get(view, "")
        known = self._summaries.get(blob)
        if known is None:
            known = summary_of(self._text(view), path=f"{FOLDER}/{view}.toml")
            self._summaries.put(blob, known)
        return known

    def remember(self) -> None:
        """Keep what `live_versions` and `summary` found out."""
        self._live.save()
        self._summaries.save()

    @cached_property
    def _live(self) -> Kept[tuple[Version, ...]]:
        return self._kept("live", tuple[Version, ...])

    @cached_property
    def _summaries(self) -> Kept[Summary]:
        return self._kept("summaries", Summary)

    def _kept(self, name: str, kind: type[T]) -> Kept[T]:
        """Return what is kept by the ids of records' blobs."""
        path = None if self._folder is None else self._folder / name
        return Kept(path, kind, scheme=made_by("registry"), most=2 * len(self._blobs))

    def views_mentioning(self, name: str) -> list[str]:
        """Return the views whose records speak of something called `name`, such as an input; others surely do not."""
        return [view for view in self.views if f'name = "{name}"' in self._text(view)]

    def _text(self, view: str) -> str:
        if view in self._on_demand_blobs:
            raise FeatureNotFound(
                f"{view!r} is an on-demand view: it has no stored rows.",
                remedy="Its versions stay; promote another definition of it to replace what it gives.",
            )
        if view not in self._blobs:
            raise FeatureNotFound.unpublished(view, self.views)
        return self._repository.read_blob(self._blobs[view]).decode("utf-8", "replace")

    def version(self, view: str, asked: str | None = None) -> Version:
        """Return the version of `view` that ``@asked`` gives, see `Record.version`."""
        return self.record(view).version(asked)

    def input_version(self, read: InputRecord) -> Version:
        """Return the version that a view which was made from `read` reads now: what its major version gives.

        A minor version keeps the values of the one before it, so a reader goes on with the newest; it never moves to
        another major version by itself.
        """
        if read.version is None:
            return self.version(read.name)
        major = VersionNumber.parse(read.version).major
        live = self.live_versions(read.name) if read.name in self else ()
        found = next((version for version in live if version.major == major), None)
        return found or self.version(read.name, str(major))
