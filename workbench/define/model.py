"""`FeatureModel` and `Feature`: the schema of a view, as a pandera model that knows units and tolerances."""

from __future__ import annotations

import inspect
import math
import sys
import types
from collections.abc import Sequence
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, get_origin

import polars as pl

from workbench.config import valid_name
from workbench.define.contract import check_value
from workbench.define.units import parse_unit
from workbench.dtypes import resolve
from workbench.equality import has_numbers
from workbench.errors import DefinitionError

Model = TypeVar("Model")

if TYPE_CHECKING:
    from typing_extensions import TypeAliasType

    LazyFrame = TypeAliasType("LazyFrame", pl.LazyFrame, type_params=(Model,))

    class _PanderaModel:
        @classmethod
        def to_schema(cls) -> Any: ...
        @classmethod
        def validate(cls, check_obj: Any, *, lazy: bool = False) -> Any: ...
else:
    from pandera.polars import DataFrameModel as _PanderaModel

    class LazyFrame:
        """The return annotation of a view: ``-> LazyFrame[CarrierDelay]``; a type checker sees ``pl.LazyFrame``."""

        __class_getitem__ = classmethod(types.GenericAlias)


KEY = "workbench"
"""Where a pandera column's metadata keeps our `FeatureOptions`."""
_SHOWN_FAILURES = 20


@dataclass(frozen=True, slots=True)
class FeatureOptions:
    """What `Feature` was told, beyond what pandera itself keeps."""

    unit: str | None = None
    tolerance: float | None = None
    ge: Any = None
    gt: Any = None
    le: Any = None
    lt: Any = None
    isin: tuple[Any, ...] | None = None
    default: Any = None
    deprecated: str | None = None


def Feature(  # noqa: N802  # reads like a type where it is used, as pandera's and pydantic's Field do
    *,
    unit: str | None = None,
    tolerance: float | None = None,
    ge: Any = None,
    gt: Any = None,
    le: Any = None,
    lt: Any = None,
    isin: Sequence[Any] | None = None,
    nullable: bool = False,
    description: str | None = None,
    default: Any = None,
    deprecated: str | None = None,
    unique: bool = False,
) -> Any:
    """Describe one column of a `FeatureModel`.

    Parameters
    ----------
    unit
        What the numbers measure, e.g. ``minute``, ``count``, ``percent``, ``km/hour``; read by pint.
    tolerance
        Values that differ by at most this much are the same value, in units of `unit`, both ends included; in lists
        and structs it counts for each number. 0 allows no difference at all. Without one, floats may differ in their
        last digits.
    ge, gt, le, lt
        Bounds of the values: at least, more than, at most, less than.
    isin
        The only values allowed.
    nullable
        Whether nulls are allowed; ``float | None`` as the annotation says the same.
    description
        One sentence for the catalog.
    default
        What readers get where there is no value; never written into the data.
    deprecated
        Why, or in favour of what, readers should leave this column.
    unique
        Whether no value may occur twice.

    Returns
    -------
    Any
        A pandera field; of type Any, so that it can stand as the default of a typed attribute.

    Raises
    ------
    DefinitionError
        An unknown unit, a tolerance that is not a positive number, bounds that leave nothing, an empty `isin`.
    """
    from pandera.polars import Field

    options = FeatureOptions(
        unit=None if unit is None else parse_unit(unit),
        tolerance=_tolerance(tolerance),
        ge=ge,
        gt=gt,
        le=le,
        lt=lt,
        isin=None if isin is None else _choices(isin),
        default=default,
        deprecated=_text("deprecated", deprecated),
    )
    _bounds(options)
    return Field(
        ge=ge,
        gt=gt,
        le=le,
        lt=lt,
        isin=None if options.isin is None else list(options.isin),
        nullable=nullable,
        description=_text("description", description),
        unique=unique,
        n_failure_cases=_SHOWN_FAILURES,
        metadata={KEY: options},
    )


class FeatureModel(_PanderaModel):
    """The schema of a view: one annotated attribute a column, in the order they are stored.

    A pandera ``DataFrameModel``: its checks may be used too.

    Raises
    ------
    DefinitionError
        On subclassing, for an annotation that is not a column type or options that do not suit it.
    InvalidName
        On subclassing, for a column that is not a valid name.

    Examples
    --------
    >>> from workbench.dtypes import UTC
    >>> class CarrierDelay(FeatureModel):
    ...     carrier: str
    ...     landed_at: UTC
    ...     delay: float = Feature(unit="minute", ge=-90, nullable=True)
    >>> list(CarrierDelay.to_schema().columns)
    ['carrier', 'landed_at', 'delay']
    """

    Config: ClassVar[Any]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Resolve the annotations, so that pandera and the contract see the same dtypes."""
        annotations = _annotations(cls, sys._getframe(1))
        _refuse_untyped(cls, annotations)
        for column, annotation in list(annotations.items()):
            annotations[column] = _column(cls, valid_name("column", column), annotation)
        cls.__annotations__ = annotations
        super().__init_subclass__(**kwargs)


def _annotations(model: type, place: FrameType) -> dict[str, Any]:
    """Evaluate annotations kept as text where the class statement stands, so that local names are seen.

    The class's own names are not looked at: ``date: date = Feature()`` means the type.
    """
    seen = {**place.f_globals, **place.f_locals}
    try:
        return dict(inspect.get_annotations(model, globals=seen, locals={}, eval_str=True))
    except Exception as error:  # an annotation is the user's code and may raise anything
        raise DefinitionError(
            f"An annotation of {model.__name__} cannot be read: {error}.",
            remedy="Define or import what it names before the model, at the top level of the file.",
        ) from error


def _refuse_untyped(model: type, annotations: dict[str, Any]) -> None:
    for name, value in vars(model).items():
        if name in annotations and get_origin(annotations[name]) is not ClassVar:
            continue
        if _is_field(value):
            raise DefinitionError(
                f"Column {name!r} of {model.__name__} has no type.", remedy=f"Write `{name}: float = Feature(...)`."
            )
        if not name.startswith("_") and not inspect.isroutine(value) and name != "Config":
            raise DefinitionError(
                f"{model.__name__}.{name} is not a column.",
                remedy="Move it out of the model: a model has only columns.",
            )


def _column(model: type, column: str, annotation: object) -> pl.DataType:
    """Return the dtype of `column`, and put its field in order."""
    if _is_field(annotation):  # Python assigns before it evaluates the annotation: `date: date = Feature()`
        raise DefinitionError(
            f"Column {column!r} of {model.__name__} has the name of its own type.",
            remedy=f"Add `from __future__ import annotations` at the top, or rename {column!r}.",
        )
    dtype, optional = resolve(annotation, column=column)
    field = vars(model).get(column)
    if field is None:
        field = Feature()
        setattr(model, column, field)
        field.__set_name__(model, column)
    elif not _is_field(field):
        raise DefinitionError(
            f"Column {column!r} of {model.__name__} has the value {field!r}.",
            remedy=f"Describe it with `{column}: ... = Feature(...)`; a default value is Feature(default=...).",
        )
    if optional:
        field.nullable, field.nullable_explicit = True, True
    _suit(column, dtype, (field.metadata or {}).get(KEY, FeatureOptions()))
    return dtype


def _is_field(value: object) -> bool:
    from pandera.api.dataframe.model_components import FieldInfo

    return isinstance(value, FieldInfo)


def _suit(column: str, dtype: pl.DataType, options: FeatureOptions) -> None:
    """Raise unless the options make sense for a column of `dtype`."""
    for option in ("ge", "gt", "le", "lt", "default"):
        value = getattr(options, option)
        if value is not None:
            check_value(value, dtype, column=column, option=option)
    for value in options.isin or ():
        check_value(value, dtype, column=column, option="isin")
    if options.tolerance is not None and not has_numbers(dtype):
        remedy = "Remove tolerance."
        if dtype.is_temporal():
            remedy = "Remove it: times are compared exactly. Or store the feature as a number of seconds."
        raise DefinitionError(f"Column {column!r}: {dtype} has no tolerance.", remedy=remedy)


def _tolerance(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise DefinitionError(f"tolerance={value!r} is not a size.", remedy="Give a number from 0 up, e.g. 0.01.")
    return float(value)


def _choices(values: Any) -> tuple[Any, ...]:
    if isinstance(values, str) or not hasattr(values, "__iter__"):
        raise DefinitionError(f"isin={values!r} is not a list.", remedy="Write isin=['a', 'b'].")
    if not (found := tuple(values)):
        raise DefinitionError("isin=[] does not allow any value.", remedy="List the values, or remove isin.")
    return tuple(sorted(found)) if isinstance(values, set | frozenset) else found


def _text(option: str, value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise DefinitionError(f"{option}={value!r} is not text.", remedy=f"Write {option}='...'.")
    return value


def _bounds(options: FeatureOptions) -> None:
    """Raise where no value could lie between the bounds."""
    for low in ("ge", "gt"):
        for high in ("le", "lt"):
            least, most = getattr(options, low), getattr(options, high)
            if least is None or most is None:
                continue
            try:
                empty = least > most or (least == most and (low, high) != ("ge", "le"))
            except TypeError:
                empty = True
            if empty:
                raise DefinitionError(
                    f"There is no value between {low}={least!r} and {high}={most!r}.",
                    remedy="Swap or widen the bounds.",
                )
