"""Who asks for a published version: what keeps it from being retired, and keeps `materialize` refreshing it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from workbench.define import load_tree
from workbench.errors import WorkbenchError
from workbench.promote.releases import releases
from workbench.promote.trunk import commit_of
from workbench.registry import split_version
from workbench.store import saved_sets

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from workbench.pipeline import VersionKey
    from workbench.registry import Registry, Version
    from workbench.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Pin:
    """Something that asks for a version: its kind, its name, and how it does."""

    kind: Literal["feature set", "view", "release", "training set"]
    name: str
    how: str

    @property
    def sentence(self) -> str:
        """Return it as a sentence without a full stop."""
        return f"{self.kind} {self.name} {self.how}"


def pins(workspace: Workspace, registry: Registry, view: str, version: Version) -> list[Pin]:
    """Return who asks for any minor version of the major version of `version`."""
    found = [*_named(workspace, registry), *_made_from(registry)]
    return list(dict.fromkeys(pin for pin, ref in found if _major_of(registry, ref) == (view, version.major)))


def superseded(workspace: Workspace, registry: Registry, kept: Collection[str]) -> dict[VersionKey, str]:
    """Return the live versions that need no new data, each with the number of the version that replaced it.

    These are versions of an older major version than the one that serves, which nothing pins, no version reads that
    gets new data, and `kept` (``view@major``) does not name. Where it cannot be known who reads what, there are none.
    """
    try:
        records = {view: registry.record(view) for view in registry.views}
        live = {(view, one.number): one for view, record in records.items() for one in record.versions if one.is_live}
        older = {
            (view, number): serving.number
            for (view, number), version in live.items()
            if (serving := records[view].serving) is not None and version.major < serving.major
        }
        if not older:
            return {}
        pinned = {_major_of(registry, ref) for ref in [*(ref for _, ref in _named(workspace, registry)), *kept]}
        waiting = [key for key in live if key not in older or (key[0], live[key].major) in pinned]
        while waiting:
            for read in live[waiting.pop()].inputs:
                if read.kind == "view":
                    key = read.name, registry.input_version(read).number
                    if older.pop(key, None) is not None:
                        waiting.append(key)
        return {key: number for key, number in older.items() if (key[0], live[key].major) not in pinned}
    except WorkbenchError:
        return {}


def _named(workspace: Workspace, registry: Registry) -> Iterator[tuple[Pin, str]]:
    """Yield what names versions, each with the reference to one: all but the stored views that were made from it."""
    definitions = load_tree(workspace.repository, commit_of(registry), cache=workspace.hidden)
    for name in definitions.set_files:
        for reference in definitions.feature_set(name).features:
            yield Pin("feature set", name, f"reads {reference}"), reference
    for name in registry.on_demand_views:
        for reader in registry.on_demand(name).versions:
            for read in reader.reads if reader.status == "live" else ():
                yield Pin("view", name, f"{reader.number} reads {read['ref']} on demand"), read["ref"]
    for release in releases(workspace):
        for pinned in release.versions:
            yield Pin("release", release.name, "pins it"), "@".join(pinned.rsplit(" ", 1))
    for saved in saved_sets(workspace.home):
        for asked in saved.question.features:
            if asked.version is not None:
                yield Pin("training set", saved.name, f"asks for {asked.target}"), asked.target


def _made_from(registry: Registry) -> Iterator[tuple[Pin, str]]:
    """Yield the live versions of stored views that read other views, each with the reference to what it reads."""
    for name in registry.views:
        for reader in registry.record(name).versions:
            for read in reader.inputs if reader.is_live else ():
                if read.kind == "view" and read.version is not None:
                    how = f"{reader.number} is made from {read.name} {read.version}"
                    yield Pin("view", name, how), f"{read.name}@{read.version}"


def _major_of(registry: Registry, reference: str) -> tuple[str, int] | None:
    """Return the view and major version that a reference asks for: without a version, the one that serves."""
    view, asked = split_version(reference.partition(":")[0])
    if asked is not None:
        return view, int(asked.partition(".")[0])
    serving = registry.record(view).serving if view in registry else None
    return None if serving is None else (view, serving.major)
