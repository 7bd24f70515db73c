"""The point-in-time join against the reference, and by hand at the edges that have cost others their training sets."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import DefinitionError, JoinError, WorkbenchError
from workbench.lake import ViewRows, join_views, point_in_time_join

sys.path.insert(0, str(Path(__file__).parent))
import reference  # noqa: E402 - tests import by path

NOON = datetime(2013, 6, 1, 12, tzinfo=UTC)
MICRO = timedelta(microseconds=1)
TIME = pl.Datetime("us", "UTC")

moments = st.none() | st.integers(0, 12).map(lambda n: NOON + n * MICRO)
carriers = st.sampled_from(["UA", "AA", "", None])
airports = st.sampled_from([1, 2, None])
ttls = st.sampled_from([None, timedelta(), *(n * MICRO for n in (1, 2, 5))])

SPINE = {"carrier": pl.String, "origin": pl.Int64, "dest": pl.Int64, "at": TIME, "label": pl.Int64}
ROWS = {"carrier": pl.String, "airport": pl.Int64, "event": TIME, "made": TIME, "x": pl.Int64, "y": pl.Float64}

spines = st.lists(st.tuples(carriers, airports, airports, moments, st.integers(0, 1)), max_size=12)
feature_rows = st.lists(
    st.tuples(carriers, airports, moments, moments, st.none() | st.integers(0, 99), st.none() | st.floats(0, 1)),
    max_size=14,
)
key_choices = st.sampled_from(
    [
        {},
        {"carrier": "carrier"},
        {"origin": "airport"},
        {"dest": "airport"},
        {"carrier": "carrier", "origin": "airport"},
        {"dest": "airport", "carrier": "carrier"},
    ]
)


def frame(rows: list[tuple[Any, ...]], schema: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=schema, orient="row")


@st.composite
def view_choices(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "rows": draw(feature_rows),
        "keys": draw(key_choices),
        "ttl": draw(ttls),
        "created": draw(st.sampled_from([None, "made"])),
    }


def both(
    choices: list[dict[str, Any]],
    spine: list[tuple[Any, ...]],
    *,
    as_known: bool,
    engine: Literal["in-memory", "streaming"],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the package's result and the reference's for the same views of the same spine."""
    views, references = [], []
    for number, choice in enumerate(choices):
        rows = frame(choice["rows"], ROWS)
        named = {f"x{number}": "x", f"y{number}": "y"}
        settings_of = {"keys": choice["keys"], "features": named, "ttl": choice["ttl"], "created": choice["created"]}
        outcome = f"outcome{number}"
        lazy = rows.lazy() if number else rows
        views.append(ViewRows(name=f"v{number}", rows=lazy, event_time="event", outcome=outcome, **settings_of))
        references.append(reference.View(rows=rows.to_dicts(), event_time="event", outcome=outcome, **settings_of))
    left = frame(spine, SPINE)
    found = join_views(left.lazy(), views, time="at", as_known=as_known).collect(engine=engine)
    return found.to_dicts(), reference.join(left.to_dicts(), references, time="at", as_known=as_known)


@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
@settings(max_examples=700, deadline=None, derandomize=True, database=None)
@given(choice=view_choices(), spine=spines, as_known=st.booleans())
def test_one_view_is_joined_as_the_reference_joins_it(
    engine: Literal["in-memory", "streaming"], choice: dict[str, Any], spine: list[tuple[Any, ...]], as_known: bool
) -> None:
    found, wanted = both([choice], spine, as_known=as_known, engine=engine)
    assert found == wanted


@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(choices=st.lists(view_choices(), min_size=2, max_size=3), spine=spines, as_known=st.booleans())
def test_several_views_each_keep_their_own_keys_and_ttl(
    engine: Literal["in-memory", "streaming"],
    choices: list[dict[str, Any]],
    spine: list[tuple[Any, ...]],
    as_known: bool,
) -> None:
    found, wanted = both(choices, spine, as_known=as_known, engine=engine)
    assert found == wanted
