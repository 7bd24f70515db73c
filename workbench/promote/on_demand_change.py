"""What a promotion does to an on-demand view: there is no data to compare, so its code and what it reads decide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from workbench.errors import PromotionError
from workbench.pipeline import PreparedOnDemand, StoredInputs, identity_of, prepare_on_demand
from workbench.records import to_plain
from workbench.registry import OnDemandRecord, VersionNumber

if TYPE_CHECKING:
    from workbench.define import InputColumn, OnDemandInput
    from workbench.pipeline import Evaluation
    from workbench.promote.merge import MergedTree
    from workbench.promote.version_change import Compared


@dataclass(frozen=True, slots=True)
class OnDemandChange:
    """One on-demand view that a promotion publishes a new version of.

    Attributes
    ----------
    view, category
        The view, and what kind of change it is: ``new``, ``metadata`` or ``value``.
    number, previous
        The version that is made, and the one that serves now.
    why
        What makes it this category, a sentence each.
    identity
        The hash of all that its values depend on beside its inputs' values.
    reads
        The stored features that it reads, with their major versions, by the column that its function knows.
    request
        The values that it takes from a request.
    """

    view: str
    category: str
    number: str
    previous: str | None
    why: tuple[str, ...]
    identity: str
    reads: Mapping[str, str]
    request: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values, all of which the plan's digest covers."""
        plain: dict[str, Any] = to_plain(self)
        return plain


@dataclass(frozen=True)
class ComparedOnDemand:
    """An on-demand view that is to be published: what changes, and how it was found."""

    change: OnDemandChange
    prepared: PreparedOnDemand
    record: OnDemandRecord


def compare_on_demand(
    proposed: MergedTree, evaluation: Evaluation, name: str, *, along: Mapping[str, Compared]
) -> ComparedOnDemand | None:
    """Return what publishing an on-demand view changes; None where it is published as it is."""
    registry = proposed.registry
    if name in registry:
        raise PromotionError(
            f"{name!r} is published as a stored view, and the branch makes an on-demand view of it.",
            remedy="Rename the on-demand view: versions of one name are of one kind.",
        )
    record = registry.on_demand(name) if name in registry.on_demand_views else OnDemandRecord(name)
    view = proposed.definitions.on_demand(name)
    reads = tuple(read if read.view in along else _pinned(proposed, read) for read in view.reads)
    missing = list(dict.fromkeys(read.view for read in reads if read.version is None and read.view not in along))
    if missing:
        raise PromotionError(
            f"{name} reads {', '.join(missing)}, which is not published.",
            remedy=f"Publish them together: promote {' '.join([*missing, name])}.",
        )
    inputs = StoredInputs(evaluation, registry, proposed.workspace.lake)
    prepared = prepare_on_demand(proposed.definitions, name, inputs, reads=reads)
    columns = [_numbered(column, along) for column in prepared.columns]
    identity = identity_of(view, prepared.contract, prepared.fingerprint, columns)
    serving = record.serving
    if serving is not None and (serving.identity, serving.metadata_hash) == (identity, prepared.metadata_hash):
        return None
    category, why = "new", ("it was never published",)
    number = VersionNumber(1, 0)
    if serving is not None and serving.identity == identity:
        category, why = "metadata", ("only what is said about it changes",)
        number = VersionNumber(serving.major, serving.order.minor + 1)
    elif serving is not None:
        code = prepared.fingerprint.code_hash != serving.code_hash
        category, why = "value", ("its code changes" if code else "its contract, request or inputs change",)
        number = VersionNumber(max(version.major for version in record.versions) + 1, 0)
    change = OnDemandChange(
        view=name,
        category=category,
        number=str(number),
        previous=None if serving is None else serving.number,
        why=why,
        identity=identity,
        reads={column.column: f"{column.view}@{column.version}:{column.feature}" for column in columns},
        request=tuple(each.name for each in view.request),
    )
    return ComparedOnDemand(change, prepared, record)


def _pinned(proposed: MergedTree, read: OnDemandInput) -> OnDemandInput:
    """Return an input with the major version that is published; as it is where nothing is."""
    if read.version is None and read.view in proposed.registry:
        serving = proposed.registry.record(read.view).serving
        return read if serving is None else replace(read, version=str(serving.major))
    if read.version is not None:
        return replace(read, version=read.version.partition(".")[0])
    return read


def _numbered(column: InputColumn, along: Mapping[str, Compared]) -> InputColumn:
    """Return a column with the major version that its view gets by the same promotion."""
    if column.version is not None or column.view not in along:
        return column
    return replace(column, version=along[column.view].change.number.partition(".")[0])
