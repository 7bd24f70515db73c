"""Judging SSH signatures by the keys that main's ``allowed_signers`` file names, and by nothing this user configured.

``ssh-keygen -Y`` is asked directly: it reads no configuration, while git would run whatever program the user's names.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from workbench.branches.git import environment
from workbench.branches.log import as_utc
from workbench.branches.processes import NEVER_ASK, run_apart
from workbench.errors import BranchError

if TYPE_CHECKING:
    from collections.abc import Iterator

SSH_KEYGEN = "ssh-keygen"
PATIENCE = 30.0
NAMESPACE = "git"
BEGIN, END = b"-----BEGIN SSH SIGNATURE-----", b"-----END SSH SIGNATURE-----"

_ANY_BEGIN = re.compile(rb"^-----BEGIN (SSH SIGNATURE|PGP SIGNATURE|PGP MESSAGE|SIGNED MESSAGE)-----", re.MULTILINE)
_KEY = re.compile(r"SHA256:[A-Za-z0-9+/]+")
_ADDRESS = re.compile(r"<([^<>\s]+)> -?\d+ [+-]\d{4}")

Status = Literal["good", "none", "bad", "stranger", "expired"]


@dataclass(frozen=True, slots=True)
class Signature:
    """What a signature is worth.

    Attributes
    ----------
    status
        ``good``: made by a key that is allowed, at a time it was; ``none``: not signed; ``bad``: not a signature of
        this content; ``stranger``: of a key that is not allowed; ``expired``: of one that was, or will be.
    principal
        Whom the allowed key belongs to, as the file says; an e-mail address. Only where it is good.
    key
        The key's fingerprint, ``SHA256:...``, where the signature is one of this content.
    detail
        One sentence for people.
    """

    status: Status
    principal: str | None
    key: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class Signed:
    """A commit or tag taken apart: the `payload` that was signed, the armoured `signature`, who claims it."""

    payload: bytes
    signature: bytes
    claimed: str | None

    @classmethod
    def of(cls, kind: str, data: bytes) -> Signed:
        """Take apart the content `data` of an object of a `kind` (``commit`` or ``tag``)."""
        payload, signature = _split_commit(data) if kind == "commit" else split_tag(data)
        head = payload.partition(b"\n\n")[0].decode("utf-8", "replace")
        role = "committer" if kind == "commit" else "tagger"
        line = next((line for line in head.split("\n") if line.startswith(f"{role} ")), "")
        found = _ADDRESS.search(line)
        return cls(payload, signature, found[1] if found else None)


def _split_commit(data: bytes) -> tuple[bytes, bytes]:
    header, separator, message = data.partition(b"\n\n")
    kept: list[bytes] = []
    signature: list[bytes] = []
    is_within = False
    for line in header.split(b"\n"):
        name, _, value = line.partition(b" ")
        is_within = is_within if not name else name in {b"gpgsig", b"gpgsig-sha256"}
        if is_within:
            signature.append(value)
        else:
            kept.append(line)
    return b"\n".join(kept) + separator + message, b"\n".join(signature)


def split_tag(data: bytes) -> tuple[bytes, bytes]:
    """Return a tag's signed part and its signature, empty where it has none: what its last armour begins."""
    starts = [found.start() for found in _ANY_BEGIN.finditer(data)]
    return (data[: starts[-1]], data[starts[-1] :]) if starts else (data, b"")


def judge(signed: Signed, *, allowed_signers: str, at: datetime | None = None) -> Signature:
    """Return what the signature of `signed` is worth.

    Parameters
    ----------
    signed
        What was signed, and the signature.
    allowed_signers
        The text of an allowed-signers file (``man ssh-keygen``), from main.
    at
        When the key has to be valid, UTC without a zone; now if absent. What a signed object says of itself is not
        believed.

    Raises
    ------
    BranchError
        Where there is no ``ssh-keygen``.
    """
    armour = signed.signature.strip()
    if not armour:
        return Signature("none", None, None, "It is not signed.")
    if not armour.startswith(BEGIN):
        return Signature("stranger", None, None, "It is not signed with an SSH key, so no allowed signer made it.")
    if armour.count(BEGIN) != 1 or not armour.endswith(END):
        return Signature("bad", None, None, "There is more than one signature, or something after it.")
    moment = as_utc(at or datetime.now(UTC))
    with tempfile.TemporaryDirectory(prefix="workbench-verify-") as name:
        keygen = _Keygen(Path(name), moment)
        keygen.write(armour + b"\n", allowed_signers)
        return _judged(keygen, signed)


def _judged(keygen: _Keygen, signed: Signed) -> Signature:
    intact, said = keygen.run("check-novalidate", "-n", NAMESPACE, given=signed.payload)
    found = _KEY.search(said)
    if not intact or found is None:
        return Signature("bad", None, None, "The signature is not one of this content.")
    key = found[0]
    objections = ""
    for principal in keygen.principals(signed.claimed):
        is_good, said = keygen.run("verify", "-n", NAMESPACE, "-I", principal, *keygen.allowed, given=signed.payload)
        if is_good:
            return Signature("good", principal, key, f"Signed by {principal} with the key {key}.")
        objections += said
    objections += keygen.said
    if "key has expired" in objections or "key is not yet valid" in objections:
        return Signature("expired", None, key, f"The key {key} was not valid at {keygen.moment:%Y-%m-%d %H:%M} UTC.")
    return Signature("stranger", None, key, f"The key {key} is not among the allowed signers.")


class _Keygen:
    """``ssh-keygen -Y`` on one signature, in a folder of its own."""

    def __init__(self, folder: Path, moment: datetime) -> None:
        self._folder = folder
        self.moment = moment
        self.allowed = ("-f", "allowed", "-O", f"verify-time={moment:%Y%m%d%H%M%S}")
        self.said = ""

    def write(self, signature: bytes, allowed_signers: str) -> None:
        (self._folder / "signature").write_bytes(signature)
        (self._folder / "allowed").write_text(f"{allowed_signers}\n", encoding="utf-8", errors="replace")

    def principals(self, claimed: str | None) -> Iterator[str]:
        """Yield whom the key may belong to: first who claims to have signed, for a key may be several people's."""
        if claimed:
            yield claimed
        _, self.said = found = self.run("find-principals", *self.allowed)
        if found[0]:
            yield from (line for line in self.said.splitlines() if line and not set("*?!") & set(line))  # nobody's name

    def run(self, step: str, *options: str, given: bytes = b"") -> tuple[bool, str]:
        """Return whether it succeeded, and what it said: its output, or its errors."""
        command = [SSH_KEYGEN, "-Y", step, "-s", "signature", *options]
        variables = environment() | NEVER_ASK | {"TZ": "UTC"}  # verify-time is local time
        try:
            done = run_apart(command, folder=self._folder, environment=variables, given=given, timeout=PATIENCE)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise BranchError(
                f"Signatures cannot be verified: {SSH_KEYGEN} cannot be run ({error}).",
                remedy="Install OpenSSH 8.9 or newer, and try again. Nothing was changed.",
            ) from None
        out = done.stdout if done.returncode == 0 else done.stderr
        return done.returncode == 0, out.decode("utf-8", "replace")
