"""On-demand views as they are read: their inputs resolved to stored features, their function applied to rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workbench.errors import DefinitionError, JoinError

if TYPE_CHECKING:
    import polars as pl

    from workbench.define import Contract, InputColumn, OnDemandInput, RequestField


@dataclass(frozen=True, eq=False)
class ReadableOnDemand:
    """An on-demand view as it is read.

    Attributes
    ----------
    name, version
        The view; the number of the published version, None for a branch's own.
    contract, reads, request
        As declared.
    identity
        The hash of all that its values depend on beside its inputs' values.
    compute
        Returns its features for rows of its inputs and request, a row for each.
    run
        The MLflow run that is recorded with a published version.
    """

    name: str
    version: str | None
    contract: Contract
    reads: tuple[OnDemandInput, ...]
    request: tuple[RequestField, ...]
    identity: str
    compute: Callable[[pl.DataFrame], pl.DataFrame] = field(repr=False)
    run: str | None = None

    @property
    def label(self) -> str:
        """The view as references name it: ``ratio``, or ``ratio@1.2`` where it is a published version."""
        return f"{self.name}@{self.version}" if self.version else self.name

    @property
    def features(self) -> tuple[str, ...]:
        """The names of its features."""
        return tuple(column.name for column in self.contract.features)

    def columns(self, contract_of: Callable[[OnDemandInput], Contract]) -> tuple[InputColumn, ...]:
        """Return the stored features that it reads, each as a column of its rows."""
        from workbench.define import input_columns

        return input_columns(self.name, self.reads, self.request, contract_of)


def request_columns(
    view: ReadableOnDemand, frame: pl.DataFrame, *, label: str | None, index: Sequence[str] = ()
) -> list[pl.Series]:
    """Return the values that a spine has for the request of an on-demand view."""
    from workbench.compute import request_column

    found = []
    for each in view.request:
        if each.name not in frame.columns:
            hint = "Pass spine.reset_index()." if each.name in index else _add_column(each)
            raise JoinError(
                f"The spine has no column {each.name!r}, which on-demand view {view.label!r} takes from the request.",
                remedy=hint,
            )
        if each.name == label:
            raise JoinError(
                f"{each.name!r} is the label, and on-demand view {view.label!r} takes it from the request: it would "
                "see what is to be predicted.",
                remedy="Name another column as the label, or leave this view out.",
            )
        found.append(request_column(frame[each.name], each, view=view.name, where="the spine"))
    return found


def _add_column(field: RequestField) -> str:
    return f"Add it, with {field.dtype} values, as they were known at the row's time."


def refuse_renamed(view: str) -> JoinError:
    """Return the error for an on-demand view under another name or with other keys."""
    return JoinError(
        f"On-demand view {view!r} cannot be read under another name or with other keys.",
        remedy="Ask for it by its own name; full_names=True tells equal columns apart.",
    )


def refuse_stored(view: ReadableOnDemand) -> DefinitionError:
    """Return the error for an on-demand view where stored rows are wanted."""
    reads = [f"{each.view}{f'@{each.version}' if each.version else ''}:{each.feature}" for each in view.reads]
    instead = f" It reads {', '.join(reads)}, which have rows." if reads else ""
    return DefinitionError(
        f"{view.label!r} is an on-demand view: it has no stored rows.",
        remedy=f"Read it by training_set or get_feature, which pass it the values of the request.{instead}",
    )
