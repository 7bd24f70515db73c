"""Computing published versions as their records say: by their own code, from the versions that they were made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.compute import InputData
from workbench.define import load_tree, reraise_user_errors
from workbench.errors import FeatureNotFound
from workbench.pipeline.evaluate import Evaluation, Upstream
from workbench.pipeline.identities import source_digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.compute import Progress, Replaced, Shortcut, StoredView
    from workbench.define import Definitions
    from workbench.pipeline.evaluate import Evaluated, Prepared
    from workbench.registry import Registry, Version
    from workbench.sources import Sources
    from workbench.workspace import Workspace

VersionKey = tuple[str, str]
"""A view and the number of one of its published versions."""


class VersionEvaluation:
    """Computes published versions on today's sources, whatever main defines now.

    Parameters
    ----------
    workspace
        The project's workspace.
    registry
        What is published, at a commit.
    sources
        The sources that commit declares.
    progress
        Called while a view is computed.
    beside
        Another evaluation, whose snapshots of the sources are read.
    shortcut
        Gives a shorter way to the same data for a version that is to be computed, or None.
    replaced
        Computes in full what is stored, too, and is asked whether that is to be replaced.
    """

    def __init__(
        self,
        workspace: Workspace,
        registry: Registry,
        sources: Sources,
        *,
        progress: Callable[[Progress], None] | None = None,
        beside: Evaluation | None = None,
        shortcut: Callable[[VersionKey, Prepared], Shortcut | None] | None = None,
        replaced: Replaced | None = None,
    ) -> None:
        self.registry = registry
        self.with_version: dict[VersionKey, InputData] = {}
        self._workspace = workspace
        self._sources = sources
        self._progress = progress
        self._shortcut = shortcut
        self._replaced = replaced
        self._snapshots = beside or Evaluation(self._tree(registry.commit or ""), sources, workspace.cache)
        self._evaluations: dict[VersionKey, Evaluation] = {}

    def inputs(self, version: Version) -> dict[str, Version]:
        """Return the version of each view that `version` reads."""
        return {read.name: self.registry.input_version(read) for read in version.inputs if read.kind == "view"}

    def evaluation(self, view: str, version: Version) -> Evaluation:
        """Return the evaluation that computes this version of `view`, and nothing else."""
        key = view, version.number
        if key not in self._evaluations:
            self._evaluations[key] = Evaluation(
                self._tree(self._root(version.features)),
                self._sources,
                self._workspace.cache,
                progress=self._progress,
                beside=self._snapshots,
                shortcut=None if self._shortcut is None else lambda prepared: self._shorter(key, prepared),
                replaced=self._replaced,
                upstream=lambda name: self._upstream(view, version, name),
            )
        return self._evaluations[key]

    def prepare(self, view: str, version: Version) -> Prepared:
        """Return a version with its identity on today's sources, as `Evaluation.prepare` does."""
        evaluation = self.evaluation(view, version)
        with reraise_user_errors(evaluation.definitions, {}):
            return evaluation.prepare(view)

    def evaluate(self, view: str, version: Version) -> Evaluated:
        """Return a version computed on today's sources, or reused, as `Evaluation.evaluate` does."""
        evaluation = self.evaluation(view, version)
        with reraise_user_errors(evaluation.definitions, {}):
            return evaluation.evaluate(view)

    def source_digest(self, name: str) -> str:
        """Return the digest of what views see today of a source."""
        return source_digest(self._sources[name], self._snapshots.snapshot(name))

    def stored(self, view_id: str) -> StoredView | None:
        """Return a computed view, where it is kept."""
        return self._workspace.cache.get(view_id)

    def published_rows(self, view: str, version: Version) -> InputData:
        """Return a version's rows as the input of another version."""
        rows = self._workspace.lake.rows(view, version)
        return InputData(name=view, frame=rows, digest=version.data_digest, kind="view")

    def replace(self, view: str, version: Version, data: InputData) -> None:
        """Let what reads this version of `view` read `data`, and not what would be computed."""
        self.with_version[view, version.number] = data

    def _shorter(self, key: VersionKey, prepared: Prepared) -> Shortcut | None:
        assert self._shortcut is not None  # noqa: S101 - asked by who gave one
        return self._shortcut(key, prepared)

    def _upstream(self, view: str, version: Version, name: str) -> Upstream:
        read = self.inputs(version).get(name)
        if read is None:
            known = [each.name for each in version.inputs]
            raise FeatureNotFound.absent(name, where=f"what {view} {version.number} was made from", known=known)
        return Upstream(self.evaluation(name, read), self.with_version.get((name, read.number)))

    def _tree(self, commit_or_tree: str) -> Definitions:
        return _load(self._workspace, self.registry.commit or "", commit_or_tree)

    def _root(self, features: str) -> str:
        return _root(self._workspace, self.registry.commit or "", features)


def published_definitions(workspace: Workspace, main: str, features: str) -> Definitions:
    """Return the definitions that a version was published with."""
    return _load(workspace, main, _root(workspace, main, features))


def _load(workspace: Workspace, main: str, commit_or_tree: str) -> Definitions:
    return load_tree(workspace.repository, commit_or_tree, cache=workspace.hidden, written=main)


def _root(workspace: Workspace, main: str, features: str) -> str:
    """Return a root tree whose definitions are those of the folder's tree `features`."""
    repository = workspace.repository
    if repository.subtree(main) == features:
        return main
    old = {f"features/{name}": blob for name, blob in repository.folder(features).items()}
    now = repository.files(main)
    changes: dict[str, bytes | None] = {path: None for path in now if path not in old}
    changes |= {path: repository.read_blob(blob) for path, blob in old.items() if now.get(path) != blob}
    return repository.tree_with(main, changes)
