"""Real repositories, plain git to set scenes and to look at them with, and keys and processes of others."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Plain:
    """Git as a user types it."""

    root: Path

    def __call__(self, *words: str, given: str | None = None) -> str:
        done = subprocess.run(["git", *words], cwd=self.root, input=given, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.rstrip("\n")

    def write(self, path: str, text: str) -> Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return target

    def save(self, path: str, text: str) -> str:
        """Commit one file as a user does, and return the commit."""
        self.write(path, text)
        self("add", "--", path)
        self("commit", "--quiet", "-m", f"Save {path}")
        return self("rev-parse", "HEAD")

    def store(self, kind: str, data: bytes) -> str:
        """Write an object, also one that nobody should, and return its id."""
        command = ["git", "hash-object", "-w", "--literally", "-t", kind, "--stdin"]
        return (
            subprocess.run(command, cwd=self.root, input=data, capture_output=True, check=True).stdout.decode().strip()
        )

    def local(self) -> dict[str, bytes]:
        """Return every byte that is the user's: the working tree, the index, HEAD."""
        paths = (path for path in self.root.rglob("*") if path.is_file() and ".git" not in path.parts)
        own = Path(self("rev-parse", "--absolute-git-dir"))
        states = {name: (own / name).read_bytes() for name in ("index", "HEAD") if (own / name).exists()}
        return {str(path): path.read_bytes() for path in paths} | states


@dataclass(frozen=True, slots=True)
class Key:
    """An SSH key made for the test: the private half's file, and the public one."""

    path: Path
    public: str
    fingerprint: str

    def line(self, principals: str = "test@example.org", options: str = "") -> str:
        """Return a line of an allowed-signers file."""
        return " ".join(filter(None, [principals, options, self.public])) + "\n"

    def use(self, git: Plain) -> None:
        """Configure git to sign with it."""
        git("config", "gpg.format", "ssh")
        git("config", "user.signingkey", f"{self.path}.pub")


def make_key(path: Path, passphrase: str = "") -> Key:
    if shutil.which("ssh-keygen") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI needs ssh-keygen")
        pytest.skip("needs ssh-keygen")
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "", "-f", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    public = Path(f"{path}.pub").read_text().strip()
    shown = subprocess.run(["ssh-keygen", "-lf", f"{path}.pub"], check=True, capture_output=True, text=True).stdout
    return Key(path, public, shown.split()[1])


def at_once(root: Path, script: str, count: int) -> list[subprocess.CompletedProcess[str]]:
    """Run `script` in `count` processes at the same time, with ``root`` and ``number``, and return how they ended."""
    head = f"from pathlib import Path\nfrom workbench.git import Publisher, Repository\nroot = Path({str(root)!r})\n"
    running = [
        subprocess.Popen(
            [sys.executable, "-c", f"{head}number = {number}\n{script}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=TOP,
        )
        for number in range(count)
    ]
    ended = []
    for process in running:
        out, err = process.communicate(timeout=120)
        ended.append(subprocess.CompletedProcess(process.args, process.returncode, out, err))
    return ended
