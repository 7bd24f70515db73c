"""People as git knows them: ``Name <email>``, of which the e-mail address counts, and the keys that they sign with."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_IDENTITY = re.compile(r"[^<>]*<([^<>\s]+)>\s*")
_LISTED = re.compile(
    r"""\s*(?:"(?P<quoted>[^"]*)"|(?P<bare>[^\s\#"]\S*))
        \s+(?P<options>.*?)(?<!\S)(?:sk-)?(?:ssh|ecdsa)-[\w.@-]+\s+(?P<key>[A-Za-z0-9+/]+=*)""",
    re.VERBOSE,
)
"""A line of an allowed-signers file (``man ssh-keygen``)."""


def address(person: str) -> str | None:
    """Return the e-mail address of ``Name <email>``, or of a bare one; None where it cannot be told for sure.

    Letters from A to Z are made small. No others are: the Kelvin sign's small letter is a plain k, and somebody could
    pass for somebody else.

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


@dataclass(frozen=True, slots=True)
class Signers:
    """Which addresses and keys are one person's, as far as an allowed-signers file tells.

    Attributes
    ----------
    people
        The addresses and key fingerprints of each person: whatever lines connect, by an address or a key.
    """

    people: tuple[frozenset[str], ...] = ()

    @classmethod
    def parse(cls, allowed_signers: str) -> Signers:
        """Read an allowed-signers file.

        Patterns are nobody's address, and an authority's key is nobody's: they connect no people.
        """
        people: list[frozenset[str]] = []
        for line in allowed_signers.splitlines():
            found = _LISTED.match(line)
            if found is None or "cert-authority" in found["options"].lower():
                continue
            named = (name for name in (found["quoted"] or found["bare"] or "").split(",") if not set("*?!") & set(name))
            person = addresses(named) | _fingerprint(found["key"])
            known = [other for other in people if other & person]
            people = [*(other for other in people if other not in known), person.union(*known)]
        return cls(tuple(people))

    def everything_of(self, names: Iterable[str]) -> frozenset[str]:
        """Return all addresses and keys of the people that `names` (addresses and keys) belong to."""
        named = frozenset(names)
        return named.union(*(person for person in self.people if person & named))


def _fingerprint(key: str) -> frozenset[str]:
    try:
        digest = hashlib.sha256(base64.b64decode(key, validate=True)).digest()
    except binascii.Error:
        return frozenset()
    return frozenset([f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"])
