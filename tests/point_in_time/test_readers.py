"""Snapshots and examples read by the rule of the join: each beside the reference, on rows with ties, nulls and ttl."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from random import Random
from typing import Any

import polars as pl
import pytest

from tests.point_in_time import reference
from tests.point_in_time.worlds import MICRO, NOON, make_world
from workbench.checks.definition.examples import as_of
from workbench.define import FeatureModel, FeatureView, LazyFrame, feature_view
from workbench.dtypes import UTC
from workbench.point_in_time import latest_rows


class Held(FeatureModel):
    carrier: str
    event: UTC
    made: UTC
    x: int


def views(ttl: Any, created: str | None) -> FeatureView:
    @feature_view(entities="carrier", event_time="event", created=created, ttl=ttl)
    def held(events: pl.LazyFrame) -> LazyFrame[Held]:
        """What a carrier had."""
        return events

    return held


@pytest.mark.parametrize("seed", range(60))
def test_a_snapshot_has_the_row_that_each_entity_would_get(seed: int) -> None:
    chance = Random(f"snapshot {seed}")
    world = make_world(chance, cases=1, views=1)
    view = replace(world.views[0], keys={name: name for name in world.views[0].keys.values()})
    at = chance.choice([None, NOON + chance.randrange(-1, 14) * MICRO])
    rows = view.rows.lazy().collect().with_row_index("place")
    found = latest_rows(replace(view, rows=rows if isinstance(view.rows, pl.DataFrame) else rows.lazy()), at=at)
    assert sorted(found.collect()["place"]) == sorted(places(rows, world.references[0][0], [*view.keys], at))


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("part", [1, 4])
@pytest.mark.parametrize("in_order", [False, True])
def test_a_snapshot_of_stored_rows_is_found_part_by_part(
    part: int, seed: int, monkeypatch: pytest.MonkeyPatch, *, in_order: bool
) -> None:
    monkeypatch.setattr("workbench.point_in_time.candidates._PART", part)
    monkeypatch.setattr("workbench.point_in_time.candidates._READ", 2)
    chance = Random(f"stored snapshot {seed}")
    world = make_world(chance, cases=1, views=1)
    view = replace(world.views[0], keys={name: name for name in world.views[0].keys.values()})
    at = chance.choice([None, NOON + chance.randrange(-1, 14) * MICRO])
    rows = view.rows.lazy().collect()
    rows = (rows.sort(view.event_time, maintain_order=True) if in_order else rows).with_row_index("place")
    found = latest_rows(replace(view, rows=rows.lazy(), stored=True), at=at).collect()
    assert found["place"].to_list() == sorted(places(rows, world.references[0][0], [*view.keys], at))


def places(rows: pl.DataFrame, view: reference.View, keys: list[str], at: datetime | None) -> list[int]:
    """Return the numbers of the rows that the reference finds for each entity; without a moment, of those there are."""
    own = replace(view, rows=rows.to_dicts(), keys={name: name for name in keys})
    found = []
    for entity in rows.select(keys).unique().to_dicts() if keys else [{}]:
        asked = {**entity, "at": NOON + 1000 * MICRO if at is None else at}
        row = reference.winner(asked, own, time="at", as_known=at is not None)
        if row is not None and (at is None or not reference.expired(asked, row, own, "at")):
            found.append(row["place"])
    return found


@pytest.mark.parametrize("seed", range(40))
def test_an_example_reads_as_a_training_set_does(seed: int) -> None:
    chance = Random(f"example {seed}")
    moments = [NOON + step * MICRO for step in range(6)]
    rows = pl.DataFrame(
        [
            (chance.choice(["UA", "AA", None]), *(chance.choice([*moments, None]) for _ in range(2)), number)
            for number in range(14)
        ],
        schema={
            "carrier": pl.String,
            "event": pl.Datetime("us", "UTC"),
            "made": pl.Datetime("us", "UTC"),
            "x": pl.Int64,
        },
        orient="row",
    )
    ttl, created = chance.choice([None, 2 * MICRO]), chance.choice([None, "made"])
    asked = pl.DataFrame(
        [(carrier, at) for carrier in ("UA", "AA", "DL", None) for at in (*moments, None)],
        schema={name: rows.schema[name] for name in ("carrier", "event")},
        orient="row",
    )
    found = as_of(views(ttl, created), rows, asked)
    own = reference.View(rows.to_dicts(), {"carrier": "carrier"}, {"x": "x"}, "event", ttl, created)
    wanted = reference.join(asked.rename({"event": "at"}).to_dicts(), [own], time="at", as_known=True)
    assert found["x"].to_list() == [row["x"] for row in wanted]
    assert found.select("carrier", "event").equals(asked)
