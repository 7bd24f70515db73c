"""`rebuild`: a published version whose rows are lost, or lie where only somebody else can read them, computed again."""

from __future__ import annotations

import time
import warnings
from typing import TYPE_CHECKING

from workbench.config import CONFIG_FILE, Config
from workbench.errors import LakeDataMissing, SourceMoved, WorkbenchError
from workbench.pipeline.evaluate import on_steady_sources
from workbench.pipeline.versions import VersionEvaluation
from workbench.sources import Sources

if TYPE_CHECKING:
    from workbench.pipeline.evaluate import Prepared
    from workbench.registry import Registry, Version
    from workbench.workspace import Workspace


class RebuiltWarning(UserWarning):
    """A published version that is not in the lake was computed again, from its own code and sources."""


def rebuild(workspace: Workspace, registry: Registry, view: str, version: Version, missing: LakeDataMissing) -> None:
    """Compute a published version again, so that `Lake.rows` has exactly the rows that were published.

    Nothing is written but the view cache. `missing` says what the lake lacks; where the version cannot be computed, or
    comes out as something else, it is raised with the reason.
    """
    started = time.monotonic()

    def compute() -> None:
        settings = Config.parse(workspace.repository.read(registry.commit or workspace.trunk, CONFIG_FILE)).sources
        sources = Sources(settings, root=workspace.root, cache=workspace.hidden)
        _rebuild(workspace, VersionEvaluation(workspace, registry, sources), view, version)

    try:
        on_steady_sources(compute)
    except SourceMoved:
        raise
    except WorkbenchError as error:
        raise unavailable(workspace, view, version, missing, error.message) from None
    warnings.warn(
        f"{view}@{version.number} is not in the lake here; its code and sources are, and it was computed again in "
        f"{time.monotonic() - started:.1f} s: the same rows that were published.",
        RebuiltWarning,
        stacklevel=2,
    )


def _rebuild(workspace: Workspace, versions: VersionEvaluation, view: str, version: Version) -> None:
    for name, read in versions.inputs(version).items():
        try:
            workspace.lake.require(name, read)
        except LakeDataMissing:
            _rebuild(workspace, versions, name, read)
        versions.replace(name, read, versions.published_rows(name, read))
    prepared = versions.prepare(view, version)
    if why := difference(prepared, version):
        raise LakeDataMissing(why, remedy="")
    digest = versions.evaluate(view, version).computed.stored.record.digest.exact
    if digest != version.data_digest:
        raise LakeDataMissing(
            f"{view} {version.number} was computed again, and its rows are not those that were published "
            f"({digest[:10]}, not {version.data_digest[:10]})",
            remedy="",
        )


def difference(prepared: Prepared, version: Version) -> str:
    """Return which of its inputs here are not what a version was computed from; empty where all are."""
    if prepared.view_id == version.view_id:
        return ""
    recorded = {read.name: read.digest for read in version.inputs}
    moved = [name for name, digest in prepared.digests.items() if recorded.get(name) != digest]
    if moved:
        return f"{' and '.join(moved)} {'has' if len(moved) == 1 else 'have'} other data here than it was computed from"
    return "its code does not have the recorded fingerprint"


def unavailable(
    workspace: Workspace, view: str, version: Version, missing: LakeDataMissing, why: str
) -> LakeDataMissing:
    """Return the error for a version that is neither in the lake nor can be computed again here: what is missing."""
    return LakeDataMissing(
        f"The data of {view}@{version.number} is not here: {missing.message.rstrip('.')}.",
        lines=[f"  It cannot be computed again here: {why.rstrip('.')}."],
        remedy="Get the sources as they were and read it again. "
        + (workspace.unshared or f"Or restore the lake ({workspace.lake.uri}) from a backup."),
    )
