"""The online store on PostgreSQL: its tables, its lock, who may do what, and a server that refuses or goes away."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from tests.online.conftest import on_server
from tests.online.servers import HOST, POSTGRES, POSTGRES_PORT, Relay, sql
from workbench.config import OnlineSettings
from workbench.errors import OnlineError
from workbench.online import postgres as module
from workbench.online.backend import BOUNDS, StoredEntity, prefix_of
from workbench.online.postgres import PostgresStore, schema_of
from workbench.online.store import BACKENDS

pytestmark = pytest.mark.service

MANY = [StoredEntity(place.to_bytes(2, "big"), [(2, b"two"), (1, b"one")][place % 2 :], 0) for place in range(100)]


@pytest.fixture
def project() -> Iterator[str]:
    with on_server("postgres") as place:
        yield place.name


@pytest.fixture
def store(project: str) -> PostgresStore:
    return PostgresStore(f"{POSTGRES}?application_name={project}", project=project)


@pytest.fixture
def relay(project: str) -> Iterator[Relay]:
    found = Relay()
    found.start()
    yield found
    found.kill()


def load(store: PostgresStore, row: bytes = b"row") -> int:
    """Load one generation of rows that are `row`, and show it."""
    entities = [StoredEntity(each.key, [(known, row) for known, _ in each.rows], 0) for each in MANY]
    with store.writing() as writer:
        number = writer.new_generation()
        assert writer.append(number, entities) == writer.read_back(number)
        writer.change({"generation": b"%d" % number})
    return number


def read(store: PostgresStore) -> set[bytes]:
    """Return the rows of the generation that the catalogue names, which are to be of one kind."""
    version, values = store.catalog()
    keys = [prefix_of(int(values["generation"])) + each.key for each in MANY]
    at, found = store.latest(keys)
    assert at == version
    return {b"" if answer is None else answer[BOUNDS.size :] for answer in found}


def tables_of(project: str) -> set[str]:
    found = sql(f"select tablename from pg_tables where schemaname = '{schema_of(project)}'")
    return {name for (name,) in found}


def end_connections(project: str) -> int:
    """Have the server close the connections of `store`; return how many there were."""
    ended = sql(f"select pg_terminate_backend(pid, 10000) from pg_stat_activity where application_name = '{project}'")
    return sum(done for (done,) in ended)


def test_settings_open_it(project: str) -> None:
    settings = OnlineSettings.read(tomllib.loads(f'kind = "postgres"\nurl = "{POSTGRES}"'))
    store = BACKENDS["postgres"](settings, Path("nowhere"), project)
    assert store.place == f"{POSTGRES} (project {project})"
    assert store.version() == 0


def test_a_client_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, "workbench.online.postgres")
    with pytest.raises(OnlineError, match="psycopg is not installed") as caught:
        BACKENDS["postgres"](OnlineSettings(kind="postgres", url=POSTGRES), Path(), "p")
    assert "feature-workbench[postgres]" in caught.value.remedy


def test_tables_belong_to_a_project_and_a_generation_and_go_with_it(store: PostgresStore, project: str) -> None:
    numbers = [load(store), load(store)]
    assert tables_of(project) == {"state", "catalog", *(f"generation_{number}" for number in numbers)}
    with store.writing() as writer:
        writer.remove(numbers[0])
        assert tables_of(project) == {"state", "catalog", f"generation_{numbers[1]}"}
    assert read(store) == {b"row"}


def test_projects_of_one_database_see_nothing_of_each_other(project: str) -> None:
    names = [project, project.upper(), f'{project}"', f"{project}%s", f"{project} \u00e9", f"{project}{'x' * 60}"]
    names.append(f"{names[-1]}y")
    stores = [PostgresStore(POSTGRES, project=name) for name in names]
    try:
        for place, store in enumerate(stores):
            load(store, row=b"%d" % place)
        assert [read(store) for store in stores] == [{b"%d" % place} for place in range(len(stores))]
    finally:
        for name in names:
            sql(f'drop schema if exists "{schema_of(name)}" cascade')


@pytest.mark.parametrize(
    "change",
    [
        "delete from {table} where entity = '\\x0000'",
        "update {table} set row = 'other' where entity = '\\x0001'",
        "update {table} set known = 3 where entity = '\\x0001'",
        "update {table} set bounds = null where entity = '\\x0001'",
        "update {table} set bounds = set_byte(bounds, 15, 1) where entity = '\\x0001'",
    ],
)
def test_what_the_server_has_otherwise_is_found_by_reading_back(
    store: PostgresStore, project: str, change: str
) -> None:
    with store.writing() as writer:
        number = writer.new_generation()
        written = writer.append(number, MANY)
        assert writer.read_back(number) == written
        sql(change.format(table=f'"{schema_of(project)}".generation_{number}'))
        assert writer.read_back(number) != written


def test_a_database_that_lost_its_data_never_comes_to_a_number_or_version_again(
    store: PostgresStore, project: str
) -> None:
    """A reader's plan is valid while the version is the same: it must not fit other generations by chance."""
    number, version = load(store), store.version()
    sql(f'drop schema "{schema_of(project)}" cascade')
    assert store.catalog() == (0, {})
    assert store.latest([prefix_of(number) + MANY[0].key]) == (0, [None])
    assert load(store) >= number > 10**9  # seconds: two losses within one would be told apart by the version
    assert store.version() > version


# -- who writes


def test_what_reads_cannot_write_whatever_it_says(store: PostgresStore, project: str) -> None:
    load(store)
    schema = f'"{schema_of(project)}"'
    for statement in (f"delete from {schema}.catalog", f"drop schema {schema} cascade", "create table t (a int)"):
        with pytest.raises(OnlineError, match="read-only transaction") as caught:
            store._ask(statement)
        assert "primary" in caught.value.remedy
    assert read(store) == {b"row"}


def test_a_writer_that_lost_its_session_writes_nothing_any_more(store: PostgresStore, project: str) -> None:
    kept = load(store, row=b"kept")
    with store.writing() as writer:
        number = writer.new_generation()
        writer.append(number, MANY)
        before = tables_of(project)
        assert end_connections(project) >= 1
        with PostgresStore(POSTGRES, project=project).writing():  # its lock ended with it
            steps: list[Callable[[], object]] = [
                lambda: writer.append(number, MANY),
                lambda: writer.change({"generation": b"%d" % number}),
                lambda: writer.remove(kept),
                writer.new_generation,
            ]
            for step in steps:
                with pytest.raises(psycopg.OperationalError):  # an error of ours when it leaves the block
                    step()
        assert tables_of(project) == before
    assert read(store) == {b"kept"}


def test_a_session_that_ends_in_the_middle_of_a_load_leaves_what_was(store: PostgresStore, project: str) -> None:
    kept = load(store, row=b"kept")

    def some() -> Iterator[StoredEntity]:
        for place in range(120_000):
            if place == 60_000:
                end_connections(project)
            yield StoredEntity(place.to_bytes(4, "big"), [(1, b"x")], 0)

    with pytest.raises(OnlineError, match="cannot be used"), store.writing() as writer:
        writer.append(writer.new_generation(), some())
    assert read(store) == {b"kept"}
    with store.writing() as writer:
        assert writer.generations() == {kept}
    load(store, row=b"new")
    assert read(store) == {b"new"}


def test_a_writer_that_waits_too_long_says_so(
    store: PostgresStore, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAIT", 0.0)
    other = PostgresStore(POSTGRES, project=project)
    with store.writing(), pytest.raises(OnlineError, match="Another process has been loading"), other.writing():
        pass
    load(store)


def test_a_user_who_may_only_read_reads(store: PostgresStore, project: str) -> None:
    load(store, row=b"old")
    role, schema = f"test_{uuid4().hex}", f'"{schema_of(project)}"'
    sql(f"create role {role} login")
    reader = PostgresStore(POSTGRES.replace("postgres@", f"{role}@"), project=project)
    try:
        with pytest.raises(OnlineError, match="permission denied") as caught:
            reader.version()
        assert schema_of(project) in caught.value.remedy
        sql(f"grant usage on schema {schema} to {role}")
        sql(f"grant select on all tables in schema {schema} to {role}")
        sql(f"alter default privileges in schema {schema} grant select on tables to {role}")
        assert read(reader) == {b"old"}
        load(store, row=b"new")
        assert read(reader) == {b"new"}
        with pytest.raises(OnlineError, match="permission denied"), reader.writing() as writer:
            writer.new_generation()
    finally:
        sql(f"drop owned by {role}")
        sql(f"drop role {role}")


# -- passwords and addresses


def test_passwords_are_never_shown() -> None:
    for url in (
        f"postgresql://ann:s3cret@{HOST}:1/test",
        f"postgresql://ann@{HOST}:1/test?password=s3cret",
        "postgresql://ann:s3cret@host:port/test",
        "postgresql://ann:s3cret@host/test?nonsense=1",
        "mysql://ann:s3cret@host/test",
    ):
        store = PostgresStore(url, project="p")
        with pytest.raises(OnlineError, match="cannot be used") as caught:
            store.version()
        assert "s3cret" not in f"{caught.value} {caught.value.remedy} {store.place} {store!r}"
        assert caught.value.remedy


def test_a_password_in_a_servers_message_is_not_shown() -> None:
    store = PostgresStore("postgresql://ann:s3cret@host/test?sslpassword=0ther", project="p")
    for kind in (psycopg.OperationalError, psycopg.errors.InvalidPassword, psycopg.errors.QueryCanceled):
        said = store._failure(kind("s3cret of postgresql://ann:s3cret@host is wrong, and 0ther"))
        assert "s3cret" not in f"{said} {said.remedy}"
        assert "0ther" not in f"{said} {said.remedy}"


def test_what_a_url_leaves_out_may_be_in_the_environment(project: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"HOST": HOST, "PORT": str(POSTGRES_PORT), "USER": "postgres", "DATABASE": "test"}.items():
        monkeypatch.setenv(f"PG{name}", value)
    assert PostgresStore("postgresql://", project=project).version() == 0


# -- a server that goes away


def test_a_server_that_is_not_there_is_an_error_that_says_so() -> None:
    store = PostgresStore(f"postgresql://ann:s3cret@{HOST}:1/test", project="p")
    calls: list[Callable[[], object]] = [
        store.version,
        store.catalog,
        lambda: store.latest([b"1234a"]),
        lambda: store.as_of([b"1234a"], 1),
        lambda: list(store.rows(1)),
        lambda: store.writing().__enter__(),
    ]
    for call in calls:
        with pytest.raises(OnlineError, match=rf"postgresql://ann:\*\*\*@{HOST}:1/test") as caught:
            call()
        assert "Start the server" in caught.value.remedy


def test_a_connection_that_the_server_closed_fails_no_read(store: PostgresStore, project: str) -> None:
    load(store, row=b"kept")
    for _ in range(3):
        assert read(store) == {b"kept"}
        assert end_connections(project) == 1  # it is used again and again


def test_readers_go_on_by_themselves_when_the_server_is_back(project: str, relay: Relay) -> None:
    load(PostgresStore(POSTGRES, project=project), row=b"kept")
    store = PostgresStore(relay.url, project=project)
    for _ in range(2):
        assert read(store) == {b"kept"}
        relay.kill()
        with pytest.raises(OnlineError, match="Start the server"):
            store.version()
        relay.start()


def test_a_server_that_falls_silent_is_given_up_and_read_again_when_it_is_back(
    project: str, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(PostgresStore(POSTGRES, project=project), row=b"kept")
    store = PostgresStore(relay.url, project=project)
    assert read(store) == {b"kept"}
    with monkeypatch.context() as patch:
        patch.setattr(module, "SILENCE", 0.2)
        relay.fall_silent()
        with pytest.raises(OnlineError, match="does not answer"):
            store.version()
    relay.kill()
    relay.start()
    assert read(store) == {b"kept"}


def test_a_statement_that_takes_too_long_is_ended_by_the_server(store: PostgresStore, project: str) -> None:
    load(store)
    quick = PostgresStore(f"{POSTGRES}?options=-c%20statement_timeout%3D100", project=project)
    with pytest.raises(OnlineError, match=r"does not answer.*statement timeout"):
        quick._ask("select pg_sleep(60)")
    assert read(quick) == {b"row"}
