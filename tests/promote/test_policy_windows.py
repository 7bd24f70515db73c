"""Freezes hold to the end of their last day, and trains leave by UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from workbench.config import Config, FreezeSettings, TrainSettings
from workbench.errors import ConfigError
from workbench.promote.rules import fits, is_frozen, is_open, next_departure, thaws


def freeze(start: str, end: str) -> FreezeSettings:
    text = f'[project]\nname = "x"\n[[policy.freezes]]\nname = "f"\nstart = {start}\nend = {end}\n'
    return Config.parse(text).policy.freezes[0]


def train(days: str, opens: str = "00:00:00", closes: str = "23:59:59") -> TrainSettings:
    listed = ", ".join(f'"{day}"' for day in days.split())
    text = (
        f'[project]\nname="x"\n[[policy.trains]]\nname = "t"\ndays = [{listed}]\nopens = {opens}\ncloses = {closes}\n'
    )
    return Config.parse(text).policy.trains[0]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize(
    ("moment", "frozen"),
    [
        ("2026-12-19T23:59:59.999999", False),
        ("2026-12-20T00:00:00", True),
        ("2027-01-02T23:59:59.999999", True),
        ("2027-01-03T00:00:00", False),
    ],
)
def test_a_freeze_holds_whole_days_the_last_one_too(quote: str, moment: str, frozen: bool) -> None:  # noqa: FBT001
    assert is_frozen(freeze(f"{quote}2026-12-20{quote}", f"{quote}2027-01-02{quote}"), at(moment)) is frozen


def test_a_freeze_of_instants_holds_from_the_first_to_the_last() -> None:
    held = freeze("2026-12-20T10:00:00Z", "2026-12-20T14:00:00+02:00")
    assert not is_frozen(held, at("2026-12-20T09:59:59"))
    assert is_frozen(held, at("2026-12-20T10:00:00"))
    assert is_frozen(held, at("2026-12-20T12:00:00"))
    assert not is_frozen(held, at("2026-12-20T12:00:01"))


def test_a_freeze_without_a_zone_is_utc_whatever_zone_now_has() -> None:
    held = freeze("2026-12-20T10:00:00", "2026-12-20T11:00:00")
    now = datetime(2026, 12, 20, 12, 30, tzinfo=timezone(timedelta(hours=2)))
    assert is_frozen(held, now)
    assert not is_frozen(held, now.replace(tzinfo=None))


def test_a_freeze_may_begin_and_end_on_one_day_and_never_ends_before_it_begins() -> None:
    assert is_frozen(freeze("2026-12-20T15:00:00", "2026-12-20"), at("2026-12-20T23:00:00"))
    with pytest.raises(ConfigError, match="ends before it starts"):
        freeze("2026-12-21", "2026-12-20")


def test_people_are_told_until_when() -> None:
    assert thaws(freeze("2026-12-20", "2027-01-02")) == "to the end of 2027-01-02 (UTC)"
    assert thaws(freeze("2026-12-20", "2027-01-02T12:00:00+02:00")) == "until 2027-01-02 10:00:00 UTC"


@pytest.mark.parametrize(
    ("moment", "open_"),
    [
        ("2026-11-24T08:59:59.9", False),  # a Tuesday
        ("2026-11-24T09:00:00", True),
        ("2026-11-24T12:00:00.9", True),
        ("2026-11-24T12:00:01", False),
        ("2026-11-25T10:00:00", False),
        ("2026-11-26T10:00:00", True),
    ],
)
def test_a_train_is_open_on_its_days_between_its_times(moment: str, open_: bool) -> None:  # noqa: FBT001
    assert is_open(train("tue thu", "09:00:00", "12:00:00"), at(moment)) is open_


def test_a_train_for_whole_days_has_no_hole_at_midnight() -> None:
    assert is_open(train("tue"), at("2026-11-24T23:59:59.999999"))


def test_a_train_may_run_over_midnight() -> None:
    night = train("tue", "22:00:00", "02:00:00")
    assert is_open(night, at("2026-11-24T23:00:00"))
    assert is_open(night, at("2026-11-25T01:59:00"))
    assert not is_open(night, at("2026-11-24T01:00:00"))
    assert not is_open(night, at("2026-11-25T23:00:00"))


def test_a_train_runs_by_utc_whatever_zone_now_has() -> None:
    morning = train("tue", "09:00:00", "10:00:00")
    assert is_open(morning, datetime(2026, 11, 24, 4, 30, tzinfo=timezone(timedelta(hours=-5))))
    with pytest.raises(ConfigError, match="without a zone"):
        train("tue", '"09:00:00+02:00"')


def test_the_next_departure_is_the_first_of_all_trains() -> None:
    trains = [train("mon", "09:00:00"), train("wed fri", "15:00:00")]
    assert next_departure(trains, at("2026-11-24T10:00:00")) == at("2026-11-25T15:00:00")
    assert next_departure([train("tue", "09:00:00", "10:00:00")], at("2026-11-24T11:00:00")) == at(
        "2026-12-01T09:00:00"
    )
    assert next_departure([], at("2026-11-24T11:00:00")) is None


def test_patterns_name_views_whole_and_by_letter_case() -> None:
    assert fits("carrier_delay", ["carrier_*"])
    assert not fits("carrier_delay", ["carrier", "Carrier_*"])
    assert not fits("carrier_delay", [])
