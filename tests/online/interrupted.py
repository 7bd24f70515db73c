"""Loaders that are killed at random instants while others read; readers must go on with what they had.

``python -m tests.online.interrupted`` kills 50 and reads 100,000 rows at least, from each kind of store; the tests do a
part of it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from multiprocessing.connection import Connection
from typing import Any

from tests.online.conftest import Place, on_server
from tests.online.loading import KEYS, load, run
from tests.online.servers import client
from workbench.online.backend import BOUNDS, prefix_of

MOST_STEPS = 40
"""About how many steps two loads take."""
STEP_SECONDS = 0.002
"""About how long a step takes; a loader is killed somewhere within it."""
KINDS_OF_STORE = ["lmdb", "redis", "postgres"]
KINDS = ("mixed", "missing", "going back")
SAMPLE = 100
"""Keys that one read asks for."""


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
    """Threads that read entities by the catalogue, and note what may not be."""

    place: Place
    ended: threading.Event = field(default_factory=threading.Event)
    wrong: Counter[str] = field(default_factory=Counter)
    """How often something was wrong, by its kind."""
    examples: list[str] = field(default_factory=list)
    reads: list[int] = field(default_factory=list)
    """Rows that each thread has read."""

    def run(self, number: int, seed: int) -> None:
        """Read until the end."""
        try:
            self._read(number, seed)
        except Exception as error:  # noqa: BLE001 - whoever looks at `wrong` sees it
            self._note("error", repr(error))
            self.ended.set()

    def _read(self, number: int, seed: int) -> None:
        backend, chance, seen = self.place.open(), random.Random(seed), 0
        while not self.ended.is_set() or not self.reads[number]:
            version, values = backend.catalog()
            generation = int(values["generation"])
            if generation < seen:
                self._note("going back", f"{generation} after {seen}")
            seen = generation
            for which in ("generation", "previous"):
                if which not in values:
                    continue
                row = values[which]
                keys = [prefix_of(int(row)) + key for key in chance.sample(KEYS, SAMPLE)]
                latest = backend.latest(keys)
                self._compare(version, row, latest[0], [each and each[BOUNDS.size :] for each in latest[1]], number)
                self._compare(version, row, *backend.as_of(keys, 2), number)

    def _compare(self, version: int, row: bytes, then: int, found: Sequence[bytes | None], number: int) -> None:
        if then != version:  # the store has moved on, and a reader asks again
            return
        self.reads[number] += len(found)
        for each in found:
            if each is None:
                self._note("missing", f"no row of {row!r}")
            elif each != row:
                self._note("mixed", f"{each!r} for {row!r}")

    def _note(self, kind: str, what: str) -> None:
        self.wrong[kind] += 1
        if len(self.examples) < 20:
            self.examples.append(f"{kind}: {what}")


@contextmanager
def reading(place: Place, seed: int) -> Iterator[Reading]:
    """Read by two threads, to the end."""
    found = Reading(place, reads=[0, 0])
    threads = [threading.Thread(target=found.run, args=(number, seed + number)) for number in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        found.ended.set()
        for thread in threads:
            thread.join()


@dataclass(frozen=True)
class Killed:
    """What came of it.

    Attributes
    ----------
    seed
        What the instants follow from.
    steps
        What each loader had begun when it was killed.
    reads
        Rows that were read.
    loads
        Loads that came to their end all the same.
    wrong
        What was wrong and how often: rows of another generation, missing ones, and generations that went back.
    examples
        Some of it.
    """

    seed: int
    steps: list[str]
    reads: int
    loads: int
    wrong: Counter[str]
    examples: list[str]


def kill_loaders(place: Place, *, kills: int, reads: int, seed: int) -> Killed:
    """Kill so many loaders, and go on until so many rows are read; the last load is left to finish."""
    chance, backend = random.Random(seed), place.open()
    steps: list[str] = []
    first = number = load(backend)
    with reading(place, seed) as read:
        while (len(steps) < kills or sum(read.reads) < reads) and not read.ended.is_set():
            with loading(place) as said:
                begun = [said.recv() for _ in range(chance.randrange(1, MOST_STEPS))]
                time.sleep(chance.uniform(0, STEP_SECONDS))
            steps.append(begun[-1])
            say_it_is_dead(place)
            now = int(backend.catalog()[1]["generation"])
            if now < number:
                read.wrong["going back"] += 1
            number = now
    finished = load(backend)  # the next load finishes, and leaves nothing behind
    with backend.writing() as writer:
        if writer.generations() != {int(value) for value in backend.catalog()[1].values()}:
            read.wrong["left behind"] += 1
        if finished <= number or writer.read_back(finished).entities != len(KEYS):
            read.wrong["not finished"] += 1
    return Killed(seed, steps, sum(read.reads), number - first, read.wrong, read.examples)


def main(words: Sequence[str] | None = None) -> int:
    """Kill loaders while others read, and print what came of it; 1 where something was wrong."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--reads", type=int, default=100_000)
    parser.add_argument("--kind", choices=KINDS_OF_STORE, action="append", help="this store; may be repeated")
    parser.add_argument("--seed", type=int, default=None)
    given = parser.parse_args(words)
    seed = random.SystemRandom().randrange(2**32) if given.seed is None else given.seed
    print("| store | killed loaders | rows read | generations shown | mixed | missing | going back |\n|" + " --- |" * 7)
    failed = False
    for kind in given.kind or KINDS_OF_STORE:
        with tempfile.TemporaryDirectory() as folder, ExitStack() as servers:
            place = Place("lmdb", folder) if kind == "lmdb" else servers.enter_context(on_server(kind))
            found = kill_loaders(place, kills=given.kills, reads=given.reads, seed=seed)
        counts = [len(found.steps), found.reads, found.loads, *(found.wrong[each] for each in KINDS)]
        print(f"| {kind} | {' | '.join(f'{count:,}' for count in counts)} |", flush=True)
        print(f"  killed at: {dict(Counter(found.steps))}; seed {seed}", file=sys.stderr)
        if found.wrong:
            failed = True
            print(f"wrong: {dict(found.wrong)}", *found.examples, sep="\n  ", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
