"""The online store's catalogue: which versions are published, in which releases, and which generation answers for each.

It holds the registry's records as they stand on main and in every release, so a machine that only serves needs neither
the git repository nor the lake.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl

from workbench.define import Contract, FeatureSet
from workbench.errors import OnlineError, PromotionError, did_you_mean
from workbench.online.codec import RowCodec
from workbench.registry import OnDemandVersion, Registry, Version
from workbench.source_tree import FOLDER, parts_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.online.backend import OnlineBackend, ReadOnlyBackend

FORMAT = 1
META = "meta"


class Meta(msgspec.Struct, frozen=True):
    """What the catalogue was written from.

    Attributes
    ----------
    project
        The project's name.
    commit
        The commit of main.
    loaded_at
        When, in ISO 8601 and UTC.
    format
        The form of catalogue and rows.
    """

    project: str
    commit: str
    loaded_at: str
    format: int = FORMAT


class Generation(msgspec.Struct, frozen=True):
    """The rows of one view and major version, as they were loaded at one time.

    Attributes
    ----------
    number
        What the keys begin with.
    view, version
        The view, and the version whose data was loaded.
    data_digest, delta_version
        The identity of that data, and where the lake has it.
    contract
        What its columns are (`Contract.to_dict`).
    entities, rows
        How many there are.
    digest
        Of all keys and bytes, as they were written.
    since
        The earliest instant it can answer for, in microseconds since the epoch; None for any.
    loaded_at
        When it was loaded, in ISO 8601 and UTC.
    settled
        The instant from which on each entity's latest row answers, in microseconds since the epoch; None where some
        rows are dated after the loading, so that bounds say which row answers.
    """

    number: int
    view: str
    version: str
    data_digest: str
    delta_version: int
    contract: dict[str, Any]
    entities: int
    rows: int
    digest: str
    since: int | None
    loaded_at: str
    settled: int | None = None

    @property
    def codec(self) -> RowCodec:
        """What decodes its rows."""
        return RowCodec(Contract.from_dict(self.contract))

    def holds(self, version: Version) -> bool:
        """Whether its rows are the data of `version`."""
        return self.data_digest == version.data_digest and _schema(self.contract) == version.contract.schema


@dataclass(frozen=True)
class OnlineCatalog:
    """The catalogue as it stood at one version.

    Parameters
    ----------
    version
        Its version; 0 where nothing was ever loaded.
    values
        What it holds, by name.
    place
        The store, for messages.
    """

    version: int
    values: Mapping[str, bytes]
    place: str

    @classmethod
    def read(cls, backend: OnlineBackend | ReadOnlyBackend) -> OnlineCatalog:
        """Return the catalogue as it is now."""
        version, values = backend.catalog()
        found = cls(version, values, backend.place)
        if found.meta is not None and found.meta.format != FORMAT:
            raise OnlineError(
                f"The online store {found.place} has format {found.meta.format}; this version reads {FORMAT}.",
                remedy="Update feature-workbench, or run `workbench online load` with this version.",
            )
        return found

    @cached_property
    def meta(self) -> Meta | None:
        """What it was written from; None where nothing was ever loaded."""
        return self._decoded(META, Meta) if META in self.values else None

    @cached_property
    def registry(self) -> Registry:
        """What is published."""
        return Registry(_Tree(self), self.meta.commit if self.meta else None)

    def release(self, name: str) -> Registry:
        """Return what is published in a release."""
        key = f"release/{name}"
        if key not in self.values:
            raise PromotionError(
                f"The online store has no release {name!r}.",
                remedy=did_you_mean(name, self.releases)
                or "`workbench online load` brings the releases that were cut.",
            )
        return Registry(_Tree(self), self.values[key].decode())

    @property
    def releases(self) -> list[str]:
        """The names of the releases."""
        return self._names("release/")

    @property
    def feature_sets(self) -> Mapping[str, FeatureSet]:
        """The feature sets on main."""
        names = self._names("set/")
        return {name: FeatureSet(name, tuple(self._decoded(f"set/{name}", list[str]))) for name in names}

    @cached_property
    def generations(self) -> Mapping[str, Generation]:
        """The generation that answers for each ``view@major``."""
        return {name: self._decoded(f"generation/{name}", Generation) for name in self._names("generation/")}

    @cached_property
    def previous(self) -> Mapping[str, Generation]:
        """The generation that answered before, of each ``view@major`` that has one."""
        return {name: self._decoded(f"previous/{name}", Generation) for name in self._names("previous/")}

    def generation(self, view: str, version: Version) -> Generation | None:
        """Return the generation that has the data of a version of `view`; None where there is none."""
        name = f"{view}@{version.major}"
        found = (self.generations.get(name), self.previous.get(name))
        return next((each for each in found if each is not None and each.holds(version)), None)

    def _names(self, prefix: str) -> list[str]:
        return sorted(name.removeprefix(prefix) for name in self.values if name.startswith(prefix))

    def _decoded(self, name: str, kind: Any) -> Any:
        try:
            return msgspec.json.decode(self.values[name], type=kind)
        except msgspec.MsgspecError as error:
            raise OnlineError(
                f"The online store {self.place} cannot be understood: {name}: {error}.",
                remedy="Run `workbench online load`, which writes it anew.",
            ) from error


@dataclass(frozen=True, slots=True)
class _Tree:
    """The records in the catalogue, as a registry reads them from a repository."""

    catalog: OnlineCatalog

    def resolve(self, ref: str) -> str:
        return ref

    def is_unborn(self, name: str) -> bool:  # noqa: ARG002 - no branch is asked for
        return False

    def files(self, commit_or_tree: str, under: str = "") -> dict[str, str]:  # noqa: ARG002 - there are records only
        found: dict[str, str] = self.catalog._decoded(f"tree/{commit_or_tree}", dict[str, str])
        return found

    def read_blob(self, blob: str) -> bytes:
        return self.catalog.values[f"record/{blob}"]


def records_of(repository: Any, commit: str, folder: str) -> dict[str, bytes]:
    """Return the values of a catalogue that hold the records at a commit."""
    files = {path: blob for path, blob in repository.files(commit, folder).items() if path.endswith(".toml")}
    values = {f"record/{blob}": bytes(repository.read_blob(blob)) for blob in files.values()}
    return values | {f"tree/{commit}": msgspec.json.encode(files)}


@dataclass(frozen=True, slots=True)
class DefinitionFiles:
    """The files of an on-demand view in the catalogue, as definitions are loaded from a repository.

    Attributes
    ----------
    catalog
        The catalogue.
    """

    catalog: OnlineCatalog

    def subtree(self, commit_or_tree: str, path: str = FOLDER, /) -> str | None:  # noqa: ARG002 - there is one folder
        """Return the id of the folder: what its files are asked for by."""
        return commit_or_tree

    def files(self, commit_or_tree: str, under: str = FOLDER) -> Mapping[str, str]:
        """Return the blob id of each file, by its path from the root."""
        key = f"definition/{commit_or_tree}"
        if key not in self.catalog.values:
            raise OnlineError(
                f"The online store {self.catalog.place} does not have the definition of an on-demand view.",
                remedy="Run `workbench online load` where the project is.",
            )
        found: dict[str, str] = self.catalog._decoded(key, dict[str, str])
        return {f"{under}/{path}": blob for path, blob in found.items()}

    def read_blob(self, blob: str, /) -> bytes:
        """Return a file's content."""
        return self.catalog.values[f"file/{blob}"]

    def refuse_untrusted(self, ref: str, /) -> None:
        """Do nothing: only what main published is here."""


def definition_key(name: str, version: OnDemandVersion) -> str:
    """Return what the files of a version of an on-demand view are asked for by."""
    return f"{version.features}-{name}"


def definitions_of(repository: Any, registry: Registry) -> dict[str, bytes]:
    """Return the values of a catalogue that hold the files of the on-demand views of a registry."""
    values: dict[str, bytes] = {}
    for name in registry.on_demand_views:
        for version in registry.on_demand(name).versions:
            if version.status != "live":
                continue
            blobs = repository.folder(version.features)
            sources = {path: bytes(repository.read_blob(blob)) for path, blob in blobs.items() if path.endswith(".py")}
            paths = dict.fromkeys([*parts_of(f"{name}.py", sources), "__init__.py"])
            files = {path: blobs[path] for path in paths if path in blobs}
            values[f"definition/{definition_key(name, version)}"] = msgspec.json.encode(files)
            values |= {f"file/{blob}": bytes(repository.read_blob(blob)) for blob in files.values()}
    return values


def label_of(view: str, version: Version) -> str:
    """Return ``view@major``."""
    return f"{view}@{version.major}"


def served_versions(registry: Registry) -> Sequence[tuple[str, Version]]:
    """Return the views and versions that answer, each view's majors once."""
    return [(view, version) for view in registry.views for version in registry.record(view).versions if version.is_live]


def _schema(contract: Mapping[str, Any]) -> pl.Schema:
    return Contract.from_dict(contract).schema
