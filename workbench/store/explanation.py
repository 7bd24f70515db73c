"""`why`: which row a feature's value came from at a moment, and why no other row won."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.errors import FeatureNotFound, UsageError, did_you_mean
from workbench.point_in_time import join_views
from workbench.render import Fold, Mark, Report, Reported, Table
from workbench.store.reading_lake import reading_lake
from workbench.store.source_rows import BehindRows, rows_behind
from workbench.times import duration_in_words, moment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workbench.store.reader import ReadableView, ViewReader

SHOWN = 10
"""Losing rows that are shown of each kind, those nearest to the moment first."""
KNOWN = 10_000
"""Keys among which one that is not there is looked for."""
_ROW, _REASON, _AT = "__row", "__reason", "__at"
WON, LATER, UNKNOWN, EXPIRED, TIE, EARLIER = "won", "later", "not yet known", "expired", "tie", "earlier"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row of the view for the entity: when it happened, when it became known, its value, and how it fared.

    `reason` is ``won``, ``later`` (its event time is after the moment), ``not yet known`` (it was created after it, or
    nobody knows when), ``expired`` (older than the ttl), ``tie`` (the winner's event time, but created earlier or
    stored before) or ``earlier`` (the winner is newer).
    """

    event_time: datetime
    created: datetime | None
    value: object
    reason: str
    detail: str

    @property
    def made(self) -> datetime:
        """When the row came to be: at its event time, or later where it became known later."""
        return self.event_time if self.created is None else max(self.event_time, self.created)


@dataclass(frozen=True, slots=True)
class Explanation(Reported):
    """Why a feature had a value for an entity at a moment.

    Parameters
    ----------
    ref, entity, at
        What was asked.
    value
        The feature's value; None where no row won, or the winning row's is null.
    outcome
        ``matched``, ``expired`` or ``missing``, as in a training set's ledger.
    candidates
        The winner, if any, then the losers by kind, at most ten a kind.
    counts
        All candidates by reason, those not shown included.
    behind
        For each input of the view, the rows of the entity that the winner was made from, as far as they can be listed.
    branch, commit, release, view_id, run
        Where the view was read (None for no release), its data, and the MLflow run that recorded it (None where none
        did).
    hint
        Which keys were probably meant, where the view has no row of the entity.
    """

    ref: str
    entity: Mapping[str, object]
    at: datetime
    value: object
    outcome: str
    candidates: tuple[Candidate, ...]
    counts: Mapping[str, int]
    behind: tuple[BehindRows, ...]
    branch: str
    commit: str
    view_id: str
    run: str | None
    release: str | None = None
    hint: str = ""

    @property
    def winner(self) -> Candidate | None:
        """The row whose value it is."""
        return next((row for row in self.candidates if row.reason == WON), None)

    def to_dict(self) -> dict[str, Any]:
        """Return the explanation as JSON-ready values."""
        return {
            "ref": self.ref,
            "entity": {name: _plain(value) for name, value in self.entity.items()},
            "at": self.at.isoformat(),
            "value": _plain(self.value),
            "outcome": self.outcome,
            "candidates": [
                {
                    "event_time": row.event_time.isoformat(),
                    "created": None if row.created is None else row.created.isoformat(),
                    "value": _plain(row.value),
                    "reason": row.reason,
                    "detail": row.detail,
                }
                for row in self.candidates
            ],
            "counts": dict(self.counts),
            "behind": [rows.to_dict() for rows in self.behind],
            "branch": self.branch,
            "commit": self.commit,
            "release": self.release,
            "view_id": self.view_id,
            "run": self.run,
            "hint": self.hint,
        }

    def report(self) -> Report:
        """Return the answer, the candidates and the rows behind the winner."""
        named = ", ".join(f"{name}={value}" for name, value in self.entity.items())
        rows = tuple((c.reason, c.event_time, c.created, c.value, c.detail) for c in self.candidates)
        total = sum(self.counts.values())
        shown = "" if total == len(rows) else f", {len(rows)} of them shown"
        folded = Fold(
            f"All {total:,} rows of the entity{shown}",
            (Table("", ("", "event time", "known since", "value", "why"), rows, most=None),),
        )
        return Report(
            f"{self.ref}{f' of {named}' if named else ''} at {self.at}: {self._answer()}",
            steps=(self.hint,) if self.hint else (),
            facts=(
                *((("release", self.release),) if self.release else ()),
                ("branch", f"{self.branch} at {self.commit[:10]}"),
                ("view id", self.view_id[:16]),
                ("MLflow run", self.run),
            ),
            tables=(*((self._timeline(),) if rows else ()), *(behind.table() for behind in self.behind)),
            notes=tuple(behind.note for behind in self.behind if behind.note),
            folded=(folded,) if len(rows) > len(self.counts) else (),
        )

    def _timeline(self) -> Table:
        """Return a line a kind of row, oldest first: how many, and of the one nearest to the moment when and why."""
        nearest = {reason: next(row for row in self.candidates if row.reason == reason) for reason in self.counts}
        lines = sorted(nearest.values(), key=lambda row: (row.event_time, row.made))
        return Table(
            "Rows of the entity, oldest first",
            ("rows", "", "nearest", "known since", "value", "why"),
            tuple(
                (
                    self.counts[row.reason],
                    Mark(row.reason, "good") if row.reason == WON else row.reason,
                    row.event_time,
                    row.created,
                    row.value,
                    row.detail,
                )
                for row in lines
            ),
        )

    def _answer(self) -> str:
        if self.winner is not None:
            return "null, as the winning row says" if self.value is None else str(_plain(self.value))
        if self.outcome == "expired":
            return "no value: the newest one had expired"
        return "no value: none was known" if self.counts else "no value: the view has no row of this entity"


def explain(
    reading: ViewReader,
    view: ReadableView,
    features: Sequence[str],
    entity: Mapping[str, object],
    at: object,
    *,
    run: str | None = None,
    as_known: bool = True,
) -> Explanation:
    """Return why a feature has its value for `entity` at the moment `at`."""
    if len(features) != 1:
        raise FeatureNotFound(
            f"{view.label!r} has {len(features)} features; name one of them.",
            remedy=f"Write {' or '.join(repr(f'{view.label}:{name}') for name in features)}.",
        )
    until = moment(at)
    keys = {name: key_value(view, name, entity) for name in view.entities}
    with reading_lake([view]):
        judged, outcome = _judge_rows(view, keys, until, as_known=as_known)
        hint = _meant(view, keys) if judged.is_empty() else ""
    counts = dict(judged.group_by(_REASON).len().sort(_REASON).iter_rows())
    candidates = _candidates(view, features[0], judged)
    winner = next((row for row in candidates if row.reason == WON), None)
    return Explanation(
        ref=f"{view.label}:{features[0]}",
        entity={name: series.item() for name, series in keys.items()},
        at=until,
        value=None if winner is None else winner.value,
        outcome=outcome,
        candidates=candidates,
        counts=counts,
        behind=() if winner is None else rows_behind(view, keys, winner.made),
        branch=reading.branch,
        commit=reading.commit,
        release=reading.release,
        view_id=view.data.view_id,
        run=run,
        hint=hint,
    )


def key_value(view: ReadableView, name: str, entity: Mapping[str, object]) -> pl.Series:
    """Return the value of key `name` in `entity`, as a series of one with the view's dtype."""
    if name not in entity:
        raise UsageError(
            f"View {view.name!r} needs the key {name!r}.",
            remedy=did_you_mean(name, entity) if entity else f"Give --entity {name}=VALUE.",
        )
    value, dtype = entity[name], view.contract[name].dtype
    found = _as_key(value, dtype)
    if found is None:
        raise UsageError(
            f"{value!r} is not a value of key {name!r} of view {view.name!r}, which is {dtype}.",
            remedy=f"Give a value that is {dtype}.",
        )
    return found


def _meant(view: ReadableView, keys: Mapping[str, pl.Series]) -> str:
    """Return which keys the view has, for each one of text that it does not have."""
    said = []
    for name, value in keys.items():
        if value.dtype != pl.String:
            continue
        known = view.data.frame.select(pl.col(name).unique()).head(KNOWN).collect(engine="streaming")[name]
        if value.item() not in known:
            said.append(f"There is no {name} {value.item()!r}: {did_you_mean(value.item(), known.drop_nulls())}")
    return "; ".join(said)


def _as_key(value: object, dtype: pl.DataType) -> pl.Series | None:
    """Return `value` as a series of one of `dtype`; None where it would not be the same value any more."""
    if value is None:
        return None
    try:
        given = pl.Series([value])
        cast = given.cast(dtype, strict=True)
        if given.dtype == pl.String:
            return cast
        return cast if dtype != pl.String and cast.cast(given.dtype).item() == value else None
    except (pl.exceptions.PolarsError, TypeError):
        return None


def _judge_rows(
    view: ReadableView, keys: Mapping[str, pl.Series], at: datetime, *, as_known: bool
) -> tuple[pl.DataFrame, str]:
    """Return the entity's rows, best first, each with how it fared, and the outcome: the join says which row won."""
    mine = [pl.col(name) == pl.lit(value.item(), dtype=value.dtype) for name, value in keys.items()]
    event = pl.col(view.event_time)
    rows = view.data.frame.with_row_index(_ROW).filter(*mine, event.is_not_null()).collect(engine="streaming")
    spine = pl.DataFrame({**keys, _AT: pl.Series([at], dtype=pl.Datetime("us", "UTC"))})
    asked = replace(view.rows({_ROW: _ROW}, outcome=_REASON), rows=rows, stored=False)
    found = join_views(spine, [asked], time=_AT, as_known=as_known)
    place, outcome = found[_ROW].item(), found[_REASON].item()
    top = pl.lit(rows.filter(pl.col(_ROW) == place)[view.event_time].item()) if outcome == "matched" else None
    created = pl.col(view.created) if view.created and as_known else event
    reason = (
        pl.when(event > at)
        .then(pl.lit(LATER))
        .when(created.is_null() | (created > at))
        .then(pl.lit(UNKNOWN))
        .when((at - event > view.ttl) if view.ttl else pl.lit(value=False))
        .then(pl.lit(EXPIRED))
        .when(pl.col(_ROW) == pl.lit(place))
        .then(pl.lit(WON))
        .when(event == top if top is not None else pl.lit(value=False))
        .then(pl.lit(TIE))
        .otherwise(pl.lit(EARLIER))
    )
    order = [view.event_time, *([view.created] if view.created else []), _ROW]
    ranked = rows.sort(order, descending=True, nulls_last=True)
    return ranked.with_columns(reason.alias(_REASON), (pl.lit(at) - event).alias("__age")), outcome


def _candidates(view: ReadableView, feature: str, judged: pl.DataFrame) -> tuple[Candidate, ...]:
    """Return the winner and at most ten losers a kind: of those too late the first, of the others the last."""
    found = []
    for reason in (WON, TIE, EARLIER, EXPIRED, UNKNOWN, LATER):
        rows = judged.filter(pl.col(_REASON) == reason)
        shown = rows.tail(SHOWN).reverse() if reason == LATER else rows.head(SHOWN)
        for row in shown.iter_rows(named=True):
            created = row[view.created] if view.created else None
            detail = _detail(view, reason, row["__age"], created)
            found.append(Candidate(row[view.event_time], created, row[feature], reason, detail))
    return tuple(found)


def _detail(view: ReadableView, reason: str, age: timedelta, created: datetime | None) -> str:
    said = duration_in_words(abs(age).total_seconds())
    match reason:
        case "won":
            return f"the latest that was known, {said} old"
        case "tie":
            return "same event time as the winner" + (", created earlier" if view.created else "") + " or stored before"
        case "expired":
            return f"{said} old, the ttl is {duration_in_words(view.ttl.total_seconds()) if view.ttl else 'none'}"
        case "later":
            return f"happens {said} after that moment"
        case "not yet known":
            return "unknown when it became known" if created is None else f"known only since {created}"
    return f"{said} old, the winner is newer"


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
