"""`OnDemandRecord`: what is published of one on-demand view, which has versions but no data.

Its file is below ``registry/on_demand/``, apart from the records of views with rows in the lake.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Self

from workbench.config import read_toml, valid_name
from workbench.define import Contract
from workbench.dtypes import dtype_from_json
from workbench.errors import FeatureNotFound, RegistryError, UsageError
from workbench.records import from_plain, to_plain
from workbench.registry.record import (
    DAMAGE,
    FOLDER,
    FORMAT,
    HEAD,
    Moment,
    contract_facts,
    contract_text,
    dtype_text,
    logical_dtype,
    of_another_format,
    present,
    unreadable,
)
from workbench.registry.versions import VersionNumber, split_version

if TYPE_CHECKING:
    from workbench.define import OnDemandInput, RequestField

ON_DEMAND_FOLDER = f"{FOLDER}/on_demand"


@dataclass(frozen=True)
class OnDemandVersion:
    """One published version of an on-demand view.

    Attributes
    ----------
    number
        The version.
    status
        ``live`` is what ``view@major`` gives.
    category
        What the change to it was: ``new``, ``metadata`` or ``value``.
    identity, code_hash, metadata_hash
        The hash of all that its values depend on beside its inputs' values; of its code; of what is said about it.
    features
        The git id of the folder ``features/`` that has its definition.
    branch, commit
        The experiment it came from, and its tip then.
    published_at, published_by
        When, and the promoter as ``Name <email>``.
    declaration, contract_facts
        What the decorator was told (`OnDemandView.to_dict`), and the promise about its columns (`Contract.to_dict`).
    reads
        The stored features that it reads, each as ``ref`` with the major version, and the ``column`` that it is.
    run
        The MLflow run of the experiment, or its key while that was on its way.
    accepted
        What was accepted by name when it was promoted, each with its reason.
    """

    number: str
    status: Literal["live", "superseded"]
    category: str
    identity: str
    code_hash: str
    metadata_hash: str
    features: str
    branch: str
    commit: str
    published_at: Moment
    published_by: str
    declaration: Mapping[str, Any]
    contract_facts: Mapping[str, Any]
    reads: tuple[Mapping[str, str], ...] = ()
    run: str | None = None
    accepted: tuple[str, ...] = ()

    @property
    def major(self) -> int:
        """The major version."""
        return VersionNumber.parse(self.number).major

    @property
    def order(self) -> VersionNumber:
        """The number, to sort by."""
        return VersionNumber.parse(self.number)

    @cached_property
    def contract(self) -> Contract:
        """What it promises about its columns."""
        return Contract.from_dict(self.contract_facts)

    @cached_property
    def request(self) -> tuple[RequestField, ...]:
        """The values that it takes from a request."""
        from workbench.define import RequestField  # here and below: with Polars, and not for a list of versions

        return tuple(
            RequestField(each["name"], dtype_from_json(logical_dtype(each["dtype"])), bool(each["nullable"]))
            for each in self.declaration["request"]
        )

    @cached_property
    def inputs(self) -> tuple[OnDemandInput, ...]:
        """The stored features that it reads."""
        from workbench.define import OnDemandInput

        found = []
        for each in self.reads:
            name, _, feature = each["ref"].partition(":")
            view, version = split_version(name)
            found.append(OnDemandInput(view, version, feature, each["column"]))
        return tuple(found)

    def to_dict(self) -> dict[str, Any]:
        """Return the version as values that TOML and JSON have; what is absent is left out."""
        plain = to_plain(self, keep=(datetime,))
        contract, declared = contract_text(plain.pop("contract_facts")), plain["declaration"]
        declared["request"] = [{**each, "dtype": dtype_text(each["dtype"])} for each in declared["request"]]
        found: dict[str, Any] = present({**plain, "contract": contract})
        return found

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the version that `to_dict` wrote; keys of later formats are ignored."""
        found = from_plain({**values, "contract_facts": contract_facts(values["contract"])}, cls)
        found.check()
        return found

    def check(self) -> None:
        """Raise `ValueError` for what was changed by hand so that reading by it would fail."""
        VersionNumber.parse(self.number)
        columns = [each.column for each in self.inputs] + [each.name for each in self.request]
        if len(set(columns)) < len(columns) or any(each.feature == "" for each in self.inputs):
            raise ValueError("its inputs and its request are not columns of one frame")
        if any(column.role != "feature" for column in self.contract.columns):
            raise ValueError("its contract has keys or times")


@dataclass(frozen=True, slots=True)
class OnDemandRecord:
    """What is published of one on-demand view.

    Attributes
    ----------
    view
        Its name.
    current
        The number of the version that ``view`` without a version gives.
    versions
        All of them, oldest first.
    """

    view: str
    current: str | None = None
    versions: tuple[OnDemandVersion, ...] = field(default=())

    @property
    def serving(self) -> OnDemandVersion | None:
        """The version that ``view`` without a version gives."""
        return next((version for version in self.versions if version.number == self.current), None)

    def version(self, asked: str | None = None) -> OnDemandVersion:
        """Return the version that `asked` names: "2" the live one of major 2, "2.1" that one, None the current."""
        found = self.serving
        if asked is not None:
            found = next(
                (
                    version
                    for version in self.versions
                    if version.number == asked or (str(version.major) == asked and version.status == "live")
                ),
                None,
            )
        if found is None:
            known = ", ".join(version.number for version in self.versions) or "none"
            raise FeatureNotFound(
                f"There is no version {asked} of on-demand view {self.view!r}.", remedy=f"Published versions: {known}."
            )
        return found

    def publish(self, version: OnDemandVersion) -> OnDemandRecord:
        """Return the record with a new version, which serves; the one before it of its major is superseded."""
        before = tuple(_superseded(old) if old.major == version.major else old for old in self.versions)
        return OnDemandRecord(self.view, version.number, (*before, version))

    def to_toml(self) -> str:
        """Return the record's file."""
        import tomli_w

        facts = {"format": FORMAT, "view": self.view, "current": self.current}
        return HEAD + tomli_w.dumps({**present(facts), "versions": [version.to_dict() for version in self.versions]})

    @classmethod
    def from_toml(cls, text: str, *, path: str) -> Self:
        """Return the record in the text of the file `path`."""
        try:
            values = read_toml(text)
            if values["format"] != FORMAT:
                raise of_another_format(path, values["format"])
            versions = tuple(OnDemandVersion.from_dict(version) for version in values["versions"])
            record = cls(valid_name("view", values["view"]), values.get("current"), versions)
        except RegistryError:
            raise
        except DAMAGE as error:
            raise unreadable(path, error) from error
        if path != on_demand_path(record.view) or record.serving is None:
            raise unreadable(path, UsageError("it names another view, or a version that it does not have"))
        return record


def on_demand_path(view: str) -> str:
    """Return where the record of the on-demand view `view` is, from the project's root."""
    return f"{ON_DEMAND_FOLDER}/{valid_name('view', view)}.toml"


def _superseded(version: OnDemandVersion) -> OnDemandVersion:
    return replace(version, status="superseded")
