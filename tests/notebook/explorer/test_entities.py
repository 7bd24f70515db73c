from __future__ import annotations

from tests.notebook.explorer.stage import periods, subject, visits
from workbench.notebook.explorer.explorer import entities


def test_entities_of_the_rows_that_differ_most_come_first_then_the_most_frequent() -> None:
    left = visits(26, users=5, x=[1.0] * 26)
    right = visits(26, users=5, x=[1.0] * 23 + [50.0, 1.0, 1.0])
    assert entities(subject(left, right), "user") == ("u3", "u0", "u1", "u2", "u4")


def test_no_more_are_offered_than_asked_for() -> None:
    both = subject(visits(600, users=600, x=[1.0] * 600), visits(600, users=600, x=[2.0] * 600))
    assert len(entities(both, "user")) == 200
    assert len(entities(both, "user", limit=3)) == 3


def test_two_periods_offer_the_entities_of_both() -> None:
    both = periods(visits(40, users=2, x=[1.0] * 40), visits(40, users=3, x=[1.0] * 40))
    assert set(entities(both, "user")) == {"u0", "u1", "u2"}


def test_entities_that_are_no_text_are_offered_as_text() -> None:
    frame = visits(9, users=3, x=[1.0] * 9).with_columns(user=visits(9, users=3)["user"].str.slice(1).cast(int))
    assert entities(subject(frame, frame), "user") == ("0", "1", "2")
