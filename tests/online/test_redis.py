"""The online store on Redis: its keys, its lock, and a server that refuses, is full, goes away and comes back."""

from __future__ import annotations

import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.online.conftest import unpacked
from tests.online.servers import HOST, URL, Server, client, keys_of
from workbench.config import OnlineSettings
from workbench.errors import OnlineError
from workbench.online import EvictionWarning
from workbench.online import redis as module
from workbench.online.backend import BOUNDS, FOREVER, StoredEntity, prefix_of
from workbench.online.redis import RedisStore
from workbench.online.store import BACKENDS

pytestmark = pytest.mark.service

MANY = [StoredEntity(place.to_bytes(2, "big"), [(2, b"two"), (1, b"one")][place % 2 :], 0) for place in range(100)]


@pytest.fixture
def project(redis_project: str) -> str:
    return redis_project


@pytest.fixture
def store(project: str) -> RedisStore:
    return RedisStore(URL, project=project)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Give what starts a server of the test's own."""
    started: list[Server] = []

    def start(*options: str, user: str = "") -> Server:
        started.append(server := Server(tmp_path, options, user))
        server.start()
        return server

    yield start
    for server in started:
        server.kill()


def load(store: RedisStore, entities: list[StoredEntity] = MANY, row: bytes = b"") -> int:
    """Load one generation and show it; with `row`, of rows that are that."""
    with store.writing() as writer:
        number = writer.new_generation()
        if row:
            entities = [StoredEntity(each.key, [(known, row) for known, _ in each.rows], 0) for each in entities]
        assert writer.append(number, entities) == writer.read_back(number)
        writer.change({"generation": b"%d" % number})
    return number


def read(store: RedisStore) -> set[bytes]:
    """Return the rows of the generation that the catalogue names, which are to be of one kind."""
    version, values = store.catalog()
    keys = [prefix_of(int(values["generation"])) + each.key for each in MANY]
    at, found = store.latest(keys)
    assert at == version
    return {b"" if answer is None else answer[BOUNDS.size :] for answer in found}


def test_settings_open_it(project: str) -> None:
    settings = OnlineSettings.read(tomllib.loads(f'kind = "redis"\nurl = "{URL}"'))
    store = BACKENDS["redis"](settings, Path("nowhere"), project)
    assert store.place == f"{URL} (project {project})"
    assert store.version() == 0


def test_keys_belong_to_a_project_and_a_generation_and_go_with_it(store: RedisStore, project: str) -> None:
    small = {b"version", b"catalog", b"next"}
    numbers = [load(store), load(store)]
    expected = small | {b"generations"}
    for number in numbers:
        prefix = prefix_of(number)
        expected |= {b"k" + prefix}
        expected |= {b"r" + prefix + each.key for each in MANY}
        expected |= {b"h" + prefix + each.key for each in MANY if len(each.rows) > 1}
    assert keys_of(project) == expected
    with client() as found:
        base = f"workbench:{project}:".encode()
        assert {found.ttl(base + key) for key in expected} == {-1}  # nothing ends by itself
    with store.writing() as writer:
        assert keys_of(project) == expected | {b"lock"}
        writer.remove(numbers[0])
        assert keys_of(project) == {key for key in expected if prefix_of(numbers[0]) not in key} | {b"lock"}
        writer.remove(numbers[1])
    assert keys_of(project) == small


def test_projects_of_one_server_see_nothing_of_each_other(project: str) -> None:
    names = [project, f"{project}:version", f"{project}*", f"{project} \u00e9"]
    stores = [RedisStore(URL, project=name) for name in names]
    try:
        for place, store in enumerate(stores):
            load(store, row=b"%d" % place)
        assert [read(store) for store in stores] == [{b"%d" % place} for place in range(len(stores))]
        number = int(stores[0].catalog()[1]["generation"])
        rows = {
            key for key in keys_of(project) if prefix_of(number) in key
        }  # and one's keys can be told by their prefix
        assert keys_of(project) == rows | {b"version", b"catalog", b"next", b"generations"}
    finally:
        with client() as found:
            found.unlink(*found.scan_iter(f"workbench:{project}*"))


def test_what_a_read_gives_is_of_one_step_of_the_server(serve: Callable[..., Server]) -> None:
    server = serve()
    store = RedisStore(server.url, project="p")
    number = load(store)
    keys = [prefix_of(number) + each.key for each in MANY]
    store.as_of(keys, 1)  # the script is there
    expected: list[tuple[Callable[[], object], dict[str, int]]] = [
        (lambda: store.latest(keys), {"mget": 1}),
        (lambda: store.as_of(keys, 1), {"evalsha": 1, "zrangebylex": len(keys), "get": len(keys) // 2 + 1}),
        (store.catalog, {"multi": 1, "get": 1, "hgetall": 1, "exec": 1}),
        (store.version, {"get": 1}),
    ]
    with client(server.url) as found:
        for read_some, commands in expected:
            found.config_resetstat()
            read_some()
            counted = {
                name.removeprefix("cmdstat_"): each["calls"] for name, each in found.info("commandstats").items()
            }
            assert {name: calls for name, calls in counted.items() if not name.startswith("config")} == commands


def test_a_read_by_several_commands_is_of_one_version(
    store: RedisStore, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PART", 30)
    number = load(store)
    other = RedisStore(URL, project=project)
    one = store._latest_of
    commands = []

    def during(keys: Any) -> Any:
        commands.append(len(keys))
        if len(commands) == 2:
            with other.writing() as writer:
                writer.change({"something": b"else"})
        return one(keys)

    monkeypatch.setattr(store, "_latest_of", during)
    version, found = store.latest([prefix_of(number) + each.key for each in MANY])
    assert commands == [30, 30, 30, 10] * 2
    assert version == other.version()
    assert [answer and answer[BOUNDS.size :] for answer in found] == [each.rows[0][1] for each in MANY]


def test_a_store_that_changes_all_the_time_is_an_error(store: RedisStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PART", 30)
    versions = iter(range(1, 10_000))
    monkeypatch.setattr(store, "_latest_of", lambda keys: (next(versions), [None] * len(keys)))
    with pytest.raises(OnlineError, match="again and again"):
        store.latest([each.key for each in MANY])


def test_a_row_that_the_server_removed_is_found_by_reading_back(store: RedisStore, project: str) -> None:
    with store.writing() as writer, client() as found:
        number = writer.new_generation()
        written = writer.append(number, MANY)
        base = f"workbench:{project}:".encode()
        for kind, entity in ((b"r", MANY[0]), (b"r", MANY[1]), (b"h", MANY[2])):
            key = base + kind + prefix_of(number) + entity.key
            kept = found.dump(key)
            found.delete(key)
            assert writer.read_back(number) != written
            found.restore(key, 0, kept)
            assert writer.read_back(number) == written
        key = base + b"r" + prefix_of(number) + MANY[0].key
        found.setrange(key, 15, b"\x00")  # until when it answers
        assert writer.read_back(number) != written


# -- the lock


def test_the_lock_of_a_loader_that_died_ends(store: RedisStore, project: str) -> None:
    with client() as found:
        assert found.set(f"workbench:{project}:lock", "of a dead process", px=300)
    load(store, row=b"new")
    assert read(store) == {b"new"}


def test_the_lock_is_renewed_while_its_writer_lives(project: str) -> None:
    store, key = RedisStore(URL, project=project, lease=2.0), f"workbench:{project}:lock"
    with store.writing(), client() as found:
        left = found.pttl(key)
        until = time.monotonic() + 60
        while (now := found.pttl(key)) <= left:
            assert now > 0
            assert time.monotonic() < until, "it was not renewed"
            left = now
    assert keys_of(project) == set()


@pytest.mark.parametrize("by", [b"another", None])
def test_a_writer_whose_lock_is_anothers_writes_nothing_any_more(
    store: RedisStore, project: str, by: bytes | None
) -> None:
    """As after a process was stopped for longer than its lease, and goes on."""
    kept, lock = load(store, row=b"kept"), f"workbench:{project}:lock"
    with client() as found, store.writing() as writer:
        number = writer.new_generation()
        writer.append(number, MANY)
        found.delete(lock)
        if by is not None:
            found.set(lock, by)
        before = keys_of(project)
        steps: list[Callable[[], object]] = [
            lambda: writer.append(number, MANY),
            lambda: writer.change({"generation": b"%d" % number}),
            lambda: writer.remove(kept),
            writer.new_generation,
        ]
        for step in steps:
            with pytest.raises(OnlineError, match="took over the loading") as caught:
                step()
            assert "online load" in caught.value.remedy
        assert keys_of(project) == before
    assert read(store) == {b"kept"}
    with client() as found:
        assert found.get(lock) == by  # it gives back its own only
        found.delete(lock)


def test_a_lock_that_is_taken_in_the_middle_of_a_step_refuses_it(
    store: RedisStore, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, lock = load(store, row=b"kept"), f"workbench:{project}:lock"
    clock = module._clock
    with client() as found, store.writing() as writer:
        number = writer.new_generation()
        writer.append(number, MANY)

        def take(pipeline: Any) -> tuple[int, int]:
            found.set(lock, "another")
            return clock(pipeline)

        monkeypatch.setattr(module, "_clock", take)
        with pytest.raises(OnlineError, match="took over the loading"):
            writer.change({"generation": b"%d" % number})
        assert store.catalog()[1] == {"generation": b"%d" % kept}
        found.delete(lock)


def test_a_writer_that_waits_too_long_says_so(store: RedisStore, project: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAIT", 0.0)
    other = RedisStore(URL, project=project)
    with store.writing(), pytest.raises(OnlineError, match="Another process has been loading"), other.writing():
        pass
    load(store)


# -- a server that refuses


def test_passwords_are_never_shown(serve: Callable[..., Server]) -> None:
    server = serve("--requirepass", "s3cret")
    for user in (":wr0ng-pass@", "ann:wr0ng-pass@", ""):
        store = RedisStore(f"redis://{user}{HOST}:{server.port}/0", project="p")
        with pytest.raises(OnlineError, match="cannot be used") as caught:
            store.version()
        assert "REDIS_PASSWORD" in caught.value.remedy or "@read" in caught.value.remedy
        told = f"{caught.value} {caught.value.remedy} {store.place} {store!r}"
        assert "wr0ng-pass" not in told
    assert RedisStore(f"redis://:s3cret@{HOST}:{server.port}/0", project="p").version() == 0


def test_a_password_in_a_servers_message_is_not_shown() -> None:
    import redis

    store = RedisStore("redis://ann:s3cret@host/0?ssl_password=0ther", project="p")
    for kind in (redis.ConnectionError, redis.ResponseError, redis.TimeoutError, redis.AuthenticationError):
        told = store._failure(kind("AUTH ann s3cret by redis://ann:s3cret@host"))
        assert "s3cret" not in f"{told} {told.remedy}"
        assert "0ther" not in f"{told} {told.remedy}"


def test_user_and_password_may_be_in_the_environment(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve("--requirepass", "s3cret")
    monkeypatch.setenv("REDIS_PASSWORD", "s3cret")
    assert RedisStore(server.url, project="p").version() == 0


@pytest.mark.parametrize("url", ["localhost:6379", "http://host/", "redis://ann:s3cret@host:port/0", ""])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(OnlineError, match=r"\[online\] url") as caught:
        RedisStore(url, project="p").version()
    assert "redis://host:6379/0" in caught.value.remedy
    assert "s3cret" not in str(caught.value)


def test_a_user_who_may_only_read_reads(serve: Callable[..., Server]) -> None:
    server = serve()
    load(RedisStore(server.url, project="p"), row=b"row")
    with client(server.url) as found:
        found.acl_setuser(
            "reader",
            enabled=True,
            passwords=["+s3cret"],
            keys=["*"],
            categories=["+@read", "+@transaction", "+@scripting"],
        )
    reader = RedisStore(f"redis://reader:s3cret@{HOST}:{server.port}/0", project="p")
    assert read(reader) == {b"row"}
    number = int(reader.catalog()[1]["generation"])
    assert reader.as_of([prefix_of(number) + MANY[0].key], 1)[1] == [b"row"]
    with pytest.raises(OnlineError, match="cannot be used") as caught, reader.writing():
        pass
    assert "[online] url" in caught.value.remedy


def test_a_replica_is_read_and_not_written(serve: Callable[..., Server]) -> None:
    server = serve()
    store = RedisStore(server.url, project="p")
    load(store, row=b"row")
    with client(server.url) as found:
        found.replicaof(HOST, 1)  # nobody is there: it keeps what it has
    assert read(store) == {b"row"}
    assert store.as_of([prefix_of(int(store.catalog()[1]["generation"])) + MANY[0].key], 1)[1] == [b"row"]
    with pytest.raises(OnlineError, match="cannot be used") as caught, store.writing():
        pass
    assert "primary" in caught.value.remedy


def test_a_full_server_leaves_readers_what_they_had(serve: Callable[..., Server]) -> None:
    store = RedisStore(serve("--maxmemory", "6mb", "--maxmemory-policy", "noeviction").url, project="p")
    load(store, row=b"kept")
    with pytest.raises(OnlineError, match="its memory is full") as caught:
        load(store, [StoredEntity(place.to_bytes(4, "big"), [(1, bytes(1_000))], 0) for place in range(20_000)])
    assert "maxmemory" in caught.value.remedy
    assert read(store) == {b"kept"}
    with store.writing() as writer:  # what a full server must still do: make room
        number = int(store.catalog()[1]["generation"])
        (left,) = writer.generations() - {number}
        writer.remove(left)
        assert writer.generations() == {number}
    load(store, row=b"new")
    assert read(store) == {b"new"}


@pytest.mark.parametrize(
    ("policy", "limit", "warned"),
    [("allkeys-lru", "50mb", True), ("allkeys-lru", "0", False), ("volatile-lru", "50mb", False)],
)
def test_a_server_that_removes_rows_when_it_is_full_is_told(
    serve: Callable[..., Server], policy: str, limit: str, *, warned: bool
) -> None:
    store = RedisStore(serve("--maxmemory", limit, "--maxmemory-policy", policy).url, project="p")
    if warned:
        with pytest.warns(EvictionWarning, match=f"50 MiB are full .*{policy}.*noeviction"):
            load(store)
    else:
        load(store)


# -- a server that goes away


def test_a_server_that_is_not_there_is_an_error_that_says_so(tmp_path: Path) -> None:
    store = RedisStore(f"redis://ann:s3cret@{HOST}:1/0", project="p")
    calls: list[Callable[[], object]] = [
        store.version,
        store.catalog,
        lambda: store.latest([b"1234a"]),
        lambda: store.as_of([b"1234a"], 1),
        lambda: list(store.rows(1)),
        lambda: store.writing().__enter__(),
    ]
    for call in calls:
        with pytest.raises(OnlineError, match=rf"redis://ann:\*\*\*@{HOST}:1/0") as caught:
            call()
        assert "Start the server" in caught.value.remedy


def test_readers_go_on_by_themselves_when_the_server_is_back(serve: Callable[..., Server]) -> None:
    server = serve("--appendonly", "yes")
    store = RedisStore(server.url, project="p")
    load(store, row=b"kept")
    for _ in range(2):
        assert read(store) == {b"kept"}
        server.kill()
        with pytest.raises(OnlineError, match="Start the server"):
            store.version()
        server.start()
    number = int(store.catalog()[1]["generation"])
    assert store.as_of([prefix_of(number) + MANY[0].key], 1)[1] == [b"kept"]  # the script has to be sent again


def test_a_connection_that_the_server_closed_fails_no_read(serve: Callable[..., Server]) -> None:
    server = serve()
    store = RedisStore(server.url, project="p")
    load(store, row=b"kept")
    for _ in range(5):
        with client(server.url) as found:
            found.client_kill_filter(skipme=True, _type="normal")
        assert read(store) == {b"kept"}


def test_a_server_that_is_killed_in_the_middle_of_a_load_keeps_what_was(serve: Callable[..., Server]) -> None:
    server = serve("--appendonly", "yes")
    store = RedisStore(server.url, project="p")
    kept = load(store, row=b"kept")

    def some() -> Iterator[StoredEntity]:
        for place in range(20_000):
            if place == 10_000:
                server.kill()
            yield StoredEntity(place.to_bytes(4, "big"), [(1, b"x")], 0)

    with pytest.raises(OnlineError, match="cannot be used"), store.writing() as writer:
        writer.append(writer.new_generation(), some())
    server.start()
    assert read(store) == {b"kept"}
    with client(server.url) as found:
        found.delete("workbench:p:lock")  # or half a minute later
    with store.writing() as writer:
        (left,) = writer.generations() - {kept}
        writer.remove(left)
    assert len(keys_of("p", server.url)) == len(keys_of("p", server.url) - {b"lock"}) == 5 + len(MANY) * 3 // 2
    load(store, row=b"new")
    assert read(store) == {b"new"}


def test_a_server_that_lost_its_data_never_comes_to_a_version_again(serve: Callable[..., Server]) -> None:
    """A reader's plan is valid while the version is the same: it must not fit other generations by chance."""
    server = serve("--appendonly", "no")
    store = RedisStore(server.url, project="p")
    numbers, versions = [], []
    for _ in range(2):
        numbers.append(load(store))
        versions.append(store.version())
        server.kill()
        server.start()
        assert store.catalog() == (0, {})
        assert store.latest([prefix_of(numbers[-1]) + MANY[0].key]) == (0, [None])
    assert versions[0] < versions[1]


def test_readers_see_errors_or_right_rows_while_the_server_comes_and_goes(serve: Callable[..., Server]) -> None:
    server = serve("--appendonly", "yes")
    store = RedisStore(server.url, project="p")
    load(store, row=b"kept")
    ended, down, answered = threading.Event(), threading.Event(), threading.Event()
    answers: list[set[bytes]] = []
    errors: list[OnlineError] = []
    strange: list[BaseException] = []

    def go() -> None:
        while not ended.is_set():
            try:
                answers.append(read(store))
                answered.set()
            except OnlineError as error:
                errors.append(error)
                down.set()
            except BaseException as error:
                strange.append(error)
                down.set()
                raise

    threads = [threading.Thread(target=go) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        assert answered.wait(60)
        down.clear()
        server.kill()
        assert down.wait(60)
        server.start()
    ended.set()
    for thread in threads:
        thread.join()
    assert strange == []
    assert errors
    assert {frozenset(found) for found in answers} == {frozenset({b"kept"})}
    assert read(store) == {b"kept"}


def test_bounds_reach_as_far_as_numbers_do(store: RedisStore) -> None:
    rows = [(2**62, b"far"), (2**53 + 1, b"b"), (2**53, b"a"), (-(2**62), b"first")]
    number = load(store, [StoredEntity(b"\x00e", rows, 3)])
    keys = [prefix_of(number) + b"\x00e"]
    assert list(map(unpacked, store.latest(keys)[1])) == [(-(2**62), 2**53, b"first")]
    assert FOREVER > 2**62
    for instant, row in [(2**53 - 1, b"first"), (2**53, b"a"), (2**53 + 1, b"b"), (2**62 - 1, b"b"), (2**62, b"far")]:
        assert store.as_of(keys, instant)[1] == [row]
