"""``workbench.toml``: typed, and mistakes say what was meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from workbench.config import Config, valid_name
from workbench.errors import ConfigError, InvalidName

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """
[project]
name = "delays"
[sources.flights]
path = "data/flights.parquet"
event_time = "scheduled_at"
available_at = "landed_at"
key = ["flight_id"]
"""


def test_a_good_file_is_typed() -> None:
    config = Config.parse(GOOD)
    assert config.project.protected == ()
    assert config.sources["flights"].key == ("flight_id",)
    assert config.tracking.uri is None


@pytest.mark.parametrize(
    ("wrong", "right", "says"),
    [
        ('name = "delays"', "", "project.name: missing"),
        (
            "event_time",
            "event_tiem",
            "1 mistake:\n  sources.flights.event_tiem: unknown key; did you mean 'event_time'?",
        ),
        ("[project]", "[projects]", "did you mean 'project'?"),
        ('path = "data/flights.parquet"', "", "exactly one of path, delta, sql"),
        ('path = "data/flights.parquet"', 'path = "x"\nsql = "select 1"', "has path, sql"),
        ('key = ["flight_id"]', 'key = "flight_id"', "sources.flights.key"),
        ('path = "data/flights.parquet"', 'path = "x"\nformat = "xlsx"', "sources.flights.format"),
        ("[sources.flights]", '[sources."../flights"]', "not a valid source name"),
        ("[project]", "[project", "not valid TOML"),
        ('event_time = "scheduled_at"', "event_time = 3", "sources.flights.event_time"),
    ],
)
def test_a_mistake_is_named(wrong: str, right: str, says: str) -> None:
    assert wrong in GOOD
    with pytest.raises(ConfigError) as raised:
        Config.parse(GOOD.replace(wrong, right))
    assert says in str(raised.value)
    assert raised.value.remedy


HOSTILE_TOML = {
    "nested arrays": "a = " + "[" * 50_000 + "]" * 50_000,
    "nested tables": "a = " + "{b = " * 50_000 + "1" + "}" * 50_000,
    "many digits": "a = " + "9" * 5_000,
    "many digits of a float": "a = 1e" + "9" * 5_000,
    "a long path of keys": ".".join("a" * 2_000) + " = 1",
    "no such day": "a = 2026-02-31",
    "zeros": "\0" * 100,
}


@pytest.mark.parametrize("kind", HOSTILE_TOML)
def test_toml_that_python_chokes_on_is_a_mistake_like_another(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "workbench.toml"
    path.write_text(f"{GOOD}\n{HOSTILE_TOML[kind]}\n")
    with pytest.raises(ConfigError, match=r"workbench\.toml") as raised:
        Config.of_file(path)
    assert raised.value.remedy
    assert len(str(raised.value)) < 500


def test_an_unknown_key_of_a_section_names_its_neighbours() -> None:
    with pytest.raises(ConfigError, match="did you mean 'uri'"):
        Config.parse(GOOD + '[tracking]\nurl = "x"\n')


def test_a_file_that_is_not_there_or_no_text_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        Config.of_file(tmp_path / "workbench.toml")
    (tmp_path / "workbench.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read"):
        Config.of_file(tmp_path / "workbench.toml")


@pytest.mark.parametrize("name", ["../x", "-rf", "Flights", "", "a" * 64, "a b", "1st", "a.b", "a\nb", "naïve"])
def test_names_that_must_not_reach_git_a_path_or_sql_are_refused(name: str) -> None:
    with pytest.raises(InvalidName):
        valid_name("view", name)


def test_a_password_is_not_in_what_is_printed() -> None:
    text = GOOD.replace(
        'path = "data/flights.parquet"', 'sql = "select 1"\ndatabase = "postgresql://me:secret@db/shop"'
    )
    assert "secret" not in repr(Config.parse(text))


def test_a_policy_is_read_with_its_rules_freezes_and_trains() -> None:
    policy = Config.parse(
        """
[project]
name = "delays"
[policy]
require_signed = true
rules = [{ views = ["a_*"], approvers = ["bo@example.com"], approvals = 1 }]
freezes = [{ name = "holidays", start = 2026-12-20, end = 2027-01-04 }]
trains = [{ name = "tuesdays", days = ["tue"], opens = 09:00:00, closes = 16:00:00 }]
drift = { measure = "ks", budgets = { "a_b:c" = 0.1 } }
"""
    ).policy
    assert policy.rules[0].approvals == 1
    assert policy.rules[0].views == ("a_*",)
    assert policy.freezes[0].views == ("*",)
    assert policy.trains[0].days == ("tue",)
    assert policy.drift.budgets == {"a_b:c": 0.1}


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("rules = [{ aprovals = 1 }]", "approvals"),
        ('trains = [{ name = "x", days = ["tue"], open = 09:00:00 }]', "opens"),
        ('freezes = [{ name = "x", start = 2026-12-20, end = 2026-12-19 }]', "ends before it starts"),
        ("drift = { measure = 'kl' }", "psi"),
        ("deprecation_days = -1", "deprecation_days"),
    ],
)
def test_a_mistake_in_the_policy_is_named(line: str, meant: str) -> None:
    with pytest.raises(ConfigError, match=meant):
        Config.parse(f'[project]\nname = "delays"\n[policy]\n{line}\n')
