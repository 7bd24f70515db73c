"""Which row of a stored view wins for each spine row, told by keys and times alone.

Views are nearly always stored entity by entity, in order of time: the rows of an entity are then a run, in which the
winner is searched. Whether they are is looked up in the rows themselves, so a view that is stored otherwise costs a
sort, and never a wrong value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from workbench.lake.candidates import AT, EVENT, INDEX, KNOWN, ROW, KeyPair, ViewRows, candidates, narrowed, ranked
from workbench.lake.outcome import holds, outcome
from workbench.lake.pruning import Reach, reachable_rows
from workbench.lake.runs import find_runs, search_runs


@dataclass(frozen=True, slots=True)
class Asked:
    """What a spine asks of a view.

    Parameters
    ----------
    rows
        `AT` (microseconds since the epoch) and the keys under `names`, in the spine's order.
    names
        Its columns that the view's keys must equal, in their order.
    reach
        The time and the keys of all rows.
    as_known
        False lets rows win that were created after the instant.
    """

    rows: pl.DataFrame
    names: Sequence[str]
    reach: Reach
    as_known: bool


def winners(view: ViewRows, pairs: Sequence[KeyPair], asked: Asked) -> pl.DataFrame:
    """Return the number of the view's row that wins for each row of the spine.

    Only keys and times are read, and where files follow each other in time, only those of the period asked for.

    Returns
    -------
    pl.DataFrame
        `ROW`, null where no row wins, and the view's outcome if it has one; one row a row of the spine.
    """
    told = [outcome(view, ROW, EVENT).alias(view.outcome)] if view.outcome else []
    return _latest(view, pairs, asked).select(pl.when(holds(view, ROW, EVENT)).then(ROW), *told)


def join_winners(asked: pl.LazyFrame, known: pl.LazyFrame, names: Sequence[str]) -> pl.LazyFrame:
    """Return `asked`, which is in order of `AT`, with `ROW` and `EVENT` of the winner of `known`, whatever its age.

    Parameters
    ----------
    asked
        `AT` and the keys under `names`.
    known
        What `candidates` returns, perhaps under other names but for `KNOWN`.
    names
        The key columns.
    """
    joined = asked.join_asof(
        known,
        left_on=AT,
        right_on=KNOWN,
        by=list(names) or None,
        strategy="backward",
        check_sortedness=False,  # both sides are sorted here; the in-memory engine cannot check with keys, and warns
    )
    return joined.drop(KNOWN)


def _latest(view: ViewRows, pairs: Sequence[KeyPair], asked: Asked) -> pl.DataFrame:
    """Return `AT`, and `ROW` and `EVENT` of the winner, whatever its age; one row a row asked for."""
    if view.created is None:
        period = reachable_rows(view, pairs, asked.reach.of_any_key())
        rows = narrowed(view, pairs, asked.names, period).collect(engine="streaming").drop_nulls()
        runs = find_runs(rows, asked.names)
        if runs is not None:
            return search_runs(asked.rows, rows, runs, asked.names)
        known = ranked(view, rows.lazy(), asked.names, as_known=asked.as_known)
    else:
        reachable = reachable_rows(view, pairs, asked.reach)
        known = candidates(view, pairs, asked.names, reachable=reachable, as_known=asked.as_known)
    timed = asked.rows.lazy().with_row_index(INDEX).sort(AT)
    return join_winners(timed, known, asked.names).sort(INDEX).select(AT, ROW, EVENT).collect(engine="streaming")
