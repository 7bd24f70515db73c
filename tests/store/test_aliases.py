"""One view joined twice, under other names and with other keys."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import workbench as wb
from tests.store.conftest import START, spine_of
from workbench import errors
from workbench.cli import main
from workbench.records import from_json, to_json
from workbench.store import Reference

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.project import Project

PAIRS = spine_of(("u0", 100.0), ("u1", 100.0), ("u2", 100.0)).with_columns(friend=pl.Series(["u3", "u0", None]))
FRIEND = wb.use("spend:total", as_="friend_spend", keys={"user": "friend"})


def test_one_view_is_joined_twice(shop: Project) -> None:
    train = shop.store.training_set(PAIRS, ["spend", FRIEND, "clock"], full_names=True)
    assert train.columns[-3:] == ["spend__total", "friend_spend__total", "clock__number"]
    alone = shop.store.training_set(PAIRS.drop("user").rename({"friend": "user"}), "spend")
    assert train.frame["friend_spend__total"].to_list() == alone.frame["total"].to_list()
    assert train.frame["spend__total"].to_list() == shop.store.training_set(PAIRS, "spend").frame["total"].to_list()
    ledger = train.ledger
    assert [(entry.title, entry.matched, entry.unasked) for entry in ledger.views] == [
        ("spend", 3, 0),
        ("spend as friend_spend", 2, 1),
        ("clock", 3, 0),
    ]


@pytest.mark.journey
def test_two_versions_are_joined_side_by_side(mart: Project) -> None:
    old = wb.use("spend@1", as_="old")
    train = mart.store.training_set(PAIRS, [old, "spend@2"], full_names=True)
    assert train.columns[-2:] == ["old__total", "spend__total"]
    assert train.frame["old__total"].to_list() != train.frame["spend__total"].to_list()


def test_the_text_says_the_same(shop: Project) -> None:
    text = "spend:total as friend_spend (user=friend)"
    assert Reference.parse(text) == FRIEND
    assert str(FRIEND) == text
    assert from_json(to_json(FRIEND), Reference) == FRIEND
    odd = wb.use("spend", keys={"user": "the friend, (of)"})
    assert from_json(to_json(odd), Reference) == odd
    one, two = (shop.store.training_set(PAIRS, ["spend", ref], full_names=True) for ref in (text, FRIEND))
    assert one.frame.equals(two.frame)


def test_keys_are_renamed_without_an_alias_too(shop: Project) -> None:
    train = shop.store.training_set(PAIRS.drop("user"), wb.use("spend", keys={"user": "friend"}))
    assert train.frame["total"].null_count() == 1
    assert shop.store.key_dtypes([FRIEND]) == {"friend": pl.String()}


@pytest.mark.parametrize(
    ("features", "error", "says"),
    [
        (["spend", FRIEND], errors.JoinError, "full_names=True"),
        (["spend", wb.use("spend", keys={"user": "friend"})], errors.JoinError, 'wb.use("view", as_="other"'),
        ([wb.use("spend", keys={"usr": "friend"})], errors.JoinError, "did you mean 'user'"),
        ([wb.use("clock", keys={"user": "friend"})], errors.JoinError, "joined by time alone"),
        ([wb.use("spend", keys={"user": "freind"})], errors.JoinError, "did you mean 'friend'"),
        ([wb.use("both", as_="x")], errors.UsageError, "is a feature set"),
    ],
)
def test_what_cannot_be_joined_says_why(
    shop: Project, features: Any, error: type[errors.WorkbenchError], says: str
) -> None:
    with pytest.raises(error) as raised:
        shop.store.training_set(PAIRS, features)
    assert says in str(raised.value)
    assert raised.value.remedy


@pytest.mark.parametrize(
    ("ref", "options", "error"),
    [
        ("", {}, errors.UsageError),
        (":x", {}, errors.UsageError),
        ("spend:", {}, errors.UsageError),
        ("spend@x", {}, errors.UsageError),
        ("spend", {"as_": "../x"}, errors.InvalidName),
        ("spend", {"as_": ""}, errors.InvalidName),
        ("spend", {"keys": {"a": 7}}, errors.UsageError),
        ("spend", {"keys": {"": "x"}}, errors.UsageError),
        ("spend", {"keys": {"a": "x", "b": "x"}}, errors.UsageError),
    ],
)
def test_what_is_no_reference_is_refused_where_it_is_made(ref: str, options: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        wb.use(ref, **options)


def test_a_view_that_is_read_alone_has_its_own_name(shop: Project) -> None:
    with pytest.raises(errors.UsageError, match="only a training set supports"):
        shop.store.snapshot("spend as other")


def test_why_of_a_row_follows_the_alias(shop: Project) -> None:
    train = shop.store.training_set(PAIRS, ["spend", FRIEND], full_names=True)
    for row in range(2):
        for column in ("spend__total", "friend_spend__total"):
            found = train.why_row(row, column)
            assert found.value == train.frame[column][row]
    assert train.why_row(0, "friend_spend:total").entity == {"user": "u3"}
    assert train.why_row(1, "friend_spend__total").at == START.replace(hour=1, minute=40)
    with pytest.raises(errors.UsageError, match="more than one column"):
        train.why_row(0, "spend:total")
    with pytest.raises(errors.UsageError, match="Row 2 has no 'friend'"):
        train.why_row(2, "friend_spend__total")


def test_why_of_a_row_is_that_of_the_training_set_as_it_was_built(shop: Project) -> None:
    spine = spine_of(("u0", 7.5), ("u0", 12.6))
    known = shop.store.training_set(spine, ["late:total", "recent:amount"])
    hindsight = shop.store.training_set(spine, ["late:total"], as_known=False)
    shop.define(_other(), log=False)
    for train in (known, hindsight):
        for row in range(2):
            assert train.why_row(row, "total").value == train.frame["total"][row]
    assert known.why_row(1, "recent:amount").outcome == "expired"
    for row, column, says in (
        (2, "total", "no row 2"),
        (-1, "total", "no row -1"),
        (0, "totla", "did you mean 'total'"),
    ):
        with pytest.raises(errors.UsageError, match=says):
            known.why_row(row, column)


def _other() -> str:
    from tests.store.conftest import LATE

    return LATE.replace('total=pl.col("amount")', 'total=pl.col("amount") * 2')


def test_the_verb_takes_the_text(
    shop: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(shop.root)
    shop.use_branch_in_shell()
    PAIRS.write_parquet(tmp_path / "pairs.parquet")
    words = ["training-set", str(tmp_path / "pairs.parquet"), "spend", "spend as friend (user=friend)", "--full-names"]
    assert main.main([*words, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert list(answer["columns"])[-2:] == ["spend__total", "friend__total"]
