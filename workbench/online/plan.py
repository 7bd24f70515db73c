"""Plans: how a request is read, resolved once for each version of the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, repeat
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Self

from workbench.errors import OnlineError
from workbench.online.backend import FOREVER, prefix_of
from workbench.online.catalog import Generation
from workbench.online.codec import CREATED, EVENT, FIRST, Row, RowCodec
from workbench.online.keys import EntityKeys
from workbench.online.values import FeatureValue, RowFacts
from workbench.point_in_time import within_ttl
from workbench.store import JoinedView, ReadableView

if TYPE_CHECKING:
    from datetime import timedelta

    from workbench.online.values import Origin, Status
    from workbench.store import ReadableData, ReadableOnDemand


@dataclass(frozen=True)
class ViewPlan:
    """How one view of a request is read.

    Attributes
    ----------
    part
        The view, under its alias and with its renamed keys.
    origin
        Where its rows are.
    generation
        What has its rows online; None where nothing does.
    stale
        Whether newer source data is known and not published.
    """

    part: JoinedView
    origin: Origin
    generation: Generation | None
    stale: bool

    @cached_property
    def keys(self) -> EntityKeys:
        """How its entities become keys."""
        view = self.part.view
        return EntityKeys(view.name, tuple((name, view.contract[name].dtype) for name in view.entities))

    @cached_property
    def names(self) -> Mapping[str, str]:
        """What a request calls the view's entity columns, where that is another name."""
        return {entity: column for entity, column in self.part.keys if entity != column}

    @cached_property
    def codec(self) -> RowCodec:
        """What decodes its rows."""
        return self.generation.codec if self.generation else RowCodec(self.part.view.contract)

    @cached_property
    def decode(self) -> Callable[..., Row]:
        """What decodes one of its rows."""
        return self.codec.decode

    @cached_property
    def prefix(self) -> bytes:
        """What the keys of its generation begin with."""
        return prefix_of(self.generation.number) if self.generation else b""

    @cached_property
    def online(self) -> tuple[str | None, int | None, Origin]:
        """Version, generation and origin of its rows in the online store."""
        return self.version, self.generation.number if self.generation else None, "online"

    @cached_property
    def version(self) -> str | None:
        """The version of the view."""
        return self.part.view.version

    @cached_property
    def ttl(self) -> timedelta | None:
        """For how long a row holds."""
        return self.part.view.ttl

    @cached_property
    def has_created(self) -> bool:
        """Whether its rows say when they became known."""
        return self.part.view.created is not None

    @cached_property
    def there(self) -> Status:
        """The status of a value that is there."""
        return "stale" if self.stale else "present"

    def reaches(self, instant: int) -> bool:
        """Whether its generation can answer for an instant."""
        return self.generation is not None and (self.generation.since is None or instant >= self.generation.since)

    @cached_property
    def settled(self) -> int:
        """The instant from which on the latest row of each entity answers; `FOREVER` where bounds say which does."""
        settled = self.generation.settled if self.generation else None
        return FOREVER if settled is None else settled

    @cached_property
    def stored_keys(self) -> Callable[[Sequence[Mapping[str, object]]], list[bytes]]:
        """What makes the keys of entities in the store; `NO_ROW` for one that no row can have."""
        return self.keys.stored_by(self.names)

    def holds(self, event: Any, instant: int) -> Any:
        """Return whether a row of this event time may be used at an instant, or has expired; or of a column of them."""
        return within_ttl(instant, event, self.ttl)


@dataclass(frozen=True)
class OnDemandPlan(ViewPlan):
    """How one on-demand view of a request is computed: from columns of its stored views, and from the request.

    Attributes
    ----------
    view
        The view.
    inputs
        The stored features that it reads, by the column that its function knows.
    """

    view: ReadableOnDemand
    inputs: Mapping[str, Column]

    @classmethod
    def of(cls, view: ReadableOnDemand, inputs: Mapping[str, Column]) -> Self:
        """Return the plan of an on-demand view, which looks like a view without keys and times."""

        def refuse() -> ReadableData:
            raise OnlineError(f"{view.label} has no stored rows.", remedy="It is computed on demand.")

        rows = ReadableView(
            name=view.name,
            version=view.version,
            contract=view.contract,
            entities=(),
            event_time="",
            created=None,
            ttl=None,
            lookback=None,
            load=refuse,
            load_inputs=tuple,
        )
        return cls(JoinedView(view.label, None, (), rows), "on demand", None, False, view, inputs)  # noqa: FBT003


@dataclass(frozen=True)
class Column:
    """One feature of a request: its name, its view's place in the plan, and its own place in a row."""

    name: str
    view: int
    feature: str
    place: int
    default: Any
    convert: Callable[[Any], Any] | None


RowValues = Callable[["Row | None", int], "Iterable[FeatureValue]"]
"""Returns the answers for features of a view from the row of an entity, if it has one, at an instant."""


@dataclass(frozen=True)
class ViewColumns:
    """The features of one view that a request asks for."""

    view: ViewPlan
    columns: tuple[Column, ...]

    @cached_property
    def pick(self) -> Callable[[Sequence[Any]], Sequence[Any]]:
        """What takes them out of a row, or out of the columns of rows."""
        return picker([column.place for column in self.columns])

    @cached_property
    def converts(self) -> bool:
        """Whether the stored values of some are not Python's."""
        return any(column.convert is not None for column in self.columns)

    @cached_property
    def values_online(self) -> RowValues:
        """What makes the answers of rows as the online store has them."""
        return self.values_of(self.view.online, stored=True)

    def values_of(self, shared: tuple[str | None, int | None, Origin], *, stored: bool) -> RowValues:
        """Return what makes the answers of rows that have version, generation and origin in common.

        Values are `stored` where they are not Python's yet.
        """
        view, pick, columns = self.view, self.pick, self.columns
        ttl, has_created, holds, there = view.ttl, view.has_created, view.holds, view.there
        converts, all_there = stored and self.converts, repeat(there)
        missing = [
            FeatureValue(each.default, "missing" if each.default is None else "default", RowFacts(None, None, *shared))
            for each in columns
        ]

        def values(row: Row | None, instant: int) -> Iterable[FeatureValue]:
            if row is None:
                return missing
            facts = RowFacts(row[EVENT], row[CREATED] if has_created else None, *shared)
            if ttl and not holds(row[EVENT], instant):
                return [
                    FeatureValue(each.default, "expired" if each.default is None else "default", facts)
                    for each in columns
                ]
            found = pick(row)
            if converts:
                found = [
                    value if each.convert is None else each.convert(value)
                    for each, value in zip(columns, found, strict=True)
                ]
            if None in found:
                return [FeatureValue(value, "null" if value is None else there, facts) for value in found]
            return map(FeatureValue, found, all_there, repeat(facts))

        return values


def picker(places: Sequence[int]) -> Callable[[Sequence[Any]], Sequence[Any]]:
    """Return what takes the values at some places out of a sequence."""
    if len(places) > 1:
        return itemgetter(*places)  # several at once, without a step of Python's for each
    return lambda values: [values[place] for place in places]


@dataclass(frozen=True)
class Plan:
    """A request, resolved: valid while the catalogue has this version.

    Attributes
    ----------
    version
        The catalogue's.
    views
        The views whose stored rows are read.
    columns
        What was asked for.
    on_demand
        The views that are computed from these; in what is found they stand behind the stored ones.
    """

    version: int
    views: tuple[ViewPlan, ...]
    columns: tuple[Column, ...]
    on_demand: tuple[OnDemandPlan, ...] = ()

    @cached_property
    def all_views(self) -> tuple[ViewPlan, ...]:
        """The views whose rows are stored, then those that are computed."""
        return (*self.views, *self.on_demand)

    @cached_property
    def shown(self) -> frozenset[int]:
        """The places of the views that were asked for; others are only read by on-demand views."""
        return frozenset(column.view for column in self.columns)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def by_view(self) -> tuple[ViewColumns, ...]:
        """The columns of each view."""
        places = range(len(self.all_views))
        return tuple(
            ViewColumns(self.all_views[place], tuple(each for each in self.columns if each.view == place))
            for place in places
        )

    @cached_property
    def row_readers(self) -> tuple[tuple[Callable[..., Row], RowValues], ...]:
        """What decodes a row of each view that the online store has, and what makes the answers of it."""
        return tuple((decode, of.values_online) for decode, of in zip(self.decoders, self.by_view, strict=False))

    @cached_property
    def is_grouped(self) -> bool:
        """Whether the columns of each view stand together, in the order of the views."""
        return self.grouped_names == self.names

    @cached_property
    def decoders(self) -> tuple[Callable[..., Row], ...]:
        """What decodes a row of each view that the online store has."""
        return tuple(view.decode for view in self.views)

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """How many columns the rows of each view have."""
        return tuple(FIRST + len(view.codec.features) for view in self.all_views)

    @cached_property
    def begins(self) -> tuple[int, ...]:
        """Where the columns of each view begin, where those of all views stand one after another."""
        return tuple(accumulate(self.widths, initial=0))[:-1]

    @cached_property
    def fading(self) -> tuple[tuple[int, ViewPlan], ...]:
        """The views whose rows expire, with where their columns begin."""
        return tuple((begin, view) for begin, view in zip(self.begins, self.views, strict=False) if view.ttl)

    @cached_property
    def pick(self) -> Callable[[Sequence[Any]], Sequence[Any]]:
        """What takes the columns asked for out of those of all views, which stand one after another."""
        return picker([self.begins[column.view] + column.place for column in self.columns])

    @cached_property
    def grouped_names(self) -> tuple[str, ...]:
        """The names of the columns, view by view."""
        return tuple(column.name for features in self.by_view for column in features.columns)

    @cached_property
    def prefixes(self) -> tuple[bytes, ...]:
        """What the keys of each view's rows begin with."""
        return tuple(view.prefix for view in self.views)

    @cached_property
    def converts(self) -> bool:
        """Whether the stored values of some columns are not Python's."""
        return any(features.converts for features in self.by_view)

    @cached_property
    def settled(self) -> int:
        """The instant from which on the latest row of each entity answers, in all views."""
        return max((view.settled for view in self.views), default=-FOREVER)

    @cached_property
    def online_since(self) -> int:
        """The instant from which on the store answers for all views; `FOREVER` where it does not have one of them."""
        generations = [view.generation for view in self.views]
        return max((FOREVER if each is None else each.since or -FOREVER for each in generations), default=-FOREVER)

    @cached_property
    def simple_since(self) -> int:
        """The instant from which on the latest rows answer for all views, and the store has them all."""
        return max(self.online_since, self.settled)

    def is_online_at(self, instant: int | None) -> bool:
        """Whether the store answers for all views at an instant; None is now."""
        return self.online_since < FOREVER if instant is None else instant >= self.online_since

    def online_at(self, instant: int) -> list[int]:
        """Return the places of the views that the store answers for at an instant."""
        return [place for place, view in enumerate(self.views) if view.reaches(instant)]

    @cached_property
    def key_sources(self) -> tuple[int, ...]:
        """For each view the place of the first one whose entities become the same keys: they are encoded once."""
        forms = [[(view.names.get(name, name), dtype) for name, dtype in view.keys.columns] for view in self.views]
        return tuple(forms.index(form) for form in forms)

    @cached_property
    def has_one_key(self) -> bool:
        """Whether the entities become the same keys in all views."""
        return not any(self.key_sources)

    def stored_keys(self, entities: Sequence[Mapping[str, object]], places: Sequence[int] | None = None) -> list[bytes]:
        """Return the keys in the store of each entity in some of the views, or in all, view by view."""
        prefixes = self.prefixes
        if places is None:
            if self.has_one_key and prefixes:
                keys = self.views[0].stored_keys(entities)
                return [prefix + key for prefix in prefixes for key in keys]
            places = range(len(prefixes))
        known: dict[int, list[bytes]] = {}
        found = []
        for place in places:
            source = self.key_sources[place]
            if source not in known:
                known[source] = self.views[place].stored_keys(entities)
            found += [prefixes[place] + key for key in known[source]]
        return found
