"""Both kinds of online store, for tests of what they promise alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from tests.online.servers import URL, forget, require_redis
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

    def open(self) -> OnlineBackend:
        """Return a handle on it."""
        if self.kind == "lmdb":
            return LmdbStore(Path(self.name), map_size=2**30)
        return RedisStore(URL, project=self.name)


@pytest.fixture
def redis_project() -> Iterator[str]:
    """Give the name of a project that the server on loopback knows nothing of; it forgets it afterwards."""
    require_redis()
    project = f"test-{uuid4().hex}"
    try:
        yield project
    finally:
        forget(project)


@pytest.fixture(params=["lmdb", pytest.param("redis", marks=pytest.mark.service)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Give an empty store of either kind."""
    if request.param == "lmdb":
        yield Place("lmdb", str(tmp_path / "online"))
        return
    yield Place("redis", request.getfixturevalue("redis_project"))


@pytest.fixture
def backend(place: Place) -> OnlineBackend:
    """Give a handle on an empty store of either kind."""
    return place.open()
