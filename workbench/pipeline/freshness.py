"""Whether what is published has the newest data of its sources; nothing is computed for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from workbench.config import CONFIG_FILE, Config
from workbench.errors import LakeDataMissing, LakeError, SourceError, WorkbenchError
from workbench.pipeline.identities import source_digest
from workbench.registry import Registry
from workbench.sources import Sources

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.registry import InputRecord, Version
    from workbench.render import Tone
    from workbench.sources import Snapshot
    from workbench.workspace import Workspace

FreshnessState = Literal["current", "behind", "held", "frozen", "missing", "not looked at"]
TONES: Mapping[FreshnessState, Tone] = {
    "current": "good",
    "behind": "bad",
    "held": "warn",
    "frozen": "warn",
    "missing": "bad",
    "not looked at": "warn",
}


@dataclass(frozen=True, slots=True)
class Freshness:
    """Whether a live version has the newest data of its sources.

    Attributes
    ----------
    view, number
        The version; the number is empty where the view's record cannot be read.
    state
        ``current``, ``behind`` its sources, ``held`` at data that it was rolled back to, ``frozen`` where it was
        superseded and is no longer refreshed, ``missing`` where its rows are not in the lake, or ``not looked at``.
    since
        When it was left behind, rolled back or frozen; else when it got the data that it has.
    why
        What moved, is missing, or could not be read.
    """

    view: str
    number: str
    state: FreshnessState
    since: datetime | None
    why: str

    @property
    def when(self) -> str:
        """Since when, for people; empty where that is not known."""
        return "" if self.since is None else f" (since {self.since:%Y-%m-%d %H:%M} UTC)"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        since = None if self.since is None else self.since.isoformat()
        return {"view": self.view, "version": self.number, "state": self.state, "since": since, "why": self.why}


def freshness(workspace: Workspace, snapshots: Mapping[str, Snapshot]) -> tuple[Freshness, ...]:
    """Return whether each live version has the newest data of its sources, by what its record says it was made from."""
    if not workspace.repository.exists(workspace.trunk):
        return ()
    try:
        registry = Registry.at(workspace.repository, workspace.trunk, kept=workspace.hidden / "known")
        settings = Config.parse(workspace.repository.read(workspace.trunk, CONFIG_FILE)).sources
    except WorkbenchError as error:
        return (Freshness("", "", "not looked at", None, error.message),)
    known = {
        name: snapshot
        for name, snapshot in snapshots.items()
        if settings.get(name) == workspace.config.sources.get(name) is not None
    }
    sources = Sources(settings, root=workspace.root, cache=workspace.hidden)
    found = tuple(_Look(workspace, registry, sources, known).all())
    workspace.lake.remember()
    registry.remember()
    return found


class _Look:
    """One look at everything that is live."""

    def __init__(
        self, workspace: Workspace, registry: Registry, sources: Sources, snapshots: dict[str, Snapshot]
    ) -> None:
        self.workspace = workspace
        self.registry = registry
        self.sources = sources
        self.snapshots = snapshots
        self._digests: dict[str, str | SourceError] = {}
        self._found: dict[tuple[str, str], Freshness] = {}

    def all(self) -> Iterator[Freshness]:
        for view in self.registry.views:
            try:
                versions = self.registry.live_versions(view)
            except WorkbenchError as error:
                yield Freshness(view, "", "not looked at", None, error.message)
                continue
            yield from (self.of(view, version) for version in versions)

    def of(self, view: str, version: Version) -> Freshness:
        key = view, version.number
        if key not in self._found:
            self._found[key] = self._of(view, version)
        return self._found[key]

    def _of(self, view: str, version: Version) -> Freshness:
        def found(state: FreshnessState, since: datetime | None, why: str) -> Freshness:
            return Freshness(view, version.number, state, since, why)

        of_data = version.materialized_at or version.published_at
        try:
            self.workspace.require_rows(view, version)
        except LakeDataMissing as error:
            return found("missing", None, error.message)
        except LakeError as error:
            return found("not looked at", None, error.message)
        if version.frozen is not None:
            return found("frozen", version.frozen.since, version.frozen.why)
        try:
            moved = [said for read in version.inputs if (said := self._moved(read))]
        except WorkbenchError as error:
            return found("not looked at", of_data, error.message)
        if version.held is not None and moved:
            return found("held", version.held.since, f"rolled back by {version.held.by}; {'; '.join(moved)}")
        if version.behind is not None and moved:
            return found("behind", version.behind.since, version.behind.why)
        return found("behind", of_data, "; ".join(moved)) if moved else found("current", of_data, "")

    def _moved(self, read: InputRecord) -> str:
        """Return how an input differs from what was read of it; empty where it does not."""
        if read.kind == "view":
            version = self.registry.input_version(read)
            above = self.of(read.name, version)
            if version.data_digest != read.digest:
                return f"{read.name} {version.number} has other data since"
            return (
                ""
                if above.state in {"current", "held"}
                else f"{read.name} {version.number}, which it reads, is {above.state}"
            )
        return "" if self._digest(read.name) == read.digest else f"{read.name} changed since"

    def _digest(self, name: str) -> str:
        """Return the digest of a source as it is now."""
        if name not in self._digests:
            try:
                source = self.sources[name]
                if name not in self.snapshots:
                    self.snapshots[name] = source.snapshot()
                self._digests[name] = source_digest(source, self.snapshots[name])
            except SourceError as error:
                self._digests[name] = error
        found = self._digests[name]
        if isinstance(found, SourceError):
            raise found
        return found
