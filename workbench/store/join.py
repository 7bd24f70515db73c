"""Joining features to a spine: each value as it was known at the row's time, every row kept and accounted for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec
import polars as pl

from workbench.compute import digest_frame
from workbench.config import free_name
from workbench.point_in_time import ViewRows, join_views
from workbench.store.ledger import Ledger, OnDemandLedger, ViewLedger
from workbench.store.on_demand import request_columns
from workbench.store.reading_lake import reading_lake
from workbench.store.references import Reference
from workbench.store.resolve import JoinedView, Resolution, ResolvedFeature, check_spine, joined_views, resolve_all

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.compute import OutputDigest
    from workbench.store.reader import ViewReader
    from workbench.store.spine import Spine


class Question(msgspec.Struct, frozen=True):
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


@dataclass(frozen=True)
class JoinedSpine:
    """A spine with its features, and where they came from.

    Parameters
    ----------
    frame
        The spine's rows in their order, its columns, then one column a feature.
    spine_columns
        The columns that were the spine's.
    question
        What was asked for.
    asked
        Each feature and the column that holds it.
    ledger
        What became of every row.
    reading
        What the views were read from.
    """

    frame: pl.DataFrame
    spine_columns: tuple[str, ...]
    question: Question
    asked: Resolution
    ledger: Ledger
    reading: ViewReader

    @property
    def wanted(self) -> tuple[ResolvedFeature, ...]:
        """The stored features that were read, those of which features are computed on demand included."""
        return self.asked.stored

    @cached_property
    def data_digest(self) -> str:
        """The identity of all rows in their order."""
        return in_order(self.frame).exact

    @cached_property
    def spine_digest(self) -> str:
        """The identity of the spine's rows in their order."""
        return in_order(self.frame.select(self.spine_columns)).exact


def in_order(frame: pl.DataFrame) -> OutputDigest:
    """Return the digest of the rows of `frame` in their order."""
    place = free_name("place", frame.columns)
    return digest_frame(frame.lazy().with_row_index(place), keys=[place])


def join_features(reading: ViewReader, spine: Spine, question: Question, *, minimum: float) -> JoinedSpine:
    """Return `spine` with the features that `question` names, by the rules of `point_in_time_join`."""
    asked = resolve_all(question.features, reading, full_names=question.full_names)
    check_spine(spine.frame.schema, asked, time=question.time, label=question.label, index=spine.index)
    requests = [
        request_columns(part.view, spine.frame, label=question.label, index=spine.index) for part in asked.parts
    ]
    wanted = asked.stored
    joined = joined_views(wanted)
    taken = [*spine.frame.columns, *(item.column for item in (*asked.wanted, *wanted))]
    outcomes = [free_name(f"outcome {number}", taken) for number in range(len(joined))]
    with reading_lake(part.view for part in joined):
        rows = [_rows(part, outcome, wanted) for part, outcome in zip(joined, outcomes, strict=True)]
        found = join_views(spine.frame, rows, time=question.time, as_known=question.as_known)
    found, computed = _compute(found, asked, requests)
    ledger = Ledger(
        branch=reading.branch,
        commit=reading.commit,
        release=reading.release,
        registry=reading.registry_commit,
        rows_in=spine.frame.height,
        rows_out=found.height,
        views=_entries(found, joined, outcomes, wanted, question.time),
        minimum_match=minimum,
        deprecations=tuple(dict.fromkeys(part.view.deprecation for part in joined if part.view.deprecation)),
        assumed=spine.assumed,
        on_demand=computed,
    )
    columns = spine.frame.columns
    frame = found.select(*columns, *(item.column for item in asked.wanted))
    return JoinedSpine(frame, tuple(columns), question, asked, ledger, reading)


def _compute(
    found: pl.DataFrame, asked: Resolution, requests: Sequence[Sequence[pl.Series]]
) -> tuple[pl.DataFrame, tuple[OnDemandLedger, ...]]:
    """Return the rows with the features of on-demand views, and what became of these."""
    entries = []
    for part, request in zip(asked.parts, requests, strict=True):
        inputs = [found[item.column].alias(name) for item, name in zip(part.inputs, part.names, strict=True)]
        made = part.view.compute(pl.DataFrame([*inputs, *request]))
        own = {item.column: made[item.feature] for item in asked.computed if item.view is part.view}
        found = found.with_columns(values.alias(column) for column, values in own.items())
        nulls = pl.DataFrame([values.is_null().alias(column) for column, values in own.items()])
        entries.append(
            OnDemandLedger(
                view=part.view.name,
                version=part.view.version,
                view_id=part.view.identity,
                features=tuple(item.feature for item in asked.computed if item.view is part.view),
                inputs=tuple(item.ref for item in part.inputs),
                request=tuple(each.name for each in part.view.request),
                rows=made.height,
                null=int(nulls.select(pl.any_horizontal(pl.all()).sum()).item()),
            )
        )
    return found, tuple(entries)


def _rows(joined: JoinedView, outcome: str, wanted: Sequence[ResolvedFeature]) -> ViewRows:
    features = {item.column: item.feature for item in wanted if item.joined == joined}
    return joined.view.rows(features, name=joined.title, keys=joined.columns, outcome=outcome)


def _entries(
    found: pl.DataFrame,
    views: Sequence[JoinedView],
    outcomes: Sequence[str],
    wanted: Sequence[ResolvedFeature],
    time: str,
) -> tuple[ViewLedger, ...]:
    counts = found.select(
        part
        for number, (joined, outcome) in enumerate(zip(views, outcomes, strict=True))
        for part in _counts(number, joined, pl.col(outcome), wanted, time)
    ).row(0, named=True)
    return tuple(
        ViewLedger(
            view=joined.view.name,
            version=joined.view.version,
            alias=joined.alias,
            view_id=joined.view.data.view_id,
            features=tuple(dict.fromkeys(item.feature for item in wanted if item.joined == joined)),
            **{word: counts[f"{number} {word}"] for word in ("matched", "expired", "missing", "null", "unasked")},
        )
        for number, joined in enumerate(views)
    )


def _counts(
    number: int, joined: JoinedView, outcome: pl.Expr, wanted: Sequence[ResolvedFeature], time: str
) -> list[pl.Expr]:
    """Return how many rows had each outcome, how many that matched have a null, and how many could match nothing."""
    columns = [pl.col(item.column).is_null() for item in wanted if item.joined == joined]
    keys = [pl.col(name).is_null() for name in (time, *joined.columns)]
    rows = {word: outcome == word for word in ("matched", "expired", "missing")}
    rows["null"] = (outcome == "matched") & pl.any_horizontal(columns)
    rows["unasked"] = pl.any_horizontal(keys)
    return [counted.sum().cast(pl.Int64).alias(f"{number} {word}") for word, counted in rows.items()]
