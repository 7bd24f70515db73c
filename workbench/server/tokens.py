"""Bearer tokens: who may read which features over HTTP. The file holds their SHA-256 and never the tokens.

A token is ``wb_<id>_<secret>``; the id is no secret, and finds the record that the secret is compared with.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from workbench.errors import DefinitionError, UsageError, did_you_mean
from workbench.files import replace_atomically
from workbench.protocol import METRICS
from workbench.render import Report, Reported, Table
from workbench.times import moment, parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

"""The scope that lets a token read the metrics, and nothing else."""
KNOWN = 1_024
"""Headers with a valid token that are known."""
LOOK_AGAIN = 1.0
"""Seconds after which the file is looked at again."""
_ANY = "*"
_UNREADABLE = "The file of tokens {} cannot be used: {}."


class Token(msgspec.Struct, frozen=True):
    """One token, without its secret.

    Attributes
    ----------
    id
        Its public part.
    name
        What it is for.
    digest
        The SHA-256 of its secret.
    scopes
        Patterns of what it may read: ``*``, ``carrier_*``, ``carrier_delay:delay_*``, ``/metrics``.
    created, expires, revoked
        When, in UTC; None where it does not expire, or is not revoked.
    """

    id: str
    name: str
    digest: str
    scopes: tuple[str, ...]
    created: datetime
    expires: datetime | None = None
    revoked: datetime | None = None

    def state(self, now: datetime) -> str:
        """Return whether it is valid at `now`, expired or revoked."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and now >= self.expires else "valid"

    def may_read(self, view: str, feature: str) -> bool:
        """Return whether a feature is within its scopes."""
        return _in_scope(self.scopes, view, feature)

    def may_name(self, view: str, feature: str | None) -> bool:
        """Return whether its scopes have a feature of this name, or all of a view, whether or not there is one."""
        if feature is not None:
            return self.may_read(view, feature)
        return any(":" not in scope and fnmatchcase(view, scope) for scope in self.scopes)

    @property
    def reads_metrics(self) -> bool:
        """Whether the metrics are within its scopes."""
        return METRICS in self.scopes or _ANY in self.scopes


def _in_scope(scopes: Collection[str], view: str, feature: str) -> bool:
    if _ANY in scopes:
        return True
    named = f"{view}:{feature}"
    return any(fnmatchcase(named if ":" in scope else view, scope) for scope in scopes)


class _File(msgspec.Struct, frozen=True):
    tokens: tuple[Token, ...]
    format: int = 1


@dataclass(frozen=True, slots=True)
class TokenList(Reported):
    """The tokens there are.

    Attributes
    ----------
    path
        Their file.
    tokens
        The tokens.
    secret
        The token that was made, which is shown this once.
    """

    path: str
    tokens: tuple[Token, ...]
    secret: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return them as JSON-ready values, without digests."""
        now = datetime.now(UTC)
        tokens = []
        for token in self.tokens:
            plain = msgspec.to_builtins(token)
            del plain["digest"]
            tokens.append(plain | {"state": token.state(now)})
        return {"path": self.path, "tokens": tokens} | ({"token": self.secret} if self.secret else {})

    def report(self) -> Report:
        """Return one line a token."""
        now = datetime.now(UTC)
        rows = tuple(
            (
                token.id,
                token.name,
                token.state(now),
                ", ".join(token.scopes),
                f"{token.created:%Y-%m-%d %H:%M}",
                "never" if token.expires is None else f"{token.expires:%Y-%m-%d %H:%M}",
            )
            for token in self.tokens
        )
        table = Table("", ("id", "name", "", "may read", "made (UTC)", "expires (UTC)"), rows)
        notes = [self.path]
        if self.secret is not None:
            notes = [f"Token: {self.secret}", "Keep it now: it is not stored and cannot be shown again.", *notes]
        elif not rows:
            notes.append("There are no tokens: `workbench token create NAME`.")
        return Report("Tokens", tables=(table,) if rows else (), notes=tuple(notes))


def end_of(text: str) -> datetime:
    """Return when a token ends: after a length of time, as in ``90d``, or at a moment."""
    try:
        return datetime.now(UTC) + parse_duration(text, what="expires")
    except (DefinitionError, OverflowError):
        return moment(text, what="expires")


@dataclass(frozen=True, slots=True)
class TokenFile:
    """The file of tokens at `path`."""

    path: Path

    def read(self) -> tuple[Token, ...]:
        """Return the tokens; none where there is no file."""
        try:
            return _decoded(self.path.read_bytes())
        except FileNotFoundError:
            return ()
        except (OSError, msgspec.MsgspecError) as error:
            raise UsageError(
                _UNREADABLE.format(self.path, error),
                remedy="Correct its permissions or restore it; if it is deleted, all tokens are void.",
            ) from error

    def create(self, name: str, *, scopes: Collection[str] = (), expires: datetime | None = None) -> tuple[Token, str]:
        """Make a token, and return it and its text, which is not stored."""
        now = datetime.now(UTC)
        if not name.strip() or len(name) > 100:
            raise UsageError("A token needs a name.", remedy="Say what it is for: token create scoring")
        if expires is not None and expires <= now:
            raise UsageError(f"{expires:%Y-%m-%d %H:%M} UTC is past.", remedy="Give a length of time, as in 90d.")
        if not all(scope.strip() for scope in scopes):
            raise UsageError("A scope is empty.", remedy="Write a pattern: carrier_*, carrier_delay:delay_*, /metrics")
        with self._changing() as tokens:
            if any(token.name == name and token.state(now) == "valid" for token in tokens):
                raise UsageError(
                    f"There is a valid token {name!r} already.", remedy="Take another name, or revoke it first."
                )
            secret, public = secrets.token_urlsafe(32), secrets.token_hex(5)
            token = Token(public, name, _digest(secret), tuple(scopes) or (_ANY,), now, expires)
            tokens.append(token)
        return token, f"wb_{public}_{secret}"

    def revoke(self, name: str) -> Token:
        """Revoke the token with this id, or the valid one with this name."""
        now = datetime.now(UTC)
        with self._changing() as tokens:
            valid = {place: token for place, token in enumerate(tokens) if token.revoked is None}
            place = next((place for place, token in valid.items() if name in {token.id, token.name}), None)
            if place is None:
                known = [each for token in valid.values() for each in (token.name, token.id)]
                raise UsageError(f"There is no token {name!r}.", remedy=did_you_mean(name, known) or "There are none.")
            tokens[place] = revoked = msgspec.structs.replace(tokens[place], revoked=now)
        return revoked

    @contextmanager
    def _changing(self) -> Iterator[list[Token]]:
        from filelock import FileLock

        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path.with_name(f"{self.path.name}.lock"), timeout=30):
                tokens = list(self.read())
                yield tokens
                text = msgspec.json.format(msgspec.json.encode(_File(tuple(tokens)))).decode()
                replace_atomically(self.path, text + "\n", durable=True)
        except OSError as error:
            raise UsageError(
                _UNREADABLE.format(self.path, error), remedy="Correct the permissions of its folder."
            ) from error


class TokenCheck:
    """Which token a request comes with; it sees a new one at once, and other changes of the file within about a second.

    Parameters
    ----------
    path
        The file. While it was never there, requests need no token; once it is seen, all do.
    clock, now
        Seconds that only grow, and those since the epoch.
    """

    def __init__(
        self, path: Path, *, clock: Callable[[], float] = time.monotonic, now: Callable[[], float] = time.time
    ) -> None:
        self.path = path
        self._clock, self._now = clock, now
        self._looked = float("-inf")
        self._stamp: object = None
        self._tokens: Mapping[str, Token] = {}
        self._known: dict[str, Token] = {}
        self.is_required = False
        self.fault: str | None = None

    def find(self, authorization: str | None) -> Token | None:
        """Return the token that a header ``Authorization`` has; None where it has none that is valid."""
        self.refresh()
        if authorization is None or len(authorization) > 300:
            return None
        token = self._known.get(authorization) or self._verified(authorization)
        if token is None or token.expires is None:
            return token
        now = datetime.fromtimestamp(self._now(), UTC)
        return token if token.state(now) == "valid" else None

    def _verified(self, authorization: str) -> Token | None:
        """Return the token that a header has, which is not revoked; what was found is known until the file changes."""
        known = self._known  # taken before the tokens: what is found in a file that changes meanwhile is not kept
        scheme, _, text = authorization.partition(" ")
        parts = text.strip().split("_", 2)
        if scheme.lower() != "bearer" or len(parts) != 3 or parts[0] != "wb":
            return None
        token = self._tokens.get(parts[1])
        if token is None:  # perhaps it was made just now
            self.refresh(at_once=True)
            token = self._tokens.get(parts[1])
        if token is None or not hmac.compare_digest(_digest(parts[2]), token.digest):
            return None
        if token.revoked is not None:
            return None
        if len(known) >= KNOWN:
            known.clear()
        known[authorization] = token
        return token

    def refresh(self, *, at_once: bool = False) -> None:
        """Read the file again where it has changed."""
        now = self._clock()
        if not at_once and now - self._looked < LOOK_AGAIN:
            return
        self._looked = now
        try:
            found = self.path.stat()
            stamp = found.st_mtime_ns, found.st_size, found.st_ino
            if stamp != self._stamp:
                self.is_required = True
                self._tokens, self._known = {}, {}
                self._tokens = {token.id: token for token in _decoded(self.path.read_bytes())}
                self._stamp, self.fault = stamp, None
        except FileNotFoundError:
            self._tokens, self._known, self._stamp, self.fault = {}, {}, None, None
        except (OSError, msgspec.MsgspecError) as error:  # nobody gets in
            self.is_required, self._tokens, self._known, self._stamp = True, {}, {}, None
            self.fault = _UNREADABLE.format(self.path, error)


def _decoded(data: bytes) -> tuple[Token, ...]:
    return msgspec.json.decode(data, type=_File).tokens


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
