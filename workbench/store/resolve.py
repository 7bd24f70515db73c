"""From references to the views that are joined and the columns they give."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from workbench.errors import FeatureNotFound, JoinError, UsageError
from workbench.store.on_demand import ReadableOnDemand, refuse_renamed, refuse_stored
from workbench.store.references import Reference, require_entity, require_feature

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import polars as pl

    from workbench.define import Contract, OnDemandInput
    from workbench.store.reader import ReadableView, ViewReader


@dataclass(frozen=True)
class JoinedView:
    """One view as it takes part in a training set: under its own name or an alias, with its own keys or others.

    Attributes
    ----------
    label
        The view as references name it, ``spend@1.2``.
    alias
        What it is called here.
    keys
        Pairs of an entity column and the spine's column that must equal it.
    view
        The view.
    """

    label: str
    alias: str | None
    keys: tuple[tuple[str, str], ...]
    view: ReadableView = field(compare=False)

    @classmethod
    def of(cls, view: ReadableView, reference: Reference) -> JoinedView:
        """Return `view` as `reference` lets it take part."""
        require_entity(view.label, view.entities, reference.keys)
        renamed = dict(reference.keys)
        return cls(view.label, reference.alias, tuple((e, renamed.get(e, e)) for e in view.entities), view)

    @property
    def name(self) -> str:
        """What its columns begin with under ``full_names``."""
        return self.alias or self.view.name

    @property
    def title(self) -> str:
        """What messages call it."""
        return f"{self.label} as {self.alias}" if self.alias else self.label

    @cached_property
    def columns(self) -> Mapping[str, str]:
        """Column of the view by the spine's column that must equal it."""
        return {column: entity for entity, column in self.keys}


@dataclass(frozen=True, slots=True)
class ResolvedFeature:
    """One feature that was asked for, and the column of the result that holds it."""

    joined: JoinedView
    feature: str
    column: str

    @property
    def ref(self) -> str:
        """The feature as ``view[@version]:feature``."""
        return f"{self.joined.label}:{self.feature}"


Owner: TypeAlias = JoinedView | ReadableOnDemand


@dataclass(frozen=True, slots=True)
class ComputedFeature:
    """One feature of an on-demand view that was asked for, and the column of the result that holds it."""

    view: ReadableOnDemand
    feature: str
    column: str

    @property
    def ref(self) -> str:
        """The feature as ``view[@version]:feature``."""
        return f"{self.view.label}:{self.feature}"


@dataclass(frozen=True)
class OnDemandPart:
    """One on-demand view as it takes part in a request or training set.

    Attributes
    ----------
    view
        The view.
    inputs
        The stored features that it reads, each with a column of its own in what is joined.
    names
        What its function calls each of these columns.
    """

    view: ReadableOnDemand
    inputs: tuple[ResolvedFeature, ...]
    names: tuple[str, ...]


@dataclass(frozen=True)
class Resolution:
    """What references name: stored features and features computed on demand.

    Attributes
    ----------
    wanted
        All of them in the order asked for.
    parts
        The on-demand views among them, with the stored features that they read.
    """

    wanted: tuple[ResolvedFeature | ComputedFeature, ...]
    parts: tuple[OnDemandPart, ...] = ()

    @property
    def visible(self) -> tuple[ResolvedFeature, ...]:
        """The stored features that were asked for."""
        return tuple(item for item in self.wanted if isinstance(item, ResolvedFeature))

    @property
    def computed(self) -> tuple[ComputedFeature, ...]:
        """The features of on-demand views that were asked for."""
        return tuple(item for item in self.wanted if isinstance(item, ComputedFeature))

    @property
    def stored(self) -> tuple[ResolvedFeature, ...]:
        """All stored features that are read: those asked for, and those that on-demand views need."""
        return (*self.visible, *(item for part in self.parts for item in part.inputs))


def resolve(references: Sequence[Reference], reading: ViewReader, *, full_names: bool) -> tuple[ResolvedFeature, ...]:
    """Return the stored features that `references` name, as `resolve_all` does; on-demand views are refused."""
    found = resolve_all(references, reading, full_names=full_names)
    for part in found.parts:
        raise refuse_stored(part.view)
    return found.visible


def resolve_all(references: Sequence[Reference], reading: ViewReader, *, full_names: bool) -> Resolution:
    """Return the features that `references` name, in their order, each once."""
    found = dict.fromkeys(pair for reference in references for pair in _features(reference, reading))
    wanted = tuple(_named(owner, feature, full_names=full_names) for owner, feature in found)
    owners: dict[str, JoinedView | ReadableOnDemand] = {}
    for item in wanted:
        owner = _owner(item)
        other = owners.setdefault(item.column, owner)
        if other is not owner and other != owner:
            raise _collision(item.column, owner, other)
    views = dict.fromkeys(item.view for item in wanted if isinstance(item, ComputedFeature))
    return Resolution(wanted, tuple(_part(view, reading, number) for number, view in enumerate(views)))


def _named(owner: Owner, feature: str, *, full_names: bool) -> ResolvedFeature | ComputedFeature:
    column = f"{owner.name}__{feature}" if full_names else feature
    if isinstance(owner, JoinedView):
        return ResolvedFeature(owner, feature, column)
    return ComputedFeature(owner, feature, column)


def _owner(item: ResolvedFeature | ComputedFeature) -> Owner:
    return item.joined if isinstance(item, ResolvedFeature) else item.view


def _part(view: ReadableOnDemand, reading: ViewReader, number: int) -> OnDemandPart:
    """Return an on-demand view with what it reads; a name with spaces is no column of a view."""

    def contract_of(read: OnDemandInput) -> Contract:
        return named_view(Reference(read.view, read.version), reading)[0].contract

    inputs, names = [], []
    for each in view.columns(contract_of):
        stored = named_view(Reference(each.view, each.version), reading)[0]
        joined = JoinedView.of(stored, Reference(each.view, each.version))
        inputs.append(ResolvedFeature(joined, each.feature, f"on demand {number} {each.column}"))
        names.append(each.column)
    return OnDemandPart(view, tuple(inputs), tuple(names))


def named_view(ref: str | Reference, reading: ViewReader) -> tuple[ReadableView, tuple[str, ...]]:
    """Return the view that `ref` names, and its features: the one named, or all."""
    reference = Reference.parse(ref)
    if not reference.is_plain:
        raise UsageError(
            f"{str(reference)!r} gives a view another name, which only a training set supports.",
            remedy=f"Write {reference.target!r}.",
        )
    if not reading.has(reference.view, reference.version):
        if (computed := reading.on_demand(reference.view, reference.version)) is not None:
            raise refuse_stored(computed)
        raise _unknown(reference, reading)
    view = reading.view(reference.view, reference.version)
    return view, _of_view(view, reference)


def check_spine(
    spine: pl.Schema, asked: Resolution, *, time: str, label: str | None, index: Sequence[str] = ()
) -> None:
    """Raise `JoinError` unless the spine has the time, label and key columns, and none that a feature would take.

    `index` names what a pandas frame has in its index instead.
    """
    keys = (column for joined in joined_views(asked.stored) for column in joined.columns)
    for column in (time, *([label] if label is not None else []), *keys):
        if column in spine:
            continue
        if column in index:
            raise JoinError(
                f"Point-in-time join: the spine has {column!r} in its pandas index, which is not a column.",
                remedy="Pass spine.reset_index().",
            )
        raise JoinError.missing_column(column, "the spine", spine)
    for item in asked.wanted:
        if item.column in spine:
            raise JoinError.collision(item.column, "the spine", f"view {_title(_owner(item))!r}")


def joined_views(wanted: Iterable[ResolvedFeature]) -> tuple[JoinedView, ...]:
    """Return the views of the features asked for, each once, in their order."""
    return tuple(dict.fromkeys(item.joined for item in wanted))


def _features(reference: Reference, reading: ViewReader) -> list[tuple[Owner, str]]:
    plain = reference.version is None and reference.feature is None
    if reading.has(reference.view, reference.version):
        if plain and reference.view in reading.ambiguous:
            raise UsageError(
                f"{reference.view!r} is both a view and a feature set.",
                remedy=f"Name the view's features, as in '{reference.view}:...', or rename the feature set.",
            )
        view = reading.view(reference.view, reference.version)
        joined = JoinedView.of(view, reference)
        return [(joined, feature) for feature in _of_view(view, reference)]
    on_demand = _on_demand(reference, reading)
    if on_demand is not None:
        return on_demand
    named = reading.feature_set(reference.view) if plain else None
    if named is None:
        raise _unknown(reference, reading)
    if not reference.is_plain:
        raise UsageError(
            f"{reference.view!r} is a feature set: only a view can have another name or other keys.",
            remedy=f"Name its views one by one: {', '.join(named.features)}.",
        )
    members = (Reference.parse(member) for member in named.features)
    return [pair for member in members for pair in _member(member, reading)]


def _on_demand(reference: Reference, reading: ViewReader) -> list[tuple[Owner, str]] | None:
    """Return the features of an on-demand view; None where the reference does not name one."""
    view = reading.on_demand(reference.view, reference.version)
    if view is None:
        return None
    if not reference.is_plain:
        raise refuse_renamed(view.name)
    if reference.feature is None:
        return [(view, feature) for feature in view.features]
    require_feature(view.name, reference.feature, view.features)
    return [(view, reference.feature)]


def _member(reference: Reference, reading: ViewReader) -> list[tuple[Owner, str]]:
    """Return the features of a member of a feature set, which names views, never other sets."""
    if not reading.has(reference.view, reference.version):
        on_demand = _on_demand(reference, reading)
        if on_demand is not None:
            return on_demand
    view, features = named_view(reference, reading)
    joined = JoinedView.of(view, reference)
    return [(joined, feature) for feature in features]


def _of_view(view: ReadableView, reference: Reference) -> tuple[str, ...]:
    if reference.feature is None:
        return view.features
    require_feature(view.name, reference.feature, view.features)
    return (reference.feature,)


def _unknown(reference: Reference, reading: ViewReader) -> Exception:
    """Return the error for a name that is nothing; where it is a feature's, it says of which view."""
    name = reference.view
    owners = sorted(reading.owners(name)) if reference.feature is None and reference.version is None else []
    if owners:
        shown = " or ".join(repr(f"{owner}:{name}") for owner in owners)
        return FeatureNotFound(f"{name!r} is a feature; write its view, too.", remedy=f"Write {shown}.")
    return reading.missing(name)


def _collision(column: str, owner: Owner, other: Owner) -> JoinError:
    if owner.name != other.name:
        return JoinError.collision(column, f"view {_title(other)!r}", f"view {_title(owner)!r}")
    return JoinError(
        f"Point-in-time join: {_title(other)} and {_title(owner)} are one view joined twice, and both "
        f"would give {column!r}.",
        remedy='Give one of them another name: wb.use("view", as_="other", keys={"entity": "column"}), and ask for '
        "full_names=True, which names it other__feature.",
    )


def _title(owner: Owner) -> str:
    return owner.title if isinstance(owner, JoinedView) else owner.label
