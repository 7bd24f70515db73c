"""``workbench.toml``, typed. An unknown key is an error that says what was meant."""

from __future__ import annotations

import codecs
import re
import tomllib
from collections.abc import Container
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, get_args

from msgspec import Meta, field
from msgspec.structs import replace

from workbench.errors import ConfigError, DefinitionError, InvalidName, did_you_mean
from workbench.measures import MeasureName
from workbench.memory import LEAST, parse_memory
from workbench.settings import Checked, Mistakes, ReadBy, Settings, fields
from workbench.times import in_utc, parse_duration

if TYPE_CHECKING:
    import polars as pl

CONFIG_FILE = "workbench.toml"
"""Where a project's settings are, in its folder."""
NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
"""What a view, a feature, a source and a project's branch-free names look like."""


def read_toml(text: str) -> dict[str, Any]:
    """Return what a TOML text says."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except ValueError:
        raise ValueError("a number in it has too many digits") from None  # Python's limit against slow conversions


def valid_name(kind: str, name: str) -> str:
    """Return `name` if it may reach git, a path and SQL."""
    if not NAME.fullmatch(name):
        rule = "Use 1 to 63 lower-case letters, digits and underscores, beginning with a letter."
        raise InvalidName.of(kind, name, rule=rule)
    return name


def free_name(name: str, taken: Container[str]) -> str:
    """Return `name`, made longer where it is `taken`: for columns of our own beside those of a frame.

    Examples
    --------
    >>> free_name("row", ["at", "row"])
    'row_'
    """
    while name in taken:
        name += "_"
    return name


def _major_reference(text: str) -> str:
    view, at, major = text.partition("@")
    if not at or not NAME.fullmatch(view) or not major.isdecimal():
        raise ValueError(f"{text!r} does not name a major version; write it as VIEW@MAJOR, such as spend@1")
    return text


def _source_name(name: str) -> str:
    try:
        return valid_name("source", name)
    except InvalidName as error:
        raise ValueError(str(error)) from None


_DTYPES = (
    *("String", "Boolean", "Int8", "Int16", "Int32", "Int64", "Int128", "UInt8", "UInt16", "UInt32", "UInt64"),
    *("Float32", "Float64", "Date", "Datetime", "Time", "Decimal"),
)
_PYTHON_NAMES = {
    "str": "String",
    "int": "Int64",
    "float": "Float64",
    "bool": "Boolean",
    "date": "Date",
    "time": "Time",
    "datetime": "Datetime",
}
_DTYPE = re.compile(r"(\w+)(?:\(\s*([^()]*?)\s*\))?")


def dtype_named(name: str) -> pl.DataType:
    """Return the dtype that `name` stands for, e.g. ``Int64``, ``int``, ``Decimal(24, 4)``, ``Datetime(us, UTC)``."""
    import polars as pl

    match = _DTYPE.fullmatch(name.strip())
    kind, words = (
        (match[1], [word.strip("'\" ") for word in (match[2] or "").split(",") if word]) if match else ("", [])
    )
    kind = _PYTHON_NAMES.get(kind, kind)
    if kind not in _DTYPES:
        raise ValueError(f"{name!r} is not a dtype; {did_you_mean(kind or name, [*_DTYPES, *_PYTHON_NAMES])}")
    if kind == "Decimal":
        if len(words) != 2 or not all(word.isdecimal() for word in words) or not 1 <= int(words[0]) <= 38:
            raise ValueError(f"{name!r} is not a dtype; write Decimal(precision, scale), e.g. Decimal(24, 4)")
        if int(words[1]) > int(words[0]):
            raise ValueError(f"{name!r} is not a dtype; its scale is larger than its precision")
        return pl.Decimal(int(words[0]), int(words[1]))
    if kind == "Datetime":
        unit, zone = (words + ["us", ""][len(words) :])[:2]
        if len(words) > 2 or unit not in {"ms", "us", "ns"}:
            raise ValueError(f"{name!r} is not a dtype; write Datetime(us) or Datetime(us, Europe/Paris)")
        return pl.Datetime(unit, time_zone_named(zone) if zone else None)  # type: ignore[arg-type]  # one of three units
    if words:
        raise ValueError(f"{name!r} is not a dtype; {kind} has no parameters")
    dtype: pl.DataType = getattr(pl, kind)()
    return dtype


def _dtype_name(name: str) -> str:
    dtype_named(name)
    return name


def _encoding(name: str) -> str:
    try:
        codecs.lookup(name)
        "".encode(name)
    except (LookupError, TypeError):
        raise ValueError(f"{name!r} is not an encoding of text; write utf-8, utf-16, cp1252 or the like") from None
    return name


def time_zone_named(name: str) -> str:
    """Return `name` if it is a time zone's."""
    from zoneinfo import available_timezones

    import polars as pl

    try:
        pl.Series([], dtype=pl.Datetime("us")).dt.replace_time_zone(name or " ")
    except pl.exceptions.PolarsError:
        hint = did_you_mean(name, (zone for zone in available_timezones() if "/" in zone))
        example = hint if hint.startswith("did") else "write one as America/New_York"
        raise ValueError(f"{name!r} is not a time zone; {example}") from None
    return name


class ProjectSettings(Settings, frozen=True, kw_only=True):
    """``[project]``: its name, and the branches only ``promote`` may write."""

    name: Annotated[str, Meta(min_length=1, max_length=100)]
    """The project's name."""
    protected: tuple[str, ...] = ()
    """Branches that experiments cannot write. The first one holds what is published; the repository's `main` or the
    like if absent.
    """


class GitSettings(Settings, frozen=True, kw_only=True):
    """``[git]``: how commits are made.

    Without `sign` they are signed where git is configured to. With `hooks` each commit passes the repository's
    pre-commit and commit-msg hooks; where the branch with what is published says so, an experiment cannot undo it.
    """

    hooks: bool = False
    """Whether each commit passes the repository's pre-commit and commit-msg hooks. Set on `main`, it binds all
    branches.
    """
    sign: bool | None = None
    """Whether commits are signed; as git is configured if absent."""


@dataclass(frozen=True, slots=True)
class Place:
    """Marks the setting that says where a source's data is; the module `kind` of `workbench.sources` reads it."""

    kind: str


class SourceSettings(Settings, frozen=True, kw_only=True):
    """``[sources.<name>]``: where one input table is, its time and key columns, and how its files are read.

    Exactly one of `path`, `delta` and `sql` is given, and either `event_time` or `static`. `path` and a relative
    `database` are read from the project's root. What `dtypes` does not name is read from all values. `time_zone` is
    that of the time columns where they state none.
    """

    path: Annotated[str | None, Place("files")] = None
    """A file, folder or glob of Parquet, CSV, JSON or Excel, from the project's root."""
    format: Literal["parquet", "csv", "json", "ndjson", "excel"] | None = None
    """The files' format, where their name does not tell."""
    delta: Annotated[str | None, Place("delta")] = None
    """A Delta table: a path or a URI. Its version is the snapshot."""
    sql: Annotated[str | None, Place("query")] = None
    """A query that returns the rows: of files, of a DuckDB file, or of PostgreSQL."""
    database: str | None = None  # a URL may hold a password
    """What `sql` is asked of: a DuckDB file or a PostgreSQL URL; DuckDB over files if absent."""
    event_time: str | None = None
    """The column that says when a row happened; needed unless the table is `static`."""
    available_at: str | None = None
    """The column that says when a row became known; `event_time` if absent."""
    static: bool = False
    """Whether the table has no times: its rows are taken as known always, also at times before they were written."""
    key: tuple[str, ...] = ()
    """Columns that identify a row. Duplicates are counted and reported as a warning."""
    description: str = ""
    """What the table holds."""
    dtypes: dict[str, Annotated[str, Checked(_dtype_name)]] = field(default_factory=dict)
    """Dtypes of columns of text files and of keys of `key=value` folders, by their names in Polars or Python; others
    are inferred from all values. E.g. `{ zip = "str", shipped = "date", price = "Decimal(12, 2)" }`.
    """
    separator: Annotated[str, Meta(min_length=1, max_length=1)] = ","
    """What separates the fields of a CSV file."""
    decimal: Literal[".", ","] = "."
    """The decimal mark of a CSV file."""
    thousands: Annotated[str, Meta(min_length=1, max_length=1)] | None = None
    """What groups the digits of numbers in a CSV file by thousands; nothing if absent."""
    quote: Annotated[str, Meta(max_length=1)] = '"'
    """What encloses a field of a CSV file that holds a separator or a line end; nothing if empty."""
    sheet: str | None = None
    """The sheet of an Excel file; its first one if absent."""
    encoding: Annotated[str, Checked(_encoding)] = "utf-8"
    """The text encoding of a CSV file."""
    null_values: tuple[str, ...] = ()
    """Texts that mean null, e.g. `["NA", "-"]`."""
    time_format: str | None = None
    """How times are written, e.g. `"%d.%m.%Y %H:%M"`; ISO 8601 if absent."""
    time_zone: Annotated[str, Checked(time_zone_named)] | None = None
    """The zone of times that state none, in any kind of source; UTC if absent."""

    @classmethod
    def places(cls) -> dict[str, str]:
        """Return the kind of source by the setting that says where its data is."""
        marked = ((each.name, mark) for each in fields(cls) for mark in get_args(each.type)[1:])
        return {name: mark.kind for name, mark in marked if isinstance(mark, Place)}

    @property
    def kind(self) -> str:
        """The kind of source that it is."""
        return next(kind for key, kind in self.places().items() if getattr(self, key) is not None)

    def __post_init__(self) -> None:
        self._check_place()
        self._check_text()
        self._check_times()

    def __repr__(self) -> str:
        return Settings.__repr__(self if self.database is None else replace(self, database="..."))

    def _check_place(self) -> None:
        given = [key for key in self.places() if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError(f"needs exactly one of {', '.join(self.places())}; has {', '.join(given) or 'none'}")
        if self.database is not None and self.sql is None:
            raise ValueError("database goes with sql")
        for key in ("format", *_OF_FILES):
            if key in self.changed() and self.path is None:
                raise ValueError(f"{key} goes with path")

    def _check_text(self) -> None:
        if self.separator in {self.decimal, *_NO_SEPARATORS} or not self.separator.isascii():
            raise ValueError(f"{self.separator!r} cannot separate fields whose decimal mark is {self.decimal!r}")
        if self.thousands is not None and (self.thousands == self.decimal or _OF_NUMBERS.fullmatch(self.thousands)):
            raise ValueError(
                f"{self.thousands!r} cannot group digits of numbers whose decimal mark is {self.decimal!r}"
            )
        if self.quote in {self.separator, *"\r\n"} or not self.quote.isascii():
            raise ValueError(f"{self.quote!r} cannot enclose fields separated by {self.separator!r}")

    def _check_times(self) -> None:
        if self.static:
            given = [key for key in _OF_TIMES if getattr(self, key) is not None]
            if given:
                raise ValueError(f"a static table has no times: take out static or {', '.join(given)}")
        elif self.event_time is None:
            raise ValueError(
                "event_time is missing: name the column that says when a row happened, "
                "or write static = true for a table without times, whose rows are taken as known always"
            )


_OF_FILES = ("dtypes", "separator", "decimal", "thousands", "quote", "encoding", "null_values", "time_format", "sheet")
_OF_TIMES = ("event_time", "available_at", "time_format", "time_zone")
_NO_SEPARATORS = frozenset('"\r\n')
_OF_NUMBERS = re.compile(r"[\w+\-\r\n]")


def _memory(text: str) -> str:
    share = text.strip().endswith("%")
    if parse_memory(text, total=100) < LEAST and not share:
        raise ValueError(f"{text!r} is less than a project needs to run at all; give at least {LEAST // 10**6}MB")
    return text


class ComputeSettings(Settings, frozen=True, kw_only=True):
    """``[compute]``: what computing may take of the machine."""

    memory: Annotated[str, Checked(_memory)] | None = None
    """The memory that a process of the project may use, as `4GB`, `512MiB` or `50%` of what the container or the
    machine has; 80% of that if absent. What does not fit is computed part by part or put on disk, and what cannot be
    is refused before it begins.
    """


class TrackingSettings(Settings, frozen=True, kw_only=True):
    """``[tracking]``: the MLflow store, and the experiment its runs go to (the project's name if absent).

    Without a URI it is an SQLite database in the project's home, beside the lake. A relative path of SQLite is read
    from the project's folder in the main working tree.

    With ``send = false`` runs wait on disk until a process that sends them, as on a machine without a network.
    """

    uri: str | None = None
    """An MLflow server's URL or a database URL; an SQLite file beside the lake if absent."""
    experiment: str | None = None
    """The MLflow experiment; the project's name if absent."""
    send: bool = True
    """Whether runs are sent now; with `false` they wait on disk."""


class LakeSettings(Settings, frozen=True, kw_only=True):
    """``[lake]``: where published views are stored.

    Without a URI it is a folder in the project's home, which is in the shared git directory: this machine's alone. A
    relative path is read from the project's folder in the main working tree.
    """

    uri: str | None = None
    """Where published views are: a folder that all can reach, or `s3://bucket/folder` (`AWS_*` variables); local if
    absent.
    """


def _span(value: str) -> str:
    if value != "all":
        try:
            parse_duration(value, what="history")
        except DefinitionError as error:
            raise ValueError(f"{error.message} {error.remedy}") from None
    return value


_SERVERS: dict[str, Literal["redis", "postgres"]] = {
    "redis": "redis",
    "rediss": "redis",
    "unix": "redis",
    "postgresql": "postgres",
    "postgres": "postgres",
}
"""The kind of online store that a URL is of, by its scheme."""


class OnlineSettings(Settings, frozen=True, kw_only=True):
    """``[online]``: the low-latency copy of what is published.

    With this section, `promote`, `rollback` and `materialize` bring it up to date, and so does `online load`.
    """

    kind: Literal["lmdb", "redis", "postgres"] = "lmdb"
    """The kind of store: a folder that processes of one machine share, a Redis or Valkey server, or a PostgreSQL
    database.
    """
    path: str | None = None
    """The folder of `lmdb`, a relative one from the project's home; `online` there if absent."""
    url: str | None = None
    """Where `redis` is, as `redis://host:6379/0`, `rediss://...` with TLS or `unix://...`; user and password may also
    come from `REDIS_USERNAME` and `REDIS_PASSWORD`. Where `postgres` is, as `postgresql://user@host:5432/database`; the
    password may also come from `PGPASSWORD` or a password file.
    """
    history: Annotated[str, Checked(_span)] = "7d"
    """For how long before its loading the store can say what was known at a time; `all` for the whole history."""
    fallback: Literal["lake", "error"] = "lake"
    """What happens with a version, or a time, that the store does not have: the lake is read, or that is an error."""
    map_size: Annotated[int, Meta(ge=2**20)] = 64 * 2**30
    """Bytes that the file of `lmdb` may grow to; it takes up only what it holds."""

    @classmethod
    def of_url(cls, url: str) -> Self | None:
        """Return the settings of a machine that only reads from the server at `url`; None where that is of no kind."""
        kind = _SERVERS.get(url.partition("://")[0])
        return None if kind is None else cls(kind=kind, url=url, fallback="error")

    @property
    def depth(self) -> timedelta | None:
        """The history as a length of time; None for all of it."""
        return None if self.history == "all" else parse_duration(self.history, what="history")

    def __post_init__(self) -> None:
        if self.kind != "lmdb" and not self.url:
            raise ValueError(f'kind "{self.kind}" needs a url')


class ServeSettings(Settings, frozen=True, kw_only=True):
    """``[serve]``: the HTTP service that `serve` starts, and its limits; each holds for one worker.

    Without a token it serves this machine alone, unless `open` says otherwise.
    """

    host: str = "127.0.0.1"
    """The address that it listens on."""
    port: Annotated[int, Meta(ge=0, le=65535)] = 8420
    """The port that it listens on; 0 for a free one."""
    workers: Annotated[int, Meta(ge=1, le=64)] = 2
    """How many processes answer."""
    open: bool = False
    """Whether it answers other machines too while there is no token."""
    tokens: str | None = None
    """The file of tokens, a relative one from the project's home; beside the online store's folder if absent."""
    max_body: Annotated[int, Meta(ge=2**10)] = 4 * 2**20
    """Bytes that the body of a request may have."""
    max_entities: Annotated[int, Meta(ge=1)] = 5_000
    """Entities that a request may ask for."""
    max_features: Annotated[int, Meta(ge=1)] = 500
    """Features that a request may ask for."""
    concurrency: Annotated[int, Meta(ge=1)] = 128
    """Requests that are answered at a time; others are told to come back."""
    threads: Annotated[int, Meta(ge=1, le=64)] = 4
    """Threads for what takes long: large requests, and rows that are read from the lake."""
    deadline_ms: Annotated[int, Meta(ge=1)] = 5_000
    """Milliseconds that a request may take."""
    queue_ms: Annotated[int, Meta(ge=1)] = 1_000
    """Milliseconds that requests may wait for their turn before others are told to come back."""
    rate: Annotated[float, Meta(gt=0)] | None = None
    """Requests a second that may come with one token, or without tokens from one address; any number if absent."""
    grace_seconds: Annotated[int, Meta(ge=0)] = 10
    """Seconds that requests have to end when the service is stopped."""
    objective: Annotated[float, Meta(gt=0, lt=1)] = 0.999
    """The share of requests for features that is to be answered well; the metrics show how fast the rest is used up."""
    objective_ms: Annotated[float, Meta(gt=0)] = 100.0
    """Milliseconds within which a request is answered well, if it does not fail."""
    traces: str | None = None
    """Where traces of requests go by OpenTelemetry, as in `http://collector:4318/v1/traces`; none if absent."""
    on_demand: bool = False
    """Whether on-demand views are computed: the definitions that main published run, each in a process of its own."""
    log: Literal["none", "errors", "all"] = "errors"
    """Which requests are logged, as lines of JSON: those that fail, all, or none."""
    log_reads: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """The share of answers that are kept, with entities and values, for `skew` to compare; none if 0."""
    reads: str | None = None
    """The folder of the kept answers, a relative one from the project's home; `reads` there if absent."""
    reads_days: Annotated[int, Meta(ge=1)] = 14
    """For how many days they are kept."""
    reads_bytes: Annotated[int, Meta(ge=2**20)] = 2**30
    """Bytes that they may take up together; the oldest ones make room."""


class PolicyRule(Settings, frozen=True, kw_only=True):
    """``[[policy.rules]]``: who may promote the views that a pattern names, and who must agree.

    Every rule whose pattern fits a view binds it. People are e-mail addresses as git knows them.
    """

    views: tuple[str, ...] = ("*",)
    """Patterns of views that the rule binds."""
    promoters: tuple[str, ...] = ()
    """Who may promote; everybody if empty."""
    approvers: tuple[str, ...] = ()
    """Whose approvals count, beside the owners; everybody's if both are empty."""
    approvals: Annotated[int, Meta(ge=0, le=20)] = 0
    """How many approvals a promotion needs."""
    owners: tuple[str, ...] = ()
    """One of these must promote or approve."""


def _moment(given: object) -> datetime | date:
    """Read a quoted day as the day, not as its first instant: a freeze holds until its last day is over."""
    if isinstance(given, str):
        try:
            return date.fromisoformat(given) if _DAY.fullmatch(given) else datetime.fromisoformat(given)
        except ValueError:
            pass
    elif isinstance(given, datetime | date):
        return given
    raise ValueError(f"{given!r} is neither a day nor an instant; write 2026-12-20 or 2026-12-20T18:00:00Z")


def _read_clock(given: object) -> time | None:
    try:
        return time.fromisoformat(given) if isinstance(given, str) else given if isinstance(given, time) else None
    except ValueError:
        return None


def _utc_clock(given: object) -> time:
    value = _read_clock(given)
    if value is None:
        raise ValueError(f"{given!r} is no time of day; write 09:00:00")
    if value.tzinfo is not None and value.utcoffset() != timedelta(0):
        raise ValueError("trains use UTC: write the time without a zone")
    return value.replace(tzinfo=None)


_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
Moment = Annotated[datetime | date, ReadBy(_moment)]
Clock = Annotated[time, ReadBy(_utc_clock)]


class FreezeSettings(Settings, frozen=True, kw_only=True):
    """``[[policy.freezes]]``: a period in which nothing that its patterns name is promoted; rollback stays allowed.

    Days count as a whole, the last one too; without a zone a time is UTC.
    """

    name: str
    """The freeze's name, for messages."""
    start: Moment
    """Its first day or instant."""
    end: Moment
    """Its last day or instant."""
    views: tuple[str, ...] = ("*",)
    """Patterns of views that it binds."""

    def __post_init__(self) -> None:
        over = timedelta(0) if isinstance(self.end, datetime) else timedelta(days=1, microseconds=-1)
        if _instant(self.end) + over < _instant(self.start):
            raise ValueError(f"the freeze {self.name!r} ends before it starts")


class TrainSettings(Settings, frozen=True, kw_only=True):
    """``[[policy.trains]]``: weekly times (UTC) at which what its patterns name is promoted, and at no others."""

    name: str
    """The train's name, for messages."""
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...]
    """The days of the week."""
    opens: Clock = time(0, 0)
    """The time at which it opens, in UTC."""
    closes: Clock = time(23, 59, 59)
    """The time at which it closes, in UTC."""
    views: tuple[str, ...] = ("*",)
    """Patterns of views that it binds."""


class DriftSettings(Settings, frozen=True, kw_only=True):
    """``[policy.drift]``: how far values may move in a promotion before it must be accepted by name."""

    measure: MeasureName = "psi"
    """The measure that the budgets limit."""
    budget: Annotated[float, Meta(ge=0)] | None = None
    """The limit for all features; a feature's own noise if absent."""
    budgets: dict[str, Annotated[float, Meta(ge=0)]] = field(default_factory=dict)
    """Limits of single features, e.g. `{ "carrier_delay:delay_mean_7d" = 0.1 }`."""


NewDataAction = Literal["refuse", "warn", "ignore"]


class NewDataSettings(Settings, frozen=True, kw_only=True):
    """``[policy.new_data]``: what `materialize` does where new source data looks wrong.

    `rows` where a version or one of its sources loses all rows, or a larger share than `max_loss`; `values` where
    features drift. What is refused is published where somebody accepts the view by name.
    """

    rows: NewDataAction = "refuse"
    """What happens where a version or one of its sources loses too many rows."""
    max_loss: Annotated[float, Meta(ge=0, le=1)] = 0.5
    """The largest share of rows that may be lost."""
    values: NewDataAction = "warn"
    """What happens where the values of features drift."""


class PolicySettings(Settings, frozen=True, kw_only=True):
    """``[policy]``: who may promote what and when, as it stands on main; a branch cannot change its own rules.

    Rollback, deprecate, retire, materialize, cutting and dropping a release, and deleting from the lake ask for no
    approvals: who may promote all the views concerned may do them, and the `maintainers`, who are e-mail addresses too.
    With `require_signed` nobody is who they say without a key that the file `allowed_signers` lists for their address.
    """

    minimum_match: Annotated[float, Meta(ge=0, le=1)] = 0.5
    """Warn where a view has a value for a smaller share of a training set's rows."""
    require_signed: bool = False
    """Whether authors, approvers and promoters must sign."""
    allowed_signers: str = "allowed_signers"
    """git's allowed-signers file, read as it stands on `main`."""
    maintainers: tuple[str, ...] = ()
    """Addresses of those who may change what is published, but not promote."""
    deprecation_days: Annotated[int, Meta(ge=0)] = 30
    """The shortest time between `deprecate` and `retire`, in days."""
    keep_fresh: tuple[Annotated[str, Checked(_major_reference)], ...] = ()
    """Superseded major versions, as `spend@1`, that `materialize` refreshes although nothing reads or pins them."""
    require_metadata: bool = True
    """Whether an experiment needs an objective, and a view an owner and a description."""
    require_tests: bool = False
    """Whether a view without tests or examples is "not checked"."""
    rules: tuple[PolicyRule, ...] = ()
    """Who may promote what, and who must agree. Every rule that fits a view binds it."""
    freezes: tuple[FreezeSettings, ...] = ()
    """Periods in which nothing is promoted."""
    trains: tuple[TrainSettings, ...] = ()
    """Weekly windows in which promotions are allowed."""
    drift: DriftSettings = DriftSettings()
    """How far values may move in a promotion."""
    new_data: NewDataSettings = NewDataSettings()
    """What `materialize` does with new data that looks wrong."""


class Config(Settings, frozen=True, kw_only=True):
    """All of ``workbench.toml``."""

    project: ProjectSettings
    git: GitSettings = GitSettings()
    sources: dict[Annotated[str, Checked(_source_name)], SourceSettings] = field(default_factory=dict)
    compute: ComputeSettings = ComputeSettings()
    tracking: TrackingSettings = TrackingSettings()
    lake: LakeSettings = LakeSettings()
    online: OnlineSettings | None = None
    serve: ServeSettings = ServeSettings()
    policy: PolicySettings = PolicySettings()

    @classmethod
    def parse(cls, text: str, *, origin: str = CONFIG_FILE) -> Config:
        """Return the configuration that `text` (TOML) holds.

        Parameters
        ----------
        text
            The file's content.
        origin
            The file's name, for messages.

        Raises
        ------
        ConfigError
            Not TOML, an unknown key (with "did you mean"), a missing key or a value of the wrong type.
        """
        try:
            raw = read_toml(text)
        except ValueError as error:
            raise ConfigError(f"{origin} is not valid TOML: {error}.", remedy="Correct that line.") from None
        try:
            return cls.read(raw)
        except Mistakes as mistakes:
            found = mistakes.found
            raise ConfigError(
                f"{origin} has {len(found)} mistake{'s' if len(found) > 1 else ''}:",
                lines=[f"  {mistake}" for mistake in found],
                remedy=f"Correct {origin}; `workbench init` in an empty folder writes one to compare with.",
            ) from None

    @classmethod
    def of_file(cls, path: Path) -> Config:
        """Return the configuration in the file at `path`.

        Raises
        ------
        ConfigError
            As `parse`, and where the file cannot be read.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} cannot be read: {error}.", remedy="Restore it, e.g. from git.") from None
        return cls.parse(text, origin=path.name)


def _instant(moment: datetime | date) -> datetime:
    """Return a day's first instant, or the instant itself; without a zone it is UTC."""
    if not isinstance(moment, datetime):
        return datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    return in_utc(moment)
