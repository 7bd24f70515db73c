"""People are e-mail addresses, and nobody passes for somebody else."""

from __future__ import annotations

import pytest

from workbench.git.identities import address, addresses, one_of


@pytest.mark.parametrize(
    ("person", "email"),
    [
        ("Ada Lovelace <ada@example.org>", "ada@example.org"),
        ("ada@example.org", "ada@example.org"),
        ("ADA <Ada@Example.ORG>", "ada@example.org"),
        ("  Ada <ada@example.org>  ", "ada@example.org"),
        ("boss@example.org <mallory@example.org>", "mallory@example.org"),
        ("boss@example.org> <mallory@example.org>", None),
        ("Mallory <mallory@example.org> <boss@example.org>", None),
        ("Ada <>", None),
        ("Ada <a b@example.org>", None),
        ("Ada", "ada"),
        ("a b", None),
        ("", None),
    ],
)
def test_only_the_address_in_brackets_counts(person: str, email: str | None) -> None:
    assert address(person) == email


def test_letters_that_look_alike_are_not_the_same() -> None:
    assert address("Nic <nic\N{KELVIN SIGN}@example.org>") != address("Nick <nick@example.org>")
    assert address("<stra\N{LATIN SMALL LETTER SHARP S}e@x>") != address("<strasse@x>")


def test_those_who_cannot_be_told_are_nobody() -> None:
    assert addresses(["Ada <ada@x>", "broken <", "ADA@x"]) == {"ada@x"}


def test_people_are_listed_as_a_choice() -> None:
    assert one_of(["a", "b", "c", "a"]) == "a, b or c"
    assert one_of(["a"]) == "a"
    assert one_of([]) == ""
