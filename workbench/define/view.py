"""`feature_view`: turn a function of LazyFrames into a `FeatureView`, or say why it cannot be one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from inspect import cleandoc
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from workbench.define.durations import format_duration, parse_duration
from workbench.errors import DefinitionError

if TYPE_CHECKING:
    from workbench.define.contract import Contract
    from workbench.define.examples import Example
    from workbench.define.model import FeatureModel

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

    def __call__(self, *frames: pl.LazyFrame, **parameters: Any) -> pl.LazyFrame:
        """Run the function, as if it were not decorated."""
        return self.function(*frames, **parameters)

    def __repr__(self) -> str:
        return f"<FeatureView {self.name}({', '.join(self.inputs)})>"

    @property
    def __wrapped__(self) -> Callable[..., pl.LazyFrame]:
        """Let ``inspect.signature`` and ``inspect.getsource`` see the function."""
        return self.function

    @cached_property
    def contract(self) -> Contract:
        """Return what the view promises about its columns."""
        from workbench.define.contract import Contract

        return Contract.of(self.model, self)

    def to_dict(self) -> dict[str, object]:
        """Return what the decorator was told, as JSON-ready values, without code; durations as ``"7d12h"``."""
        return {
            "name": self.name,
            "inputs": list(self.inputs),
            "parameters": {key: _plain(value) for key, value in self.parameters.items()},
            "entities": list(self.entities),
            "event_time": self.event_time,
            "created": self.created,
            "scope": self.scope,
            "ttl": None if self.ttl is None else format_duration(self.ttl),
            "lookback": None if self.lookback is None else format_duration(self.lookback),
            "owner": self.owner,
            "tags": dict(self.tags),
            "description": self.description,
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
    >>> from workbench.define import UTC, Feature, FeatureModel, LazyFrame
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
            "feature_view needs to know the event time.", remedy='Write @feature_view(event_time="...") above the def.'
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
        "owner": _text("owner", owner),
        "tags": _tags(tags),
        "examples": _examples(examples),
    }
    _text("description", description)

    def decorate(function: Callable[..., pl.LazyFrame]) -> FeatureView:
        from workbench.define.columns import check_columns
        from workbench.define.signature import read_signature

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
            f"{option}={value!r} names no columns.", remedy=f'Write {option}="a" or {option}=["a", "b"].'
        )
    if len(set(names)) < len(names):
        raise DefinitionError(f"{option}={value!r} names a column twice.", remedy="Name each once.")
    return tuple(names)


def _scope(scope: Any) -> Scope:
    if scope not in ("entity", "global"):
        raise DefinitionError(f"scope={scope!r} is not a scope.", remedy='Write scope="entity" or scope="global".')
    return "entity" if scope == "entity" else "global"


def _text(option: str, value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise DefinitionError(f"{option}={value!r} is not text.", remedy=f'Write {option}="...".')
    return value


def _tags(tags: Any) -> dict[str, str]:
    if tags is None:
        return {}
    if not isinstance(tags, Mapping) or not all(isinstance(word, str) for pair in tags.items() for word in pair):
        raise DefinitionError(f"tags={tags!r} are not tags.", remedy='Write tags={"domain": "delay"}: text to text.')
    return dict(tags)


def _examples(examples: Any) -> tuple[Example, ...]:
    from workbench.define.examples import Example

    if not isinstance(examples, list | tuple) or not all(isinstance(one, Example) for one in examples):
        raise DefinitionError(
            f"examples={type(examples).__name__} are no examples.",
            remedy="Write examples=[example(given={...}, expect=[...])].",
        )
    return tuple(examples)


def _plain(value: object) -> object:
    """Return `value` as it is where JSON has it, else as it prints."""
    return value if value is None or isinstance(value, bool | int | float | str) else repr(value)
