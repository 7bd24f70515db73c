"""Version numbers: ``major.minor``, and what a reference asks for after its ``@``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from workbench.errors import UsageError

_NUMBER = re.compile(r"(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})")
_ASKED = re.compile(r"[1-9][0-9]{0,5}(\.(0|[1-9][0-9]{0,5}))?")


@dataclass(frozen=True, slots=True, order=True)
class VersionNumber:
    """A published version's number: a new `major` changes values or breaks the contract, a new `minor` does neither.

    Examples
    --------
    >>> str(VersionNumber.parse("1.2").next(breaking=False)), str(VersionNumber(1, 2).next(breaking=True))
    ('1.3', '2.0')
    """

    major: int
    minor: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the number that `text` says."""
        match = _NUMBER.fullmatch(text)
        if match is None:
            raise UsageError(f"{text[:80]!r} is not a version.", remedy="Use major.minor, e.g. 1.2.")
        return cls(int(match[1]), int(match[2]))

    def next(self, *, breaking: bool) -> VersionNumber:
        """Return the number after this one; of the next major version where the change is `breaking`."""
        return VersionNumber(self.major + 1, 0) if breaking else VersionNumber(self.major, self.minor + 1)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


def split_version(view: str) -> tuple[str, str | None]:
    """Return the view's name and the version asked for, of ``view``, ``view@2`` or ``view@2.1``.

    Examples
    --------
    >>> split_version("spend@2"), split_version("spend")
    (('spend', '2'), ('spend', None))
    """
    name, at, version = view.partition("@")
    if not at:
        return name, None
    if not _ASKED.fullmatch(version):
        raise UsageError(
            f"{view[:120]!r} does not name a version.",
            remedy=f"Write {name}@2 for the newest of major 2, or {name}@2.1.",
        )
    return name, version
