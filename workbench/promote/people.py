"""People as git knows them: ``Name <email>``, of which the e-mail address counts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_IDENTITY = re.compile(r"[^<>]*<([^<>\s]+)>\s*")


def address(person: str) -> str | None:
    """Return the e-mail address of ``Name <email>``, or of a bare one; None where it cannot be told for sure.

    Letters from A to Z are made small. No others are: the Kelvin sign's small letter is a plain k, and somebody could
    pass for somebody else.

    Parameters
    ----------
    person
        An author as git prints it, a line of a policy, a signature's principal.

    Examples
    --------
    >>> address("Ada <Ada@Example.org>"), address("ada@example.org"), address("a@x <b@y> <c@z>")
    ('ada@example.org', 'ada@example.org', None)
    """
    said = person.strip()
    if "<" in said or ">" in said:
        found = _IDENTITY.fullmatch(said)
        if found is None:
            return None
        said = found[1]
    if not said or any(character.isspace() for character in said):
        return None
    return "".join(character.lower() if character.isascii() else character for character in said)


def addresses(people: Iterable[str]) -> frozenset[str]:
    """Return the e-mail addresses of `people`, without those that cannot be told."""
    return frozenset(found for person in people if (found := address(person)) is not None)


def one_of(people: Iterable[str]) -> str:
    """Return ``ada@x or bob@y`` for a sentence."""
    listed = list(dict.fromkeys(people))
    return " or ".join([", ".join(listed[:-1]), listed[-1]]) if len(listed) > 1 else "".join(listed)
