"""`feature_view`: turn a function of LazyFrames into a `FeatureView`, or say why it cannot be one.

Its signature names inputs, parameters and model; the model's columns and the view's keys and times make its contract.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from inspect import Parameter, cleandoc
from types import FunctionType
from typing import TYPE_CHECKING, Any, ForwardRef, Literal, Protocol, TypedDict, get_args, get_origin

from workbench.config import valid_name
from workbench.define.contract import ColumnContract, Contract, Role
from workbench.errors import DefinitionError, MissingSchema, WrongReturn, did_you_mean
from workbench.lazy import deferred
from workbench.source_tree import file_names
from workbench.times import format_duration, parse_duration

if TYPE_CHECKING:
    import polars as pl

    from workbench.define.contract import Contract
    from workbench.define.examples import Example
    from workbench.define.model import FeatureModel
    from workbench.fingerprint import SourceCodes
else:
    pl = deferred("polars")

Scope = Literal["entity", "global"]


@dataclass(frozen=True, eq=False)
class FeatureView:
    """A function from LazyFrames to one LazyFrame of keys, event time and features, with what is known of it.

    Attributes
    ----------
    name
        The function's name.
    function
        The function itself.
    inputs
        Its positional parameters: each names a source or another view.
    parameters
        Its keyword-only parameters with their default values; part of the view's id.
    entities
        Key columns; empty for a global view.
    event_time
        The column that says when a row's values hold from.
    model
        The `FeatureModel` in the return annotation.
    ttl
        How long a value may be used after its event time; None without limit.
    lookback
        How far back in time a value depends on the sources; None for the whole history.
    created
        The column that says since when a row is known, if there is one.
    scope
        ``entity``: a row depends on its own entity's rows alone; ``global``: on others' too.
    examples
        What it must give for a few rows; no part of its identity.
    files
        The data files that it reads, relative to ``features/``; their content is part of its identity.
    """

    name: str
    function: Callable[..., pl.LazyFrame]
    inputs: tuple[str, ...]
    parameters: Mapping[str, Any]
    entities: tuple[str, ...]
    event_time: str
    model: type[FeatureModel]
    ttl: timedelta | None = None
    lookback: timedelta | None = None
    owner: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    created: str | None = None
    scope: Scope = "entity"
    examples: tuple[Example, ...] = ()
    files: tuple[str, ...] = ()

    def __call__(self, *frames: pl.LazyFrame, **parameters: Any) -> pl.LazyFrame:
        """Run the function, as if it were not decorated."""
        return self.function(*frames, **parameters)

    def __repr__(self) -> str:
        return f"<FeatureView {self.name}({', '.join(self.inputs)})>"

    @property
    def __wrapped__(self) -> Callable[..., pl.LazyFrame]:
        """Let ``inspect.signature`` and ``inspect.getsource`` see the function."""
        return self.function

    @property
    def known_since(self) -> tuple[str, ...]:
        """The columns whose times must all have come before a row can be read: event time and, if any, `created`."""
        return (self.event_time,) if self.created is None else (self.event_time, self.created)

    @cached_property
    def contract(self) -> Contract:
        """Return what the view promises about its columns."""
        return contract_of(self.model, self)

    def to_dict(self) -> dict[str, object]:
        """Return what the decorator was told, as JSON-ready values, without code; durations as ``"7d12h"``."""
        return {
            "name": self.name,
            "inputs": list(self.inputs),
            "parameters": {key: plain_value(value) for key, value in self.parameters.items()},
            "entities": list(self.entities),
            "event_time": self.event_time,
            "created": self.created,
            "scope": self.scope,
            "ttl": None if self.ttl is None else format_duration(self.ttl),
            "lookback": None if self.lookback is None else format_duration(self.lookback),
            "owner": self.owner,
            "tags": dict(self.tags),
            "description": self.description,
            "files": list(self.files),
            "model": self.model.__name__,
        }


def feature_view(
    *function: Callable[..., pl.LazyFrame],
    entities: str | Sequence[str] = (),
    event_time: str = "",
    ttl: str | timedelta | None = None,
    lookback: str | timedelta | None = None,
    owner: str | None = None,
    tags: Mapping[str, str] | None = None,
    description: str | None = None,
    created: str | None = None,
    scope: Scope = "entity",
    examples: Sequence[Example] = (),
    files: str | Sequence[str] = (),
) -> Callable[[Callable[..., pl.LazyFrame]], FeatureView]:
    """Declare a function as a feature view.

    Its positional parameters name sources or other views; keyword-only parameters with default values are
    the view's parameters; its return annotation ``LazyFrame[Model]`` names its schema.

    Parameters
    ----------
    entities
        Key column or columns; none for a global view.
    event_time
        Column of dtype UTC: when a row's values hold from. Required.
    ttl
        How long a value may be used, e.g. ``"2d"``; 0 or None without limit.
    lookback
        How far back in time a value depends on the sources, e.g. ``"7d"``; None for the whole history.
    owner
        Who answers for the view.
    tags
        Words to find it by.
    description
        What it says; the docstring where absent.
    created
        Column of dtype UTC: since when a row is known.
    scope
        ``"entity"``, or ``"global"`` where a row depends on other entities' rows.
    examples
        What the view must give for a few rows, each made by `example`; they are checked with the view.
    files
        Data file or files that the view reads, written out as paths relative to ``features/``, of at most 50 MB each:
        ``"lookup.json"``. They are committed, promoted and rolled back with the view, and their content is part of its
        identity. Read them from beside the definition: ``Path(__file__).with_name("lookup.json")``.

    Returns
    -------
    Callable
        A decorator that returns a `FeatureView`, which can still be called as the function.

    Raises
    ------
    DefinitionError
        What is wrong with the function or the arguments; `MissingSchema`, `WrongReturn` for its annotation.
    InvalidName
        A function or column name that could not reach a path or SQL.

    Examples
    --------
    >>> from workbench import UTC, Feature, FeatureModel, LazyFrame
    >>> class Busy(FeatureModel):
    ...     origin: str
    ...     left_at: UTC
    ...     flights: int = Feature(unit="count", ge=0)
    >>> @feature_view(entities="origin", event_time="left_at", ttl="2d")
    ... def busy(flights: pl.LazyFrame, *, every: str = "1h") -> LazyFrame[Busy]:
    ...     return flights.group_by_dynamic("left_at", every=every, group_by="origin").agg(flights=pl.len())
    >>> busy.inputs, dict(busy.parameters), busy.ttl
    (('flights',), {'every': '1h'}, datetime.timedelta(days=2))
    """
    if function or not event_time:
        raise DefinitionError(
            "feature_view needs event_time.", remedy='Write @feature_view(event_time="...") above the def.'
        )
    limit = None if ttl is None else parse_duration(ttl, what="ttl")
    keys = _names("entities", entities)
    facts: dict[str, Any] = {
        "entities": keys,
        "event_time": event_time,
        "created": created,
        "scope": _scope(scope),
        "ttl": limit or None,
        "lookback": None if lookback is None else parse_duration(lookback, what="lookback"),
        "owner": read_text("owner", owner),
        "tags": read_tags(tags),
        "examples": read_examples(examples),
        "files": file_names(files),
    }
    read_text("description", description)

    def decorate(function: Callable[..., pl.LazyFrame]) -> FeatureView:

        signature = read_signature(function, seen=sys._getframe(1).f_locals)
        text = description or cleandoc(function.__doc__ or "")
        view = FeatureView(function=function, description=text, **signature, **facts)
        check_columns(view)
        return view

    return decorate


def _names(option: str, value: Any) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise DefinitionError(
            f"{option}={value!r} does not name columns.", remedy=f'Write {option}="a" or {option}=["a", "b"].'
        )
    if len(set(names)) < len(names):
        raise DefinitionError(f"{option}={value!r} names a column twice.", remedy="Name each once.")
    return tuple(names)


def _scope(scope: Any) -> Scope:
    if scope not in ("entity", "global"):
        raise DefinitionError(f"scope={scope!r} is not a scope.", remedy='Write scope="entity" or scope="global".')
    return "entity" if scope == "entity" else "global"


def read_text(option: str, value: Any) -> str | None:
    """Return `value` of `option` if it is text, or absent."""
    if value is not None and not isinstance(value, str):
        raise DefinitionError(f"{option}={value!r} is not text.", remedy=f'Write {option}="...".')
    return value


def read_tags(tags: Any) -> dict[str, str]:
    """Return tags as a dictionary of text to text."""
    if tags is None:
        return {}
    if not isinstance(tags, Mapping) or not all(isinstance(word, str) for pair in tags.items() for word in pair):
        raise DefinitionError(f"tags={tags!r} are not tags.", remedy='Write tags={"domain": "delay"}: text to text.')
    return dict(tags)


def read_examples(examples: Any) -> tuple[Example, ...]:
    """Return examples, each made by `example`."""
    from workbench.define.examples import Example

    if not isinstance(examples, list | tuple) or not all(isinstance(one, Example) for one in examples):
        raise DefinitionError(
            f"examples={type(examples).__name__} is not a list of examples.",
            remedy="Write examples=[example(given={...}, expect=[...])].",
        )
    return tuple(examples)


def plain_value(value: object) -> object:
    """Return `value` as it is where JSON has it, else as it prints."""
    return value if value is None or isinstance(value, bool | int | float | str) else repr(value)


class ViewSignature(TypedDict):
    """What `read_signature` finds."""

    name: str
    inputs: tuple[str, ...]
    parameters: dict[str, Any]
    model: Any


def read_signature(function: Any, *, seen: Mapping[str, Any], decorator: str = "feature_view") -> ViewSignature:
    """Return the name, inputs, parameters and model of `function`."""
    _plain_function(function, decorator)
    name = valid_name("view", function.__name__)
    inputs, parameters = [], {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD):
            raise _starred_error(name, parameter)
        if parameter.kind is Parameter.KEYWORD_ONLY:
            parameters[parameter.name] = _default(name, parameter)
        elif parameter.default is not Parameter.empty:
            raise _positional_default(name, parameter)
        else:
            inputs.append(parameter.name)
    return ViewSignature(name=name, inputs=tuple(inputs), parameters=parameters, model=_model(name, function, seen))


def _plain_function(function: Any, decorator: str) -> None:
    what = _what_else(function)
    if what:
        name = getattr(function, "__name__", "it")
        shown = name if isinstance(name, str) and name.isidentifier() else "my_view"
        raise DefinitionError(
            f"{decorator} decorates a plain function, not {what}.",
            remedy=f"Write `def {shown}(...) -> LazyFrame[YourModel]:` at the top level, with a `return`.",
        )


def _what_else(function: Any) -> str:
    """Return what `function` is, if it is not a plain function."""
    if inspect.isclass(function):
        return f"the class {function.__name__}"
    if not isinstance(function, FunctionType):
        return f"a {type(function).__name__}"
    if function.__name__ == "<lambda>":
        return "a lambda"
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        return f"the async function {function.__name__}"
    if inspect.isgeneratorfunction(function):
        return f"the generator {function.__name__} (it has a `yield`)"
    owner = function.__qualname__.rpartition(".")[0]
    return f"the method {function.__qualname__}" if owner and not owner.endswith("<locals>") else ""


def _starred_error(view: str, parameter: Parameter) -> DefinitionError:
    stars = "*" if parameter.kind is Parameter.VAR_POSITIONAL else "**"
    return DefinitionError(
        f"View {view!r} takes {stars}{parameter.name}, which does not name a source or view.",
        remedy="Write one parameter for each input, named as the source or view.",
    )


def _default(view: str, parameter: Parameter) -> Any:
    if parameter.default is Parameter.empty:
        raise DefinitionError(
            f"View {view!r}: the parameter {parameter.name!r} has no value.",
            remedy=f"Give it a default: `*, {parameter.name}=...`. An input (source or view) goes before the `*`.",
        )
    return parameter.default


def _positional_default(view: str, parameter: Parameter) -> DefinitionError:
    return DefinitionError(
        f"View {view!r}: {parameter.name!r} is among the inputs but has a default value.",
        remedy=f"View parameters are keyword-only: put a `*` before it: `*, {parameter.name}={parameter.default!r}`.",
    )


def _model(view: str, function: FunctionType, seen: Mapping[str, Any]) -> Any:
    """Return the model in the return annotation."""
    annotation = _evaluate(view, function, seen, function.__annotations__.get("return", Parameter.empty))
    if annotation is Parameter.empty or annotation is None or annotation is pl.LazyFrame:
        raise _missing_schema(view)
    origin, arguments = get_origin(annotation), get_args(annotation)
    named = getattr(origin or annotation, "__name__", "")
    if named == "LazyFrame" and not arguments:
        raise _missing_schema(view)
    if named == "LazyFrame" and len(arguments) == 1:
        model = _evaluate(view, function, seen, arguments[0])
        if _is_model(model):
            return model
    raise _wrong(view, annotation)


def _is_model(value: object) -> bool:
    from workbench.define.model import FeatureModel

    return isinstance(value, type) and issubclass(value, FeatureModel) and value is not FeatureModel


def _wrong(view: str, annotation: Any) -> WrongReturn:
    model = annotation.__name__ if _is_model(annotation) else "YourModel"
    shown = annotation.__name__ if isinstance(annotation, type) and not get_args(annotation) else str(annotation)
    return WrongReturn(
        f"View {view!r} is annotated to return {shown}.",
        remedy=f"Annotate `-> LazyFrame[{model}]`, where {model} is a FeatureModel; a view returns a LazyFrame.",
    )


def _evaluate(view: str, function: FunctionType, seen: Mapping[str, Any], annotation: Any) -> Any:
    """Evaluate an annotation kept as text, by ``from __future__ import annotations`` or by quotes."""
    if isinstance(annotation, ForwardRef):
        annotation = annotation.__forward_arg__
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, function.__globals__, dict(seen))  # noqa: S307  # the user's own annotation
    except Exception as error:  # it may raise anything
        raise WrongReturn(
            f"View {view!r}: the return annotation {annotation!r} cannot be read: {error}.",
            remedy="Define or import the names in it at the top level, above the view.",
        ) from error


class Keyed(Protocol):
    """What tells keys and times from features: a view, stored or not."""

    @property
    def entities(self) -> tuple[str, ...]:
        """Key columns."""

    @property
    def event_time(self) -> str:
        """The column that says when a row's values hold from."""

    @property
    def created(self) -> str | None:
        """The column that says since when a row is known."""

    @property
    def ttl(self) -> timedelta | None:
        """How long a value may be used."""


def contract_of(
    model: type[FeatureModel], view: Keyed, *, sources: SourceCodes | None = None, offset: int = 0
) -> Contract:
    """Return the contract of `view` under `model`."""
    from workbench.define.rules import RuleReader
    from workbench.fingerprint import SourceCodes

    schema = model.to_schema()
    reader = RuleReader(model, sources or SourceCodes(), offset)
    columns = (
        replace(column, rules=reader.of_column(schema.columns[column.name]))
        for column in _columns_without_rules(model, view)
    )
    return Contract(tuple(columns), rules=reader.of_frame(schema), ttl=view.ttl)


def _columns_without_rules(model: type[FeatureModel], view: Keyed) -> tuple[ColumnContract, ...]:
    """Return the columns of `view` without rules, which may reach code that is not there yet."""
    from workbench.define.rules import column_contract

    schema = model.to_schema()
    return tuple(column_contract(column, role=_role(name, view)) for name, column in schema.columns.items())


def _role(name: str, view: Keyed) -> Role:
    if name in view.entities:
        return "entity"
    if name == view.event_time:
        return "event_time"
    return "created" if name == view.created else "feature"


def check_columns(view: FeatureView) -> None:
    """Raise unless the columns that `view` names are in its model and of the right dtype."""
    contract = Contract(_columns_without_rules(view.model, view))
    roles = [(name, "entities") for name in view.entities] + [(view.event_time, "event_time")]
    if view.created is not None:
        roles.append((view.created, "created"))
    _distinct(view, [name for name, _ in roles])
    for name, option in roles:
        if name not in contract.names:
            raise DefinitionError(
                f"View {view.name!r}: {option} names {name!r}, which {view.model.__name__} does not have.",
                remedy=f"{did_you_mean(str(name), contract.names)} Or add the column to {view.model.__name__}.".strip(),
            )
        _suits(view, contract[name], option)
    if not contract.features:
        raise DefinitionError(
            f"View {view.name!r} has keys and times but no feature.", remedy=f"Add a column to {view.model.__name__}."
        )


def _distinct(view: FeatureView, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise DefinitionError(
                f"View {view.name!r}: column {name!r} cannot be two of entity, event_time and created.",
                remedy="Give each its own column.",
            )


def _suits(view: FeatureView, column: ColumnContract, option: str) -> None:
    if option != "entities" and column.dtype != pl.Datetime("us", "UTC"):
        raise DefinitionError(
            f"View {view.name!r}: {option} {column.name!r} is {column.dtype}, not a time.",
            remedy=f"Annotate it `{column.name}: UTC` in {view.model.__name__}.",
        )
    if option == "entities" and (column.dtype.is_float() or column.dtype.is_nested()):
        raise DefinitionError(
            f"View {view.name!r}: entity {column.name!r} is {column.dtype}, which cannot be a key.",
            remedy="Use str, int, date or an Enum for keys.",
        )
    if column.tolerance is not None:
        raise DefinitionError(
            f"View {view.name!r}: {column.name!r} of {option} has a tolerance, but keys and times are exact.",
            remedy=f"Remove tolerance from {column.name}.",
        )
    if option != "created" and column.nullable:
        raise DefinitionError(
            f"View {view.name!r}: {column.name!r} of {option} is nullable, but null never matches.",
            remedy=f"Remove nullable, and drop such rows in the view: .drop_nulls({column.name!r}).",
        )


def _missing_schema(view: str) -> MissingSchema:
    """Return the error for `view`."""
    return MissingSchema(
        f"View {view!r} has no schema.",
        remedy=f"Write a FeatureModel and annotate the return: def {view}(...) -> LazyFrame[YourModel].",
    )
