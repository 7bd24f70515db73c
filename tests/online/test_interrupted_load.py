"""A loader that is killed at any instant: readers go on with what they had, and the next load finishes."""

from __future__ import annotations

import multiprocessing
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from multiprocessing.connection import Connection
from typing import Any

from tests.online.conftest import Place
from tests.online.loading import KEYS, load, run
from tests.online.servers import client
from workbench.online.backend import BOUNDS, prefix_of

KILLS = 15
MOST_STEPS = 40
"""About how many steps two loads take."""


@cache
def _forks() -> Any:
    """Return what makes processes that have imported everything."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.online.loading"])
    return context


@contextmanager
def loading(place: Place) -> Iterator[Connection]:
    """Give what a process says that loads the store again and again, and kill it."""
    said, told = _forks().Pipe(duplex=False)
    process = _forks().Process(target=run, args=(told, place.kind, place.name))
    process.start()
    told.close()
    try:
        yield said
    finally:
        process.kill()
        process.join()
        process.close()
        said.close()


def say_it_is_dead(place: Place) -> None:
    """Let the lock of a killed loader end now, and not when its time is over."""
    if place.kind == "redis":
        with client() as found:
            found.delete(f"workbench:{place.name}:lock")


@dataclass
class Reading:
    """Threads that read all entities by the catalogue, and note what may not be."""

    place: Place
    ended: threading.Event = field(default_factory=threading.Event)
    wrong: list[str] = field(default_factory=list)
    reads: list[int] = field(default_factory=list)

    def read(self, seed: int) -> None:
        """Read until the end."""
        backend, chance, seen, count = self.place.open(), random.Random(seed), 0, 0
        while not self.ended.is_set() or not count:
            version, values = backend.catalog()
            number = int(values["generation"])
            if number < seen:
                self.wrong.append(f"{number} after {seen}")
            seen = number
            for which in ("generation", "previous"):
                if which not in values:
                    continue
                row = values[which]
                keys = [prefix_of(int(row)) + key for key in chance.sample(KEYS, 100)]
                at, latest = backend.latest(keys)
                then, rows = backend.as_of(keys, 2)
                if at == version:
                    self.wrong += [
                        f"{which} {number}: {each!r}" for each in latest if (each or b"")[BOUNDS.size :] != row
                    ]
                if then == version:
                    self.wrong += [f"{which} {number} as of: {each!r}" for each in rows if each != row]
                count += at == then == version
        self.reads.append(count)


@contextmanager
def reading(place: Place, seed: int) -> Iterator[Reading]:
    """Read by two threads, to the end."""
    found = Reading(place)
    threads = [threading.Thread(target=found.read, args=(seed + number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        found.ended.set()
        for thread in threads:
            thread.join()


def test_a_kill_at_any_instant_leaves_readers_what_they_had(place: Place) -> None:
    seed = random.SystemRandom().randrange(2**32)
    chance = random.Random(seed)
    backend = place.open()
    number = load(backend)
    killed_at = []
    with reading(place, seed) as read:
        for _ in range(KILLS):
            with loading(place) as said:
                steps = [said.recv() for _ in range(chance.randrange(1, MOST_STEPS))]
            killed_at.append(steps[-1])
            say_it_is_dead(place)
            now = int(backend.catalog()[1]["generation"])
            assert now >= number, f"seed {seed}"
            number = now
    assert read.wrong == [], f"seed {seed}, killed at {killed_at}"
    assert all(count > KILLS for count in read.reads), read.reads
    finished = load(backend)  # the next load finishes, and leaves nothing behind
    assert finished > number
    with backend.writing() as writer:
        assert writer.generations() == {int(value) for value in backend.catalog()[1].values()}
        assert writer.read_back(finished).entities == len(KEYS)
