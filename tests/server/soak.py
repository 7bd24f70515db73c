"""A service under steady load while versions come and go, tokens are revoked and workers are killed.

``python -m tests.server.soak --seconds 300`` runs it and prints figures, and ``--starts 50`` starts it as often while
versions come; the tests run some seconds of it.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import workbench as wb
from tests.online.stage import Shelf, minutes, rows
from tests.server.stage import Running, options
from workbench.errors import AccessRefused
from workbench.server import TokenFile

if TYPE_CHECKING:
    from workbench.online import FeatureValue

USERS = [f"u{number}" for number in range(200)]
STEP = 1_000_000
"""What a value has for each publication that it is of; the rest is the number of the user."""
REVOKED_WITHIN = 3.0
"""Seconds after which no worker takes a token any more that was revoked; each looks every second."""
KEPT = 8
"""Versions that a record keeps, so that the catalogue does not grow."""
GROWTH = 8 * 2**20
"""Bytes by which a worker may grow in the second half of its life; the allocator rounds."""


@dataclass(frozen=True)
class Publication:
    """What is published at one time.

    Attributes
    ----------
    version
        The version of ``spend``.
    serial
        The publication that its rows are of: an earlier one after a rollback.
    generation
        The load of the online store.
    """

    version: str
    serial: int
    generation: int | None


@dataclass
class Soak:
    """One run.

    Parameters
    ----------
    folder
        An empty folder.
    seed
        What the events follow from.
    """

    folder: Path
    seed: int
    published: dict[int, Publication] = field(default_factory=dict)
    """What was published with each tick of ``clock``, which is published every time."""
    events: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    """What each request took."""
    seen: set[tuple[int, str, int, int | None]] = field(default_factory=set)
    """Tick, version, serial and generation of each answer."""
    memory: dict[int, list[tuple[float, int]]] = field(default_factory=dict)
    """Of each worker its age and the memory that is its own, in bytes."""

    def __post_init__(self) -> None:
        self._shelf = Shelf.at(self.folder)
        self._chance = random.Random(self.seed)
        self._ended = threading.Event()
        self._serials: dict[str, int] = {}
        self._minor = 0
        self._current = ""

    # --- what happens ----------------------------------------------------------------------------------------

    def publish(self) -> None:
        """Publish a new version, new rows of the same one, or roll back; and a tick of the clock with it."""
        tick = len(self.published) + 1
        kept = list(self._serials)
        kind = self._chance.choice(["promotion", "promotion", "materialization", "rollback"]) if kept else "promotion"
        if kind == "rollback":
            number = self._chance.choice(kept)
            self._shelf.roll_back("spend", number)
        else:
            self._minor += kind == "promotion"
            number = f"1.{self._minor}" if kind == "promotion" else self._current
            values = [float(tick * STEP + place) for place in range(len(USERS))]
            self._shelf.publish("spend", rows(USERS, minutes(*[tick] * len(USERS)), values), number=number)
            self._serials[number] = tick
        self._current = number
        self._shelf.publish(
            "clock", rows(["x"], minutes(tick), [float(tick)]).drop("user"), entities=(), number=f"1.{tick}"
        )
        self._forget()
        self._shelf.load()
        catalog = self._shelf.reader().catalog()
        record = self._shelf.records["spend"]
        version = next(version for version in record.versions if version.number == number)
        generation = catalog.generation("spend", version)
        self.published[tick] = Publication(number, self._serials[number], generation.number if generation else None)
        self.events[kind] += 1

    def _forget(self) -> None:
        """Keep the last versions, and the one that serves."""
        for view, record in self._shelf.records.items():
            last = {version.number for version in record.versions[-KEPT:]} | {record.current}
            kept = tuple(version for version in record.versions if version.number in last)
            self._shelf.records[view] = replace(record, versions=kept)
        known = {version.number for version in self._shelf.records["spend"].versions}
        self._serials = {number: serial for number, serial in self._serials.items() if number in known}

    def revoke(self, tokens: TokenFile, url: str) -> None:
        """Make a token, use it, revoke it, and see that nobody takes it any more."""
        token, text = tokens.create(f"passing {self.events['revocation']}")
        with wb.connect(url, text, timeout=60) as store:
            store.get_feature("clock", {})
            tokens.revoke(token.id)
            revoked = time.monotonic()
            refused = 0
            while refused < 20 and not self._ended.is_set():
                sent = time.monotonic()
                try:
                    store.get_feature("clock", {})
                except AccessRefused:
                    refused += 1
                    continue
                refused = 0
                if sent > revoked + REVOKED_WITHIN:
                    self.wrong.append(f"a token was taken {sent - revoked:.1f} s after its end")
                    return
        self.events["revocation"] += 1

    def kill(self, service: Running) -> None:
        """Kill the younger worker, and wait until another stands in its place."""
        os.kill(service.workers[-1], signal.SIGKILL)
        self.events["killed worker"] += 1
        service.wait_for("Application startup complete.")

    # --- what is looked at -----------------------------------------------------------------------------------

    def read(self, url: str, token: str, seed: int) -> None:
        """Ask again and again as a client does, and check each answer."""
        chance, newest = random.Random(seed), 0
        with wb.connect(url, token, timeout=60) as store:
            while not self._ended.is_set():
                chosen = [chance.randrange(len(USERS)) for _ in range(chance.choice([1, 1, 1, 10, 500]))]
                asked = time.monotonic()
                found = store.batch_get_features(
                    ["clock", "spend"], [{"user": USERS[place]} for place in chosen], full_names=True
                )
                self.seconds.append(time.monotonic() - asked)
                newest = self._check(found, chosen, newest)

    def _check(self, found: Sequence[dict[str, FeatureValue]], chosen: Sequence[int], newest: int) -> int:
        """Note what an answer has that it may not have; return its tick."""
        answers = set()
        for place, answer in zip(chosen, found, strict=True):
            clock, spend = answer["clock__value"], answer["spend__value"]
            tick, (serial, user) = int(clock.value), divmod(int(spend.value), STEP)
            if user != place or clock.version != f"1.{tick}" or spend.event_time != minutes(serial)[0]:
                self.wrong.append(f"asked for {USERS[place]}: {clock}, {spend}")
            answers.add((tick, str(spend.version), serial, spend.generation))
        self.seen |= answers
        ticks = {tick for tick, *_ in answers}
        if len(answers) > 1:
            self.wrong.append(f"several publications in one answer: {sorted(answers)}")
        if min(ticks) < newest:
            self.wrong.append(f"{min(ticks)} after {newest}")
        return max(ticks)

    def measure(self, service: Running) -> None:
        """Note the memory of each worker that runs."""
        now = time.monotonic()
        for pid in service.workers:
            if (size := own_memory(pid)) is not None:
                self.memory.setdefault(pid, []).append((now, size))

    def grown(self) -> list[str]:
        """Return the workers whose memory grew in the second half of their lives."""
        found = []
        for pid, samples in self.memory.items():
            sizes = [size for _, size in samples]
            quarter = len(sizes) // 4
            if quarter < 3:
                continue
            middle, end = (statistics.median(part) for part in (sizes[quarter : 2 * quarter], sizes[-quarter:]))
            if end > middle + GROWTH:
                found.append(f"worker {pid} grew from {middle / 2**20:.1f} to {end / 2**20:.1f} MB")
        return found

    # --- the run ---------------------------------------------------------------------------------------------

    def run(
        self, is_over: Callable[[Soak], bool], *, clients: int = 4, pause: float = 0.3, kill_every: float = 5.0
    ) -> None:
        """Let everything happen until `is_over`, and look at what came of it."""
        self.publish()
        served = options(self._shelf)
        tokens = TokenFile(served.tokens)
        _, text = tokens.create("steady")
        with Running(self.folder / "online", workers=2) as service:
            url = service.url
            work: list[Callable[[], None]] = [
                partial(self.read, url, text, self.seed + number) for number in range(clients)
            ]
            work += [
                lambda: self._again(self.publish, pause),
                lambda: self._again(lambda: self.revoke(tokens, url), pause),
                lambda: self._again(lambda: self.kill(service), kill_every),
                lambda: self._again(lambda: self.measure(service), 1.0),
            ]
            threads = [threading.Thread(target=self._watched, args=(each,)) for each in work]
            for thread in threads:
                thread.start()
            try:
                while not self.wrong and not is_over(self):
                    self._ended.wait(0.05)
            finally:
                self._ended.set()
                for thread in threads:
                    thread.join()
            self.measure(service)
            if service.stop() != 0:
                self.wrong.append("the service did not end well")
        self._compare()
        self.wrong += self.grown()

    def show(self) -> None:
        """Print figures of a run."""
        times = sorted(self.seconds)
        half, most = (times[len(times) * part // 100] * 1e3 for part in (50, 99))
        print(f"{len(times):,} requests; half took {half:.1f} ms at most, 99 of 100 {most:.1f} ms")
        print("; ".join(f"{count} x {event}" for event, count in sorted(self.events.items())))
        for pid, samples in sorted(self.memory.items(), key=lambda each: -len(each[1]))[:2]:
            sizes = [size / 2**20 for _, size in samples]
            quarter = max(1, len(sizes) // 4)
            parts = [statistics.median(sizes[place : place + quarter]) for place in range(0, len(sizes), quarter)]
            shown = ", ".join(f"{part:.1f}" for part in parts)
            print(f"worker {pid}, {len(sizes)} s: MB of its own, by quarters: {shown}")

    def start_often(self, times: int, *, workers: int = 4) -> list[float]:
        """Start a service again and again while versions are published; return how long each start took, in seconds."""
        self.publish()
        publishing = threading.Thread(target=self._watched, args=(lambda: self._again(self.publish, 0.0),))
        publishing.start()
        taken = []
        try:
            for _ in range(times):
                began = time.monotonic()
                with Running(self.folder / "online", workers=workers) as service:
                    taken.append(time.monotonic() - began)
                    newest = 0
                    with wb.connect(service.url, timeout=60) as store:
                        for _ in range(20):
                            found = store.batch_get_features(["clock", "spend"], [{"user": USERS[0]}], full_names=True)
                            newest = self._check(found, [0], newest)
                    if service.stop() != 0:
                        self.wrong.append("the service did not end well")
        finally:
            self._ended.set()
            publishing.join()
        self._compare()
        return taken

    def _compare(self) -> None:
        """Note the answers that are not of what was published."""
        for tick, version, serial, generation in self.seen:
            if self.published.get(tick) != Publication(version, serial, generation):
                self.wrong.append(f"{version} of {serial}, load {generation}: published was {self.published.get(tick)}")

    def _again(self, act: Callable[[], None], pause: float) -> None:
        while not self._ended.wait(pause):
            act()

    def _watched(self, act: Callable[[], None]) -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001 - it is what went wrong
            self.wrong.append(f"{type(error).__name__}: {error}")


def own_memory(pid: int) -> int | None:
    """Return the bytes that are a process's own, without the store's file; None where it is gone."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return None
    found = re.search(r"^Anonymous:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def main(words: Sequence[str] | None = None) -> int:
    """Run a service under load for some time and print figures; 1 where something was wrong."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--starts", type=int, help="start it so often instead, with four workers, while versions come")
    parser.add_argument("--seed", type=int, default=None)
    given = parser.parse_args(words)
    seed = random.SystemRandom().randrange(2**32) if given.seed is None else given.seed
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(Path(folder), seed)
        if given.starts:
            taken = soak.start_often(given.starts)
            print(
                f"seed {seed}: {len(taken)} starts of four workers during {sum(soak.events.values())} publications; "
                f"{statistics.median(taken):.1f} s each, the slowest {max(taken):.1f} s"
            )
        else:
            until = time.monotonic() + given.seconds
            soak.run(lambda _: time.monotonic() > until, clients=given.clients)
            print(f"seed {seed}, {given.seconds:g} s, {given.clients} clients")
            soak.show()
    print(f"wrong: {len(soak.wrong)}", *soak.wrong[:20], sep="\n  ")
    return 1 if soak.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
