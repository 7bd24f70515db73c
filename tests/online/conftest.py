"""Each kind of online store, for tests of what they promise alike."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from tests.online.servers import POSTGRES, URL, forget, forget_schema, require_postgres, require_redis
from workbench.online.backend import BOUNDS, OnlineBackend
from workbench.online.lmdb import LmdbStore
from workbench.online.redis import RedisStore


def unpacked(entry: bytes | None) -> tuple[int, int, bytes] | None:
    """Return since when and until when a latest row answers, and the row."""
    return None if entry is None else (*BOUNDS.unpack_from(entry), entry[BOUNDS.size :])


@dataclass(frozen=True)
class Place:
    """An online store that many can open."""

    kind: str
    name: str

    @property
    def url(self) -> str:
        """The server's address."""
        return {"redis": URL, "postgres": POSTGRES}[self.kind]

    def open(self) -> OnlineBackend:
        """Return a handle on it."""
        if self.kind == "lmdb":
            return LmdbStore(Path(self.name), map_size=2**30)
        if self.kind == "redis":
            return RedisStore(URL, project=self.name)
        from workbench.online.postgres import PostgresStore  # its client is an extra

        return PostgresStore(POSTGRES, project=self.name)


@contextmanager
def on_server(kind: str, name: str = "test-{}") -> Iterator[Place]:
    """Give an empty store on a server, and forget it afterwards; skip, or in CI fail, where there is no server."""
    {"redis": require_redis, "postgres": require_postgres}[kind]()
    place = Place(kind, name.format(uuid4().hex))
    try:
        yield place
    finally:
        if kind == "redis":
            forget(place.name)
        else:
            forget_schema(place.name)


SERVERS = [pytest.param(kind, marks=pytest.mark.service) for kind in ("redis", "postgres")]


@pytest.fixture
def redis_project() -> Iterator[str]:
    """Give the name of a project that the server on loopback knows nothing of; it forgets it afterwards."""
    with on_server("redis") as place:
        yield place.name


@pytest.fixture(params=SERVERS)
def shared_place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """Give an empty store on a server of either kind."""
    with on_server(request.param) as place:
        yield place


@pytest.fixture(params=["lmdb", *SERVERS])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Give an empty store of each kind."""
    if request.param == "lmdb":
        yield Place("lmdb", str(tmp_path / "online"))
        return
    with on_server(request.param) as place:
        yield place


@pytest.fixture
def backend(place: Place) -> OnlineBackend:
    """Give a handle on an empty store of each kind."""
    return place.open()
