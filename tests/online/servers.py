"""Redis for tests: the server on loopback, where each test has a project of its own, and private ones to stop."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

HOST, PORT = "127.0.0.1", 6379
URL = f"redis://{HOST}:{PORT}/0"


def require_redis() -> str:
    """Return the URL of the server on loopback; skip, or in CI fail, where there is none."""
    try:
        socket.create_connection((HOST, PORT), timeout=2).close()
    except OSError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no Redis on {HOST}:{PORT}: {error}")
    return URL


def client(url: str = URL) -> Any:
    """Return a client of our own, to look at the keys."""
    import redis

    return redis.Redis.from_url(url)


def keys_of(project: str, url: str = URL) -> set[bytes]:
    """Return all keys of a project, without what they begin with."""
    base = f"workbench:{project}:".encode()
    with client(url) as found:
        return {key.removeprefix(base) for key in found.scan_iter(base + b"*", count=10_000)}


def forget(project: str, url: str = URL) -> None:
    """Remove all keys of a project."""
    with client(url) as found:
        for key in keys_of(project, url):
            found.unlink(f"workbench:{project}:".encode() + key)


@dataclass
class Server:
    """A server of our own, on a free port; it keeps its data in a folder."""

    folder: Path
    options: tuple[str, ...] = ()
    user: str = ""
    port: int = 0
    process: subprocess.Popen[str] | None = field(default=None)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"redis://{self.user}{HOST}:{self.port}/0"

    def start(self) -> None:
        """Start it, and return when it answers; skip, or in CI fail, where there is no such program."""
        binary = shutil.which("redis-server") or shutil.which("valkey-server")
        if binary is None:
            assert os.environ.get("CI") != "true", "neither redis-server nor valkey-server is installed"
            pytest.skip("neither redis-server nor valkey-server is installed")
        if not self.port:
            with socket.socket() as free:
                free.bind((HOST, 0))
                self.port = free.getsockname()[1]
        where = ("--bind", HOST, "--port", str(self.port), "--dir", str(self.folder), "--save", "")
        self.process = subprocess.Popen([binary, *where, *self.options], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        said = []
        for line in self.process.stdout:
            said.append(line)
            if "eady to accept connections" in line:
                return
        raise AssertionError("".join(said))

    def kill(self) -> None:
        """Kill it, if it runs."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process = None
