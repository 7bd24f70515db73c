"""Skeletons of feature views: cells that run as they are, filled with the columns of a source or view."""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import polars as pl

from workbench.config import valid_name
from workbench.errors import UsageError, did_you_mean

_ID = re.compile(
    r"(?:^|[\W_])(?:id|key|code|no|nr|uuid|guid|user|customer|client|account|device)$|[a-z](?:Id|ID)$", re.IGNORECASE
)
_CALENDAR = {"year", "month", "day", "hour", "minute", "second", "week", "weekday", "zip", "postcode", "lat", "lon"}
_LABEL = re.compile(r"label|target|churn|default|fraud|click|convert|return|cancel|late|success|outcome", re.IGNORECASE)
_NUMBER = re.compile(r"(?:float|int|pl\.(?:U?Int\d+|Float\d+|Decimal))\b")
_KEY = re.compile(r"str|int|bool|date|pl\.\w+(?:\(.*\))?")
_WIDTH = 88
_WINDOWS = (7, 30, 90, 365, 1825)
_PERIODS = {7: "week", 30: "month", 90: "quarter", 365: "year", 1825: "five_years"}
_GAPS = 4
"""How many usual gaps between times a window holds at least."""


@dataclass(frozen=True, slots=True)
class InputTable:
    """What a skeleton needs to know of the table that it reads.

    Attributes
    ----------
    name
        The source or view.
    dtypes
        Its columns.
    time
        The column that says when a row is known; None for a static table.
    key
        The columns that tell one row from another.
    entities
        The entities of a view.
    annotations
        How a view's model writes the dtypes of its columns; empty for a source.
    is_view
        Whether it is a view.
    gap
        How far one time usually lies from the next one, where that is known.
    """

    name: str
    dtypes: Mapping[str, pl.DataType]
    time: str | None = None
    key: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)
    is_view: bool = False
    gap: timedelta | None = None

    @property
    def days(self) -> int:
        """The length of a window that holds several of its times."""
        wanted = _GAPS * self.gap if self.gap else timedelta()
        return next((days for days in _WINDOWS if timedelta(days=days) >= wanted), _WINDOWS[-1])


@dataclass(frozen=True, slots=True)
class Skeleton:
    """A definition that runs as it is, and what was chosen for it.

    Attributes
    ----------
    kind
        What it shows; see `KINDS`.
    view
        The view that it defines.
    inputs
        The sources and views that it reads.
    choices
        The part that a column plays, the column, and others that could play it.
    text
        The definition: what stands below ``%%feature``.
    """

    kind: str
    view: str
    inputs: tuple[str, ...]
    choices: tuple[tuple[str, str, tuple[str, ...]], ...]
    text: str


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of skeleton: what it shows, what it needs, and how it is written."""

    summary: str
    needs: str
    write: Callable[[_Draft, InputTable], Skeleton]


def write_skeleton(
    kind: str,
    table: InputTable,
    *,
    others: Sequence[InputTable] = (),
    owner: str = "me",
    taken: Collection[str] = (),
    name: str | None = None,
) -> Skeleton:
    """Return a skeleton of `kind` that reads `table`.

    Parameters
    ----------
    kind
        One of `KINDS`.
    table
        The source or view.
    others
        Further sources that it may join.
    owner
        Who answers for the view.
    taken
        Names that the view cannot have.
    name
        The view's name.

    Raises
    ------
    UsageError
        For an unknown kind (did you mean), and where the table has no suitable columns.
    """
    known = {*taken, table.name, *(each.name for each in others)}
    return kind_named(kind).write(_Draft(kind, owner, known, name, tuple(others)), table)


def kind_named(kind: str) -> Kind:
    """Return the kind of skeleton that is called `kind`."""
    if kind not in KINDS:
        raise UsageError(
            f"{kind!r} is not a kind of skeleton.",
            remedy=f"{did_you_mean(kind, KINDS).capitalize()} `new` alone lists all kinds.",
        )
    return KINDS[kind]


@dataclass(frozen=True, slots=True)
class _Draft:
    kind: str
    owner: str
    taken: Collection[str]
    name: str | None
    others: tuple[InputTable, ...]

    def view(self, proposed: str) -> str:
        """Return the view's name: as given, or like `proposed` and free."""
        if self.name is not None:
            return valid_name("view", self.name)
        name, count = proposed, 2
        while name in self.taken:
            name, count = f"{proposed}_{count}", count + 1
        return name

    def finish(
        self,
        view: str,
        *,
        says: str,
        keys: Sequence[_Column],
        features: Sequence[str],
        inputs: Sequence[str],
        body: Sequence[str],
        options: Sequence[str] = (),
        parameters: Sequence[str] = (),
        choices: Sequence[_Choice] = (),
    ) -> Skeleton:
        """Return the definition of `view`: its `keys` are its entities and its time, its function has this `body`."""
        *entities, time = keys
        model = "".join(part.title() for part in view.split("_"))
        names = f"[{_quoted(entities)}]" if len(entities) > 1 else _quoted(entities)
        named = [f"entities={names}"] if names else []
        decorator = ", ".join([*named, f'event_time="{time.name}"', *options, f"owner={json.dumps(self.owner)}"])
        arguments = ", ".join(
            [*(f"{each}: pl.LazyFrame" for each in inputs), *(["*", *parameters] if parameters else [])]
        )
        columns = [*(f"{each.name}: {each.annotation}" for each in entities), f"{time.name}: UTC", *features]
        lines = [f"class {model}(FeatureModel):", *(f"    {column}" for column in columns), "", ""]
        lines += [f"@feature_view({decorator})", *_call(f"def {view}", arguments, f" -> LazyFrame[{model}]:")]
        lines += [f'    """{says}"""', *(f"    {line}" if line else "" for line in body)]
        told = tuple((each.part, each.column, each.others) for each in choices)
        return Skeleton(self.kind, view, tuple(inputs), told, "\n".join(lines) + "\n")


def _call(start: str, arguments: str, end: str, indent: str = "") -> list[str]:
    """Return a call, or the first line of a function, on one line where it fits."""
    line = f"{start}({arguments}){end}"
    if len(line) + len(indent) <= _WIDTH:
        return [line]
    return [f"{start}(", *(f"    {part}," for part in _parts(arguments)), f"){end}"]


def _parts(arguments: str) -> list[str]:
    """Return the arguments between the commas that stand outside of all brackets and quotes."""
    parts, depth, quote, start = [], 0, "", 0
    for place, letter in enumerate(arguments):
        if quote:
            quote = "" if letter == quote and arguments[place - 1] != "\\" else quote
        elif letter in "\"'":
            quote = letter
        elif letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
        elif letter == "," and not depth:
            parts.append(arguments[start:place].strip())
            start = place + 1
    return [*parts, arguments[start:].strip()]


@dataclass(frozen=True, slots=True)
class _Choice:
    part: str
    column: str
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Column:
    """A column under the name that the view knows it by."""

    source: str
    name: str
    annotation: str
    cast: str = ""

    @property
    def is_plain(self) -> bool:
        return self.source == self.name and not self.cast

    @property
    def argument(self) -> str:
        """The column in a ``select`` by keyword."""
        text = json.dumps(self.source, ensure_ascii=False)
        return f"{self.name}=pl.col({text}).cast({self.cast})" if self.cast else f"{self.name}={text}"


def _quoted(columns: Sequence[_Column]) -> str:
    """Return the names of columns as arguments of a call."""
    return ", ".join(f'"{each.name}"' for each in columns)


def column_name(text: str) -> str:
    """Return a name of ours like `text`."""
    plain = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:60]
    plain = plain if plain[:1].isalpha() else f"x_{plain}".strip("_")
    return f"{plain}_" if keyword.iskeyword(plain) else plain


def _columns(table: InputTable, chosen: Sequence[str], *, reserved: Collection[str] = ()) -> list[_Column]:
    """Return columns of a table under names of ours that differ from each other and are not `reserved`."""
    found: list[_Column] = []
    for source in chosen:
        plain = name = column_name(source)
        count = 2
        while name in reserved or name in {each.name for each in found}:
            name, count = f"{plain}_{count}", count + 1
        annotation, cast = _type(table.dtypes[source])
        found.append(_Column(source, name, annotation, cast))
    return found


def _type(dtype: pl.DataType) -> tuple[str, str]:
    """Return how a model writes a dtype, and the cast that leads there; empty where none is needed."""
    if dtype == pl.String or dtype == pl.Boolean:
        return ("str" if dtype == pl.String else "bool"), ""
    if dtype == pl.Categorical or isinstance(dtype, pl.Enum):
        return "str", "pl.String"
    if dtype.is_integer():
        return "int", "" if dtype == pl.Int64 else "pl.Int64"
    if dtype.is_numeric():
        return "float", "" if dtype == pl.Float64 else "pl.Float64"
    if dtype == pl.Date:
        return "date", ""
    if isinstance(dtype, pl.Datetime):
        return "UTC", ""
    return "str", "pl.String"


def _select(table: InputTable, columns: Sequence[_Column], end: str = "", *, to: str = "rows") -> list[str]:
    """Return the statement that selects `columns` and calls it `to`."""
    plain = [json.dumps(each.name) for each in columns if each.is_plain]
    arguments = [*plain, *(each.argument for each in columns if not each.is_plain)]
    return _call(f"{to} = {table.name}.select", ", ".join(arguments), end, indent="    ")


def _is_entity(dtype: pl.DataType) -> bool:
    return dtype == pl.String or dtype.is_integer() or dtype == pl.Categorical or isinstance(dtype, pl.Enum)


def _entity(table: InputTable, *, part: str = "entity", without: Collection[str] = ()) -> _Choice | None:
    """Return the column that says whom a row is about: called like an id, else a text; the row's own key at last."""
    able = [name for name, dtype in table.dtypes.items() if name != table.time and _is_entity(dtype)]
    ranked = sorted(
        (name for name in able if name not in without),
        key=lambda name: (
            name in table.key and table.key == (name,),
            name.lower() in _CALENDAR,
            not _ID.search(name),
            not (table.dtypes[name] == pl.String or not table.dtypes[name].is_integer()),
        ),
    )
    return _Choice(part, ranked[0], tuple(ranked[1:])) if ranked else None


def has_entities(table: InputTable) -> bool:
    """Whether some column seems to say whom a row is about: a text, or a number that is called like an id."""
    found = _entity(table)
    return found is not None and (not table.dtypes[found.column].is_integer() or bool(_ID.search(found.column)))


def _need_entity(table: InputTable) -> _Choice:
    found = _entity(table)
    if found is None:
        raise UsageError(
            f"{table.name} has no column of texts or whole numbers that could be an entity.",
            remedy="Write `new global` for features that describe no entity, or choose another source.",
        )
    return found


def _numbers(table: InputTable, without: Collection[str]) -> list[str]:
    """Return the columns that measure something, those that most likely do first."""
    taken = {table.time, *without, *(table.key if len(table.key) == 1 else ())}
    able = [name for name, dtype in table.dtypes.items() if dtype.is_numeric() and name not in taken]
    return sorted(
        able,
        key=lambda name: (
            bool(_ID.search(name)) or name.lower() in _CALENDAR,
            not (table.dtypes[name].is_float() or table.dtypes[name].is_decimal()),
        ),
    )


def _number(table: InputTable, without: Collection[str]) -> _Choice | None:
    found = _numbers(table, without)
    return _Choice("number", found[0], tuple(found[1:])) if found else None


def _time(table: InputTable) -> str:
    if table.time is None:
        raise UsageError(
            f"{table.name} has no times, so nothing of it happened at some moment.",
            remedy=f"Write `new static {table.name}` to join it to a source of events.",
        )
    return table.time


def _events(
    table: InputTable, reserved: Collection[str], *, with_number: bool = True
) -> tuple[list[_Column], list[_Choice]]:
    """Return entity, time and, if there is one, number of a source of events, and what was chosen."""
    if table.is_view:
        raise UsageError(
            f"{table.name} is a view.", remedy=f"Write `new on-view {table.name}`, or name a source instead."
        )
    time, entity = _time(table), _need_entity(table)
    number = _number(table, [entity.column]) if with_number else None
    chosen = [entity.column, time, *([number.column] if number else [])]
    return _columns(table, chosen, reserved=reserved), [
        entity,
        _Choice("time", time, ()),
        *([number] if number else []),
    ]


def _as_float(column: _Column) -> str:
    return f'pl.col("{column.name}").cast(pl.Float64)' if column.annotation == "int" else f'pl.col("{column.name}")'


def _windowed(draft: _Draft, table: InputTable) -> Skeleton:
    window = f"{table.days}d"
    columns, choices = _events(table, [f"count_{window}", f"total_{window}"])
    entity, time, *number = columns
    features = [f'count_{window}: int = Feature(unit="count", ge=0)']
    aggregations = ["count=pl.len()"]
    if number:
        features.append(f'total_{window}: float = Feature(unit="dimensionless", nullable=True)')
        aggregations.append(f"total={_as_float(number[0])}.sum()")
    return draft.finish(
        draft.view(f"{table.name[:50]}_{_PERIODS.get(table.days, window)}"),
        says=f"What happened to each {entity.name} in the last {table.days} days; an event never counts itself.",
        keys=[entity, time],
        features=features,
        options=[f'lookback="{window}"'],
        inputs=[table.name],
        body=[
            *_select(table, columns),
            *_window(f'rows, by="{entity.name}", time="{time.name}", windows=["{window}"], {", ".join(aggregations)}'),
        ],
        choices=choices,
    )


def _window(arguments: str, start: str = "return windowed") -> list[str]:
    return _call(start, arguments, "", indent="    ")


def _lag(draft: _Draft, table: InputTable) -> Skeleton:
    columns, choices = _events(table, ["previous", "change", "days_since_previous"])
    entity, time, *number = columns
    features = ['days_since_previous: float = Feature(unit="day", ge=0, nullable=True)']
    mean = f'pl.col("{number[0].name}").mean()' if number else ""
    moment = f'pl.col("{time.name}")'
    keys = _quoted([entity, time])
    body = [
        *_select(table, columns, f".drop_nulls([{keys}])"),
        f"moments = rows.group_by({keys}).agg({mean}).sort({keys})",
        f'gap = {moment} - {moment}.shift(1).over("{entity.name}")',
    ]
    selected = [keys, "days_since_previous=gap.dt.total_seconds() / 86_400"]
    if number:
        features += [
            'previous: float = Feature(unit="dimensionless", nullable=True)',
            'change: float = Feature(unit="dimensionless", nullable=True)',
        ]
        body.append(f'previous = pl.col("{number[0].name}").shift(1).over("{entity.name}")')
        selected += ["previous=previous", f'change=pl.col("{number[0].name}") - previous']
    body += _call("return moments.select", ", ".join(selected), "", indent="    ")
    return draft.finish(
        draft.view(f"{table.name[:50]}_lag"),
        says=f"The value of each {entity.name} before its last one, and how long ago that was.",
        keys=[entity, time],
        features=features,
        inputs=[table.name],
        body=body,
        choices=choices,
    )


def _ratio(draft: _Draft, table: InputTable) -> Skeleton:
    columns, choices = _events(table, ["count_1d", "count_28d", "mean_1d", "mean_28d", "activity", "level"])
    entity, time, *number = columns
    features = ['activity: float = Feature(unit="dimensionless", ge=0, le=1, nullable=True)']
    aggregations = ["count=pl.len()"]
    body = _select(table, columns)
    ratios = ['activity = pl.when(pl.col("count_28d") > 0).then(pl.col("count_1d") / pl.col("count_28d"))']
    selected = [_quoted([entity, time]), "activity=activity"]
    if number:
        features.append('level: float = Feature(unit="dimensionless", nullable=True)')
        aggregations.append(f'mean=pl.col("{number[0].name}").mean()')
        ratios.append('level = pl.when(pl.col("mean_28d") != 0).then(pl.col("mean_1d") / pl.col("mean_28d"))')
        selected.append("level=level")
    windows = f'rows, by="{entity.name}", time="{time.name}", windows=["1d", "28d"], {", ".join(aggregations)}'
    body += [*_window(windows, "usual = windowed"), *ratios, f"return usual.select({', '.join(selected)})"]
    return draft.finish(
        draft.view(f"{table.name[:50]}_ratio"),
        says=f"The last day of each {entity.name} beside its last four weeks; null where nothing can be divided by.",
        keys=[entity, time],
        features=features,
        options=['lookback="28d"'],
        inputs=[table.name],
        body=body,
        choices=choices,
    )


def _target_encoding(draft: _Draft, table: InputTable) -> Skeleton:
    if table.is_view:
        raise UsageError(f"{table.name} is a view.", remedy="Name the source that has the category and the label.")
    time = _time(table)
    flags = [name for name, dtype in table.dtypes.items() if dtype == pl.Boolean]
    labels = [*flags, *_numbers(table, ())]
    labels.sort(key=lambda name: not _LABEL.search(name))
    if not labels:
        raise UsageError(
            f"{table.name} has no column of numbers or truth values that could be a label.",
            remedy="Choose a source with the label, known at its `available_at`.",
        )
    texts = [name for name, dtype in table.dtypes.items() if _is_entity(dtype) and not dtype.is_integer()]
    able = [name for name in texts if not _ID.search(name) and name not in table.key]
    found = (
        _Choice("category", able[0], tuple(able[1:])) if able else _entity(table, part="category", without=labels[:1])
    )
    if found is None:
        raise UsageError(f"{table.name} has no column of categories.", remedy="Choose a source with a column of texts.")
    label = next(name for name in labels if name != found.column)
    columns = _columns(table, [found.column, time, label], reserved=["labels_90d", "total_90d"])
    category, moment, target = columns
    feature = f"{target.name}_rate"
    bounds = "ge=0, le=1" if table.dtypes[label] == pl.Boolean else ""
    asked = ", ".join(['unit="dimensionless"', *([bounds] if bounds else [])])
    value = f'pl.col("{target.name}").cast(pl.Float64)'
    aggregations = f"labels={value}.count(), total={value}.sum().fill_null(0.0)"
    windows = f'rows, by="{category.name}", time="{moment.name}", windows=["90d"], {aggregations}'
    return draft.finish(
        draft.view(f"{table.name[:40]}_by_{category.name}"[:58].strip("_")),
        says=f"The mean {target.name} of each {category.name} over 90 days, drawn to `prior` where few rows are known.",
        keys=[category, moment],
        features=[f"{feature}: float = Feature({asked})"],
        options=['lookback="90d"'],
        inputs=[table.name],
        parameters=[f"prior: float = {'0.5' if bounds else '0.0'}", "weight: float = 20.0"],
        body=[
            *_select(table, columns),
            "# a row counts for later ones only, from the microsecond after it is known: never for itself",
            *_window(windows, "seen = windowed"),
            'rate = (pl.col("total_90d") + prior * weight) / (pl.col("labels_90d") + weight)',
            f"return seen.select({_quoted([category, moment])}, {feature}=rate)",
        ],
        choices=[
            found,
            _Choice("time", time, ()),
            _Choice("label", label, tuple(name for name in labels if name not in {label, found.column})),
        ],
    )


def _cumulative(draft: _Draft, table: InputTable) -> Skeleton:
    columns, choices = _events(table, ["count_so_far", "total_so_far", "count", "total"])
    entity, time, *number = columns
    features = ['count_so_far: int = Feature(unit="count", ge=1)']
    keys = _quoted([entity, time])
    aggregations = ["count=pl.len()"]
    selected = [
        keys,
        f'count_so_far=pl.col("count").cast(pl.Int64).cum_sum().over("{entity.name}")',
    ]
    if number:
        features.append('total_so_far: float = Feature(unit="dimensionless")')
        aggregations.append(f"total={_as_float(number[0])}.sum()")
        selected.append(f'total_so_far=pl.col("total").cum_sum().over("{entity.name}")')
    return draft.finish(
        draft.view(f"{table.name[:50]}_so_far"),
        says=f"What happened to each {entity.name} so far, the event at that time included.",
        keys=[entity, time],
        features=features,
        inputs=[table.name],
        body=[
            *_select(table, columns, f".drop_nulls([{keys}])"),
            f"moments = rows.group_by({keys}).agg({', '.join(aggregations)})",
            *_call(f"return moments.sort({keys}).select", ", ".join(selected), "", indent="    "),
        ],
        choices=choices,
    )


def _global(draft: _Draft, table: InputTable) -> Skeleton:
    if table.is_view:
        raise UsageError(f"{table.name} is a view.", remedy="Name a source of events.")
    time, entity = _time(table), _entity(table)
    number = _number(table, [entity.column] if entity else [])
    window = f"{table.days}d"
    reserved = [f"all_count_{window}", f"all_mean_{window}"]
    columns = _columns(table, [time, *([number.column] if number else [])], reserved=reserved)
    features = [f'all_count_{window}: int = Feature(unit="count", ge=0)']
    aggregations = ["all_count=pl.len()"]
    if number:
        features.append(f'all_mean_{window}: float = Feature(unit="dimensionless", nullable=True)')
        aggregations.append(f'all_mean=pl.col("{columns[1].name}").mean()')
    return draft.finish(
        draft.view(f"{table.name[:50]}_overall"),
        says=f"What happened in the last {table.days} days, whoever it happened to: a view without entities.",
        keys=columns[:1],
        features=features,
        options=[f'lookback="{window}"'],
        inputs=[table.name],
        body=[
            *_select(table, columns),
            *_window(f'rows, time="{columns[0].name}", windows=["{window}"], {", ".join(aggregations)}'),
        ],
        choices=[_Choice("time", time, ()), *([number] if number else [])],
    )


def _on_view(draft: _Draft, table: InputTable) -> Skeleton:
    if not table.is_view:
        raise UsageError(
            f"{table.name} is a source.",
            remedy="Name a view, or write `new windowed` to make a first one of the source.",
        )
    time = _time(table)
    own = {*table.entities, time}
    features = [name for name in table.annotations if name not in own]
    if not features:
        raise UsageError(
            f"The features of {table.name} cannot be read from its text.",
            remedy="Write its FeatureModel as a class in a file of features/, or start from a source: `new windowed`.",
        )
    numbers = [name for name in features if _NUMBER.match(table.annotations[name])]
    feature, *rest = numbers or features
    written = {each: table.annotations.get(each, "str") for each in table.entities}
    entities = [_Column(each, each, kind if _KEY.fullmatch(kind) else "str") for each, kind in written.items()]
    keys = [*entities, _Column(time, time, "UTC")]
    quoted = _quoted(keys)
    if numbers:
        grouped = f".over({_quoted(entities)})" if entities else ""
        change = f"value - value.shift(1){grouped}"
        name, column = f"{feature[:50]}_change", 'float = Feature(unit="dimensionless", nullable=True)'
        says = f"How {feature} of {table.name} changed from one row to the next."
    else:
        change, name, column = f'pl.col("{feature}").is_not_null()', f"{feature[:50]}_known", "bool"
        says = f"Whether {feature} of {table.name} is known."
    return draft.finish(
        draft.view(f"{table.name[:50]}_change" if numbers else f"{table.name[:50]}_known"),
        says=says,
        keys=keys,
        features=[f"{name}: {column}"],
        inputs=[table.name],
        body=[
            f"rows = {table.name}.sort({quoted})",
            *([f'value = pl.col("{feature}").cast(pl.Float64)'] if numbers else []),
            f"return rows.select({quoted}, {name}={change})",
        ],
        choices=[_Choice("feature", feature, tuple(rest))],
    )


def _static(draft: _Draft, table: InputTable) -> Skeleton:
    facts, events, on, of = _joined(table, draft.others)
    time = _time(events)
    rest = [name for name, dtype in facts.dtypes.items() if name != on and _is_shown(dtype)][:3]
    if not rest:
        raise UsageError(
            f"{facts.name} has no column beside {on!r} that could be a feature.", remedy="Choose another table."
        )
    keyed = _columns(events, [of, time])
    known = _columns(facts, rest, reserved=[each.name for each in keyed])
    (key,) = _columns(facts, [on])
    entity = keyed[0]
    key = replace(key, name=entity.name)
    one = f'.unique("{key.name}")' if facts.key == (on,) else f'.group_by("{key.name}").agg(pl.all().max())'
    return draft.finish(
        draft.view(f"{events.name[:28]}_{facts.name[:28]}"),
        says=f"What {facts.name} says of each {entity.name}; its rows are taken as known always.",
        keys=keyed,
        features=[f"{each.name}: {each.annotation} = Feature(nullable=True)" for each in known],
        inputs=[events.name, facts.name],
        body=[
            *_select(events, keyed, ".drop_nulls().unique()", to="moments"),
            *_select(facts, [key, *known], one, to="known"),
            f'return moments.join(known, on="{entity.name}", how="left").select({_quoted([*keyed, *known])})',
        ],
        choices=[
            _Choice("entity", of, ()),
            _Choice("time", time, ()),
            *(_Choice("feature", name, ()) for name in rest),
        ],
    )


def _is_shown(dtype: pl.DataType) -> bool:
    return dtype.is_numeric() or _is_entity(dtype) or dtype in (pl.Boolean, pl.Date)


def _joined(table: InputTable, others: Sequence[InputTable]) -> tuple[InputTable, InputTable, str, str]:
    """Return a static table, a source of events, and the columns of both that say the same."""
    statics = [table] if table.time is None else [each for each in others if each.time is None]
    events = [table] if table.time is not None else [each for each in others if each.time is not None]
    if not statics:
        raise UsageError(
            "No source is declared as a table without times.",
            remedy="Write `static = true` instead of `event_time` under [sources.<name>], or `init --from FILE`.",
        )
    for facts in statics:
        preferred = [*facts.key, *facts.dtypes] if len(facts.key) == 1 else list(facts.dtypes)
        for on in dict.fromkeys(preferred):
            for happened in events:
                of = _counterpart(facts, on, happened)
                if of is not None:
                    return facts, happened, on, of
    raise UsageError(
        f"No source of events has a column that {' or '.join(each.name for each in statics)} has too.",
        remedy="Write the join by hand: `new windowed`, then .join(TABLE, left_on=..., right_on=..., how='left').",
    )


def _counterpart(facts: InputTable, on: str, events: InputTable) -> str | None:
    """Return the column of `events` that is called like `on`, or like the table and `on`, and has its type."""
    if not _is_entity(facts.dtypes[on]):
        return None
    wanted = {column_name(on)}
    if facts.key == (on,):
        stem = facts.name.removesuffix("s")
        wanted |= {facts.name, stem, f"{stem}_{column_name(on)}", f"{facts.name}_{column_name(on)}"}
    for name, dtype in events.dtypes.items():
        if name != events.time and column_name(name) in wanted and _type(dtype)[0] == _type(facts.dtypes[on])[0]:
            return name
    return None


def _embedding(draft: _Draft, table: InputTable) -> Skeleton:
    vectors = [
        name
        for name, dtype in table.dtypes.items()
        if isinstance(dtype, pl.List | pl.Array) and pl.DataFrame(schema={"of": dtype.inner}).schema["of"].is_numeric()
    ]
    if not vectors or table.is_view:
        raise UsageError(
            f"{table.name} has no column of lists of numbers.",
            remedy="Store each embedding as one list, e.g. in a Parquet file, with its key and the time it was made.",
        )
    columns, choices = _events(table, ["embedding", "norm"], with_number=False)
    text = json.dumps(vectors[0], ensure_ascii=False)
    keys = _quoted(columns)
    norm = 'norm = pl.col("embedding").list.eval(pl.element().cast(pl.Float64).pow(2)).list.sum().sqrt()'
    selected = [*(each.argument for each in columns), f"embedding=pl.col({text}).cast(pl.List(pl.Float32))"]
    return draft.finish(
        draft.view(f"{table.name[:50]}_embedding"),
        says=f"The embedding of each {columns[0].name} as known at that time, and its length.",
        keys=columns,
        features=[
            "embedding: pl.List(pl.Float32) = Feature(tolerance=1e-6)",
            'norm: float = Feature(unit="dimensionless", ge=0)',
        ],
        inputs=[table.name],
        body=[
            *_call(f"rows = {table.name}.select", ", ".join(selected), ".drop_nulls()", indent="    "),
            norm,
            "# one row for each key and time: the longest, where there are several",
            f'rows = rows.with_columns(norm=norm).sort({keys}, "norm")',
            f'return rows.unique([{keys}], keep="last").select({keys}, "embedding", "norm")',
        ],
        choices=[*choices, _Choice("embedding", vectors[0], tuple(vectors[1:]))],
    )


KINDS: Mapping[str, Kind] = {
    "windowed": Kind("counts and totals of a window of time, exact at any instant", "events", _windowed),
    "lag": Kind("the value before the last one, the change, and how long ago it was", "events", _lag),
    "ratio": Kind("the last day beside the last four weeks", "events", _ratio),
    "target-encoding": Kind(
        "the mean label of each category so far, never counting a row itself", "events with a label", _target_encoding
    ),
    "cumulative": Kind("counts and totals so far", "events", _cumulative),
    "global": Kind("features that describe no entity", "events", _global),
    "on-view": Kind("features made of another view's features", "a view", _on_view),
    "static": Kind("a table without times, joined to events", "a static table and events with its key", _static),
    "embedding": Kind("lists of numbers, and their length", "a column of lists", _embedding),
}
"""Every kind of skeleton, by the word that asks for it."""
