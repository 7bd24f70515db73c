"""Worlds to join in: a spine and views, made of many small cases that share no key, so that one join does all."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import polars as pl

from tests.point_in_time import reference
from workbench.point_in_time import ViewRows

NOON = datetime(2013, 6, 1, 12, tzinfo=UTC)
MICRO = timedelta(microseconds=1)
TIME = pl.Datetime("us", "UTC")
SPINE: dict[str, Any] = {
    "case": pl.Int64,
    "carrier": pl.String,
    "origin": pl.Int64,
    "dest": pl.Int64,
    "at": TIME,
    "label": pl.Int64,
}
ROWS: dict[str, Any] = {
    "case": pl.Int64, "carrier": pl.String, "airport": pl.Int64, "event": TIME, "made": TIME,
    "x": pl.Int64, "y": pl.Float64,
}  # fmt: skip
KEYS: tuple[dict[str, str], ...] = (
    {},
    {"carrier": "carrier"},
    {"origin": "airport"},
    {"dest": "airport"},
    {"carrier": "carrier", "origin": "airport"},
    {"dest": "airport", "carrier": "carrier"},
)
LAYOUTS = ("memory", "lazy", "stored", "stored by entity", "stored by time", "stored by period and entity")


@dataclass(frozen=True)
class World:
    """A spine, its views, and the same views as the reference takes them, by case."""

    spine: pl.DataFrame
    views: list[ViewRows]
    references: list[tuple[reference.View, dict[int, list[reference.Row]]]]
    settings: list[dict[str, Any]]

    def wanted(self, *, as_known: bool) -> list[dict[str, Any]]:
        """Return what the reference says, row by row of the spine."""
        rows = self.spine.to_dicts()
        found: list[dict[str, Any]] = [{}] * len(rows)
        places = defaultdict(list)
        for place, row in enumerate(rows):
            places[row["case"]].append(place)
        for case, mine in places.items():
            views = [view.of(of_case[case]) for view, of_case in self.references]
            joined = reference.join([rows[place] for place in mine], views, time="at", as_known=as_known)
            for place, row in zip(mine, joined, strict=True):
                found[place] = row
        return found


def make_world(chance: Random, *, cases: int, views: int) -> World:
    """Return a world of `cases` small cases; each view has settings of its own, of any kind there is."""
    spine = [
        (case, *_entity(chance), _moment(chance), chance.randrange(2))
        for case in range(cases)
        for _ in range(chance.randrange(12))
    ]
    chance.shuffle(spine)
    made = [_view(chance, number, cases) for number in range(views)]
    return World(
        pl.DataFrame(spine, schema=SPINE, orient="row"),
        [view for view, _, _ in made],
        [(same, rows) for _, same, rows in made],
        [{"keys": view.keys, "ttl": view.ttl, "created": view.created, "stored": view.stored} for view, _, _ in made],
    )


def _view(chance: Random, number: int, cases: int) -> tuple[ViewRows, reference.View, dict[int, list[reference.Row]]]:
    keys = {"case": "case"} | chance.choice(KEYS) if cases > 1 else chance.choice(KEYS)
    layout = chance.choice(LAYOUTS)
    rows = _laid_out(pl.DataFrame(_rows(chance, cases), schema=ROWS, orient="row"), list(keys.values()), layout)
    settings: dict[str, Any] = {
        "keys": keys,
        "features": {f"x{number}": "x", f"y{number}": "y"} if chance.random() < 0.9 else {},
        "event_time": "event",
        "ttl": chance.choice([None, timedelta(), *(length * MICRO for length in (1, 2, 5))]),
        "created": chance.choice([None, "made"]),
        "outcome": chance.choice([None, f"outcome{number}"]),
    }
    of_case: dict[int, list[reference.Row]] = defaultdict(list)
    for row in rows.to_dicts():
        of_case[row["case"]].append(row)
    frame = rows if layout == "memory" else rows.lazy()
    view = ViewRows(name=f"v{number}", rows=frame, stored=layout.startswith("stored"), **settings)
    return view, reference.View(rows=[], **settings), of_case


def _rows(chance: Random, cases: int) -> list[tuple[Any, ...]]:
    rows = []
    for case in range(cases):
        for _ in range(chance.randrange(14)):
            carrier, airport, _ = _entity(chance)
            x = None if chance.random() < 0.1 else chance.randrange(100)
            y = None if chance.random() < 0.1 else chance.random()
            rows.append((case, carrier, airport, _moment(chance), _moment(chance), x, y))
    chance.shuffle(rows)
    return rows


def _entity(chance: Random) -> tuple[str | None, int | None, int | None]:
    return chance.choice(["UA", "AA", "", None]), chance.choice([1, 2, None]), chance.choice([1, 2, None])


def _moment(chance: Random) -> datetime | None:
    return None if chance.random() < 0.08 else NOON + chance.randrange(13) * MICRO


def _laid_out(rows: pl.DataFrame, keys: list[str], layout: str) -> pl.DataFrame:
    """Return the rows in another order; ties are told by the order, so the reference must see this one too."""
    match layout:
        case "stored by entity":
            return rows.sort(*keys, "event", maintain_order=True, nulls_last=True)
        case "stored by time":
            return rows.sort("event", maintain_order=True)
        case "stored by period and entity":
            period = pl.col("event") < NOON + 6 * MICRO
            return rows.sort(period, *keys, "event", maintain_order=True, descending=[True, *[False] * (len(keys) + 1)])
    return rows
