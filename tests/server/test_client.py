"""The client gives what the store in this process gives: values, types, statuses, errors."""

from __future__ import annotations

import asyncio
import socket
import tempfile
import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings

import workbench as wb
from tests.online.stage import START, Shelf, rows
from tests.online.test_as_of import histories
from tests.server.stage import LARGE, Running, fill, options
from tests.server.test_features import USERS, same
from workbench.client import AsyncRemoteStore
from workbench.errors import AccessRefused, FeatureNotFound, JoinError, OnlineError, UsageError
from workbench.server import FeatureService
from workbench.store import parse_all

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.client import RemoteStore

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return fill(tmp_path_factory.mktemp("remote"))


@pytest.fixture(scope="module")
def running(served: Shelf) -> Iterator[Running]:
    with Running(served.folder / "online") as service:
        yield service


@pytest.fixture(scope="module")
def remote(running: Running) -> Iterator[RemoteStore]:
    with wb.connect(running.url) as store:
        yield store


@pytest.mark.parametrize("at", [None, START + timedelta(minutes=2), "2024-01-01T00:02", date(2024, 1, 2)])
def test_values_are_those_of_the_store_in_this_process(served: Shelf, remote: RemoteStore, at: Any) -> None:
    from workbench.times import moment

    refs: list[Any] = ["kinds", wb.use("recent:value", as_="late"), "recent", "world", "all"]
    found = remote.batch_get_features(refs, USERS, at=at, full_names=True)
    instant = None if at is None else moment(at)
    right = served.reader().read(parse_all(refs), USERS, at=instant, full_names=True).values()
    assert [list(row) for row in found] == [list(row) for row in right]
    for mine, theirs in zip(found, right, strict=True):
        for name, value in mine.items():
            assert same(value.value, theirs[name].value), name
            assert value.to_dict() | {"value": 0} == theirs[name].to_dict() | {"value": 0}


@pytest.mark.parametrize("users", [USERS, USERS[:1] * 9], ids=["some are not there", "all are there"])
@pytest.mark.parametrize("details", [True, False])
def test_frames_are_those_of_the_store_in_this_process(
    served: Shelf, remote: RemoteStore, users: list[dict[str, str]], *, details: bool
) -> None:
    right = served.reader().read(parse_all("kinds"), users).frame(details=details)
    found = remote.batch_get_features("kinds", users, as_="polars", details=details)
    assert found.equals(right, null_equal=True)
    assert found.schema == right.schema
    table = remote.batch_get_features("kinds", users, as_="arrow", details=details)
    assert pl.DataFrame(table).equals(right, null_equal=True)
    assert pl.DataFrame(table).schema == right.schema


@pytest.mark.journey
@settings(deadline=None, max_examples=25)
@given(histories())
def test_each_history_reads_over_http_as_the_point_in_time_join(
    history: tuple[pl.DataFrame, bool, timedelta | None],
) -> None:
    frame, has_entities, ttl = history
    created = "known" if "known" in frame.columns else None
    keys = ["user", "place"] if has_entities else []
    asked = [("a", 0), (None, 1), ("\x00", 5), ("a", 0), ("ä", -1)]
    entities = [dict(zip(keys, pair, strict=False)) for pair in asked]
    with tempfile.TemporaryDirectory() as folder:
        shelf = Shelf.at(Path(folder))
        shelf.publish("spend", frame, entities=keys, created=created, ttl=ttl)
        shelf.load()

        async def read() -> list[tuple[datetime, Any, pl.DataFrame]]:
            store = AsyncRemoteStore("http://localhost")
            transport = httpx.ASGITransport(FeatureService(options(shelf)))
            store._http = httpx.AsyncClient(transport=transport, base_url="http://localhost")
            found = []
            for at in (START + timedelta(minutes=n, microseconds=off) for n in (0, 3, 7) for off in (-1, 0)):
                values = await store.batch_get_features("spend", entities, at=at)
                found.append((at, values, await store.batch_get_features("spend", entities, at=at, as_="polars")))
            await store.close()
            return found

        for at, values, table in asyncio.run(read()):
            spine = pl.DataFrame(
                {"now": [at] * 5, "user": [user for user, _ in asked], "place": [place for _, place in asked]},
                schema={"now": pl.Datetime("us", "UTC"), "user": pl.String, "place": pl.Int32},
            )
            joined = wb.point_in_time_join(
                spine, frame, keys=keys, time="now", event_time="at", created=created, ttl=ttl
            ).select("value", "count")
            assert table.select("value", "count").equals(joined, null_equal=True)
            for row, expected in zip(values, joined.iter_rows(), strict=True):
                assert same([row["value"].value, row["count"].value], list(expected))


def test_one_feature_of_one_entity_is_one_value(remote: RemoteStore) -> None:
    found = remote.get_feature("kinds:whole", {"user": "a"})
    assert (found.value, found.status, found.version, found.source) == (LARGE, "present", "1.0", "online")
    with pytest.raises(UsageError, match="names 2 features"):
        remote.get_feature("recent", {"user": "a"})


@pytest.mark.parametrize(
    "entities",
    [
        [{"day": date(2024, 1, 1), "number": LARGE}],
        [{"day": date(2024, 1, 1), "number": np.int64(LARGE)}],
        {"day": ["2024-01-01"], "number": [LARGE]},
        pl.DataFrame({"day": [date(2024, 1, 1)], "number": [LARGE]}),
    ],
)
def test_entities_come_in_every_form(remote: RemoteStore, entities: Any) -> None:
    assert remote.batch_get_features("days", entities)[0]["value"].value == 3.0


@pytest.mark.parametrize(
    ("refs", "entities", "options", "kind", "text"),
    [
        ("recnt", [{"user": "a"}], {}, FeatureNotFound, "did you mean 'recent'"),
        ("recent", [{"usr": "a"}], {}, JoinError, "has no 'user'"),
        ("recent", [{"user": 1}], {}, JoinError, "is String"),
        ("days", [{"day": date(2024, 1, 1), "number": True}], {}, JoinError, "is Int64"),
        ("recent", [{"user": object()}], {}, UsageError, "JSON has no form"),
        ("recent", [{"user": "a"}, {"user": date(2024, 1, 1)}], {}, JoinError, "is String; .* is date"),
        ("recent", [{"user": Decimal(1)}], {"as_": "polars"}, JoinError, "is String; .* is Decimal"),
        ("recent", [{"user": np.datetime64("2024-01-01")}], {"as_": "arrow"}, JoinError, "is String; .* is date"),
        ("days", [{"day": datetime(2024, 1, 1, tzinfo=UTC), "number": 1}], {}, JoinError, "is Date"),
        ("recent", "a", {}, UsageError, "does not give entities"),
        ("", [{}], {}, UsageError, "not a reference"),
        ("recent", [{"user": "a"}], {"at": "soon"}, UsageError, "not a time"),
        ("recent", [{"user": "a"}], {"as_": "pandas"}, UsageError, "not a form"),
        (["recent:value", "world:value"], [{"user": "a"}], {}, JoinError, "full_names"),
    ],
)
def test_errors_are_those_of_the_store_in_this_process(
    remote: RemoteStore, refs: Any, entities: Any, options: dict[str, Any], kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=text):
        remote.batch_get_features(refs, entities, **options)


def test_the_catalog_is_listed_and_searched(remote: RemoteStore) -> None:
    found = remote.catalog()
    assert list(found) == ["days", "kinds", "recent", "world"]
    assert found["recent"]["version"] == "1.0"
    assert list(remote.catalog("kept")) == ["recent"]
    assert found.to_frame().filter(pl.col("view") == "days")["dtype"].to_list() == ["Float64"]
    assert "recent" in str(found._repr_mimebundle_())
    with pytest.raises(FeatureNotFound, match="did you mean 'recent'"):
        _ = found["recnt"]


def test_a_release_is_pinned_for_all_reads(running: Running) -> None:
    with wb.connect(running.url, release="2024.1") as store:
        assert store.get_feature("recent:value", {"user": "a"}).value == 1.0
    with wb.connect(running.url, release="2024.2") as store, pytest.raises(wb.WorkbenchError, match=r"'2024\.2'"):
        store.get_feature("recent:value", {"user": "a"})


def test_the_awaited_store_answers_the_same(running: Running, remote: RemoteStore) -> None:
    async def read() -> tuple[Any, ...]:
        async with wb.connect_async(running.url) as store:
            one, many, views = await asyncio.gather(
                store.get_feature("recent:value", {"user": "a"}),
                store.batch_get_features("recent", USERS),
                store.catalog(),
            )
            both = await remote.get_feature_async("recent:value", {"user": "a"})
            again = await remote.batch_get_features_async("recent", USERS)
            return one, many, list(views), both, again

    one, many, views, both, again = asyncio.run(read())
    assert one == both == remote.get_feature("recent:value", {"user": "a"})
    assert many == again == remote.batch_get_features("recent", USERS)
    assert views == list(remote.catalog())


def test_threads_share_a_store(remote: RemoteStore) -> None:
    found: list[object] = []

    def read() -> None:
        found.extend(remote.get_feature("recent:value", {"user": "a"}).value for _ in range(5))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [1.0] * 20


@pytest.mark.parametrize("url", ["", "localhost:8420", "ftp://x", "http://", "http://user:pass@host"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="address"):
        wb.connect(url)


class Answering:
    """A server that does to each connection in turn what it is told: an answer in bytes, or None to break it off."""

    def __init__(self, *answers: bytes | None) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.requests = 0
        self._answers = answers
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        for answer in self._answers:
            connection, _ = self._socket.accept()
            with connection:
                connection.recv(65_536)
                self.requests += 1
                if answer is not None:
                    connection.sendall(answer)
        self._socket.close()


def answer(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", "connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


CATALOG = b'{"views":{},"feature_sets":{},"releases":[],"commit":null}'
GOOD, BUSY = answer("200 OK", CATALOG), answer("503 Service Unavailable", b"{}", "retry-after: 0")


@pytest.mark.parametrize(
    ("answers", "requests", "kind"),
    [
        ([None, GOOD], 2, None),
        ([BUSY, GOOD], 2, None),
        ([answer("429 Too Many Requests", b"{}", "retry-after: 0"), GOOD], 2, None),
        ([None, None], 2, OnlineError),
        ([BUSY, BUSY], 2, OnlineError),
        ([answer("503 Service Unavailable"), GOOD], 1, OnlineError),
        ([answer("503 Service Unavailable", b"", "retry-after: 3600"), GOOD], 1, OnlineError),
        ([answer("500 Internal Server Error"), GOOD], 1, OnlineError),
        ([answer("302 Found", b"", "location: http://127.0.0.1:1/"), GOOD], 1, OnlineError),
        (
            [answer("401 Unauthorized", b'{"title":"","status":401,"detail":"no","error":"AccessRefused"}')],
            1,
            AccessRefused,
        ),
        ([answer("422 U", b'{"title":"","status":422,"detail":"no","error":"__builtins__"}')], 1, OnlineError),
        ([answer("422 U", b'{"title":"","status":422,"detail":"no","error":"did_you_mean"}')], 1, OnlineError),
    ],
)
@pytest.mark.parametrize("kind_of_store", ["sync", "async"])
def test_what_breaks_or_is_busy_is_asked_once_more_and_nothing_else(
    answers: list[bytes | None], requests: int, kind: type[Exception] | None, kind_of_store: str
) -> None:
    server = Answering(*answers)

    def ask() -> object:
        if kind_of_store == "sync":
            with wb.connect(server.url) as store:
                return store.catalog()

        async def read() -> object:
            async with wb.connect_async(server.url) as store:
                return await store.catalog()

        return asyncio.run(read())

    if kind is None:
        ask()
    else:
        with pytest.raises(kind):
            ask()
    assert server.requests == requests


def test_a_service_that_is_not_there_or_says_nothing_is_an_error_with_its_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with wb.connect(url, timeout=0.05) as store, pytest.raises(OnlineError, match=f"{url} did not answer in time"):
            store.catalog()
    with wb.connect(url) as store, pytest.raises(OnlineError, match=f"{url} cannot be reached"):
        store.catalog()


@pytest.mark.journey
def test_a_token_is_sent_and_never_shown(tmp_path: Path) -> None:
    from workbench.server import TokenFile

    shelf = Shelf.at(tmp_path)
    shelf.publish("spend", rows(["a"], [datetime.now(UTC)], [1.0]))
    shelf.load()
    _, text = TokenFile(options(shelf).tokens).create("scoring")
    with Running(tmp_path / "online") as service:
        with wb.connect(service.url, token=text) as store:
            assert store.get_feature("spend", {"user": "a"}).value == 1.0
            assert text not in repr(store)
        with wb.connect(service.url) as store, pytest.raises(AccessRefused, match="no valid token"):
            store.catalog()
        with wb.connect(service.url, token=text[:-1]) as store, pytest.raises(AccessRefused) as refused:
            store.catalog()
        assert text[:-1] not in str(refused.value)
