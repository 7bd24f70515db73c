"""Settings from plain values: typed, checked, and every mistake named at its place."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta, field

from workbench.config import Config, OnlineSettings, ServeSettings
from workbench.settings import Checked, Mistakes, ReadBy, Settings


def upper(text: str) -> str:
    if not text.isalpha():
        raise ValueError(f"{text!r} is no word")
    return text.upper()


class Inner(Settings, frozen=True, kw_only=True):
    size: Annotated[int, Meta(ge=1, le=9)]
    share: Annotated[float, Meta(ge=0)] = 0.5


class Outer(Settings, frozen=True, kw_only=True):
    word: Annotated[str, Checked(upper)] = "A"
    words: tuple[Annotated[str, Checked(upper)], ...] = ()
    kind: Literal["one", "two"] = "one"
    inner: Inner | None = None
    several: tuple[Inner, ...] = ()
    named: dict[Annotated[str, Checked(upper)], Inner] = field(default_factory=dict)
    length: Annotated[int, ReadBy(lambda given: len(str(given)))] = 0
    on: bool = False


def mistakes(values: Any) -> list[str]:
    with pytest.raises(Mistakes) as caught:
        Outer.read(values)
    return [str(mistake) for mistake in caught.value.found]


def test_values_become_typed_settings() -> None:
    read = Outer.read(
        {
            "word": "ab",
            "words": ["c", "d"],
            "kind": "two",
            "inner": {"size": 1},
            "several": [{"size": 2, "share": 1}],
            "named": {"x": {"size": 3}},
            "length": "four",
        }
    )
    assert (read.word, read.words, read.kind, read.length) == ("AB", ("C", "D"), "two", 4)
    assert read.inner == Inner(size=1)
    assert read.several == (Inner(size=2, share=1.0),)
    assert isinstance(read.several[0].share, float)
    assert read.named == {"x": Inner(size=3)}
    assert Outer.read({}) == Outer()
    assert Outer.read({"inner": None}) == Outer()


def test_all_mistakes_are_told_each_at_its_place() -> None:
    assert mistakes(
        {
            "word": "1",
            "words": ["a", 2],
            "kind": "twoo",
            "inner": {"share": -1},
            "several": [{"size": 1}, {"size": 10, "shre": 1}],
            "named": {"9": {"size": "1"}},
            "onn": True,
        }
    ) == [
        "word: '1' is no word",
        "words.1: Expected `str`, got `int`",
        "kind: 'twoo' is none of its values; did you mean 'two'?",
        "inner.share: Expected `float` >= 0.0",
        "inner.size: missing",
        "several.1.size: Expected `int` <= 9",
        "several.1.shre: unknown key; did you mean 'share'?",
        "named.9: '9' is no word",
        "named.9.size: Expected `int`, got `str`",
        "onn: unknown key; did you mean 'on'?",
    ]


@pytest.mark.parametrize(
    "values",
    [
        {"inner": 3},
        {"inner": [{"size": 1}]},
        {"several": {"size": 1}},
        {"named": [1]},
        {"word": None},
        {"kind": ["one"]},
        {"on": 1},
        {"on": "true"},
        {"inner": {"size": True}},
        {"inner": {"size": 1.0}},
        {"inner": {"size": 1, "share": float("nan")}},
        {"inner": {"size": None}},
    ],
)
def test_what_is_of_another_type_is_refused(values: Any) -> None:
    (told,) = mistakes(values)
    assert told.startswith(next(iter(values)))


def test_what_was_read_can_be_written_and_read_again() -> None:
    for settings in (
        ServeSettings(port=1, rate=2.5, tokens="t.json"),
        OnlineSettings(kind="redis", url="redis://here"),
        Config.read({"project": {"name": "x"}, "sources": {"a": {"path": "a.csv", "event_time": "at"}}}).policy,
    ):
        assert type(settings).read(settings.to_dict()) == settings


def test_what_changed_is_told() -> None:
    assert Outer().changed() == frozenset()
    assert Outer(word="B", named={"x": Inner(size=1)}).changed() == {"word", "named"}


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        ('freezes = [{ name = "x", start = "2026-12-2", end = "2027-01-04" }]', "policy.freezes.0.start: '2026-12-2'"),
        ("freezes = [{ name = 'x', start = 09:00:00, end = 2027-01-04 }]", "neither a day nor an instant"),
        ("trains = [{ name = 'x', days = ['tue'], opens = '9 o clock' }]", "no time of day; write 09:00:00"),
        ("trains = [{ name = 'x', days = ['tue'], opens = '09:00:00+02:00' }]", "trains use UTC"),
        ("trains = [{ name = 'x', days = ['tues'] }]", "policy.trains.0.days.0: 'tues' is none of its values; did you"),
        ("drift = { budgets = { 'a:b' = nan } }", "policy.drift.budgets.a:b: Expected `float` >= 0.0"),
    ],
)
def test_times_and_budgets_of_a_policy_that_cannot_be_are_refused(policy: str, says: str) -> None:
    from workbench.errors import ConfigError

    with pytest.raises(ConfigError) as caught:
        Config.parse(f'[project]\nname = "x"\n[policy]\n{policy}\n')
    assert says in str(caught.value)
    assert "1 mistake:" in str(caught.value)


def test_quoted_days_and_times_are_read() -> None:
    policy = Config.parse(
        """
[project]
name = "x"
[policy]
freezes = [{ name = "x", start = "2026-12-20", end = "2027-01-04T12:00:00Z" }]
trains = [{ name = "y", days = ["tue"], opens = "09:00", closes = "16:00:00Z" }]
"""
    ).policy
    assert str(policy.freezes[0].start) == "2026-12-20"
    assert policy.freezes[0].end.isoformat() == "2027-01-04T12:00:00+00:00"
    assert (policy.trains[0].opens.isoformat(), policy.trains[0].closes.isoformat()) == ("09:00:00", "16:00:00")
