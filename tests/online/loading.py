"""A process that loads the online store again and again until it is killed; it says each step that it begins.

Each generation's rows are its own number, of all of the same entities.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection

from tests.online.conftest import Place
from workbench.online.backend import OnlineBackend, StoredEntity
from workbench.online.keys import whole_key

ENTITIES = 3_000
TICK = 250
"""Entities that are one step."""
NAMES = [number.to_bytes(4, "big") for number in range(ENTITIES)]
KEYS = [whole_key(name) for name in NAMES]


Say = Callable[[str], None]


def entities(number: int, say: Say) -> Iterator[StoredEntity]:
    """Yield what generation `number` has: of each entity one row, or two."""
    row = b"%d" % number
    for place, key in enumerate(KEYS):
        if place % TICK == 0:
            say("append")
        yield StoredEntity(key, [(2, row), (1, row)][place % 2 :], 0)


def load(backend: OnlineBackend, say: Say = lambda _: None) -> int:
    """Load a generation as `load` does: remove what was left, write, read back, show, remove what is not named."""
    with backend.writing() as writer:
        say("lock")
        named = {int(number) for number in backend.catalog()[1].values()}
        for number in writer.generations() - named:
            say("sweep")
            writer.remove(number)
        number = writer.new_generation()
        say("number")
        written = writer.append(number, entities(number, say))
        say("read back")
        assert writer.read_back(number) == written
        say("change")
        before = backend.catalog()[1].get("generation")
        writer.change({"generation": b"%d" % number} | ({} if before is None else {"previous": before}))
        say("changed")
        for left in writer.generations() - {number, int(before or 0)}:
            say("remove")
            writer.remove(left)
    say("loaded")
    return number


def run(told: Connection, kind: str, name: str) -> None:
    """Load until somebody kills this process."""
    store = Place(kind, name).open()
    while True:
        load(store, told.send)
