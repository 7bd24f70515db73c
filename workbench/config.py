"""``workbench.toml``, typed. An unknown key is an error that says what was meant."""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from workbench.errors import ConfigError, InvalidName, did_you_mean

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
"""What a view, a feature, a source and a project's branch-free names look like."""


def valid_name(kind: str, name: str) -> str:
    """Return `name` if it may reach git, a path and SQL.

    Parameters
    ----------
    kind
        What is named, for the message: ``view``, ``source``, ...
    name
        What the user wrote.

    Raises
    ------
    InvalidName
        For anything but 1 to 63 lower-case letters, digits and underscores, a letter first.
    """
    if not NAME.fullmatch(name):
        rule = "Use 1 to 63 lower-case letters, digits and underscores, beginning with a letter."
        raise InvalidName.of(kind, name, rule=rule)
    return name


def _source_name(name: str) -> str:
    try:
        return valid_name("source", name)
    except InvalidName as error:
        raise ValueError(str(error)) from None


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ProjectSettings(_Section):
    """``[project]``: its name, and the branches only ``promote`` may write."""

    name: str = Field(min_length=1, max_length=100)
    protected: tuple[str, ...] = ("main",)


class SourceSettings(_Section):
    """``[sources.<name>]``: where one input table is, and its time and key columns.

    Exactly one of `path`, `delta` and `sql` is given. `path` and a relative `database` are read from
    the project's root.
    """

    path: str | None = None
    format: Literal["parquet", "csv", "json", "ndjson"] | None = None
    delta: str | None = None
    sql: str | None = None
    database: str | None = Field(default=None, repr=False)  # a URL may hold a password
    event_time: str
    available_at: str | None = None
    key: tuple[str, ...] = ()
    description: str = ""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        given = [key for key in ("path", "delta", "sql") if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError(f"needs exactly one of path, delta, sql; has {', '.join(given) or 'none'}")
        if self.database is not None and self.sql is None:
            raise ValueError("database goes with sql")
        if self.format is not None and self.path is None:
            raise ValueError("format goes with path")
        return self


class TrackingSettings(_Section):
    """``[tracking]``: the MLflow store, and the experiment its runs go to (the project's name if absent).

    With ``send = false`` runs wait on disk until a process that sends them, as on a machine without a network.
    """

    uri: str = "sqlite:///.workbench/mlflow.db"
    experiment: str | None = None
    send: bool = True


class LakeSettings(_Section):
    """``[lake]``: where published views are stored."""

    uri: str = ".workbench/lake"


class OnlineSettings(_Section):
    """``[online]``: the low-latency copy of the lake."""

    kind: Literal["lmdb", "redis"] = "lmdb"
    url: str | None = None


class PolicyRule(_Section):
    """``[[policy.rules]]``: who may promote the views that a pattern names, and who must agree.

    Every rule whose pattern fits a view binds it. People are e-mail addresses as git knows them.
    """

    views: tuple[str, ...] = ("*",)
    promoters: tuple[str, ...] = ()
    approvers: tuple[str, ...] = ()
    approvals: int = Field(default=0, ge=0, le=20)
    owners: tuple[str, ...] = ()


def _day(value: object) -> object:
    """Read a quoted day as the day, not as its first instant: a freeze holds until its last day is over."""
    return date.fromisoformat(value) if isinstance(value, str) and _DAY.fullmatch(value) else value


def _utc_clock(value: time) -> time:
    if value.tzinfo is not None and value.utcoffset() != timedelta(0):
        raise ValueError("trains run by UTC: write the time without a zone")
    return value.replace(tzinfo=None)


_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
Moment = Annotated[datetime | date, BeforeValidator(_day)]
Clock = Annotated[time, AfterValidator(_utc_clock)]


class FreezeSettings(_Section):
    """``[[policy.freezes]]``: a period in which nothing that its patterns name is promoted; rollback stays allowed.

    Days count as a whole, the last one too; without a zone a time is UTC.
    """

    name: str
    start: Moment
    end: Moment
    views: tuple[str, ...] = ("*",)

    @model_validator(mode="after")
    def _forward(self) -> Self:
        over = timedelta(0) if isinstance(self.end, datetime) else timedelta(days=1, microseconds=-1)
        if _instant(self.end) + over < _instant(self.start):
            raise ValueError(f"the freeze {self.name!r} ends before it starts")
        return self


class TrainSettings(_Section):
    """``[[policy.trains]]``: weekly times (UTC) at which what its patterns name is promoted, and at no others."""

    name: str
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...]
    opens: Clock = time(0, 0)
    closes: Clock = time(23, 59, 59)
    views: tuple[str, ...] = ("*",)


class DriftSettings(_Section):
    """``[policy.drift]``: how far values may move in a promotion before somebody must accept it by name."""

    measure: Literal["psi", "ks", "jensen_shannon", "wasserstein"] = "psi"
    budget: float | None = Field(default=None, ge=0)
    budgets: dict[str, float] = Field(default_factory=dict)


class PolicySettings(_Section):
    """``[policy]``: who may promote what and when, as it stands on main; a branch cannot change its own rules."""

    minimum_match: float = Field(default=0.5, ge=0, le=1)
    require_signed: bool = False
    allowed_signers: str = "allowed_signers"
    deprecation_days: int = Field(default=30, ge=0)
    require_metadata: bool = True
    rules: tuple[PolicyRule, ...] = ()
    freezes: tuple[FreezeSettings, ...] = ()
    trains: tuple[TrainSettings, ...] = ()
    drift: DriftSettings = DriftSettings()


_INSIDE = {"rules": PolicyRule, "freezes": FreezeSettings, "trains": TrainSettings, "drift": DriftSettings}


class Config(_Section):
    """All of ``workbench.toml``."""

    project: ProjectSettings
    sources: dict[Annotated[str, AfterValidator(_source_name)], SourceSettings] = Field(default_factory=dict)
    tracking: TrackingSettings = TrackingSettings()
    lake: LakeSettings = LakeSettings()
    online: OnlineSettings = OnlineSettings()
    policy: PolicySettings = PolicySettings()

    @classmethod
    def parse(cls, text: str, *, origin: str = "workbench.toml") -> Config:
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
            raw = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{origin} is not valid TOML: {error}.", remedy="Correct that line.") from None
        try:
            return cls.model_validate(raw)
        except ValidationError as error:
            raise _explain(error, origin) from None

    @classmethod
    def read(cls, path: Path) -> Config:
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
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _explain(error: ValidationError, origin: str) -> ConfigError:
    """Turn pydantic's report into lines a person can act on."""
    lines = []
    for issue in error.errors(include_url=False):
        place = ".".join(str(part) for part in issue["loc"] if part != "[key]")
        if issue["type"] == "extra_forbidden":
            hint = did_you_mean(str(issue["loc"][-1]), _keys_beside(issue["loc"]))
            lines.append(f"  {place}: unknown key; {hint}")
        elif issue["type"] == "missing":
            lines.append(f"  {place}: missing")
        else:
            lines.append(f"  {place}: {issue['msg'].removeprefix('Value error, ')}")
    return ConfigError(
        f"{origin} has {len(lines)} mistake{'s' if len(lines) > 1 else ''}:",
        lines=lines,
        remedy=f"Correct {origin}; `workbench init` in an empty folder writes one to compare with.",
    )


def _keys_beside(place: tuple[int | str, ...]) -> list[str]:
    """Return the keys that would have been understood at `place`."""
    model: Any = Config
    for part in place[:-1]:
        if model is Config and part in Config.model_fields:
            model = SourceSettings if part == "sources" else Config.model_fields[str(part)].annotation
        elif part in _INSIDE:
            model = _INSIDE[str(part)]
    return list(model.model_fields)
