"""Examples: rows that are given, rows that are expected, and what is said where they differ."""

from __future__ import annotations

import pytest

from tests.checks.definition.conftest import Write
from tests.conftest import EVENT_VIEW

GIVEN = (
    'given={"events": [{"user": "a", "at": "2024-01-01T10:00", "amount": 1}, '
    '{"user": "a", "at": "2024-01-02", "amount": 2.5}]}'
)
WINDOW = '''\
class Busy(FeatureModel):
    user: str
    at: UTC
    visits_1d: int = Feature(unit="count", ge=0)
    spent_mean_1d: float = Feature(unit="count", nullable=True, tolerance=0.01)


@feature_view(entities="user", event_time="at", ttl="2d")
def busy(events: pl.LazyFrame) -> LazyFrame[Busy]:
    """Visits of a day."""
    return windowed(
        events, by="user", time="at", windows="1d", visits=pl.len(), spent_mean=pl.col("amount").mean()
    )
'''


def test_a_definition_without_tests_has_no_check(write: Write) -> None:
    assert write().check() is None


@pytest.mark.parametrize(
    "expect",
    [
        '[{"user": "a", "at": "2024-01-02", "total": 3.5}, {"user": "a", "at": "2024-01-01T10:00", "total": 1.0}]',
        '[{"at": "2024-01-01T10:00Z", "total": 1}, {"at": "2024-01-02T01:00+01:00", "total": 3.5}]',
        '[{"total": 3.5}, {"total": 1}]',
        '{"total": [3.5, 1]}',
        'pl.DataFrame({"total": [1.0, 3.5]})',
        '[{"total": 3.5000000000001}, {"total": 1}]',
        '[{"at": datetime(2024, 1, 1, 10)}, {"at": datetime(2024, 1, 2, tzinfo=timezone.utc)}]',
        '[{"at": date(2024, 1, 2)}, {"at": "2024-01-01T10:00"}]',
    ],
)
def test_an_example_holds_in_any_order_for_the_columns_that_it_names(write: Write, expect: str) -> None:
    check = write(f"examples = [example({GIVEN}, expect={expect})]").run()
    assert check.passed, check.failures
    assert check.detail.startswith("1 example holds; 100% of the definition's lines ran")


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        (
            '[{"user": "a", "at": "2024-01-02", "total": 4}, {"user": "a", "at": "2024-01-01T10:00", "total": 1}]',
            ["user=a, at=2024-01-02 00:00:00: total is 3.5, expected 4"],
        ),
        (
            '[{"user": "a", "at": "2024-01-02", "total": 3.5}, {"user": "b", "at": "2024-01-02", "total": 1}]',
            [
                "user=b, at=2024-01-02 00:00:00: expected 1 row, the view makes no row",
                "user=a, at=2024-01-01 10:00:00: not expected, and the view makes total=1",
            ],
        ),
        (
            '[{"total": 3.50000000001}, {"total": 1.0000000000015}]',
            ["total is 1.0, expected 1.0000000000015", "total is 3.5, expected 3.50000000001"],
        ),
        ('[{"total": 3.5}]', ["expected 1 row, the view makes 2 rows"]),
        (
            '[{"total": 3.5}, {"total": None}]',
            [
                "total is 1, expected null",
            ],
        ),
        (
            "[]",
            [
                "user=a, at=2024-01-01 10:00:00: not expected, and the view makes it",
                "user=a, at=2024-01-02 00:00:00: not expected, and the view makes it",
            ],
        ),
        ('[{"totl": 1}]', ["expect names the column 'totl', which there is not.", "Did you mean 'total'?"]),
        (
            '[{"total": "much"}]',
            [
                "expect: 'total' is Float64, and its values here are str.",
                "Write values of Float64, or leave the column out.",
            ],
        ),
    ],
)
def test_an_example_says_how_the_rows_differ(write: Write, expect: str, said: list[str]) -> None:
    assert write(f"examples = [example({GIVEN}, expect={expect})]").said() == said


def test_columns_that_are_not_given_are_null_and_inputs_that_are_not_given_are_empty(write: Write) -> None:
    nothing = 'example(given={"events": [{"user": "a", "at": "2024-01-01"}]}, expect=[{"total": None}])'
    empty = "example(given={}, expect=[])"
    check = write(f"examples = [{nothing}, {empty}]").run()
    assert check.passed, check.failures


def test_what_is_given_must_be_the_inputs(write: Write) -> None:
    unknown = write('one = example(given={"evnts": []}, expect=[])').said()
    assert unknown == ["given names 'evnts', which spend does not read.", "Did you mean 'events'?"]
    other = write('one = example(given={"events": [{"amount": "x"}]}, expect=[])').said()
    assert other[0] == "given['events']: 'amount' is Float64, and its values here are str."


def test_examples_of_the_decorator_count_and_are_named(write: Write) -> None:
    wrong = f'examples=[example({GIVEN}, expect=[], name="nobody spends")], '
    check = write(cell=EVENT_VIEW.replace('entities="user", ', f'entities="user", {wrong}')).run(cell=True)
    assert check.detail.startswith("1 of 1 failed; nobody spends (cell, line 7): user=a")
    assert check.counts == {"nobody spends": 1}


def test_as_of_reads_the_view_as_a_reader_would(write: Write) -> None:
    given = 'given={"events": [{"user": "a", "at": "2024-01-01T10:00", "amount": 3}]}'
    expect = """[
        {"user": "a", "at": "2024-01-01T09:59", "visits_1d": None},
        {"user": "a", "at": "2024-01-01T10:00", "visits_1d": 0},
        {"user": "a", "at": "2024-01-01T10:01", "visits_1d": 1, "spent_mean_1d": 3.009},
        {"user": "a", "at": "2024-01-02T10:00", "visits_1d": 1, "spent_mean_1d": 3},
        {"user": "a", "at": "2024-01-02T11:00", "visits_1d": 0},
        {"user": "b", "at": "2024-01-01T10:01", "visits_1d": None},
        {"user": "a", "at": "2024-01-09", "visits_1d": None},
    ]"""
    check = write(f"examples = [example({given}, expect={expect}, as_of=True)]", cell=WINDOW).run()
    assert check.passed, check.failures
    off = expect.replace("3.009", "3.02")
    said = write(f"examples = [example({given}, expect={off}, as_of=True)]", cell=WINDOW).said()
    assert said == ["user=a, at=2024-01-01 10:01:00: spent_mean_1d is 3, expected 3.02"]
    incomplete = write(f'one = example({given}, expect=[{{"visits_1d": 1}}], as_of=True)', cell=WINDOW).said()
    assert incomplete[0] == "as_of=True needs user and at in each row of expect."


def test_an_example_whose_view_raises_says_what_and_where(write: Write) -> None:
    failing = EVENT_VIEW.replace(
        "    return events", '    if events.collect().height < 9:\n        raise ValueError("few")\n    return events'
    )
    check = write(f"examples = [example({GIVEN}, expect=[])]", cell=failing).run()
    assert check.failures is not None
    assert check.failures["says"].to_list() == ["ValueError: few", 'raise ValueError("few")']
    assert check.failures["where"][0] == "features/spend.py, line 15"
