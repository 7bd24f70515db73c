"""Joining features to a spine: each value as it was known at the row's time, every row kept and accounted for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.errors import JoinError
from workbench.lake import ViewRows, join_views
from workbench.serve.ledger import Ledger, ViewLedger
from workbench.serve.references import Wanted, check_spine, resolve, views_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workbench.serve.reading import Reading

_OUTCOME = "__outcome_"


@dataclass(frozen=True, slots=True)
class Question:
    """What a training set was asked for.

    Parameters
    ----------
    features
        References as the user wrote them.
    time
        The spine's time column.
    label
        The spine's label column.
    full_names
        Call columns ``view__feature``.
    as_known
        Leave out what was recorded after a row's time.
    """

    features: tuple[str, ...]
    time: str = "event_timestamp"
    label: str | None = None
    full_names: bool = False
    as_known: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Return the question as JSON-ready values."""
        return {
            "features": list(self.features),
            "time": self.time,
            "label": self.label,
            "full_names": self.full_names,
            "as_known": self.as_known,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Question:
        """Return the question that `to_dict` described."""
        return cls(**{**values, "features": tuple(values["features"])})


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """A spine with its features, and where they came from.

    Parameters
    ----------
    frame
        The spine's rows in their order, its columns, then one column a feature.
    spine_columns
        The columns that were the spine's.
    question
        What was asked for.
    wanted
        Each feature and the column that holds it.
    ledger
        What became of every row.
    """

    frame: pl.DataFrame
    spine_columns: tuple[str, ...]
    question: Question
    wanted: tuple[Wanted, ...]
    ledger: Ledger


def build_training_set(reading: Reading, spine: pl.DataFrame, question: Question, *, minimum: float) -> TrainingSet:
    """Return `spine` with the features that `question` names, by the rules of `point_in_time_join`.

    Parameters
    ----------
    reading
        The branch's views.
    spine
        One row for each example: time, the views' entity columns, label, and whatever else.
    question
        Which features, and how.
    minimum
        The share of rows a view must match, for the ledger.

    Raises
    ------
    FeatureNotFound
        For an unknown view or feature.
    JoinError
        For a spine without time, key or label column, keys that cannot be compared, and names used twice.
    """
    wanted = resolve(question.features, reading.definitions, full_names=question.full_names)
    check_spine(spine.schema, wanted, reading.definitions, time=question.time, label=question.label)
    views = views_of(wanted)
    joined = join_views(
        spine, [_rows(reading, view, wanted) for view in views], time=question.time, as_known=question.as_known
    )
    ledger = Ledger(
        branch=reading.branch,
        commit=reading.commit,
        rows_in=spine.height,
        rows_out=joined.height,
        views=_entries(reading, joined, views, wanted, question.time),
        minimum=minimum,
    )
    frame = joined.select(*spine.columns, *(item.column for item in wanted))
    return TrainingSet(frame, tuple(spine.columns), question, wanted, ledger)


def as_spine(spine: pl.DataFrame | pl.LazyFrame) -> pl.DataFrame:
    """Return `spine` as a DataFrame.

    Raises
    ------
    JoinError
        For what is no Polars frame.
    """
    if isinstance(spine, pl.LazyFrame):
        return spine.collect()
    if not isinstance(spine, pl.DataFrame):
        raise JoinError.not_polars(spine, "the spine")
    return spine


def _rows(reading: Reading, name: str, wanted: Sequence[Wanted]) -> ViewRows:
    evaluated = reading.view(name)
    view = evaluated.prepared.view
    return ViewRows(
        name=name,
        rows=evaluated.computed.stored.frame(),
        keys={entity: entity for entity in view.entities},
        features={item.column: item.feature for item in wanted if item.view == name},
        event_time=view.event_time,
        ttl=view.ttl,
        created=view.created,
        outcome=_OUTCOME + name,
    )


def _entries(
    reading: Reading, joined: pl.DataFrame, views: Sequence[str], wanted: Sequence[Wanted], time: str
) -> tuple[ViewLedger, ...]:
    counts = joined.select(part for view in views for part in _counts(reading, view, wanted, time)).row(0, named=True)
    return tuple(
        ViewLedger(
            view=view,
            view_id=reading.view(view).prepared.view_id,
            features=tuple(item.feature for item in wanted if item.view == view),
            **{word: counts[f"{view} {word}"] for word in ("matched", "expired", "missing", "null", "unasked")},
        )
        for view in views
    )


def _counts(reading: Reading, view: str, wanted: Sequence[Wanted], time: str) -> list[pl.Expr]:
    """Return how many rows had each outcome, how many that matched have a null, and how many could match nothing."""
    outcome = pl.col(_OUTCOME + view)
    columns = [pl.col(item.column).is_null() for item in wanted if item.view == view]
    keys = [pl.col(name).is_null() for name in (time, *reading.definitions.view(view).entities)]
    found = {word: outcome == word for word in ("matched", "expired", "missing")}
    found["null"] = (outcome == "matched") & pl.any_horizontal(columns)
    found["unasked"] = pl.any_horizontal(keys)
    return [rows.sum().cast(pl.Int64).alias(f"{view} {word}") for word, rows in found.items()]
