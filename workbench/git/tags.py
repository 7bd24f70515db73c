"""Annotated tags as git keeps them: releases by their names, and approvals, which are tags in a folder of their own."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.git.history import parse_seconds, parse_trailers
from workbench.git.signatures import split_tag

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

TAGS = "refs/tags/"
APPROVALS = "refs/workbench/approvals/"
FETCHED = "refs/workbench/fetched/"
"""Below it, by remote, what was fetched of the remote's approvals."""

_TAGGER = re.compile(r"(.*<[^<>]*>) (-?\d+) [+-]\d{4}")


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag.

    Attributes
    ----------
    name
        Without ``refs/tags/``.
    object_id
        Of the tag object, which `Repository.signature_of` takes; the commit's where the tag is a lightweight one.
    commit
        The full id of the commit that it names.
    tagger, time
        Who made it (``Name <email>``) and when (UTC), as it says; `None` where it is a lightweight one.
    message, trailers
        Its text without a signature, and the trailers in it.
    is_signed
        Whether it carries a signature, good or not.
    """

    name: str
    object_id: str
    commit: str
    tagger: str | None
    time: datetime | None
    message: str
    trailers: tuple[tuple[str, str], ...] = ()
    is_signed: bool = False

    @classmethod
    def of(cls, name: str, object_id: str, data: bytes) -> Tag:
        """Return the annotated tag `name` from its object's id and content."""
        found = TagObject.parse(data)
        is_signed = bool(split_tag(data)[1])
        return cls(name, object_id, found.about, found.tagger, found.time, found.message, found.trailers, is_signed)


@dataclass(frozen=True, slots=True)
class Approval:
    """Somebody's agreement to a commit.

    Attributes
    ----------
    object_id
        Of the tag object, which `Repository.signature_of` takes.
    commit
        The full id of the commit.
    identity, time
        Who (``Name <email>``) and when (UTC), as it says. Without a signature anybody can have written it.
    message, trailers
        Its text without a signature, and the trailers in it.
    """

    object_id: str
    commit: str
    identity: str
    time: datetime
    message: str
    trailers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class TagObject:
    """What a tag object says: what it is about, its own name, who made it and when, and its text."""

    about: str
    kind: str
    name: str
    tagger: str | None
    time: datetime | None
    message: str

    @classmethod
    def parse(cls, data: bytes) -> TagObject:
        """Read a tag object's content."""
        text = split_tag(data)[0].decode("utf-8", "replace")
        header, _, message = text.partition("\n\n")
        fields: Mapping[str, str] = dict(
            reversed([(key, value) for key, _, value in (line.partition(" ") for line in header.split("\n"))])
        )
        found = _TAGGER.fullmatch(fields.get("tagger", ""))
        return cls(
            about=fields.get("object", ""),
            kind=fields.get("type", ""),
            name=fields.get("tag", ""),
            tagger=found[1] if found else None,
            time=parse_seconds(found[2]) if found else None,
            message=message,
        )

    @property
    def trailers(self) -> tuple[tuple[str, str], ...]:
        """The trailers in its message."""
        return parse_trailers(self.message)


def tag_payload(commit: str, name: str, stamp: str, message: str) -> bytes:
    """Return the content of an unsigned tag object `name` on a commit, by the tagger ``Name <email> seconds zone``."""
    lines = [f"object {commit}", "type commit", f"tag {name}", f"tagger {stamp}", "", message]
    return "\n".join(lines).encode("utf-8", "surrogateescape")


def approval_ref(commit: str, identity: str) -> str:
    """Return the ref of the approval of a commit by ``Name <email>``: one an e-mail address, letters' case aside.

    Examples
    --------
    >>> approval_ref("1f" * 20, "Ada <ada@example.org>").removeprefix(f"{APPROVALS}{'1f' * 20}/")
    'ada-example-org-cfe00dde46ef'
    """
    address = identity.rpartition("<")[2].rstrip(">").strip()
    address = "".join(letter.lower() if letter.isascii() else letter for letter in address)
    shown = re.sub(r"[^a-z0-9]+", "-", address).strip("-")[:60] or "somebody"
    digest = hashlib.sha256(address.encode("utf-8", "surrogateescape")).hexdigest()[:12]
    return f"{APPROVALS}{commit}/{shown}-{digest}"
