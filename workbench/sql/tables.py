"""From the tables that a query names to the rows that are meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.errors import QueryError, SourceError, UsageError, did_you_mean
from workbench.registry import RELEASE_PREFIX, split_version
from workbench.store import BranchReader, RegistryReader, release_commit

if TYPE_CHECKING:
    from collections.abc import Iterable

    import polars as pl

    from workbench.sources import Source
    from workbench.sql.names import TableName
    from workbench.store import ReadableView, ViewReader
    from workbench.workspace import Workspace


class Tables:
    """Finds tables by name.

    ``view`` and ``"view@2"`` are what the handle's store reads under these names; ``"branch".view`` is a branch's view
    (on main the published one), ``"release/name".view`` a release's; a name that is not a view's may be a source's.

    Parameters
    ----------
    workspace
        The project's workspace.
    reading
        What names without a schema mean.
    """

    def __init__(self, workspace: Workspace, reading: ViewReader) -> None:
        self._workspace = workspace
        self._readings: dict[str, ViewReader] = {"": reading}
        self.views: list[ReadableView] = []
        self._sources: list[Source] = []

    def has(self, table: TableName) -> bool:
        """Whether `table`, which the query may have named itself, is a view or a source as well."""
        if table.schema:
            return True
        try:
            view, version = split_version(table.name.lower())
        except UsageError:
            return False
        return self._readings[""].has(view, version) or view in self._workspace.sources

    def frame(self, table: TableName) -> pl.LazyFrame:
        """Return the rows of `table`; a branch's view is computed where it is not computed yet."""
        reading = self._reading(table.schema)
        name = table.name.lower()
        try:
            view, version = split_version(name)
        except UsageError:
            raise QueryError.unknown_table(str(table), self._known(reading, table)) from None
        if reading.has(view, version):
            served = reading.view(view, version)
            self.views.append(served)
            return served.data.frame
        if not table.schema and name in self._workspace.sources:
            self._sources.append(self._workspace.sources[name])
            return self._sources[-1].frame()
        raise QueryError.unknown_table(str(table), self._known(reading, table))

    def unreadable(self) -> SourceError | None:
        """Return the error that names the first of the sources read here whose rows cannot be read; None if all can."""
        for source in self._sources:
            try:
                source.require_readable()
            except SourceError as error:
                return error
        return None

    def _reading(self, schema: str) -> ViewReader:
        if schema not in self._readings:
            self._readings[schema] = self._opened(schema)
        return self._readings[schema]

    def _opened(self, schema: str) -> ViewReader:
        repository = self._workspace.repository
        names = {name.lower(): name for name in repository.names()}
        branch = schema if repository.exists(schema) else names.get(schema.lower())
        if branch in self._workspace.protected:
            return RegistryReader.of(self._workspace)
        if branch is not None:
            return BranchReader.of(self._workspace, branch)
        if schema.startswith(RELEASE_PREFIX):
            release = schema.removeprefix(RELEASE_PREFIX)
            return RegistryReader.of(self._workspace, release_commit(self._workspace, release), release=release)
        raise _unknown_schema(schema, names.values())

    def _known(self, reading: ViewReader, table: TableName) -> Iterable[str]:
        found = reading.tables()
        if not table.schema:
            return [*found, *self._workspace.sources.names()]
        return [f"{table.schema}.{name}" for name in found]


def _unknown_schema(name: str, branches: Iterable[str]) -> QueryError:
    """Return the error for a schema `name` that is neither one of `branches` nor a release."""
    return QueryError(
        f"There is no branch {name!r} to read views from.",
        remedy=f'{did_you_mean(name, branches)} Write "branch".view or "release/2026.11".view, with the quotes.',
    )
