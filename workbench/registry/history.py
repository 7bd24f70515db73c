"""Which data a published version has had: each materialization leaves a record on main."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from workbench.errors import FeatureNotFound, RegistryError
from workbench.registry.record import record_path
from workbench.registry.registry import Registry, Tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from workbench.registry.record import Version

LIMIT = 10_000


class CommitInfo(Protocol):
    """A commit, as far as it matters here."""

    @property
    def id(self) -> str:
        """Its full id."""

    @property
    def time(self) -> datetime:
        """When it was made."""


class History(Tree, Protocol):
    """What is asked of the repository."""

    def history(self, branch_or_commit: str, *, path: str | None = None, limit: int = ...) -> Sequence[CommitInfo]:
        """Return the commits that changed a file, newest first."""


@dataclass(frozen=True, slots=True)
class DataVersion:
    """Data that a version had: `number` in the lake, since when, and the record that said so."""

    number: int
    since: datetime
    version: Version


def data_versions(repository: History, ref: str, view: str, version: Version) -> list[DataVersion]:
    """Return the data that a version, or one of its major version with the same code and columns, has had.

    Newest first, each once.
    """
    found: dict[int, DataVersion] = {}
    for one in _recorded_versions(repository, ref, view, version):
        found.pop(one.number, None)  # an older commit says since when
        found[one.number] = one
    return sorted(found.values(), key=lambda one: one.number, reverse=True)


def _recorded_versions(repository: History, ref: str, view: str, version: Version) -> Iterator[DataVersion]:
    for commit in repository.history(ref, path=record_path(view), limit=LIMIT):
        try:
            record = Registry(repository, commit.id).record(view)
        except (FeatureNotFound, RegistryError):
            continue
        for old in record.versions:
            if (old.major, old.code_hash, old.parameters, old.contract.schema) == (
                version.major,
                version.code_hash,
                version.parameters,
                version.contract.schema,
            ):
                yield DataVersion(old.delta_version, commit.time, old)
