"""Joining features to a spine: each value as it was known at the row's time, every row kept and accounted for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.errors import JoinError
from workbench.lake import ViewRows, join_views
from workbench.serve.intact import intact
from workbench.serve.ledger import Ledger, ViewLedger
from workbench.serve.references import Reference
from workbench.serve.wanted import Joined, Wanted, check_spine, joined_views, resolve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workbench.serve.served import Reading

_OUTCOME = "__outcome_"


@dataclass(frozen=True, slots=True)
class Question:
    """What a training set was asked for.

    Parameters
    ----------
    features
        What was asked for.
    time
        The spine's time column.
    label
        The spine's label column.
    full_names
        Call columns ``view__feature``.
    as_known
        Leave out what was recorded after a row's time.
    """

    features: tuple[Reference, ...]
    time: str = "event_timestamp"
    label: str | None = None
    full_names: bool = False
    as_known: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Return the question as JSON-ready values."""
        return {
            "features": [reference.to_json() for reference in self.features],
            "time": self.time,
            "label": self.label,
            "full_names": self.full_names,
            "as_known": self.as_known,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Question:
        """Return the question that `to_dict` described."""
        return cls(**{**values, "features": tuple(Reference.from_json(ref) for ref in values["features"])})


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
        Where the views are looked up.
    spine
        One row for each example: time, the views' entity columns, label, and whatever else.
    question
        Which features, and how.
    minimum
        The share of rows a view must match, for the ledger.

    Raises
    ------
    FeatureNotFound
        For an unknown view, version or feature.
    JoinError
        For a spine without time, key or label column, keys that cannot be compared, and names used twice.
    LakeError
        Where a published version's data cannot be read.
    """
    wanted = resolve(question.features, reading, full_names=question.full_names)
    check_spine(spine.schema, wanted, time=question.time, label=question.label)
    joined = joined_views(wanted)
    with intact(part.view for part in joined):
        rows = [_rows(part, f"{_OUTCOME}{number}", wanted) for number, part in enumerate(joined)]
        found = join_views(spine, rows, time=question.time, as_known=question.as_known)
    ledger = Ledger(
        branch=reading.branch,
        commit=reading.commit,
        release=reading.release,
        registry=reading.registry_commit,
        rows_in=spine.height,
        rows_out=found.height,
        views=_entries(found, joined, wanted, question.time),
        minimum=minimum,
        deprecations=tuple(dict.fromkeys(part.view.deprecation for part in joined if part.view.deprecation)),
    )
    frame = found.select(*spine.columns, *(item.column for item in wanted))
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


def _rows(joined: Joined, outcome: str, wanted: Sequence[Wanted]) -> ViewRows:
    view = joined.view
    return ViewRows(
        name=joined.title,
        rows=view.data.frame,
        keys=joined.columns,
        features={item.column: item.feature for item in wanted if item.joined == joined},
        event_time=view.event_time,
        ttl=view.ttl,
        created=view.created,
        outcome=outcome,
        stored=True,
    )


def _entries(
    found: pl.DataFrame, views: Sequence[Joined], wanted: Sequence[Wanted], time: str
) -> tuple[ViewLedger, ...]:
    counts = found.select(
        part for number, joined in enumerate(views) for part in _counts(number, joined, wanted, time)
    ).row(0, named=True)
    return tuple(
        ViewLedger(
            view=joined.view.name,
            version=joined.view.version,
            alias=joined.alias,
            view_id=joined.view.data.view_id,
            features=tuple(item.feature for item in wanted if item.joined == joined),
            **{word: counts[f"{number} {word}"] for word in ("matched", "expired", "missing", "null", "unasked")},
        )
        for number, joined in enumerate(views)
    )


def _counts(number: int, joined: Joined, wanted: Sequence[Wanted], time: str) -> list[pl.Expr]:
    """Return how many rows had each outcome, how many that matched have a null, and how many could match nothing."""
    outcome = pl.col(f"{_OUTCOME}{number}")
    columns = [pl.col(item.column).is_null() for item in wanted if item.joined == joined]
    keys = [pl.col(name).is_null() for name in (time, *joined.columns)]
    rows = {word: outcome == word for word in ("matched", "expired", "missing")}
    rows["null"] = (outcome == "matched") & pl.any_horizontal(columns)
    rows["unasked"] = pl.any_horizontal(keys)
    return [counted.sum().cast(pl.Int64).alias(f"{number} {word}") for word, counted in rows.items()]
