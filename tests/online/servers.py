"""Redis and PostgreSQL for tests: servers on loopback, where each test has a project of its own; and ones to stop."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

HOST, PORT = "127.0.0.1", 6379
URL = f"redis://{HOST}:{PORT}/0"
POSTGRES_PORT = 5432
POSTGRES = f"postgresql://postgres@{HOST}:{POSTGRES_PORT}/test"


def require_redis() -> str:
    """Return the URL of the server on loopback; skip, or in CI fail, where there is none."""
    return _require("Redis", PORT, URL)


def require_postgres() -> str:
    """Return the URL of the server on loopback; skip, or in CI fail, where there is none."""
    return _require("PostgreSQL", POSTGRES_PORT, POSTGRES)


def _require(name: str, port: int, url: str) -> str:
    try:
        socket.create_connection((HOST, port), timeout=2).close()
    except OSError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no {name} on {HOST}:{port}: {error}")
    return url


def sql(statement: str) -> list[Any]:
    """Return what a statement gives on the PostgreSQL server on loopback."""
    import psycopg

    with psycopg.connect(POSTGRES, autocommit=True) as connection:
        found = connection.execute(statement)
        return found.fetchall() if found.description else []


def client(url: str = URL) -> Any:
    """Return a client of our own, to look at the keys."""
    import redis

    return redis.Redis.from_url(url)


def keys_of(project: str, url: str = URL) -> set[bytes]:
    """Return all keys of a project, without what they begin with."""
    base = f"workbench:{project}:".encode()
    with client(url) as found:
        return {key.removeprefix(base) for key in found.scan_iter(base + b"*", count=10_000)}


def forget_schema(project: str) -> None:
    """Remove what PostgreSQL has of a project."""
    from workbench.online.postgres import schema_of

    sql(f'drop schema if exists "{schema_of(project)}" cascade')


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


class Relay:
    """Hands on what is said to and by the PostgreSQL server on loopback, until it is killed or holds its tongue."""

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []
        self._is_silent = False
        self.port = 0

    @property
    def url(self) -> str:
        """Where the server seems to be."""
        return POSTGRES.replace(f":{POSTGRES_PORT}", f":{self.port}")

    def start(self) -> None:
        """Begin to listen, at the same port each time."""
        self._is_silent = False
        listening = socket.create_server((HOST, self.port))
        self.port = listening.getsockname()[1]
        self._sockets = [listening]
        threading.Thread(target=self._accept, args=(listening, self._sockets), daemon=True).start()

    def kill(self) -> None:
        """End all connections, and refuse others."""
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def fall_silent(self) -> None:
        """Hand nothing on any more, as a server that is frozen; new connections are accepted."""
        self._is_silent = True

    def _accept(self, listening: socket.socket, known: list[socket.socket]) -> None:
        with suppress(OSError):  # it was killed
            while True:
                ours, _ = listening.accept()
                theirs = socket.create_connection((HOST, POSTGRES_PORT))
                known += [ours, theirs]
                for pair in ((ours, theirs), (theirs, ours)):
                    threading.Thread(target=self._hand_on, args=pair, daemon=True).start()

    def _hand_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if not self._is_silent:
                    target.sendall(data)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
