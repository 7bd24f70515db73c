"""The identity of a query plan, where it has one: what makes a refactoring free.

Polars' own binary serialisation is hashed: it is the same in every process and keeps every literal and every in-memory
frame in full (the JSON format writes NaN and infinities as null, so it would take different plans for equal). It is
taken over the plan on the real inputs, because a view may collect something and build its value into the plan.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

import polars as pl

from workbench.drivers import require_uninterrupted
from workbench.errors import ComputeError, UnknownInput, WrongReturn, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.define import FeatureView, OnDemandView
    from workbench.sources import Parts

_SCHEME = "plan/1"
# What makes a plan more than its text: Python functions (as PLPYFN blocks or bare pickles), readers, plugins and
# resolvers that are code. Finding such a word in a literal only costs a reuse; missing one would serve a wrong view.
_CODE = re.compile(
    rb"PLPYFN|Python|AnonymousFunction|AnonymousScan|PipeWithSchema|FfiPlugin|callback|cloudpickle|\xcc?\x80[\x02-\x06]\xcc?[\x95\x8cc]"
)
_UNSEEDED = b"\xa4seed\xc0"  # MessagePack for "seed": null
# A cached sub-plan has a random id of 16 bytes, wherever it is used; what matters is which uses share one.
_CACHE_ID = re.compile(rb"(\xa5Cache\x82\xa5input\x82\xa3idx.{1,9}?\xa7version.{1,9}?\xa2id\xc4\x10)(.{16})", re.DOTALL)


def plan_hash(frame: pl.LazyFrame, inputs: Mapping[str, str] | None = None) -> str | None:
    """Return the identity of what `frame` would compute, or None where its plan does not say it.

    Examples
    --------
    >>> one = pl.LazyFrame({"a": [1, 2]})
    >>> plan_hash(one.select(pl.col("a") + 1)) == plan_hash(one.select(pl.col("a") + 1))
    True
    >>> plan_hash(one.select(pl.col("a") + 1)) == plan_hash(one.select(pl.col("a") + 2))
    False
    >>> plan_hash(one.select(pl.col("a").map_batches(lambda a: a))) is None
    True
    """
    plan = _serialise(frame)
    if plan is None or _CODE.search(plan) or (b"Random" in plan and _UNSEEDED in plan):
        return None
    facts = repr((_SCHEME, pl.__version__, sorted((inputs or {}).items())))
    return sha256(facts.encode() + b"\0" + _with_numbered_caches(plan)).hexdigest()


def _with_numbered_caches(plan: bytes) -> bytes:
    """Return `plan` with each cache's random id replaced by the order of its first appearance."""
    numbers: dict[bytes, bytes] = {}

    def number(match: re.Match[bytes]) -> bytes:
        return match[1] + numbers.setdefault(match[2], len(numbers).to_bytes(16, "big"))

    return _CACHE_ID.sub(number, plan)


def _serialise(frame: pl.LazyFrame) -> bytes | None:
    try:
        return frame.serialize()
    except (pl.exceptions.PolarsError, TypeError, ValueError, AttributeError, RecursionError):
        return None  # it holds something that cannot be written down, e.g. a function with an open file


_WHERE = re.compile(r"occurred in the following expression:\s*(?P<expression>.+)")
_OVERFLOW = re.compile(r"conversion from `i128` to `(?P<dtype>[iu]64)` failed(?: in column '(?P<column>[^']*)')?")
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
    parts
        Gives the rows of its parts, each by what it holds; None where it is not known in parts.
    """

    name: str
    frame: pl.LazyFrame
    digest: str
    kind: Literal["source", "view"]
    parts: Callable[[], Parts] | None = None


def build(view: FeatureView | OnDemandView, inputs: Sequence[InputData]) -> pl.LazyFrame:
    """Run a view's function on its inputs; nothing is computed unless the function itself collects."""
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
    require_uninterrupted(error)
    text = str(error)
    missing = _MISSING.search(text)
    if missing is not None:
        known = [name.strip(' "') for name in missing["known"].split(",")]
        hint = did_you_mean(missing["name"], known)
        return _engine_failed(view, f"there is no column {missing['name']!r}.", remedy=_sentence(hint))
    overflow = _OVERFLOW.search(text)
    if overflow is not None:
        dtype = {"i64": "Int64", "u64": "UInt64"}[overflow["dtype"]]
        column = f" in column {overflow['column']!r}" if overflow["column"] else ""
        return _engine_failed(
            view,
            f"a sum or product of whole numbers does not fit {dtype}{column}.",
            remedy="Aggregate it as floats (.cast(pl.Float64) before .sum()), in a larger unit or over less time.",
        )
    first = next((line.strip() for line in text.splitlines() if line.strip()), type(error).__name__)
    where = _WHERE.search(text)
    inside = f" in {where['expression'].strip()[:200]}" if where is not None else ""
    return _engine_failed(view, f"{first[:400]}{inside} ({type(error).__name__})", remedy=_remedy(error))


def _remedy(error: BaseException) -> str:
    kinds = pl.exceptions
    if isinstance(error, kinds.ColumnNotFoundError | kinds.SchemaFieldNotFoundError | kinds.StructFieldNotFoundError):
        return "Compare the name with the inputs' columns; columns that the query makes exist only after that step."
    if isinstance(error, kinds.SchemaError | kinds.InvalidOperationError):
        return (
            "Check the dtypes in this expression and cast them in the view; `strict=False` turns values "
            "that do not fit into null."
        )
    if isinstance(error, kinds.ShapeError | kinds.DuplicateError):
        return (
            "Check what each step returns with `.collect_schema()`: use each column name once and make lengths equal."
        )
    if isinstance(error, kinds.PanicException):
        return "This is a bug in Polars: rewrite the step that it names, and report the bug to Polars."
    return "Correct the expression that Polars names in the view and run the cell again; nothing was stored."


def _no_lazyframe(view: str, value: object) -> WrongReturn:
    if isinstance(value, pl.DataFrame):
        remedy = "Remove the `.collect()` from the returned frame."
        return _wrong_return(view, "a DataFrame, not a LazyFrame", remedy=remedy)
    if value is None:
        return _wrong_return(view, "nothing", remedy="Write `return` before the query at the end of the function.")
    if isinstance(value, pl.Expr | pl.Series):
        what = f"a bare {type(value).__name__}"
        return _wrong_return(view, what, remedy="Put it in a frame: `return source.select(...)` with all the columns.")
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    remedy = "Return a Polars LazyFrame; `pl.from_pandas(frame).lazy()` makes one of a pandas frame."
    return _wrong_return(view, f"a {kind}, not a LazyFrame", remedy=remedy)


def _in_contract_order(view: FeatureView | OnDemandView, frame: pl.LazyFrame) -> pl.LazyFrame:
    try:
        found = frame.collect_schema().names()
    except pl.exceptions.PolarsError as error:
        raise engine_error(view.name, error) from error
    wanted = list(view.contract.names)
    missing = [name for name in wanted if name not in found]
    extra = [name for name in found if name not in wanted]
    if missing:
        hints = "; ".join(f"{name}: {did_you_mean(name, extra)}" for name in missing if extra)
        remedy = f"Add {_list(missing)} to the query, or remove it from the model. {hints}".strip()
        raise _wrong_return(view.name, f"no column {_list(missing)}, which its model promises", remedy=remedy)
    if extra:
        remedy = f"Add {_list(extra)} to the model, or end the query with .select({_list(wanted, quote=True)})."
        raise _wrong_return(view.name, f"the column {_list(extra)}, which its model does not name", remedy=remedy)
    return frame if found == wanted else frame.select(wanted)


def _list(names: Sequence[str], *, quote: bool = False) -> str:
    return ", ".join(f'"{name}"' if quote else repr(name) for name in names)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}" if text else "Compare the name with the inputs' columns."


def _wrong_return(view: str, what: str, *, remedy: str) -> WrongReturn:
    """Return the error for `view`, which returned `what`."""
    return WrongReturn(f"View {view!r} returned {what}.", remedy=remedy)


def _engine_failed(view: str, message: str, *, remedy: str) -> ComputeError:
    """Return the error for a query of `view` that Polars refused or could not finish."""
    return ComputeError(f"View {view!r} could not be computed: {message}", remedy=remedy)
