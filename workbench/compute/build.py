"""From a view and its inputs to a query: run the user's function and look at what came back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import polars as pl

from workbench.errors import ComputeError, UnknownInput, WrongReturn, did_you_mean

if TYPE_CHECKING:
    from workbench.define.view import FeatureView

_WHERE = re.compile(r"occurred in the following expression:\s*(?P<expression>.+)")
_MISSING = re.compile(r'unable to find column "(?P<name>[^"]*)"; valid columns: \[(?P<known>.*?)\]', re.DOTALL)


@dataclass(frozen=True, slots=True)
class InputData:
    """What a view's parameter stands for in a computation.

    Parameters
    ----------
    name
        The parameter's name.
    frame
        The data.
    digest
        The identity of the data: of the source's snapshot, or of the upstream view's output.
    kind
        Whether it is a source or a view.
    """

    name: str
    frame: pl.LazyFrame
    digest: str
    kind: Literal["source", "view"]


def build(view: FeatureView, inputs: Sequence[InputData]) -> pl.LazyFrame:
    """Run a view's function on its inputs; nothing is computed unless the function itself collects.

    Parameters
    ----------
    view
        The view.
    inputs
        One for each of its parameters, in any order.

    Returns
    -------
    pl.LazyFrame
        The contract's columns, in the contract's order.

    Raises
    ------
    WrongReturn
        Something else than a LazyFrame, or not the contract's columns.
    ComputeError
        A query that Polars cannot plan, e.g. for a column that is not there.
    Exception
        Whatever the user's function raises, with its own traceback.
    """
    given = {data.name: data.frame for data in inputs}
    for name in view.inputs:
        if name not in given:
            raise UnknownInput.of(view.name, name, given)
    frame = view(*(given[name] for name in view.inputs))
    if not isinstance(frame, pl.LazyFrame):
        raise _no_lazyframe(view.name, frame)
    return _in_contract_order(view, frame)


def engine_error(view: str, error: BaseException) -> ComputeError:
    """Return what Polars' `error` means to the author of `view`: its first line, and a remedy."""
    text = str(error)
    missing = _MISSING.search(text)
    if missing is not None:
        known = [name.strip(' "') for name in missing["known"].split(",")]
        hint = did_you_mean(missing["name"], known)
        return ComputeError.engine(view, f"there is no column {missing['name']!r}.", remedy=_sentence(hint))
    first = next((line.strip() for line in text.splitlines() if line.strip()), type(error).__name__)
    where = _WHERE.search(text)
    inside = f" in {where['expression'].strip()[:200]}" if where is not None else ""
    return ComputeError.engine(view, f"{first[:400]}{inside} ({type(error).__name__})", remedy=_remedy(error))


def _remedy(error: BaseException) -> str:
    kinds = pl.exceptions
    if isinstance(error, kinds.ColumnNotFoundError | kinds.SchemaFieldNotFoundError | kinds.StructFieldNotFoundError):
        return "Compare the name with the inputs' columns; those made earlier in the query count only after that step."
    if isinstance(error, kinds.SchemaError | kinds.InvalidOperationError):
        return "Check the dtypes that meet here and cast them in the view; `strict=False` makes null what does not fit."
    if isinstance(error, kinds.ShapeError | kinds.DuplicateError):
        return "Look at what each step returns with `.collect_schema()`: name columns once and make lengths equal."
    if isinstance(error, kinds.PanicException):
        return "This is a fault in Polars itself: write the step that it names differently, and report it to Polars."
    return "Correct the expression that Polars names in the view and run the cell again; nothing was stored."


def _no_lazyframe(view: str, value: object) -> WrongReturn:
    if isinstance(value, pl.DataFrame):
        remedy = "Drop the `.collect()` from what it returns."
        return WrongReturn.of(view, "a DataFrame, not a LazyFrame", remedy=remedy)
    if value is None:
        return WrongReturn.of(view, "nothing", remedy="Write `return` before the query at the end of the function.")
    if isinstance(value, pl.Expr | pl.Series):
        what = f"a bare {type(value).__name__}"
        return WrongReturn.of(view, what, remedy="Put it in a frame: `return source.select(...)` with all the columns.")
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    remedy = "Return a Polars LazyFrame; `pl.from_pandas(frame).lazy()` makes one of a pandas frame."
    return WrongReturn.of(view, f"a {kind}, not a LazyFrame", remedy=remedy)


def _in_contract_order(view: FeatureView, frame: pl.LazyFrame) -> pl.LazyFrame:
    try:
        found = frame.collect_schema().names()
    except pl.exceptions.PolarsError as error:
        raise engine_error(view.name, error) from error
    wanted = list(view.contract.names)
    missing = [name for name in wanted if name not in found]
    extra = [name for name in found if name not in wanted]
    if missing:
        hints = "; ".join(f"{name}: {did_you_mean(name, extra)}" for name in missing if extra)
        remedy = f"Add {_list(missing)} to the query, or take it out of the model. {hints}".strip()
        raise WrongReturn.of(view.name, f"no column {_list(missing)}, which its model promises", remedy=remedy)
    if extra:
        remedy = f"Add {_list(extra)} to the model, or end the query with .select({_list(wanted, quote=True)})."
        raise WrongReturn.of(view.name, f"the column {_list(extra)}, which its model does not name", remedy=remedy)
    return frame if found == wanted else frame.select(wanted)


def _list(names: Sequence[str], *, quote: bool = False) -> str:
    return ", ".join(f'"{name}"' if quote else repr(name) for name in names)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}" if text else "Compare the name with the inputs' columns."
