"""The online store on a Redis or Valkey server, which many machines share.

Keys begin with ``workbench:<project>:``, and go on with

- ``version`` (a number that grows with each change) and ``catalog`` (a hash), which change in one transaction;
- ``r``, generation, entity: the row that answers at loading, after the instants between which it does;
- ``h``, generation, entity: a sorted set of all rows of an entity that has several. Scores are zero and members begin
  with the descending instant, so that one look by bytes finds the row of any instant: a score, which is a float, would
  be exact below 2**53 only;
- ``k``, generation: a hash of the entities by the batch that wrote them, from which rows are read back and removed;
- ``generations``: those that have rows; ``next``: the latest number; ``lock``: who writes, while it says so.

No key but the lock expires by itself. What the server says is of one moment: rows are read by the same command as the
version. It is asked at each read, since a cache in front of it would have to ask for the version just as often.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import msgspec

from workbench.errors import OnlineError
from workbench.online.backend import (
    ATTEMPTS,
    BOUNDS,
    WAIT,
    StoredBlock,
    StoredEntity,
    Tally,
    Written,
    in_order,
    prefix_of,
    read_in_parts,
)
from workbench.online.keys import SUFFIX, descending, instant_of
from workbench.redaction import redact

if TYPE_CHECKING:
    from redis import Redis
    from redis.client import Pipeline

    from workbench.config import OnlineSettings
    from workbench.online.backend import OnlineWriter

BATCH = 2_000
"""Rows that one transaction writes, and one request reads back, so that readers are not held up."""
BATCH_BYTES = 4 * 2**20
"""Bytes of rows after which a transaction is sent though it has fewer rows."""
PART = 5_000
"""Keys that one command reads."""
LEASE = 30.0
"""Seconds after which a writer is taken for dead that does not say that it is alive."""
CONNECT, ANSWER = 2.0, 5.0
"""Seconds in which the server must accept a connection, and answer. ``?socket_timeout=`` in the URL has precedence."""
_AS_OF = """
local found, single = {}, {}
local first = '[' .. ARGV[3]
for place = 4, #ARGV do
  local row = redis.call('ZRANGEBYLEX', ARGV[2] .. ARGV[place], first, '+', 'LIMIT', 0, 1)[1]
  if not row then
    row = redis.call('GET', ARGV[1] .. ARGV[place])
    if row then single[#single + 1] = place - 4 end
  end
  found[place - 3] = row or false
end
return {redis.call('GET', KEYS[1]), found, single}
"""
"""Returns the version, the row of each entity at an instant, and the places of those that are an entity's only one."""

T = TypeVar("T")


class EvictionWarning(UserWarning):
    """The Redis server removes keys when its memory is full, so that rows may go missing from the online store."""


class RedisStore:
    """The online store of one project on the server at `url`.

    Parameters
    ----------
    url
        ``redis://``, ``rediss://`` (TLS) or ``unix://``. User and password may come from ``REDIS_USERNAME`` and
        ``REDIS_PASSWORD`` instead.
    project
        The project's name: projects share a server, and see nothing of each other.
    lease
        Seconds after which a writer that no longer says so has ended.
    """

    def __init__(self, url: str, *, project: str, lease: float = LEASE) -> None:
        self._url = url
        self._project = project
        self._lease = lease
        base = f"workbench:{quote(project, safe='')}:".encode()
        self._version, self._catalog, self._next = base + b"version", base + b"catalog", base + b"next"
        self._lock, self._generations = base + b"lock", base + b"generations"
        self._latest, self._history, self._keys = base + b"r", base + b"h", base + b"k"

    @classmethod
    def of(cls, settings: OnlineSettings, home: Path, project: str) -> RedisStore:  # noqa: ARG003 - it is not on disk
        """Return the store that ``[online]`` describes."""
        return cls(settings.url or "", project=project)

    @property
    def place(self) -> str:
        """The server's URL without its password, and the project."""
        return f"{redact(self._url)} (project {self._project})"

    def version(self) -> int:
        """See `OnlineBackend.version`."""
        with self._translated():
            return int(self._client.get(self._version) or 0)

    def catalog(self) -> tuple[int, Mapping[str, bytes]]:
        """See `OnlineBackend.catalog`."""
        with self._translated(), self._client.pipeline(transaction=True) as pipeline:
            pipeline.get(self._version)
            pipeline.hgetall(self._catalog)
            version, found = pipeline.execute()
        return int(version or 0), {name.decode(): value for name, value in found.items()}

    def latest(self, keys: Sequence[bytes]) -> tuple[int, list[bytes | None]]:
        """See `OnlineBackend.latest`."""
        with self._translated():
            return read_in_parts(self._latest_of, keys, size=PART, place=self.place)

    def as_of(self, keys: Sequence[bytes], instant: int) -> tuple[int, list[bytes | None]]:
        """See `OnlineBackend.as_of`."""
        with self._translated():
            return read_in_parts(lambda part: self._as_of(part, instant), keys, size=PART, place=self.place)

    def rows(self, generation: int) -> Iterator[tuple[bytes, bytes]]:
        """See `OnlineBackend.rows`."""
        for key, _, rows in self._entities(generation):
            for known, row in rows:
                yield key + descending(known), row

    @contextmanager
    def writing(self) -> Iterator[OnlineWriter]:
        """See `OnlineBackend.writing`."""
        with self._translated():
            self._warn_of_eviction()
            token = secrets.token_hex(16).encode()
            self._take_lock(token)
            writer, ended = _Writer(self, token), threading.Event()
            renewal = threading.Thread(target=self._renew, args=(writer, ended), name="online store lock", daemon=True)
            renewal.start()
            try:
                yield writer
            finally:
                ended.set()
                renewal.join()
                with suppress(OnlineError, _redis().RedisError):  # it ends by itself
                    writer.release()

    @cached_property
    def _client(self) -> Redis:
        if find_spec("redis") is None:
            raise OnlineError(
                "The online store is on Redis, whose client is not installed.",
                remedy='Install it: pip install "feature-workbench[redis]".',
            )
        redis = _redis()
        try:
            return redis.Redis.from_url(  # type: ignore[no-any-return]  # imported when it is needed
                self._url,
                username=os.environ.get("REDIS_USERNAME"),
                password=os.environ.get("REDIS_PASSWORD"),
                socket_connect_timeout=CONNECT,
                socket_timeout=ANSWER,
                protocol=2,
                # a connection that the server closed in the meantime is opened again, without waiting
                retry=redis.retry.Retry(redis.backoff.NoBackoff(), 1),
            )
        except (ValueError, TypeError) as error:
            raise OnlineError(
                f"[online] url {redact(self._url)!r} cannot be used: {redact(str(error), url=self._url)}.",
                remedy='Write it as "redis://host:6379/0", or "rediss://..." with TLS.',
            ) from None

    @cached_property
    def _script(self) -> Callable[..., Any]:
        return self._client.register_script(_AS_OF)

    def _latest_of(self, keys: Sequence[bytes]) -> tuple[int, list[bytes | None]]:
        prefix = self._latest
        replies: list[Any] = self._client.mget([self._version, *[prefix + key for key in keys]])
        version, *found = replies
        return int(version or 0), found

    def _as_of(self, keys: Sequence[bytes], instant: int) -> tuple[int, list[bytes | None]]:
        version, found, single = self._script(
            keys=[self._version], args=[self._latest, self._history, descending(instant), *keys]
        )
        rows = [None if value is None else value[SUFFIX:] for value in found]
        for place in single:
            known, row = _single(found[place])
            rows[place] = row if known <= instant else None
        return int(version or 0), rows

    def _entities(self, generation: int) -> Iterator[tuple[bytes, bytes | None, list[tuple[int, bytes]]]]:
        """Yield each entity of a generation in order: its key, the row that answers after its bounds, and all rows."""
        prefix = prefix_of(generation)
        for batch in self._batches(generation):
            with self._translated():
                packed = self._client.hget(self._keys + prefix, batch)
                entities = _unpacked(packed)
                with self._client.pipeline(transaction=False) as pipeline:
                    if entities:
                        pipeline.mget([self._latest + prefix + key for key, _ in entities])
                    for key, count in entities:
                        if count > 1:
                            pipeline.zrangebylex(self._history + prefix + key, b"-", b"+", 0, BATCH)
                    answers, *histories = pipeline.execute() or [[]]
            left = iter(histories)
            for (key, count), value in zip(entities, answers, strict=True):
                if count > 1:
                    members = self._rest(self._history + prefix + key, next(left))
                    yield key, value, [(instant_of(each[:SUFFIX]), each[SUFFIX:]) for each in members]
                else:
                    yield key, value, [] if value is None else [_single(value)]

    def _rest(self, history: bytes, members: list[bytes]) -> list[bytes]:
        """Return all members of a history, of which the first page is there."""
        page = members
        while len(page) == BATCH:
            with self._translated():
                page = self._client.zrangebylex(history, b"(" + page[-1], b"+", 0, BATCH)  # type: ignore[assignment]
            members = members + page
        return members

    def _batches(self, generation: int) -> list[int]:
        with self._translated():
            return sorted(int(batch) for batch in self._client.hkeys(self._keys + prefix_of(generation)))

    def _take_lock(self, token: bytes) -> None:
        until = time.monotonic() + WAIT
        while not self._client.set(self._lock, token, nx=True, px=self._milliseconds):
            if time.monotonic() > until:
                raise OnlineError(
                    f"Another process has been loading the online store {self.place} for {WAIT / 60:.0f} minutes.",
                    remedy="Wait for it, or end it: what it has not finished is removed by the next load.",
                )
            time.sleep(0.2)

    def _renew(self, writer: _Writer, ended: threading.Event) -> None:
        while not ended.wait(self._lease / 4):
            try:
                writer.renew()
            except OnlineError:  # the writer finds out by itself at its next step
                return
            except _redis().RedisError:  # the server may be back before the lease ends
                continue

    @property
    def _milliseconds(self) -> int:
        return max(1, round(self._lease * 1_000))

    def _warn_of_eviction(self) -> None:
        memory = self._client.info("memory")
        policy, limit = str(memory.get("maxmemory_policy", "")), int(memory.get("maxmemory", 0))
        if limit and policy.startswith("allkeys"):
            warnings.warn(
                f"{self.place} removes keys when its {limit / 2**20:,.0f} MiB are full (maxmemory-policy {policy}): "
                "rows would go missing. Set the policy to noeviction.",
                EvictionWarning,
                stacklevel=4,
            )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OnlineError:
            raise
        except Exception as error:
            if not isinstance(error, _redis().RedisError):
                raise
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> OnlineError:
        redis = _redis().exceptions
        what, remedy = redact(str(error), url=self._url).rstrip(". "), ""
        match error:
            case redis.AuthenticationError() | redis.AuthenticationWrongNumberOfArgsError():
                remedy = "Correct user and password in [online] url, or in REDIS_USERNAME and REDIS_PASSWORD."
            case redis.NoPermissionError():
                remedy = (
                    "Give a user in [online] url that may do this; one that only reads needs @read, @transaction and "
                    "@scripting."
                )
            case redis.BusyLoadingError():
                what, remedy = "it is reading its data from disk", "Try again in a moment."
            case redis.TimeoutError():
                what = f"it does not answer ({what})"
                remedy = "Look whether the server or the network is overloaded, then try again."
            case redis.ConnectionError():
                remedy = "Start the server, or correct [online] url. What reads it goes on by itself when it is back."
            case redis.ReadOnlyError():
                remedy = "This is a replica, which is only read: give the primary in [online] url."
            case redis.OutOfMemoryError():
                what = "its memory is full"
                remedy = "Raise maxmemory of the server, or shorten [online] history; readers still have what they had."
            case redis.MovedError() | redis.AskError() | redis.ClusterDownError():
                what, remedy = "it is a cluster", "Give a server that is not part of a cluster in [online] url."
            case _:
                remedy = "See the server's log; what the store holds is a copy of the lake: `workbench online load`."
        return OnlineError(f"The online store {self.place} cannot be used: {what}.", remedy=remedy)


class _Writer:
    """Every step is a transaction that the server refuses where the lock is another's by then."""

    def __init__(self, store: RedisStore, token: bytes) -> None:
        self._store = store
        self._token = token

    def new_generation(self) -> int:
        store = self._store

        def step(pipeline: Pipeline) -> int:
            number = max(int(pipeline.get(store._next) or 0) + 1, _clock(pipeline)[0])
            pipeline.multi()
            pipeline.set(store._next, number)
            return number

        return self._step(step)

    def append(self, generation: int, entities: Iterable[StoredEntity | StoredBlock]) -> Written:
        store, prefix, tally = self._store, prefix_of(generation), Tally()
        for number, batch in enumerate(_batched(entities, tally)):

            def step(pipeline: Pipeline, number: int = number, batch: _Batch = batch) -> None:
                pipeline.multi()
                pipeline.sadd(store._generations, generation)
                pipeline.hset(store._keys + prefix, str(number), msgspec.msgpack.encode(batch.entities))
                if batch.answers:
                    pipeline.mset({store._latest + prefix + key: value for key, value in batch.answers.items()})
                for key, members in batch.histories:
                    pipeline.zadd(store._history + prefix + key, dict.fromkeys(members, 0))

            self._step(step)
        return tally.written

    def read_back(self, generation: int) -> Written:
        tally = Tally()
        for key, answer, rows in self._store._entities(generation):
            for known, row in rows:
                tally.add(key + descending(known), row)
            tally.entities += answer is not None and answer in _answers(key, rows)
        return tally.written

    def change(self, values: Mapping[str, bytes | None]) -> int:
        store = self._store
        kept = {name: value for name, value in values.items() if value is not None}
        gone = [name for name, value in values.items() if value is None]

        def step(pipeline: Pipeline) -> int:
            seconds, micros = _clock(pipeline)
            # a server that lost its data must not come to a version again that readers know
            version = max(int(pipeline.get(store._version) or 0) + 1, seconds * 1_000_000 + micros)
            pipeline.multi()
            if kept:
                pipeline.hset(store._catalog, mapping=kept)  # type: ignore[arg-type]  # names are texts
            if gone:
                pipeline.hdel(store._catalog, *gone)
            pipeline.set(store._version, version)
            return version

        return self._step(step)

    def generations(self) -> set[int]:
        return {int(number) for number in self._store._client.smembers(self._store._generations)}

    def remove(self, generation: int) -> None:
        store, prefix = self._store, prefix_of(generation)
        listed = store._keys + prefix
        for batch in reversed(store._batches(generation)):
            entities = _unpacked(store._client.hget(listed, str(batch)))

            def step(pipeline: Pipeline, entities: list[tuple[bytes, int]] = entities, batch: int = batch) -> None:
                pipeline.multi()
                if entities:
                    pipeline.unlink(*[store._latest + prefix + key for key, _ in entities])
                if several := [store._history + prefix + key for key, count in entities if count > 1]:
                    pipeline.unlink(*several)
                pipeline.hdel(listed, str(batch))

            self._step(step)

        def end(pipeline: Pipeline) -> None:
            pipeline.multi()
            pipeline.srem(store._generations, generation)

        self._step(end)

    def renew(self) -> None:
        """Say that this writer is alive."""
        self._step(lambda pipeline: pipeline.multi())

    def release(self) -> None:
        """Let another write."""

        def step(pipeline: Pipeline) -> None:
            pipeline.multi()
            pipeline.delete(self._store._lock)

        self._step(step, last=True)

    def _step(self, step: Callable[[Pipeline], T], *, last: bool = False) -> T:
        """Run what `step` reads, then queues, if the lock is ours all that time; and renew the lock."""
        store = self._store
        with store._client.pipeline(transaction=True) as pipeline:
            for _ in range(ATTEMPTS):
                try:
                    pipeline.watch(store._lock)  # type: ignore[no-untyped-call]  # its library
                    if pipeline.get(store._lock) != self._token:
                        raise OnlineError(
                            f"Another process took over the loading of {store.place}: this one had not been heard of "
                            f"for {store._lease:g} s. Readers have what they had.",
                            remedy="Run `workbench online load` again.",
                        )
                    found = step(pipeline)
                    if not last:
                        pipeline.pexpire(store._lock, store._milliseconds)
                    pipeline.execute()
                except _redis().WatchError:  # the lock was renewed meanwhile, or the connection was lost
                    continue
                return found
        raise OnlineError(f"The online store {store.place} does not finish a step.", remedy="Run this again.")


@dataclass(slots=True)
class _Batch:
    """What one transaction writes: entities with their numbers of rows, answers, and rows where there are several."""

    entities: list[tuple[bytes, int]] = field(default_factory=list)
    answers: dict[bytes, bytes] = field(default_factory=dict)
    histories: list[tuple[bytes, list[bytes]]] = field(default_factory=list)
    rows: int = 0
    size: int = 0

    def begin(self, entity: StoredEntity) -> list[bytes]:
        """Begin an entity; return where its rows are to be added."""
        # listed by the batch that first writes of it, so that it can be removed whatever happens to the next
        self.entities.append((entity.key, len(entity.rows)))
        self.answers[entity.key] = entity.answer
        return self.go_on(entity)

    def go_on(self, entity: StoredEntity) -> list[bytes]:
        """Return where more rows of an entity are to be added."""
        members: list[bytes] = []
        if len(entity.rows) > 1:
            self.histories.append((entity.key, members))
        return members

    @property
    def is_full(self) -> bool:
        """Whether it should be written."""
        return self.rows >= BATCH or self.size >= BATCH_BYTES


def _batched(entities: Iterable[StoredEntity | StoredBlock], tally: Tally) -> Iterator[_Batch]:
    """Yield batches of a bounded size, also where one entity has more rows; count what they hold."""
    batch = _Batch()
    for entity in in_order(entities):
        tally.entities += 1
        members = batch.begin(entity)
        for suffix, row in entity.keyed(b""):
            if batch.is_full:
                yield batch
                batch = _Batch()
                members = batch.go_on(entity)
            tally.add(suffix, row)
            members.append(suffix[-SUFFIX:] + row)
            batch.rows += 1
            batch.size += len(row)
        if batch.is_full:
            yield batch
            batch = _Batch()
    if batch.rows:
        yield batch


def _redis() -> Any:
    import redis
    import redis.backoff
    import redis.retry

    return redis


def _clock(pipeline: Pipeline) -> tuple[int, int]:
    """Return the server's time: seconds since the epoch, and microseconds."""
    seconds, micros = pipeline.time()
    return int(seconds), int(micros)


def _single(value: bytes) -> tuple[int, bytes]:
    """Return since when the only row of an entity answers, and the row."""
    return BOUNDS.unpack_from(value)[0], value[BOUNDS.size :]


def _answers(key: bytes, rows: Sequence[tuple[int, bytes]]) -> Iterator[bytes]:
    """Yield each row as it would be stored if it answered now."""
    return (StoredEntity(key, rows, place).answer for place in range(len(rows)))


def _unpacked(batch: Any) -> list[tuple[bytes, int]]:
    """Return the entities of a batch, with how many rows each has; none where it is being removed."""
    return [] if batch is None else msgspec.msgpack.decode(batch, type=list[tuple[bytes, int]])
