"""Signatures: made as git does, and judged (SSH ones) by the keys that main's ``allowed_signers`` file names.

The layout is git's (Documentation/gitformat-signature): a commit's header, or the end of a tag's message. GitPython
neither makes nor verifies them.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from workbench.errors import BranchError, SigningFailed
from workbench.git.command import NEVER_ASK, Git, environment, run_in_own_session
from workbench.times import in_utc

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SIGNING_SECONDS = 60.0
"""Seconds for a signature: a key on a device waits for a touch."""

REMEDY = (
    "Run `git config gpg.format ssh` and `git config user.signingkey ~/.ssh/id_ed25519.pub`; a key with a passphrase "
    "must be in the agent (`ssh-add`). Nothing was changed."
)


def sign(git: Git, payload: bytes, stamp: str) -> bytes:
    """Return the armoured signature of `payload`, made as git is configured.

    Where no OpenPGP key is configured, the one of ``Name <email>`` in `stamp` is used.
    """
    kind = git.read_setting("gpg.format") or "openpgp"
    key = git.read_setting("user.signingkey")
    with tempfile.TemporaryDirectory(prefix="workbench-sign-") as name:
        folder = Path(name)
        (folder / "payload").write_bytes(payload)
        if kind == "ssh":
            _run(_ssh_command(git, key or _default_key(git), folder), git.folder, b"")
            written = folder / "payload.sig"
            signature = written.read_bytes() if written.exists() else b""
        else:
            program = git.read_setting(f"gpg.{kind}.program") or git.read_setting("gpg.program")
            program = program or ("gpgsm" if kind == "x509" else "gpg")
            who = key or stamp.rpartition("> ")[0] + ">"
            signature = _run([program, "--status-fd=2", "-bsau", who], git.folder, payload).stdout
    if not signature.startswith(b"-----BEGIN "):
        raise SigningFailed("The signing program made no signature.", remedy=REMEDY)
    return signature.replace(b"\r\n", b"\n").rstrip(b"\n") + b"\n"


def can_sign(git: Git) -> bool:
    """Whether git is told which key to sign with, and the key is there; whether it opens is seen when it signs."""
    key = git.read_setting("user.signingkey")
    if git.read_setting("gpg.format") != "ssh":
        return key is not None
    if key is None:
        return git.read_setting("gpg.ssh.defaultKeyCommand") is not None
    return _inline_key(key) is not None or (git.folder / Path(key).expanduser()).exists()


def add_signature(commit: bytes, signature: bytes, *, is_long: bool) -> bytes:
    """Return a commit object's content with its armoured signature as the last header; ids of SHA-256 are long."""
    header, separator, message = commit.partition(b"\n\n")
    name = b"gpgsig-sha256" if is_long else b"gpgsig"
    return b"%s\n%s %s%s%s" % (header, name, signature.rstrip(b"\n").replace(b"\n", b"\n "), separator, message)


def _ssh_command(git: Git, key: str | None, folder: Path) -> list[str]:
    if not key:
        raise SigningFailed("Git knows no key to sign with.", remedy=REMEDY)
    literal = _inline_key(key)
    if literal is not None:
        (folder / "key.pub").write_text(f"{literal}\n", encoding="utf-8")
        key = str(folder / "key.pub")
    else:
        key = str(Path(key).expanduser())
    program = git.read_setting("gpg.ssh.program") or "ssh-keygen"
    in_agent = ["-U"] if literal is not None else []
    return [program, "-Y", "sign", "-n", "git", "-f", key, *in_agent, str(folder / "payload")]


def _inline_key(key: str) -> str | None:
    """Return the public key that is configured itself, in place of its file."""
    return key.removeprefix("key::") if key.startswith(("key::", "ssh-")) else None


def _default_key(git: Git) -> str | None:
    command = git.read_setting("gpg.ssh.defaultKeyCommand")
    if not command:
        return None
    printed = _run(shlex.split(command), git.folder, b"").stdout.decode("utf-8", "replace").splitlines()
    return next((line for line in printed if line.startswith(("key::", "ssh-"))), None)


def _run(command: Sequence[str], folder: Path, stdin: bytes) -> subprocess.CompletedProcess[bytes]:
    try:
        done = run_in_own_session(
            command, folder=folder, environment=environment() | NEVER_ASK, stdin=stdin, timeout=SIGNING_SECONDS
        )
    except OSError as error:
        raise SigningFailed(f"{command[0]} cannot be run: {error.strerror or error}.", remedy=REMEDY) from None
    except subprocess.TimeoutExpired:
        raise SigningFailed(
            f"{command[0]} made no signature in {SIGNING_SECONDS:.0f} seconds.",
            remedy=f"Is it waiting for you? {REMEDY}",
        ) from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise SigningFailed(
            f"{Path(command[0]).name} could not sign.", lines=[f"  {line}" for line in said[-3:]], remedy=REMEDY
        )
    return done


SSH_KEYGEN = "ssh-keygen"
VERIFYING_SECONDS = 30.0
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
class SignedObject:
    """A commit or tag taken apart: the `payload` that was signed, the armoured `signature`, who claims it."""

    payload: bytes
    signature: bytes
    claimed: str | None

    @classmethod
    def of(cls, kind: str, data: bytes) -> SignedObject:
        """Take apart the content `data` of an object of a `kind` (``commit`` or ``tag``)."""
        payload, signature = _split_commit(data) if kind == "commit" else split_tag(data)
        head = payload.partition(b"\n\n")[0].decode("utf-8", "replace")
        role = "author" if kind == "commit" else "tagger"
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


def verify_signature(signed: SignedObject, *, allowed_signers: str, at: datetime | None = None) -> Signature:
    """Return what the signature of `signed` is worth by the text of main's allowed-signers file.

    The key has to be valid `at` a time (UTC without a zone), now if absent: the time in a signed object proves nothing.
    """
    armour = signed.signature.strip()
    if not armour:
        return Signature("none", None, None, "It is not signed.")
    if not armour.startswith(BEGIN):
        return Signature("stranger", None, None, "It is not signed with an SSH key, so no allowed signer made it.")
    if armour.count(BEGIN) != 1 or not armour.endswith(END):
        return Signature("bad", None, None, "There is more than one signature, or something after it.")
    moment = in_utc(at or datetime.now(UTC))
    with tempfile.TemporaryDirectory(prefix="workbench-verify-") as name:
        keygen = _Keygen(Path(name), moment)
        keygen.write(armour + b"\n", allowed_signers)
        return _verify_with(keygen, signed)


def _verify_with(keygen: _Keygen, signed: SignedObject) -> Signature:
    if signed.claimed and (good := keygen.verify(signed.claimed, signed.payload)):  # a key may be several people's
        return good
    intact, said = keygen.run("check-novalidate", "-n", NAMESPACE, stdin=signed.payload)
    found = _KEY.search(said)
    if not intact or found is None:
        return Signature("bad", None, None, "The signature is not one of this content.")
    key = found[0]
    for principal in keygen.principals():
        if good := keygen.verify(principal, signed.payload):
            return good
    if "key has expired" in keygen.objections or "key is not yet valid" in keygen.objections:
        return Signature("expired", None, key, f"The key {key} was not valid at {keygen.moment:%Y-%m-%d %H:%M} UTC.")
    return Signature("stranger", None, key, f"The key {key} is not among the allowed signers.")


class _Keygen:
    """``ssh-keygen -Y`` on one signature, in a folder of its own."""

    def __init__(self, folder: Path, moment: datetime) -> None:
        self._folder = folder
        self.moment = moment
        self._allowed = ("-f", "allowed", "-O", f"verify-time={moment:%Y%m%d%H%M%S}")
        self.objections = ""

    def write(self, signature: bytes, allowed_signers: str) -> None:
        (self._folder / "signature").write_bytes(signature)
        (self._folder / "allowed").write_text(f"{allowed_signers}\n", encoding="utf-8", errors="replace")

    def verify(self, principal: str, payload: bytes) -> Signature | None:
        """Return the good signature that this is of `payload` by `principal`; None where it is none."""
        is_good, said = self.run("verify", "-n", NAMESPACE, "-I", principal, *self._allowed, stdin=payload)
        if not is_good:
            self.objections += said
            return None
        key = _KEY.findall(said)[-1]
        return Signature("good", principal, key, f"Signed by {principal} with the key {key}.")

    def principals(self) -> Iterator[str]:
        """Yield whom the key may belong to."""
        is_known, said = self.run("find-principals", *self._allowed)
        if is_known:
            yield from (line for line in said.splitlines() if line and not set("*?!") & set(line))  # nobody's name
        else:
            self.objections += said

    def run(self, step: str, *options: str, stdin: bytes = b"") -> tuple[bool, str]:
        """Return whether it succeeded, and what it said: its output, or its errors."""
        command = [SSH_KEYGEN, "-Y", step, "-s", "signature", *options]
        variables = environment() | NEVER_ASK | {"TZ": "UTC"}  # verify-time is local time
        try:
            done = run_in_own_session(
                command, folder=self._folder, environment=variables, stdin=stdin, timeout=VERIFYING_SECONDS
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise BranchError(
                f"Signatures cannot be verified: {SSH_KEYGEN} cannot be run ({error}).",
                remedy="Install OpenSSH 8.9 or newer, and try again. Nothing was changed.",
            ) from None
        out = done.stdout if done.returncode == 0 else done.stderr
        return done.returncode == 0, out.decode("utf-8", "replace")
