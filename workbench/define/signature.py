"""Reading the signature of a view's function: its inputs, its parameters, its model."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from inspect import Parameter
from types import FunctionType
from typing import Any, ForwardRef, TypedDict, get_args, get_origin

import polars as pl

from workbench.config import valid_name
from workbench.errors import DefinitionError, MissingSchema, WrongReturn


class Signature(TypedDict):
    """What `read_signature` finds."""

    name: str
    inputs: tuple[str, ...]
    parameters: dict[str, Any]
    model: Any


def read_signature(function: Any, *, seen: Mapping[str, Any]) -> Signature:
    """Return the name, inputs, parameters and model of `function`.

    Parameters
    ----------
    function
        What stands below the decorator.
    seen
        Local names where it stands, for annotations kept as text.

    Raises
    ------
    DefinitionError
        Not a plain function, or parameters that cannot be told apart into inputs and view parameters.
    MissingSchema
        No FeatureModel in the return annotation.
    WrongReturn
        A return annotation that is something else than ``LazyFrame[Model]``.
    InvalidName
        A name that could not be a path or reach SQL.
    """
    _plain_function(function)
    name = valid_name("view", function.__name__)
    inputs, parameters = [], {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD):
            raise _starred(name, parameter)
        if parameter.kind is Parameter.KEYWORD_ONLY:
            parameters[parameter.name] = _default(name, parameter)
        elif parameter.default is not Parameter.empty:
            raise _positional_default(name, parameter)
        else:
            inputs.append(parameter.name)
    return Signature(name=name, inputs=tuple(inputs), parameters=parameters, model=_model(name, function, seen))


def _plain_function(function: Any) -> None:
    what = _what_else(function)
    if what:
        name = getattr(function, "__name__", "it")
        shown = name if isinstance(name, str) and name.isidentifier() else "my_view"
        raise DefinitionError(
            f"feature_view decorates a plain function, not {what}.",
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


def _starred(view: str, parameter: Parameter) -> DefinitionError:
    stars = "*" if parameter.kind is Parameter.VAR_POSITIONAL else "**"
    return DefinitionError(
        f"View {view!r} takes {stars}{parameter.name}, which names no source or view.",
        remedy="Write each input as a parameter of its own, by the name of the source or view.",
    )


def _default(view: str, parameter: Parameter) -> Any:
    if parameter.default is Parameter.empty:
        raise DefinitionError(
            f"View {view!r}: the parameter {parameter.name!r} has no value.",
            remedy=f"Give it one: `*, {parameter.name}=...`. An input (source or view) stands before the `*`.",
        )
    return parameter.default


def _positional_default(view: str, parameter: Parameter) -> DefinitionError:
    return DefinitionError(
        f"View {view!r}: {parameter.name!r} stands among the inputs but has a default value.",
        remedy=f"View parameters are keyword-only: put a `*` before it: `*, {parameter.name}={parameter.default!r}`.",
    )


def _model(view: str, function: FunctionType, seen: Mapping[str, Any]) -> Any:
    """Return the model in the return annotation."""
    annotation = _evaluated(view, function, seen, function.__annotations__.get("return", Parameter.empty))
    if annotation is Parameter.empty or annotation is None or annotation is pl.LazyFrame:
        raise MissingSchema.of(view)
    origin, arguments = get_origin(annotation), get_args(annotation)
    named = getattr(origin or annotation, "__name__", "")
    if named == "LazyFrame" and not arguments:
        raise MissingSchema.of(view)
    if named == "LazyFrame" and len(arguments) == 1:
        model = _evaluated(view, function, seen, arguments[0])
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


def _evaluated(view: str, function: FunctionType, seen: Mapping[str, Any], annotation: Any) -> Any:
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
            remedy="Define or import what it names at the top level, above the view.",
        ) from error
