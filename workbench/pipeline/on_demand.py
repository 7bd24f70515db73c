"""Checking an on-demand view on a sample: stored features of today beside values of requests, from examples or made up.

Nothing of it is stored: the sample is computed again wherever the view is checked.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.checks import (
    Check,
    check_contract,
    check_on_demand_examples,
    check_row_wise,
    examples_of,
    frame_of,
    named,
    try_on_demand,
)
from workbench.compute import compute_on_demand, input_frame
from workbench.define import OnDemandInput, OnDemandView, contract_of, input_columns, refuse, reraise_user_errors
from workbench.errors import (
    ContractViolation,
    DefinitionError,
    FeatureNotFound,
    UnknownInput,
    WorkbenchError,
    WrongReturn,
    did_you_mean,
)
from workbench.fingerprint import SourceCodes, code_hash, metadata_hash, parameters_of, view_id
from workbench.pipeline.evaluate import Evaluation
from workbench.registry import Registry

if TYPE_CHECKING:
    from workbench.checks import Trial
    from workbench.define import Contract, Definitions, Example, InputColumn
    from workbench.fingerprint import Fingerprint
    from workbench.lake import Lake

ROWS = 24
"""Rows of the sample, beside those of the examples."""
_START = datetime(2024, 2, 29, 12, 30, 15, 250_000, tzinfo=UTC)
_NUMBERS = (0, 1, 2, 7, 100, 3, 25, 12_345)


@dataclass(frozen=True)
class StoredInputs:
    """Where the stored features of on-demand views are read.

    Attributes
    ----------
    evaluation
        Computes the views of the same tree.
    registry
        Has the published versions.
    lake
        Has their rows.
    """

    evaluation: Evaluation
    registry: Registry
    lake: Lake

    def contract(self, view: str, read: OnDemandInput) -> Contract:
        """Return the contract of the view that an input names."""
        if read.version is not None:
            return self.registry.version(read.view, read.version).contract
        definitions = self.evaluation.definitions
        if definitions.has_on_demand(read.view):
            raise DefinitionError(
                f"On-demand view {view!r} reads {read.view!r}, which is computed on demand, too.",
                remedy="An on-demand view reads stored views: compute both in one.",
            )
        try:
            return definitions.view(read.view).contract
        except FeatureNotFound:
            raise UnknownInput(
                f"On-demand view {view!r} reads {read.view!r}, which is not a stored view of this branch.",
                remedy=f"{did_you_mean(read.view, definitions.outline.views).capitalize()} A published version is "
                f"read as {read.view}@1.".strip(),
            ) from None

    def rows(self, read: OnDemandInput) -> pl.LazyFrame:
        """Return the rows of the view that an input names; they are computed where they are not."""
        if read.version is None:
            return self.evaluation.evaluate(read.view).computed.stored.frame()
        version = self.registry.version(read.view, read.version)
        return self.lake.rows(read.view, version)


@dataclass(frozen=True)
class PreparedOnDemand:
    """An on-demand view whose identity is known, and which was tried on a sample.

    Attributes
    ----------
    view, contract, fingerprint, metadata_hash
        The definition.
    columns
        The stored features that it reads, each as a column of its rows.
    identity
        The hash of all that its values depend on, but for the stored features' values.
    trial
        What it gave on the sample.
    has_examples
        Whether the request's values in the sample are from examples, not made up.
    real
        How many rows of the sample, its first ones, have values as the examples give them; others vary these.
    """

    view: OnDemandView
    contract: Contract
    fingerprint: Fingerprint
    metadata_hash: str
    columns: tuple[InputColumn, ...]
    identity: str
    trial: Trial
    has_examples: bool
    real: int

    @property
    def schema(self) -> pl.Schema:
        """The columns of its rows."""
        return input_frame(self.columns, self.view.request)

    @property
    def output(self) -> pl.DataFrame:
        """What it gave on the sample; no rows where it raised."""
        whole = self.trial.whole
        return pl.DataFrame(schema=self.contract.schema) if isinstance(whole, str) else whole

    def checks(self) -> tuple[Check, ...]:
        """Return what is found of it: its contract, rows alone and together, other worlds, its examples."""
        examples = self._examples()
        return (self._contract(), *check_row_wise(self.trial, self.contract), *([examples] if examples else []))

    def _examples(self) -> Check | None:
        try:
            return check_on_demand_examples(self.view, _examples_of(self.view), self.schema)
        except Exception as error:  # noqa: BLE001 - the user's code may raise anything
            said = f"{error.message} {' '.join(error.lines)}" if isinstance(error, WorkbenchError) else repr(error)
            return Check("examples", passed=False, detail=" ".join(said.split())[:400])

    def _contract(self) -> Check:
        found = check_contract(self.contract, self.view.model, self.output.head(self.real))
        if self.has_examples or not self.view.request:
            return found
        if found.failed or not found.checked:  # values that nobody sends may break any bound
            return Check(
                "contract",
                passed=False,
                checked=False,
                detail="columns and dtypes match; bounds and nulls are not checked, since the request's values were "
                f"made up: add examples=[example(given={{{self.view.inputs[0]!r}: [...]}}, expect=[...])]",
                failures=found.failures,
            )
        return found


def prepare_on_demand(
    definitions: Definitions,
    name: str,
    inputs: StoredInputs,
    *,
    reads: Sequence[OnDemandInput] | None = None,
    offset: int = 0,
) -> PreparedOnDemand:
    """Return an on-demand view with its identity, tried on a sample."""
    view = definitions.on_demand(name)
    if inputs.evaluation.definitions.has_view(name) or name in inputs.evaluation.sources.names():
        raise DefinitionError(f"On-demand view {name!r} has the name of a source.", remedy="Rename one of them.")
    columns = input_columns(
        name, view.reads if reads is None else reads, view.request, lambda read: inputs.contract(name, read)
    )
    codes = SourceCodes()
    contract = contract_of(view.model, view, sources=codes, offset=offset)
    fingerprint = code_hash(view, sources=codes, offset=offset)
    sample, examples = _sample(view, columns, inputs)
    varied = pl.concat([sample, _varied(sample, view)]) if examples else sample
    trial = try_on_demand(definitions, view, varied)
    if isinstance(trial.whole, str) and varied.height > sample.height:
        _require_observed(trial, name, definitions)
        _run_here(definitions, view, varied, trusted=False, offset=offset)
        trial = try_on_demand(definitions, view, sample)
    _require_observed(trial, name, definitions)
    _run_here(definitions, view, sample, trusted=examples, offset=offset)
    return PreparedOnDemand(
        view=view,
        contract=contract,
        fingerprint=fingerprint,
        metadata_hash=metadata_hash(view),
        columns=columns,
        identity=identity_of(view, contract, fingerprint, columns),
        trial=trial,
        has_examples=examples,
        real=sample.height,
    )


def _require_observed(trial: Trial, name: str, definitions: Definitions) -> None:
    """Raise where the view read or changed what it may not; else it may run in this process, too."""
    for seen in (trial.here, trial.elsewhere):
        refuse(f"On-demand view {name!r}", seen, definitions)


def identity_of(
    view: OnDemandView, contract: Contract, fingerprint: Fingerprint, columns: Sequence[InputColumn]
) -> str:
    """Return the hash of all that the values of an on-demand view depend on, but for the stored features' values."""
    request = json.dumps([each.to_dict() for each in view.request], sort_keys=True)
    reads = json.dumps([[each.column, each.view, each.version, each.feature, str(each.dtype)] for each in columns])
    facts = {"request": request, "reads": reads, "contract": contract.hash}
    digests = {what: hashlib.sha256(text.encode()).hexdigest() for what, text in facts.items()}
    return view_id(code_hash=fingerprint.code_hash, parameters=parameters_of(view), inputs=digests)


def _run_here(
    definitions: Definitions, view: OnDemandView, sample: pl.DataFrame, *, trusted: bool, offset: int
) -> None:
    """Compute the sample in this process, so that what is raised shows the user's lines.

    On values that were made up only what concerns the shape of the result is raised.
    """
    try:
        with reraise_user_errors(definitions, {view.name: offset} if offset else {}):
            compute_on_demand(view, sample, whole=False)
    except (WrongReturn, ContractViolation):
        raise
    except Exception as error:  # the user's code may raise anything on such values
        if trusted or not view.request or "there is no column" in str(error):
            raise


def _examples_of(view: OnDemandView) -> tuple[Example, ...]:
    """Return the examples of a view: its decorator's, and those at the top level of its file."""
    return examples_of(view, vars(sys.modules[view.function.__module__]))


def _sample(view: OnDemandView, columns: Sequence[InputColumn], inputs: StoredInputs) -> tuple[pl.DataFrame, bool]:
    """Return rows to try a view on, and whether the request's values in them are from its examples."""
    schema = input_frame(columns, view.request)
    given = [
        frame_of(rows, dict(schema), where=f"given[{view.inputs[0]!r}]")
        for one in _examples_of(view)
        if (rows := one.given.get(view.inputs[0])) is not None and len(named(rows))
    ]
    stored = _stored(columns, inputs)
    made = [_requests(given, name, dtype) for name, dtype in schema.items() if name not in stored.columns]
    if not given:
        made = [_made_up(each.dtype, nullable=each.nullable).rename(each.name) for each in view.request]
    height = max(stored.height, ROWS if made else 0)
    if not height:
        return pl.concat(given) if given else pl.DataFrame(schema=schema), bool(given)
    filled = [_cycle(series, height) for series in (*stored.get_columns(), *made)]
    sample = pl.DataFrame(filled).select(schema.names()).cast(dict(schema))  # type: ignore[arg-type]  # dtypes by name
    return pl.concat([*given, sample]), bool(given)


def _varied(sample: pl.DataFrame, view: OnDemandView) -> pl.DataFrame:
    """Return rows whose numbers of the request are parts of the examples', so that no two rows are alike."""
    rows = sample.head(ROWS // 2).with_row_index("__row")
    part = (pl.col("__row") + 1) / (pl.col("__row") + 2)
    numbers = [each for each in view.request if each.dtype.is_numeric()]
    return rows.with_columns((pl.col(each.name) * part).cast(each.dtype) for each in numbers).drop("__row")


def _stored(columns: Sequence[InputColumn], inputs: StoredInputs) -> pl.DataFrame:
    """Return rows of stored features from all over their views, and one of nulls: an entity without any."""
    found: list[pl.Series] = []
    for view, version in dict.fromkeys((each.view, each.version) for each in columns):
        own = [each for each in columns if (each.view, each.version) == (view, version)]
        frame = inputs.rows(OnDemandInput(view, version))
        height = int(frame.select(pl.len()).collect().item())
        step = max(1, height // (ROWS - 1))
        rows = frame.select(pl.col(each.feature).alias(each.column) for each in own).gather_every(step).head(ROWS - 1)
        collected = rows.collect()
        nulls = pl.DataFrame({name: [None] for name in collected.columns}, schema=collected.schema)
        found += [_cycle(series, ROWS - 1) for series in collected.get_columns()] if height else []
        found = found if height else [*found, *(_cycle(series, ROWS - 1) for series in nulls.get_columns())]
    if not found:
        return pl.DataFrame()
    stored = pl.DataFrame(found)
    return pl.concat([stored, pl.DataFrame({name: [None] for name in stored.columns}, schema=stored.schema)])


def _cycle(series: pl.Series, rows: int) -> pl.Series:
    times = math.ceil(rows / series.len())
    return pl.concat([series] * times).head(rows) if times > 1 else series.head(rows)


def _requests(given: Sequence[pl.DataFrame], name: str, dtype: pl.DataType) -> pl.Series:
    return pl.concat([frame[name] for frame in given]) if given else pl.Series(name, [], dtype)


def _made_up(dtype: pl.DataType, *, nullable: bool) -> pl.Series:
    """Return values of a dtype, such as a request might give."""
    values: list[Any]
    if isinstance(dtype, pl.Enum):
        values = dtype.categories.to_list()
    elif dtype.is_integer():
        most = {8: 100, 16: 12_345}.get(int("".join(filter(str.isdigit, str(dtype))) or 64), 12_345)
        values = [min(number, most) for number in _NUMBERS]
        values += [] if dtype.is_unsigned_integer() else [-3]
    else:
        makers: dict[type[pl.DataType], Callable[[int], Any]] = {
            pl.Float32: lambda number: number / 4,
            pl.Float64: lambda number: number / 4,
            pl.Boolean: lambda number: number % 2 == 1,
            pl.String: lambda number: f"text {number}",
            pl.Binary: lambda number: f"{number}".encode(),
            pl.Date: lambda number: date(2024, 2, 29) + timedelta(days=number),
            pl.Time: lambda number: time(number % 24, 30),
            pl.Duration: lambda number: timedelta(minutes=number),
            pl.Decimal: Decimal,
            pl.Datetime: lambda number: _START + timedelta(hours=number),
        }
        values = [makers[type(dtype)](number) for number in _NUMBERS]
        if isinstance(dtype, pl.Datetime) and dtype.time_zone is None:
            values = [value.replace(tzinfo=None) for value in values]
    return pl.Series([*values, *([None] if nullable else [])], dtype=dtype)
