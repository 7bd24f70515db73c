"""`Record`: what is published of one view, and its form as TOML under ``registry/`` on main."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cached_property, lru_cache
from typing import Annotated, Any, Literal, Self

from msgspec import Meta

from workbench.config import read_toml, valid_name
from workbench.define import Contract
from workbench.errors import FeatureNotFound, RegistryError, UsageError, VersionWithdrawn, WorkbenchError
from workbench.records import from_plain, to_plain
from workbench.registry.versions import VersionNumber
from workbench.times import parse_duration

FOLDER = "registry"
FORMAT = 1
_VERSION = "[[versions]]\n"
_TEXT = "_text"
"""Under this name a version has the text that it was read from; one that is made of it with changes has none."""
HEAD = "# Written by Feature Workbench when a version is published. Do not edit by hand.\n"

DAMAGE = (
    *(ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError),
    WorkbenchError,
)
"""Errors that reading a manually edited record raises."""

Status = Literal["live", "superseded", "deprecated", "retired", "withdrawn"]
"""``live`` is what ``view@major`` gives; ``deprecated`` too, until its end date; ``retired`` is no longer served, and
``withdrawn`` is not either, for a reason that its readers are told."""


Moment = Annotated[datetime, Meta(tz=True)]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]


@dataclass(frozen=True, slots=True)
class InputRecord:
    """One input that a version's data was computed from: `version` of a published view, `rows` of a source."""

    name: str
    kind: Literal["source", "view"]
    digest: str
    version: str | None = None
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """Data that was rolled back: no other is published until somebody accepts it by name, or promotes the view.

    Attributes
    ----------
    since, by
        When it was rolled back, and who did.
    inputs
        The digest of each input then.
    """

    since: Moment
    by: str
    inputs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Behind:
    """That a version does not have the newest data of its sources: since when, and why not."""

    since: Moment
    why: str


@dataclass(frozen=True, slots=True)
class Frozen:
    """That `materialize` does not refresh a version any more: since when, and why."""

    since: Moment
    why: str


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """That a version was taken out of service: which one, when, by whom and why."""

    version: str
    since: Moment
    by: str
    reason: str

    @property
    def sentence(self) -> str:
        """What happened to the version, without its view and a full stop."""
        return f"was withdrawn {self.since:%Y-%m-%d %H:%M} UTC by {self.by}: {self.reason.rstrip('.')}"


@dataclass(frozen=True)
class Version:
    """One published version of a view.

    Attributes
    ----------
    number
        ``major.minor``.
    status
        Its state of service.
    category
        What the change to it was: ``new``, ``metadata``, ``refactor``, ``additive``, ``value`` or ``breaking``.
    view_id, data_digest, rows, period
        The address, identity (exact), size and first and last event time of its data as it stands.
    delta_version
        The version of the lake's table ``<view>/v<major>`` that holds this data.
    code_hash, metadata_hash
        The fingerprint of its definition, and of what is said about it.
    features
        The git id of the folder ``features/`` that it was computed from.
    branch, commit
        The experiment it came from, and its tip then.
    published_at, published_by
        When, and the promoter as ``Name <email>``.
    declaration, contract
        What the decorator was told (`FeatureView.to_dict`), and the promise about its columns (`Contract.to_dict`).
    inputs
        What its data was computed from.
    parameters
        The view's parameters, as they enter the view id.
    run
        The MLflow run of the experiment, or its key while that was on its way.
    materialized_at
        When newer source data last brought the data up to date; None where it is as published.
    behind
        Why its data is older than its sources, where new data was there and was not published.
    held
        The data that was rolled back, where its data is an earlier one.
    frozen
        Why it gets no newer data, where a newer major version serves and nothing reads or pins this one.
    until, successor
        For a deprecated version: the last day it is served, and what to read instead.
    accepted
        What was accepted by name when it was promoted, each with its reason.
    follows
        The number of the version that served when this one was promoted.
    withdrawn
        Why it was taken out of service, where it was.
    in_place_of
        The withdrawn version in whose place it serves again.
    """

    number: str
    status: Status
    category: str
    view_id: str
    data_digest: str
    rows: Count
    delta_version: Count
    code_hash: str
    metadata_hash: str
    features: str
    branch: str
    commit: str
    published_at: Moment
    published_by: str
    declaration: Mapping[str, Any]
    contract_facts: Mapping[str, Any]
    inputs: tuple[InputRecord, ...] = ()
    parameters: str = ""
    period: tuple[Moment, Moment] | None = None
    run: str | None = None
    materialized_at: Moment | None = None
    behind: Behind | None = None
    held: Hold | None = None
    frozen: Frozen | None = None
    until: date | None = None
    successor: str | None = None
    accepted: tuple[str, ...] = ()
    follows: str | None = None
    withdrawn: Withdrawal | None = None
    in_place_of: Withdrawal | None = None

    @property
    def major(self) -> int:
        """The major version, which names the lake's table."""
        return VersionNumber.parse(self.number).major

    @property
    def order(self) -> VersionNumber:
        """The number, to sort by."""
        return VersionNumber.parse(self.number)

    @property
    def is_live(self) -> bool:
        """Whether it is what its major version gives, and is kept up to date unless it is frozen."""
        return self.status in {"live", "deprecated"}

    @property
    def is_served(self) -> bool:
        """Whether readers may still have it."""
        return self.status not in {"retired", "withdrawn"}

    @cached_property
    def contract(self) -> Contract:
        """What it promises about its columns."""
        return Contract.from_dict(self.contract_facts)

    @property
    def entities(self) -> tuple[str, ...]:
        """Its key columns."""
        return tuple(self.declaration["entities"])

    @property
    def event_time(self) -> str:
        """The column that says from when on a row holds."""
        return str(self.declaration["event_time"])

    @property
    def created(self) -> str | None:
        """The column that says since when a row is known, where it has one."""
        return self.declaration.get("created")

    @property
    def ttl(self) -> timedelta | None:
        """How long a value may be used; None without limit."""
        text = self.declaration.get("ttl")
        return None if text is None else parse_duration(text, what="ttl")

    def to_dict(self) -> dict[str, Any]:
        """Return the version as values that TOML and JSON have; what is absent is left out."""
        plain = to_plain(self, keep=(datetime, date))
        contract = contract_text(plain.pop("contract_facts"))
        found: dict[str, Any] = present({**plain, "contract": contract})
        return found

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the version that `to_dict` wrote; keys of later formats are ignored."""
        found = from_plain({**values, "contract_facts": contract_facts(values["contract"])}, cls)
        found.check()
        return found

    def check(self) -> None:
        """Raise `ValueError` for what was changed by hand so that reading by it would fail, or give something else."""
        VersionNumber.parse(self.number)
        declared, columns = self.declaration, self.contract_facts["columns"]
        roles = {
            "entity": list(declared["entities"]),
            "event_time": [declared["event_time"]],
            "created": [declared["created"]] if "created" in declared else [],
        }
        for role, names in roles.items():
            found = [column["name"] for column in columns if column["role"] == role]
            if sorted(names) != sorted(found):
                raise ValueError(f"its declaration and its contract differ in {role}")
        for length in ("ttl", "lookback"):
            if declared.get(length) is not None:
                parse_duration(declared[length], what=length)


@dataclass(frozen=True, slots=True)
class Record:
    """What is published of one view.

    Attributes
    ----------
    view
        Its name.
    current
        The number of the version that ``view`` without a version gives; None where none is served.
    versions
        All of them, oldest first.
    """

    view: str
    current: str | None
    versions: tuple[Version, ...] = field(default=())

    @property
    def serving(self) -> Version | None:
        """The version that ``view`` without a version gives."""
        return next((version for version in self.versions if version.number == self.current), None)

    def version(self, asked: str | None = None, *, withdrawn: bool = False) -> Version:
        """Return the version that `asked` names: "2" the live one of major 2, "2.1" that one, None the current.

        One that was withdrawn is refused, unless `withdrawn` allows it.
        """
        if asked is None:
            if self.serving is None:
                gone = [version.number for version in self.versions if version.withdrawn is not None]
                if gone:
                    raise self.withdrawal_error(self.version(gone[-1], withdrawn=True))
                raise FeatureNotFound(
                    f"No version of view {self.view!r} is served.", remedy=f"Published versions: {self._known()}."
                )
            return self.serving
        found = next((version for version in self.versions if _answers(version, asked)), None)
        found = found or next((version for version in reversed(self.versions) if str(version.major) == asked), None)
        if found is None:
            raise FeatureNotFound(
                f"There is no version {asked} of view {self.view!r}.", remedy=f"Published versions: {self._known()}."
            )
        if found.withdrawn is not None:
            if withdrawn:
                return found
            raise self.withdrawal_error(found)
        if not found.is_served:
            instead = f"Read {found.successor} instead." if found.successor else f"Published versions: {self._known()}."
            raise FeatureNotFound(f"Version {found.number} of view {self.view!r} is retired.", remedy=instead)
        return found

    def withdrawal_error(self, version: Version) -> VersionWithdrawn:
        """Return the error for reading a version that was withdrawn, with the reason and what to read instead."""
        assert version.withdrawn is not None  # noqa: S101 - who calls has looked
        live = next((one for one in self.versions if one.is_live and one.major == version.major), self.serving)
        if live is None:
            remedy = f"No version of {self.view} is served now; `rollback {self.view} --to VERSION` serves one again."
        else:
            other = (
                "" if live.major == version.major else ", another major version: its columns or their meaning differ"
            )
            remedy = f"Read {self.view}@{live.number} instead{other}."
        return VersionWithdrawn(f"{self.view}@{version.number} {version.withdrawn.sentence}.", remedy=remedy)

    def lineage(self, version: Version) -> tuple[Version, ...]:
        """Return the versions of its major version that led to `version`, the first one first, and itself."""
        known = {one.number: one for one in self.versions}
        found = [version]
        while (before := known.get(found[0].follows or "")) is not None and before.major == version.major:
            found.insert(0, before)
        return tuple(found)

    def newest(self, major: int | None = None) -> Version | None:
        """Return the version with the highest number, of `major` where one is given."""
        among = [version for version in self.versions if major is None or version.major == major]
        return max(among, key=lambda version: version.order, default=None)

    def with_version(self, version: Version) -> Record:
        """Return the record with `version` in the place of the one with its number, or at the end."""
        others = [old for old in self.versions if old.number != version.number]
        return replace(self, versions=tuple(sorted([*others, version], key=lambda one: one.order)))

    def to_toml(self) -> str:
        """Return the record's file; versions that were read from one are written as they stood there."""
        import tomli_w

        facts = present({"format": FORMAT, "view": self.view, "current": self.current})
        if not self.versions:
            return HEAD + tomli_w.dumps({**facts, "versions": []})
        return HEAD + "\n".join([tomli_w.dumps(facts), *map(_text_of, self.versions)])

    @classmethod
    def from_toml(cls, text: str, *, path: str) -> Self:
        """Return the record in the text of the file `path`."""
        try:
            values, parts = _split(text)
            if values["format"] != FORMAT:
                raise of_another_format(path, values["format"])
            versions = tuple(parts if parts is not None else map(Version.from_dict, values["versions"]))
            record = cls(valid_name("view", values["view"]), values.get("current"), versions)
        except RegistryError:
            raise
        except DAMAGE as error:
            raise unreadable(path, error) from error
        if path != record_path(record.view) or (record.current is not None and record.serving is None):
            raise unreadable(path, UsageError("it names another view, or a version that it does not have"))
        return record

    def _known(self) -> str:
        return ", ".join(version.number for version in self.versions if version.is_served) or "none"


def _split(text: str) -> tuple[Mapping[str, Any], list[Version] | None]:
    """Return what a record says before its versions, and these; without them what all of it says, if it is not as ours.

    Of many versions few are new from one reading to the next: each is parsed once.
    """
    head, *parts = text.split(f"\n{_VERSION}")
    try:
        facts = read_toml(head)
        if parts and "versions" not in facts:
            return facts, [_version_in(f"{_VERSION}{part.rstrip(chr(10))}\n") for part in parts]
    except DAMAGE:
        pass  # what is wrong is said of the whole
    return read_toml(text), None


@lru_cache(maxsize=4_096)
def _version_in(text: str) -> Version:
    """Return the version that is all that a text says."""
    values = read_toml(text)
    (facts,) = values.pop("versions")
    if values:
        raise ValueError("it says more than a version")
    version = Version.from_dict(facts)
    version.__dict__[_TEXT] = text
    return version


def _text_of(version: Version) -> str:
    """Return what a record's file has of a version."""
    import tomli_w

    text: str | None = version.__dict__.get(_TEXT)
    return text if text is not None else tomli_w.dumps({"versions": [version.to_dict()]})


def record_path(view: str) -> str:
    """Return where the record of `view` is, from the project's root."""
    return f"{FOLDER}/{valid_name('view', view)}.toml"


def _answers(version: Version, asked: str) -> bool:
    if "." in asked:
        return version.number == asked
    return str(version.major) == asked and version.is_live


def present(value: Any) -> Any:
    """Return `value` without what is None in it, which TOML does not have."""
    if isinstance(value, Mapping):
        return {key: present(item) for key, item in value.items() if item is not None}
    return [present(item) for item in value] if isinstance(value, (list, tuple)) else value


def dtype_text(dtype: object) -> str:
    """Return a dtype as one string: TOML has no null for, say, the zone of a datetime without one."""
    return dtype if isinstance(dtype, str) else json.dumps(dtype)


def logical_dtype(dtype: str) -> object:
    """Return what `dtype_text` was made of."""
    return json.loads(dtype) if dtype.startswith(("{", "[")) else dtype


def contract_text(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is written of a contract: its dtypes are texts."""
    return {**facts, "columns": [{**column, "dtype": dtype_text(column["dtype"])} for column in facts["columns"]]}


def contract_facts(text: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `contract_text` was made of."""
    return {**text, "columns": [{**column, "dtype": logical_dtype(column["dtype"])} for column in text["columns"]]}


def unreadable(path: str, error: Exception) -> RegistryError:
    """Return the error for the record at `path`, which raised `error`."""
    said = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    return RegistryError(
        f"{path} on main is not a record of published versions: {type(error).__name__}: {said}.",
        remedy=f"Restore it from an earlier commit (`git log main -- {path}`): only `promote` writes records.",
    )


def of_another_format(path: str, found: object) -> RegistryError:
    """Return the error for a record in a format that this version does not know."""
    return RegistryError(
        f"{path} on main is in format {found!r}, which this version of Feature Workbench does not know.",
        remedy="Install a newer version: pip install --upgrade feature-workbench.",
    )
