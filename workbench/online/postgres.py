"""The online store on a PostgreSQL server, which many machines share.

Each project has a schema of its own. In it are

- ``state``: one row, the catalogue's version and the latest number of a generation;
- ``catalog``: names and values, which change in one transaction with the version;
- ``generation_<number>``: all rows of a generation by entity and instant. Those that answer at loading have beside them
  the instants between which they do, and an index of their own.

A generation is a table so that a load builds its indexes once, and what is removed leaves nothing for a vacuum. A read
is one statement, which sees version and rows as they were at one moment. Readers' sessions can only read.
"""

from __future__ import annotations

import hashlib
import re
import struct
import weakref
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors
from psycopg.adapt import Dumper
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import Format, TransactionStatus

from workbench.errors import OnlineError
from workbench.online.backend import ATTEMPTS, BOUNDS, FOREVER, WAIT, Tally, Written, in_blocks, read_in_parts
from workbench.online.keys import descending
from workbench.redaction import redact

if TYPE_CHECKING:
    from pathlib import Path

    from psycopg.abc import PQGen

    from workbench.config import OnlineSettings
    from workbench.online.backend import OnlineWriter, StoredBlock, StoredEntity

BATCH = 50_000
"""Rows that are made ready at once for writing, and that one answer brings when they are read back."""
PART = 20_000
"""Keys that one statement reads."""
CONNECT, ANSWER = 2, 5.0
"""Seconds in which the server must accept a connection, and answer a reader. Settings in the URL have precedence."""
SILENCE = 15.0
"""Seconds after which a reader gives up a server that does not even say that a statement took too long."""
IDLE = 8
"""Connections that are kept open while nobody reads."""
_SETTINGS = {
    "statement_timeout": f"{ANSWER:g}s",
    # entities are looked up by an index, by a plan that is made once: no number of keys is a reason to scan
    "enable_seqscan": "off",
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",  # by the costs of what is off it would compile each statement
    # by these a loader's lock ends soon after its machine
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
_PATIENT = {"statement_timeout": "0"}
_READ_ONLY = {"default_transaction_read_only": "on"}
_PREFIX = 4
"""Bytes of a key that are its generation."""
_ARRAY, _LENGTH = struct.Struct(">iiIii"), struct.Struct(">i")
_BYTEA, _BYTEA_ARRAY = 17, 1001
_LATEST = "select g.bounds || g.row from {table} g where g.entity = k.entity and g.bounds is not null"
_AS_OF = (
    "select g.row from {table} g where g.entity = k.entity and g.known <= %(instant)s order by g.known desc limit 1"
)


class PostgresStore:
    """The online store of one project in the database at `url`.

    Parameters
    ----------
    url
        ``postgresql://...``. What it leaves out may come from ``PGUSER``, ``PGPASSWORD`` and the like.
    project
        The project's name: projects share a database, and see nothing of each other.
    """

    def __init__(self, url: str, *, project: str) -> None:
        self._url = url
        self._project = project
        self._schema = schema_of(project)
        self._idle: deque[psycopg.Connection] = deque()
        weakref.finalize(self, _close_all, self._idle)

    @classmethod
    def of(cls, settings: OnlineSettings, home: Path, project: str) -> PostgresStore:  # noqa: ARG003 - it is not on disk
        """Return the store that ``[online]`` describes."""
        return cls(settings.url or "", project=project)

    @property
    def place(self) -> str:
        """The server's URL without its password, and the project."""
        return f"{redact(self._url)} (project {self._project})"

    def version(self) -> int:
        """See `OnlineBackend.version`."""
        found = self._if_loaded(f'select version from "{self._schema}".state')
        return int(found[0][0]) if found else 0

    def catalog(self) -> tuple[int, Mapping[str, bytes]]:
        """See `OnlineBackend.catalog`."""
        found = self._if_loaded(
            f'select s.version, c.name, c.value from "{self._schema}".state s '
            f'left join "{self._schema}".catalog c on true'
        )
        values = {name: value for _, name, value in found if name is not None}
        return int(found[0][0]) if found else 0, values

    def latest(self, keys: Sequence[bytes]) -> tuple[int, list[bytes | None]]:
        """See `OnlineBackend.latest`."""
        return read_in_parts(self._look, keys, size=PART, place=self.place)

    def as_of(self, keys: Sequence[bytes], instant: int) -> tuple[int, list[bytes | None]]:
        """See `OnlineBackend.as_of`."""
        return read_in_parts(partial(self._look, instant=instant), keys, size=PART, place=self.place)

    def rows(self, generation: int) -> Iterator[tuple[bytes, bytes]]:
        """See `OnlineBackend.rows`."""
        with self._translated(), self._connect(_PATIENT | _READ_ONLY) as connection:
            for page in _stored(connection, self._schema, generation):
                yield from ((entity + descending(known), row) for entity, known, _, row in page)

    @contextmanager
    def writing(self) -> Iterator[OnlineWriter]:
        """See `OnlineBackend.writing`."""
        with self._translated(), self._connect(_PATIENT) as connection:
            self._take_lock(connection)
            _make_tables(connection, self._schema)
            yield _Writer(connection, self._schema)

    def _look(self, keys: Sequence[bytes], instant: int | None = None) -> tuple[int, list[bytes | None]]:
        """Look each key up in the table of its generation, and give the version at that moment."""
        found: list[bytes | None] = [None] * len(keys)
        places: dict[bytes, list[int]] = {}
        for place, key in enumerate(keys):
            places.setdefault(key[:_PREFIX], []).append(place)
        for _ in range(ATTEMPTS):
            statement = _statement(self._schema, tuple(map(_number, places)), is_as_of=instant is not None)
            values: dict[str, Any] = {"instant": instant}
            for prefix, of_generation in places.items():
                values[f"keys{_number(prefix)}"] = _Keys(keys[place][_PREFIX:] for place in of_generation)
            try:
                ((version, *answers),) = self._ask(statement, values)
            except errors.UndefinedTable:  # a generation that was removed, or never was: it has no rows
                there = self._if_loaded(*_generations(self._schema))
                if not there:
                    return self.version(), found
                numbers = {number for (number,) in there}
                places = {prefix: each for prefix, each in places.items() if _number(prefix) in numbers}
                continue
            for of_generation, rows in zip(places.values(), answers, strict=True):
                for place, row in zip(of_generation, rows, strict=True):
                    found[place] = row
            return int(version), found
        raise OnlineError(f"{self.place} is loaded again and again while it is read.", remedy="Try again in a moment.")

    def _if_loaded(self, statement: str, values: Mapping[str, Any] | None = None) -> list[Any]:
        """Return what a statement gives; nothing where nothing was ever loaded."""
        try:
            return self._ask(statement, values)
        except errors.UndefinedTable:
            return []

    def _ask(self, statement: str, values: Mapping[str, Any] | None = None) -> list[Any]:
        """Return what a statement gives, by a connection that is there or a new one."""
        with self._translated():
            while True:
                try:
                    connection, is_new = self._idle.pop(), False
                except IndexError:
                    connection, is_new = self._connect(_READ_ONLY, kind=_Reader), True
                try:
                    found = connection.execute(statement, values, binary=True).fetchall()
                except BaseException as error:
                    is_lost = connection.closed
                    self._put_back(connection)
                    # the server closed it while nobody read, as when it was started again
                    if is_lost and not is_new and isinstance(error, psycopg.OperationalError):
                        continue
                    raise
                self._put_back(connection)
                return found

    def _put_back(self, connection: psycopg.Connection) -> None:
        """Keep a connection that may be used again, and close any other."""
        if len(self._idle) < IDLE and connection.info.transaction_status == TransactionStatus.IDLE:
            self._idle.append(connection)
        else:
            connection.close()

    def _connect(
        self, settings: Mapping[str, str], kind: type[psycopg.Connection] = psycopg.Connection
    ) -> psycopg.Connection:
        with self._translated():
            given = self._given()
            options = f"{_options(_SETTINGS)} {given.pop('options', '')} {_options(settings)}"
            named: dict[str, Any] = {"connect_timeout": CONNECT, "application_name": "workbench"} | given
            connection = kind.connect(make_conninfo(**named, options=options, client_encoding="utf8"), autocommit=True)
            connection.adapters.register_dumper(_Keys, _KeysDumper)
            return connection

    def _given(self) -> dict[str, Any]:
        """Return what the URL says."""
        what = "it does not begin with postgresql://"
        if self._url.startswith(("postgresql://", "postgres://")):
            try:
                return dict(conninfo_to_dict(self._url))
            except psycopg.ProgrammingError as error:
                what = _said(error, self._url)
        raise OnlineError(
            f"[online] url {redact(self._url)!r} cannot be used: {what}.",
            remedy='Write it as "postgresql://user@host:5432/database".',
        )

    def _take_lock(self, connection: psycopg.Connection) -> None:
        """Take the lock that the session holds until it ends, however it ends."""
        connection.execute(f"set lock_timeout = {max(1, round(WAIT * 1_000))}")
        key = hashlib.blake2b(self._schema.encode(), digest_size=8).digest()
        try:
            connection.execute("select pg_advisory_lock(%s)", [int.from_bytes(key, "big", signed=True)])
        except errors.LockNotAvailable:
            raise OnlineError(
                f"Another process has been loading the online store {self.place} for {WAIT / 60:.0f} minutes.",
                remedy="Wait for it, or end it: what it has not finished is removed by the next load.",
            ) from None

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except errors.UndefinedTable:  # who asked knows what it means
            raise
        except psycopg.Error as error:
            raise self._failure(error) from error

    def _failure(self, error: psycopg.Error) -> OnlineError:
        what = _said(error, self._url)
        match error:
            case errors.InsufficientPrivilege():
                remedy = (
                    f"Have its owner grant it: who reads needs usage on the schema {self._schema} and select on its "
                    "tables, new ones too (alter default privileges); who loads, create on the database."
                )
            case errors.ReadOnlySqlTransaction():
                remedy = (
                    "This is a standby or a user that only reads: give the primary, and who may write, in [online] url."
                )
            case errors.DiskFull():
                remedy = "Free space on the server, or shorten [online] history; readers still have what they had."
            case errors.QueryCanceled() | errors._WaitTimeout():
                what = f"it does not answer ({what})"
                remedy = "Look whether the server or the network is overloaded, then try again."
            case psycopg.OperationalError() | psycopg.InterfaceError():
                remedy = (
                    "Start the server, or correct [online] url, or PGUSER and PGPASSWORD. What reads it goes on by "
                    "itself when it is back."
                )
            case _:
                remedy = "See the server's log; what the store holds is a copy of the lake: `workbench online load`."
        return OnlineError(f"The online store {self.place} cannot be used: {what}.", remedy=remedy)


class _Writer:
    """Each step is a transaction of the session that holds the lock: once another has it, this one has ended."""

    def __init__(self, connection: psycopg.Connection, schema: str) -> None:
        self._connection = connection
        self._schema = schema

    def new_generation(self) -> int:
        # a server that lost its data must not come to a number again that readers know
        (number,) = self._one(
            f'update "{self._schema}".state set next = '
            "greatest(next + 1, extract(epoch from clock_timestamp())::bigint) returning next"
        )
        return int(number)

    def append(self, generation: int, entities: Iterable[StoredEntity | StoredBlock]) -> Written:
        table, tally = _table(self._schema, generation), Tally()
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.execute(
                f"create table {table} (entity bytea not null, known bigint not null, bounds bytea, row bytea not null)"
            )
            with cursor.copy(f"copy {table} from stdin (format binary)") as copy:
                copy.set_types(["bytea", "int8", "bytea", "bytea"])
                for block in in_blocks(entities, BATCH):
                    for row in _table_rows(block):
                        copy.write_row(row)
                    tally.add_all(block.row_keys(), block.rows)
                    tally.entities += len(block.keys)
            if not tally.rows:
                raise psycopg.Rollback
            cursor.execute(f"create unique index on {table} (entity, known desc)")
            cursor.execute(f"create unique index on {table} (entity) where bounds is not null")
            cursor.execute(f"analyze {table}")
        return tally.written

    def read_back(self, generation: int) -> Written:
        tally = Tally()
        last: tuple[bytes, int] = b"", 0
        for page in _stored(self._connection, self._schema, generation):
            tally.add_all([entity + descending(known) for entity, known, *_ in page], [row for *_, row in page])
            for entity, known, bounds, _ in page:
                if bounds is not None:
                    tally.entities += bounds == BOUNDS.pack(known, last[1] if last[0] == entity else FOREVER)
                last = entity, known
        return tally.written

    def change(self, values: Mapping[str, bytes | None]) -> int:
        kept = {name: value for name, value in values.items() if value is not None}
        gone = [name for name, value in values.items() if value is None]
        with self._connection.transaction():
            self._connection.execute(f'delete from "{self._schema}".catalog where name = any(%s)', [gone])
            self._connection.execute(
                f'insert into "{self._schema}".catalog select * from unnest(%s::text[], %s::bytea[]) '
                "on conflict (name) do update set value = excluded.value",
                [list(kept), list(kept.values())],
            )
            # as for numbers of generations
            (version,) = self._one(
                f'update "{self._schema}".state set version = '
                "greatest(version + 1, (extract(epoch from clock_timestamp()) * 1000000)::bigint) returning version"
            )
        return int(version)

    def generations(self) -> set[int]:
        return {number for (number,) in self._connection.execute(*_generations(self._schema)).fetchall()}

    def remove(self, generation: int) -> None:
        self._connection.execute(f"drop table if exists {_table(self._schema, generation)}")

    def _one(self, statement: str) -> Any:
        return self._connection.execute(statement).fetchone()


class _Reader(psycopg.Connection[Any]):
    """A connection that waits for an answer for a limited time."""

    def wait(self, gen: PQGen[Any], interval: float = 0.1, timeout: float | None = None) -> Any:
        return super().wait(gen, interval, SILENCE if timeout is None else timeout)


class _Keys(list[bytes]):
    """Values of an array of bytea, which psycopg's own conversion of a list takes fifteen times as long to write."""


class _KeysDumper(Dumper):
    format, oid = Format.BINARY, _BYTEA_ARRAY

    def dump(self, obj: list[bytes]) -> bytes:
        head = _ARRAY.pack(1, 0, _BYTEA, len(obj), 1)
        return head + b"".join(chain.from_iterable(zip(map(_LENGTH.pack, map(len, obj)), obj, strict=True)))


def schema_of(project: str) -> str:
    """Return the schema of a project: its name, and a digest where that cannot be one."""
    name = re.sub(r"[^A-Za-z0-9_-]", "_", project)[:40]
    if name == project:
        return f"workbench_{name}"
    return f"workbench_{name}_{hashlib.blake2b(project.encode(), digest_size=6).hexdigest()}"


@lru_cache(maxsize=1_024)
def _statement(schema: str, generations: tuple[int, ...], *, is_as_of: bool) -> str:
    """Return what selects the version, and for each generation an array with a row or null for each of its keys."""
    look = _AS_OF if is_as_of else _LATEST
    arrays = [
        f"array(select ({look.format(table=_table(schema, number))}) "
        f"from unnest(%(keys{number})s) with ordinality as k(entity, place) order by k.place)"
        for number in generations
    ]
    return f'select {", ".join(["s.version", *arrays])} from "{schema}".state s'


def _generations(schema: str) -> tuple[str, dict[str, str]]:
    """Return the statement that selects the numbers of the generations that have rows, and its values."""
    statement = (
        "select substr(c.relname, 12)::bigint from pg_class c join pg_namespace n on n.oid = c.relnamespace "
        "where n.nspname = %(schema)s and c.relkind = 'r' and c.relname ~ '^generation_[0-9]+$'"
    )
    return statement, {"schema": schema}


def _stored(connection: psycopg.Connection, schema: str, generation: int) -> Iterator[list[Any]]:
    """Yield the rows of a generation in the order of keys, some at a time; none where there is no such table."""
    table = _table(schema, generation)
    ((there,),) = connection.execute("select to_regclass(%s) is not null", [table]).fetchall()
    if not there:
        return
    with connection.transaction(), connection.cursor(name="stored", binary=True) as cursor:
        cursor.execute(f"select entity, known, bounds, row from {table} order by entity, known desc")
        while page := cursor.fetchmany(BATCH):
            yield page


def _make_tables(connection: psycopg.Connection, schema: str) -> None:
    """Make what is not there; who only writes need not be allowed to make schemas."""
    asked = connection.execute(
        "select to_regnamespace(%s) is null, to_regclass(%s) is null", [f'"{schema}"', f'"{schema}".state']
    )
    ((no_schema, no_tables),) = asked.fetchall()
    with connection.transaction():
        if no_schema:
            connection.execute(f'create schema "{schema}"')
        if no_tables:
            connection.execute(f'create table "{schema}".catalog (name text primary key, value bytea not null)')
            connection.execute(f'create table "{schema}".state (version bigint not null, next bigint not null)')
            connection.execute(f'insert into "{schema}".state values (0, 0)')


def _table(schema: str, generation: int) -> str:
    return f'"{schema}".generation_{generation}'


def _number(prefix: bytes) -> int:
    return int.from_bytes(prefix, "big")


def _table_rows(block: StoredBlock) -> Iterator[tuple[bytes, int, bytes | None, bytes]]:
    """Yield the rows of a block as the table has them."""
    bounds: list[bytes | None] = [None] * len(block.rows)
    for place, answer in zip((block.starts + block.latest).tolist(), block.answers(), strict=True):
        bounds[place] = answer[: BOUNDS.size]
    ends = [*block.starts[1:].tolist(), len(block.rows)]
    entities = chain.from_iterable(
        [key] * (end - start) for key, start, end in zip(block.keys, block.starts.tolist(), ends, strict=True)
    )
    return zip(entities, block.known.tolist(), bounds, block.rows, strict=True)


def _options(settings: Mapping[str, str]) -> str:
    return " ".join(f"-c {name}={value}" for name, value in settings.items())


def _said(error: psycopg.Error, url: str) -> str:
    """Return what the server or its library said, in one line and without the password in `url`."""
    said = error.diag.message_primary or str(error)
    return redact(" ".join(said.split()), url=url).rstrip(". ")


def _close_all(connections: deque[psycopg.Connection]) -> None:
    while connections:
        connections.pop().close()
