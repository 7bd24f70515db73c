"""Making signatures as git does: with the program, key and format that its configuration names, and its layout.

The layout is git's (Documentation/gitformat-signature): a commit's header, or the end of a tag's message.
"""

from __future__ import annotations

import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.branches.git import Git, environment
from workbench.branches.processes import NEVER_ASK, run_apart
from workbench.errors import BranchError

if TYPE_CHECKING:
    from collections.abc import Sequence

PATIENCE = 60.0
"""Seconds for a signature: a key on a device waits for a touch."""

REMEDY = (
    "Run `git config gpg.format ssh` and `git config user.signingkey ~/.ssh/id_ed25519.pub`; a key with a passphrase "
    "must be in the agent (`ssh-add`). Nothing was changed."
)


def sign(git: Git, payload: bytes, stamp: str) -> bytes:
    """Return the armoured signature of `payload`, made as git is configured.

    Parameters
    ----------
    git
        Runs git in the repository whose configuration counts.
    payload
        What is signed.
    stamp
        Who signs, ``Name <email> seconds zone``: the key where an OpenPGP one is not configured.

    Raises
    ------
    BranchError
        Where no key is configured, it or its program is missing, or a passphrase would be needed.
    """
    kind = git.configured("gpg.format") or "openpgp"
    key = git.configured("user.signingkey")
    with tempfile.TemporaryDirectory(prefix="workbench-sign-") as name:
        folder = Path(name)
        (folder / "payload").write_bytes(payload)
        if kind == "ssh":
            _run(_ssh_command(git, key or _default_key(git), folder), git.folder, b"")
            written = folder / "payload.sig"
            signature = written.read_bytes() if written.exists() else b""
        else:
            program = git.configured(f"gpg.{kind}.program") or git.configured("gpg.program")
            program = program or ("gpgsm" if kind == "x509" else "gpg")
            who = key or stamp.rpartition("> ")[0] + ">"
            signature = _run([program, "--status-fd=2", "-bsau", who], git.folder, payload).stdout
    if not signature.startswith(b"-----BEGIN "):
        raise BranchError("The signing program made no signature.", remedy=REMEDY)
    return signature.replace(b"\r\n", b"\n").rstrip(b"\n") + b"\n"


def can_sign(git: Git) -> bool:
    """Whether git is told which key to sign with, and the key is there; whether it opens is seen when it signs."""
    key = git.configured("user.signingkey")
    if git.configured("gpg.format") != "ssh":
        return key is not None
    if key is None:
        return git.configured("gpg.ssh.defaultKeyCommand") is not None
    return _literal(key) is not None or (git.folder / Path(key).expanduser()).exists()


def with_signature(commit: bytes, signature: bytes, *, is_long: bool) -> bytes:
    """Return the commit with its signature as the last header.

    Parameters
    ----------
    commit
        The unsigned commit object's content.
    signature
        Armoured.
    is_long
        Whether the repository's ids are SHA-256.
    """
    header, separator, message = commit.partition(b"\n\n")
    name = b"gpgsig-sha256" if is_long else b"gpgsig"
    return b"%s\n%s %s%s%s" % (header, name, signature.rstrip(b"\n").replace(b"\n", b"\n "), separator, message)


def _ssh_command(git: Git, key: str | None, folder: Path) -> list[str]:
    if not key:
        raise BranchError("Git knows no key to sign with.", remedy=REMEDY)
    literal = _literal(key)
    if literal is not None:
        (folder / "key.pub").write_text(f"{literal}\n", encoding="utf-8")
        key = str(folder / "key.pub")
    else:
        key = str(Path(key).expanduser())
    program = git.configured("gpg.ssh.program") or "ssh-keygen"
    in_agent = ["-U"] if literal is not None else []
    return [program, "-Y", "sign", "-n", "git", "-f", key, *in_agent, str(folder / "payload")]


def _literal(key: str) -> str | None:
    """Return the public key that is configured itself, in place of its file."""
    return key.removeprefix("key::") if key.startswith(("key::", "ssh-")) else None


def _default_key(git: Git) -> str | None:
    command = git.configured("gpg.ssh.defaultKeyCommand")
    if not command:
        return None
    printed = _run(shlex.split(command), git.folder, b"").stdout.decode("utf-8", "replace").splitlines()
    return next((line for line in printed if line.startswith(("key::", "ssh-"))), None)


def _run(command: Sequence[str], folder: Path, given: bytes) -> subprocess.CompletedProcess[bytes]:
    try:
        done = run_apart(command, folder=folder, environment=environment() | NEVER_ASK, given=given, timeout=PATIENCE)
    except OSError as error:
        raise BranchError(f"{command[0]} cannot be run: {error.strerror or error}.", remedy=REMEDY) from None
    except subprocess.TimeoutExpired:
        raise BranchError(
            f"{command[0]} made no signature in {PATIENCE:.0f} seconds.", remedy=f"Is it waiting for you? {REMEDY}"
        ) from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise BranchError(
            f"{Path(command[0]).name} could not sign.", lines=[f"  {line}" for line in said[-3:]], remedy=REMEDY
        )
    return done
