"""Views to compute, for tests and for the processes that tests start, kill and interrupt."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from workbench.compute import Computed, InputData, ViewCache, materialize_view
from workbench.define import ColumnContract, Contract, FeatureView

ID = "0123456789abcdef" * 4
CODE = "c0de" * 16
EVENTS = pl.DataFrame(
    {
        "carrier": ["UA", "AA", "UA", "DL"] * 25,
        "landed_at": pl.datetime_range(
            pl.datetime(2013, 1, 1), pl.datetime(2013, 1, 5, 3), "1h", time_zone="UTC", eager=True
        ),
        "delay": [float(number % 17) - 3.5 for number in range(100)],
    }
)


def make_view(function: Callable[..., Any], columns: Sequence[str], *, name: str = "trial") -> FeatureView:
    """Return a view of `columns` per carrier and landing, without the seconds that importing pandera takes."""
    view = FeatureView(
        name=name,
        function=function,
        inputs=tuple(function.__code__.co_varnames[: function.__code__.co_argcount]),
        parameters=dict(function.__kwdefaults__ or {}),
        entities=("carrier",),
        event_time="landed_at",
        model=None,  # type: ignore[arg-type]  # only the contract below is asked for
    )
    kept = {"carrier": pl.String(), "landed_at": pl.Datetime("us", "UTC")}
    contract = Contract(
        tuple(
            ColumnContract(column, kept.get(column, pl.Float64()), "entity" if column == "carrier" else "feature")
            for column in columns
        )
    )
    view.__dict__["contract"] = contract
    return view


def delays(flights: pl.LazyFrame) -> pl.LazyFrame:
    """Return the mean delay so far, cheap to compute."""
    return flights.select("carrier", "landed_at", delay=pl.col("delay") * 2)


def heavy(flights: pl.LazyFrame) -> pl.LazyFrame:
    """Return something that takes the engine minutes."""
    wide = flights.join(pl.LazyFrame({"n": range(3_000)}), how="cross").join(
        pl.LazyFrame({"m": range(3_000)}), how="cross"
    )
    return wide.select("carrier", "landed_at", delay=(pl.col("n") * pl.col("m")).sin().exp().sin())


DELAYS = make_view(delays, ["carrier", "landed_at", "delay"])
HEAVY = make_view(heavy, ["carrier", "landed_at", "delay"])


def inputs(frame: pl.DataFrame = EVENTS, *, digest: str = "e1") -> list[InputData]:
    """Return `frame` as the input ``flights``."""
    return [InputData("flights", frame.lazy(), digest, "source")]


def compute(root: Path, view: FeatureView = DELAYS, **options: Any) -> Computed:
    """Store `view` of the events under `root`."""
    given = {"view_id": ID, "code_hash": CODE, **options}
    return materialize_view(view, given.pop("inputs", inputs()), cache=ViewCache(root), **given)


def say(progress: Any) -> None:
    """Print the phase, so that whoever started this process knows where it is."""
    print(progress.phase, flush=True)


if __name__ == "__main__":
    computed = compute(Path(sys.argv[1]), HEAVY if "heavy" in sys.argv else DELAYS, progress=say)
    print("reused" if computed.reused else "computed")
