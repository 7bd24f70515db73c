"""`on_demand`: features computed at the moment of a request, from stored features and from what the request says."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from inspect import cleandoc
from typing import TYPE_CHECKING, Any

from workbench.config import valid_name
from workbench.define.view import (
    contract_of,
    plain_value,
    read_examples,
    read_signature,
    read_tags,
    read_text,
)
from workbench.dtypes import dtype_to_json, resolve
from workbench.errors import DefinitionError, FeatureNotFound
from workbench.lazy import deferred
from workbench.source_tree import file_names

if TYPE_CHECKING:
    import polars as pl

    from workbench.define.contract import Contract
    from workbench.define.examples import Example
    from workbench.define.model import FeatureModel
else:
    pl = deferred("polars")

_REFERENCE = re.compile(
    r"(?P<view>[a-z][a-z0-9_]{0,62})(@(?P<version>[0-9]+(\.[0-9]+)?))?(:(?P<feature>[a-z][a-z0-9_]{0,62}))?"
)
_REMEDY = 'Write inputs=["view:feature", "view@2"], or inputs={"column": "view:feature"} to name the columns.'


@dataclass(frozen=True, slots=True)
class RequestField:
    """One value that a request gives.

    Attributes
    ----------
    name
        The column of a spine, or the key of an entity, that has it.
    dtype
        Its dtype.
    nullable
        Whether it may be null.
    """

    name: str
    dtype: pl.DataType
    nullable: bool = False

    def to_dict(self) -> dict[str, object]:
        """Return the field as JSON-ready values."""
        return {"name": self.name, "dtype": dtype_to_json(self.dtype), "nullable": self.nullable}


@dataclass(frozen=True, slots=True)
class OnDemandInput:
    """Stored features that an on-demand view reads.

    Attributes
    ----------
    view, version, feature
        ``view[@version][:feature]``; all of its features without one.
    column
        What the function knows the feature as; its own name where None.
    """

    view: str
    version: str | None = None
    feature: str | None = None
    column: str | None = None

    def __str__(self) -> str:
        version = f"@{self.version}" if self.version else ""
        return f"{self.view}{version}{f':{self.feature}' if self.feature else ''}"


@dataclass(frozen=True, slots=True)
class InputColumn:
    """A stored feature as a column of the function's frame."""

    column: str
    view: str
    version: str | None
    feature: str
    dtype: pl.DataType


@dataclass(frozen=True, eq=False)
class OnDemandView:
    """A function from rows of stored features and request values to features, row by row.

    Attributes
    ----------
    name
        The function's name.
    function
        The function itself.
    inputs
        Its positional parameter: the rows.
    reads
        The stored features that its rows have.
    request
        The values of the request that its rows have.
    parameters
        Its keyword-only parameters with their default values.
    model
        The `FeatureModel` in the return annotation.
    examples
        What it must give for a few rows; no part of its identity.
    files
        The data files that it reads, relative to ``features/``.
    """

    name: str
    function: Callable[..., pl.LazyFrame]
    inputs: tuple[str, ...]
    reads: tuple[OnDemandInput, ...]
    request: tuple[RequestField, ...]
    parameters: Mapping[str, Any]
    model: type[FeatureModel]
    owner: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    examples: tuple[Example, ...] = ()
    files: tuple[str, ...] = ()

    # What a stored view has: this one has no rows, so neither keys nor times.
    entities = ()
    event_time = ""
    created = None
    ttl = None
    lookback = None
    scope = "entity"

    def __call__(self, *frames: pl.LazyFrame, **parameters: Any) -> pl.LazyFrame:
        """Run the function, as if it were not decorated."""
        return self.function(*frames, **parameters)

    def __repr__(self) -> str:
        request = ", ".join(each.name for each in self.request)
        return f"<OnDemandView {self.name}({', '.join(map(str, self.reads))}; {request})>"

    @property
    def __wrapped__(self) -> Callable[..., pl.LazyFrame]:
        """Let ``inspect.signature`` and ``inspect.getsource`` see the function."""
        return self.function

    @cached_property
    def contract(self) -> Contract:
        """Return what the view promises about its columns."""
        return contract_of(self.model, self)

    def to_dict(self) -> dict[str, object]:
        """Return what the decorator was told, as JSON-ready values, without code."""
        return {
            "name": self.name,
            "reads": [{"ref": str(each), "column": each.column} for each in self.reads],
            "request": [each.to_dict() for each in self.request],
            "parameters": {key: plain_value(value) for key, value in self.parameters.items()},
            "owner": self.owner,
            "tags": dict(self.tags),
            "description": self.description,
            "files": list(self.files),
            "model": self.model.__name__,
        }


def on_demand(
    *function: Callable[..., pl.LazyFrame],
    inputs: Sequence[str] | Mapping[str, str] = (),
    request: Mapping[str, Any] | None = None,
    owner: str | None = None,
    tags: Mapping[str, str] | None = None,
    description: str | None = None,
    examples: Sequence[Example] = (),
    files: str | Sequence[str] = (),
) -> Callable[[Callable[..., pl.LazyFrame]], OnDemandView]:
    """Declare a function as an on-demand view: features computed when they are asked for.

    Its one positional parameter is a LazyFrame with a row for each entity asked for (in training, for each row of the
    spine): the stored features of `inputs` as known then, and the values of `request`. It returns a row for each, in
    their order, with the columns of its model, which has neither keys nor times. Each row depends on itself alone;
    a check computes rows alone and together. Nothing of it is stored.

    Parameters
    ----------
    inputs
        Stored features: ``view``, ``view:feature`` or ``view@2:feature``, or a mapping from the column that the
        function reads to ``view:feature``. A feature without a value at that time is null.
    request
        The values that a request gives, with their types as in a FeatureModel: ``{"amount": float}``;
        ``float | None`` where null is allowed.
    owner
        Who answers for the view.
    tags
        Words to find it by.
    description
        What it says; the docstring where absent.
    examples
        What the view must give for a few rows, each made by `example`; given names the parameter. The check takes
        request values from them, else it makes some up.
    files
        Data file or files that the view reads, as for `feature_view`.

    Returns
    -------
    Callable
        A decorator that returns an `OnDemandView`, which can still be called as the function.

    Raises
    ------
    DefinitionError
        What is wrong with the function or the arguments; `MissingSchema`, `WrongReturn` for its annotation.
    InvalidName
        A function or column name that could not reach a path or SQL.

    Examples
    --------
    >>> from workbench import Feature, FeatureModel, LazyFrame
    >>> class Payment(FeatureModel):
    ...     times_usual: float = Feature(unit="dimensionless", ge=0, nullable=True)
    >>> @on_demand(inputs={"usual": "spend_mean:amount_7d"}, request={"amount": float})
    ... def payment(rows: pl.LazyFrame) -> LazyFrame[Payment]:
    ...     return rows.select(times_usual=pl.col("amount") / pl.col("usual"))
    >>> payment
    <OnDemandView payment(spend_mean:amount_7d; amount)>
    >>> payment(pl.LazyFrame({"usual": [2.0], "amount": [5.0]})).collect().item()
    2.5
    """
    if function:
        raise DefinitionError(
            "on_demand needs to be called.", remedy='Write @on_demand(inputs=[...], request={"amount": float}).'
        )
    reads, fields = _reads(inputs), _request(request)
    if not reads and not fields:
        raise DefinitionError(
            "on_demand has neither inputs nor a request, so every row would be the same.", remedy=_REMEDY
        )
    facts: dict[str, Any] = {
        "reads": reads,
        "request": fields,
        "owner": read_text("owner", owner),
        "tags": read_tags(tags),
        "examples": read_examples(examples),
        "files": file_names(files),
    }
    read_text("description", description)

    def decorate(function: Callable[..., pl.LazyFrame]) -> OnDemandView:
        signature = read_signature(function, seen=sys._getframe(1).f_locals, decorator="on_demand")
        text = description or cleandoc(function.__doc__ or "")
        view = OnDemandView(function=function, description=text, **signature, **facts)
        _check(view)
        return view

    return decorate


def input_columns(
    view: str,
    reads: Sequence[OnDemandInput],
    request: Sequence[RequestField],
    contract_of_input: Callable[[OnDemandInput], Contract],
) -> tuple[InputColumn, ...]:
    """Return the columns that the stored features of an on-demand view are in its frame."""
    found: dict[str, InputColumn] = {}
    taken = {each.name: "the request" for each in request}
    for read in reads:
        contract = contract_of_input(read)
        features = {column.name: column.dtype for column in contract.features}
        if read.feature is not None and read.feature not in features:
            raise FeatureNotFound.named(f"{read.view}:{read.feature}", [f"{read.view}:{name}" for name in features])
        for feature in features if read.feature is None else [read.feature]:
            column = read.column or feature
            if column in taken:
                raise DefinitionError(
                    f"View {view!r}: {taken[column]} and {read} both give a column {column!r}.",
                    remedy=f'Name the columns: inputs={{"{read.view}_{column}": "{read.view}:{feature}", ...}}.',
                )
            taken[column] = str(read)
            found[column] = InputColumn(column, read.view, read.version, feature, features[feature])
    return tuple(found.values())


def _reads(inputs: Any) -> tuple[OnDemandInput, ...]:
    pairs: list[tuple[str | None, Any]]
    if isinstance(inputs, Mapping):
        pairs = [(valid_name("column", str(column)), ref) for column, ref in inputs.items()]
    elif isinstance(inputs, list | tuple):
        pairs = [(None, ref) for ref in inputs]
    else:
        raise DefinitionError(f"inputs={inputs!r} does not list features.", remedy=_REMEDY)
    found = []
    for column, ref in pairs:
        parts = _REFERENCE.fullmatch(str(ref))
        if parts is None or (column is not None and parts["feature"] is None):
            raise DefinitionError(f"inputs: {ref!r} does not name a stored feature.", remedy=_REMEDY)
        found.append(OnDemandInput(parts["view"], parts["version"], parts["feature"], column))
    if len(set(found)) < len(found):
        raise DefinitionError(f"inputs={inputs!r} names a feature twice.", remedy="Name each once.")
    return tuple(found)


def _request(request: Any) -> tuple[RequestField, ...]:
    if request is None:
        return ()
    if not isinstance(request, Mapping):
        raise DefinitionError(
            f"request={request!r} does not name values and their types.", remedy='Write request={"amount": float}.'
        )
    found = []
    for name, annotation in request.items():
        dtype, nullable = resolve(annotation, column=valid_name("request value", name))
        if dtype.is_nested() or isinstance(dtype, pl.Categorical):
            raise DefinitionError(
                f"request: {name!r} is {dtype}, which a request cannot give.",
                remedy="Use a number, text, a Boolean, a time or a pl.Enum, each value under a name of its own.",
            )
        found.append(RequestField(name, dtype, nullable))
    return tuple(found)


def _check(view: OnDemandView) -> None:
    if len(view.inputs) != 1:
        raise DefinitionError(
            f"On-demand view {view.name!r} takes {len(view.inputs)} frames.",
            remedy=f"Write def {view.name}(rows: pl.LazyFrame): one frame has the inputs and the request as columns.",
        )
    asked = {each.name for each in view.request}
    for column in view.model.to_schema().columns:
        if column in asked:
            raise DefinitionError(
                f"On-demand view {view.name!r}: {column!r} is a value of the request and a feature, too.",
                remedy="Give the feature another name: a spine has the request's values as columns.",
            )
    for read in view.reads:
        if read.view == view.name:
            raise DefinitionError(f"On-demand view {view.name!r} reads itself.", remedy="Name a stored view.")
    if not view.model.to_schema().columns:
        raise DefinitionError(
            f"On-demand view {view.name!r} has no feature.", remedy=f"Add a column to {view.model.__name__}."
        )
