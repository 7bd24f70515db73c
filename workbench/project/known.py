"""`KnownNames`: what can be named in a project, for completion. Nothing of it is computed, and no definition runs."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from workbench.define import load_tree
from workbench.errors import WorkbenchError
from workbench.registry import Registry
from workbench.sources import Source
from workbench.store import names as saved_names
from workbench.store import release_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from workbench.define import Outline
    from workbench.registry import Version
    from workbench.tracking import RunSummary
    from workbench.workspace import Workspace

MOST = 200
"""How many values of a key, and how many files and runs are told."""
_ROWS = 20_000_000
"""How many stored rows are read for the values of a key at most."""


@dataclass(frozen=True, slots=True)
class KnownView:
    """A view of a branch or of what is published.

    Attributes
    ----------
    name
        The view.
    features
        Its features, with their types as far as they are known.
    entities
        Its keys.
    versions
        The numbers of its published versions that are served, newest first.
    is_on_branch
        Whether the branch defines it.
    is_on_demand
        Whether it is computed for each request.
    """

    name: str
    features: Mapping[str, str] = field(default_factory=dict)
    entities: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    is_on_branch: bool = True
    is_on_demand: bool = False


class KnownNames:
    """What can be named in a project on one of its branches.

    What cannot be read is left out: nothing here raises an error of ours.

    Parameters
    ----------
    workspace
        The project's workspace.
    branch
        The branch.
    dtypes
        Returns the columns of a source, None where they are not known: a front end that answers within a time gives its
        own.
    """

    def __init__(
        self,
        workspace: Workspace,
        branch: str,
        *,
        dtypes: Callable[[Source], Mapping[str, object] | None] = Source.dtypes,
    ) -> None:
        self._workspace = workspace
        self._branch = branch
        self._dtypes = dtypes

    def branches(self) -> Mapping[str, str]:
        """Return the branches; of the one with what is published it is said."""
        found = dict.fromkeys(self._workspace.repository.names(), "")
        if self._workspace.trunk in found:
            found[self._workspace.trunk] = "what is published"
        return found

    @cached_property
    def views(self) -> Mapping[str, KnownView]:
        """The views of the branch and those that are published."""
        found: dict[str, KnownView] = {}
        with suppress(WorkbenchError):
            for name, view in self._outline.views.items():
                kinds = {column.name: column.annotation for column in view.columns}
                features = {each: kinds.get(each, "") for each in view.features}
                found[name] = KnownView(name, features, view.declared.entities)
            for name, requested in self._outline.on_demand.items():
                found[name] = KnownView(
                    name, dict.fromkeys(requested.features, ""), requested.request, is_on_demand=True
                )
        for name, versions in self._published():
            shown, numbers = versions[0], tuple(each.number for each in versions)
            features = {column.name: str(column.dtype) for column in shown.contract.features}
            mine = found.get(name)
            entities = mine.entities if mine and mine.entities else tuple(shown.declaration.get("entities", ()))
            found[name] = KnownView(
                name, {**features, **(mine.features if mine else {})}, entities, numbers, is_on_branch=mine is not None
            )
        return dict(sorted(found.items()))

    @cached_property
    def _outline(self) -> Outline:
        workspace = self._workspace
        commit = workspace.repository.resolve(self._branch)
        return load_tree(workspace.repository, commit, cache=workspace.hidden).outline

    @cached_property
    def _registry(self) -> Registry:
        return Registry.at(self._workspace.repository, self._workspace.trunk)

    def _published(self) -> Iterator[tuple[str, list[Version]]]:
        """Yield the served versions of each published view, newest first."""
        with suppress(WorkbenchError):
            for name in self._registry.views:
                with suppress(WorkbenchError):
                    served = [version for version in self._registry.record(name).versions if version.is_served]
                    if served:
                        yield name, served[::-1]

    def feature_sets(self) -> tuple[str, ...]:
        """Return the feature sets of the branch that are written down as constants."""
        with suppress(WorkbenchError):
            return tuple(self._outline.sets)
        return ()

    def sources(self) -> Mapping[str, str]:
        """Return the sources, each with what it holds."""
        return {name: source.settings.description for name, source in self._workspace.sources.items()}

    def columns(self, table: str) -> Mapping[str, str]:
        """Return the columns of a source or view, each with its type; none of a query, which is not run."""
        if table in self._workspace.sources:
            with suppress(WorkbenchError):
                dtypes = self._dtypes(self._workspace.sources[table]) or {}
                return {name: str(dtype) for name, dtype in dtypes.items()}
        view = self._outline.views.get(table) if table in self.views else None
        if view is not None and view.columns:
            return {column.name: column.annotation for column in view.columns}
        return self.views[table].features if table in self.views else {}

    def releases(self) -> tuple[str, ...]:
        """Return the names of the releases."""
        with suppress(WorkbenchError):
            return tuple(release_names(self._workspace))
        return ()

    def training_sets(self) -> tuple[str, ...]:
        """Return the names of the saved training sets."""
        with suppress(WorkbenchError, OSError):
            return tuple(saved_names(self._workspace.home))
        return ()

    def _runs(self) -> list[RunSummary]:
        with suppress(WorkbenchError, OSError):
            return self._workspace.tracker.runs(limit=MOST)
        return []

    def experiments(self) -> Mapping[str, str]:
        """Return the experiments that logged a model, each with its branch."""
        return {run.name: run.branch for run in self._runs() if run.kind == "model"}

    def runs(self) -> Mapping[str, str]:
        """Return the beginnings of the ids of the newest runs, each with what it ran."""
        return {
            (run.run_id or run.key)[:12]: f"{run.name if run.kind == 'model' else run.view} on {run.branch}"
            for run in self._runs()
        }

    def values(self, view: str, key: str) -> tuple[str, ...]:
        """Return values of a key of a view: of its rows that are computed on the branch, or published.

        Only what is stored is read, one column of it.
        """
        for frame in self._stored_rows(view):
            with suppress(WorkbenchError, pl.exceptions.PolarsError, OSError):
                rows = frame.select(pl.col(key).cast(pl.String)).head(_ROWS).drop_nulls().unique()
                found = rows.collect(engine="streaming").to_series().sort()
                return tuple(found.head(MOST * 50))
        return ()

    def _stored_rows(self, view: str) -> Iterator[pl.LazyFrame]:
        workspace = self._workspace
        with suppress(WorkbenchError, OSError):
            last = workspace.journal.last(view, branch=self._branch)
            stored = workspace.cache.get(last.view_id, using=False) if last is not None else None
            if stored is not None:
                yield stored.frame()
        with suppress(WorkbenchError, OSError):
            served = self._registry.version(view)
            yield workspace.lake.scan(
                view, served.major, served.delta_version, served.contract, digest=served.data_digest
            )

    def files(self, begun: str, *, folder: Path) -> Mapping[str, str]:
        """Return the files and folders that begin so, seen from `folder`."""
        above, _, name = begun.rpartition("/")
        place = folder / (above or ("/" if begun.startswith("/") else ""))
        found = {}
        with suppress(OSError):
            for each in sorted(place.expanduser().iterdir()):
                if each.name.startswith(name) and (name.startswith(".") or not each.name.startswith(".")):
                    text = f"{above}/{each.name}" if "/" in begun else each.name
                    found[f"{text}/" if each.is_dir() else text] = "folder" if each.is_dir() else "file"
                    if len(found) == MOST:
                        break
        return found
