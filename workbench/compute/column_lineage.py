"""Which columns of its inputs each column of a view depends on, read off the query plan; nothing is computed.

The view's function is run on stand-ins for its inputs, and Polars' optimiser says, for one column of the result at a
time, which columns of each stand-in it would read: those that make its values, and those that decide which rows there
are (keys, filters, sorts). The optimiser must read all that matters, so this never misses a column; it may name one too
many. What a function reads while the query is still being built (a ``collect``) may be anywhere in the plan, so it
counts for every column.

The optimised plan is reached by ``LazyFrame._ldf.visit()``, which is private to Polars: where it is not what is
expected, the answer is "all columns", and `ColumnLineage.reason` says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import polars as pl

from workbench.compute.plan import InputData, build
from workbench.drivers import require_uninterrupted
from workbench.errors import FeatureNotFound

if TYPE_CHECKING:
    from workbench.define import FeatureView

ColumnInputs = Mapping[str, frozenset[str] | None]
"""By input: the columns that are depended on, or None where only "all columns" can be said."""


class PlannedView(Protocol):
    """A view and the data of its parameters."""

    @property
    def view(self) -> FeatureView:
        """The view."""

    @property
    def inputs(self) -> Sequence[InputData]:
        """One for each of its parameters."""


class ColumnLineage(msgspec.Struct, frozen=True):
    """What each column of a view depends on.

    Parameters
    ----------
    columns
        By column of the view, in the contract's order: by input that it depends on, the input's columns, or None where
        only "all columns" can be said. An input that is not named does not matter to the column.
    reason
        Why nothing more precise can be said; None where the plan says it.
    """

    columns: Mapping[str, ColumnInputs]
    reason: str | None = None


def column_inputs(prepared: PlannedView, column: str) -> ColumnInputs:
    """Return which columns of its inputs one column of a view depends on."""
    if column not in prepared.view.contract.names:
        raise FeatureNotFound.named(column, prepared.view.contract.names)
    return column_lineage(prepared.view, prepared.inputs).columns[column]


def column_lineage(view: FeatureView, inputs: Sequence[InputData]) -> ColumnLineage:
    """Return which columns of its inputs each column of `view` depends on; never raises for what the view does."""
    try:
        stands = [StandIn(data) for data in inputs]
        frame = build(view, [stand.data for stand in stands])
        names = list(view.contract.names)
        columns = {name: _read(frame.select(name), stands) for name in names}
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001  # the user's code may raise anything, and Polars' panics are no Exception
        require_uninterrupted(error)
        said = next(iter(str(error).splitlines()), "")
        return untold(view, f"{type(error).__name__}: {said}"[:300].rstrip(": "))
    return ColumnLineage(columns)


def untold(view: FeatureView, reason: str) -> ColumnLineage:
    """Return a lineage in which each column of `view` depends on all input columns, with the `reason`."""
    return ColumnLineage({name: dict.fromkeys(view.inputs) for name in view.contract.names}, reason)


class UnreadablePlan(Exception):
    """Polars' plan is not what this module can read."""


@dataclass(slots=True)
class StandIn:
    """An input by another name: a frame that says what is read of it, and gives the real rows when asked to.

    Parameters
    ----------
    real
        The input.
    """

    real: InputData
    names: frozenset[str] = field(init=False)
    data: InputData = field(init=False)
    early: set[str] | None = field(init=False, default=None)
    scan: object = field(init=False)

    def __post_init__(self) -> None:
        from polars.io.plugins import register_io_source

        schema = self.real.frame.collect_schema()
        self.names = frozenset(schema)
        frame = register_io_source(self._give, schema=schema)
        (leaf,) = _leaves(frame)
        self.scan, _ = _scan_of(leaf)
        self.data = replace(self.real, frame=frame)

    def _give(
        self, columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, _size: int | None
    ) -> Iterator[pl.DataFrame]:
        """Read for a function that reads while it builds its query, and remember what."""
        self.early = (self.early or set()) | (self.names if columns is None else set(columns))
        query = self.real.frame if predicate is None else self.real.frame.filter(predicate)
        query = query if columns is None else query.select(columns)
        yield (query if rows is None else query.head(rows)).collect()


def _read(frame: pl.LazyFrame, stands: Sequence[StandIn]) -> dict[str, frozenset[str] | None]:
    """Return what of each input the optimised plan of `frame` reads, and what was read to build it."""
    read: dict[str, frozenset[str] | None] = {
        stand.real.name: frozenset(stand.early) for stand in stands if stand.early is not None
    }
    for leaf in _leaves(frame):
        if type(leaf).__name__ == "DataFrameScan":
            continue  # a table of the view's own, or one that was read early
        scan, columns = _scan_of(leaf)
        stand = next((stand for stand in stands if stand.scan is scan), None)
        if stand is None or not stand.names.issuperset(columns or ()):
            raise UnreadablePlan("the plan reads something that is not an input")
        found = stand.names if columns is None else frozenset(columns)
        read[stand.real.name] = found | (read.get(stand.real.name) or frozenset())
    return {stand.real.name: read[stand.real.name] for stand in stands if stand.real.name in read}


def _leaves(frame: pl.LazyFrame) -> list[Any]:
    """Return the nodes without inputs of the optimised plan."""
    visit: Callable[[], Any] | None = getattr(getattr(frame, "_ldf", None), "visit", None)
    if visit is None:
        raise UnreadablePlan("this version of Polars does not show its plans")
    plan = visit()
    leaves, open_nodes, seen = [], [plan.get_node()], set()
    while open_nodes:
        node = open_nodes.pop()
        if node in seen:
            continue
        seen.add(node)
        plan.set_node(node)
        below = plan.get_inputs()
        open_nodes += below
        if not below:
            leaves.append(plan.view_current_node())
    return leaves


def _scan_of(leaf: Any) -> tuple[object, list[str] | None]:
    """Return the function that a leaf of the plan reads by, and the columns it is asked for; None for all."""
    options = getattr(leaf, "options", None)
    if type(leaf).__name__ != "PythonScan" or not isinstance(options, tuple) or len(options) < 2:
        raise UnreadablePlan(f"the plan reads by a {type(leaf).__name__}, which is not an input")
    scan, columns = options[:2]
    if not callable(scan) or not (columns is None or isinstance(columns, list)):
        raise UnreadablePlan("this version of Polars shows its plans differently")
    return scan, columns
