"""The cells of the demo, as a researcher would write them: a draft, and three views."""

from __future__ import annotations

BRANCH = "exp/carry-over"
OBJECTIVE = "Predict arrival delay at departure"
HYPOTHESIS = "What went wrong last week, and the weather now, carry over to the next flight"

DRAFT = '''\
class CarrierDelay(FeatureModel):
    carrier: str
    landed_at: UTC
    delay_mean_1d: float = Feature(unit="minute", ge=-90, le=1500, nullable=True, tolerance=0.01)
    flights_1d: int = Feature(unit="count", ge=0)


@feature_view(entities="carrier", event_time="landed_at", ttl="2d", lookback="1d", owner="delay-team")
def carrier_delay(flights: pl.LazyFrame) -> LazyFrame[CarrierDelay]:
    """Arrival delay of a carrier over the last day, as known at each landing."""
    landed = flights.filter(pl.col("landed_at").is_not_null())
    mean = pl.col("arr_delay").mean()
    return windowed(landed, by="carrier", time="landed_at", windows=["1d"], delay_mean=mean, flights=pl.len())
'''

CARRIER_DELAY = '''\
class CarrierDelay(FeatureModel):
    carrier: str
    landed_at: UTC
    delay_mean_1d: float = Feature(unit="minute", ge=-90, le=1500, nullable=True, tolerance=0.01)
    delay_mean_7d: float = Feature(unit="minute", ge=-90, le=1500, nullable=True, tolerance=0.01)
    flights_1d: int = Feature(unit="count", ge=0)
    flights_7d: int = Feature(unit="count", ge=0)


@feature_view(entities="carrier", event_time="landed_at", ttl="2d", lookback="7d", owner="delay-team")
def carrier_delay(flights: pl.LazyFrame) -> LazyFrame[CarrierDelay]:
    """Arrival delay of a carrier over the last day and week, as known at each landing."""
    landed = flights.filter(pl.col("landed_at").is_not_null())
    return windowed(
        landed,
        by="carrier",
        time="landed_at",
        windows=["1d", "7d"],
        delay_mean=pl.col("arr_delay").mean(),
        flights=pl.len(),
    )
'''

ORIGIN_WEATHER = '''\
class OriginWeather(FeatureModel):
    origin: str
    observed_at: UTC
    visibility: float = Feature(unit="mile", ge=0, le=10)
    wind_speed: float = Feature(unit="mile_per_hour", ge=0, le=150, nullable=True)
    rain_6h: float = Feature(unit="inch", ge=0, tolerance=1e-6)


@feature_view(entities="origin", event_time="observed_at", ttl="3h", lookback="6h", owner="delay-team")
def origin_weather(weather: pl.LazyFrame) -> LazyFrame[OriginWeather]:
    """Weather at an airport of departure: now, and the rain of the last six hours."""
    hourly = weather.sort("origin", "observed_at")
    return hourly.select(
        "origin",
        "observed_at",
        visibility="visib",
        # a hurricane is not 1,000 miles an hour: the station's one bad reading
        wind_speed=pl.when(pl.col("wind_speed") < 200).then("wind_speed"),
        # a running sum drifts below zero by 1e-17; the gauge reads hundredths of an inch
        rain_6h=pl.col("precip").rolling_sum_by("observed_at", window_size="6h").over("origin").round(4),
    )
'''

CARRIER_TROUBLE = '''\
class CarrierTrouble(FeatureModel):
    carrier: str
    landed_at: UTC
    worsening: float = Feature(unit="minute", nullable=True, tolerance=0.01, description="Last day less last week")
    busy: float = Feature(unit="dimensionless", ge=0, nullable=True, description="Flights against the mean")


@feature_view(entities="carrier", event_time="landed_at", ttl="2d", owner="delay-team")
def carrier_trouble(carrier_delay: pl.LazyFrame) -> LazyFrame[CarrierTrouble]:
    """Is a carrier getting worse? Made from another view."""
    daily_mean = pl.col("flights_7d") / 7
    return carrier_delay.select(
        "carrier",
        "landed_at",
        worsening=pl.col("delay_mean_1d") - pl.col("delay_mean_7d"),
        busy=pl.when(daily_mean > 0).then(pl.col("flights_1d") / daily_mean),
    )
'''

CELLS = (CARRIER_DELAY, ORIGIN_WEATHER, CARRIER_TROUBLE)
