"""`Source`: a declared input table that gives its rows, and says which data they are; `Sources`: all of a project."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.config import SourceSettings
from workbench.drivers import translate_errors
from workbench.errors import SourceError, SourceNotFound, did_you_mean
from workbench.lazy import deferred
from workbench.redaction import redact
from workbench.sources import faults
from workbench.sources.check import check_rows
from workbench.sources.dialect import Dialect
from workbench.sources.digest_cache import read_json, write_json
from workbench.sources.reader import Declared, Parts, SourceReader, digest_of
from workbench.sources.snapshot import Snapshot, SourceWarning
from workbench.sources.times import normalise_times

if TYPE_CHECKING:
    import polars as pl
else:
    pl = deferred("polars")

_CHECK_SCHEME = 2
_READING_SCHEME = 2
"""To be raised when the same data is read as other rows than before."""


class Source:
    """A declared input table: files, a Delta table, or a query.

    Parameters
    ----------
    name
        The source's name.
    settings
        Its table in ``workbench.toml``.
    root
        The project's root: relative paths start here.
    cache
        A folder of this source's own, for what is remembered and landed. May be deleted at any time.
    """

    def __init__(self, name: str, settings: SourceSettings, *, root: Path, cache: Path) -> None:
        self._declared = Declared(name, settings, root, cache)

    @cached_property
    def _reader(self) -> SourceReader:
        """What reads the source: each kind is a module of this room, with its class as ``READER``."""
        reader: Callable[[Declared], SourceReader] = import_module(f"workbench.sources.{self.settings.kind}").READER
        return reader(self._declared)

    def __repr__(self) -> str:
        return f"<Source {self.name!r}: {redact(self.settings.database or '') or self._reader.place}>"

    @property
    def name(self) -> str:
        """The source's name."""
        return self._declared.name

    @property
    def settings(self) -> SourceSettings:
        """Its table in ``workbench.toml``; a connection URL in it may hold a password."""
        return self._declared.settings

    @property
    def root(self) -> Path:
        """The project's root."""
        return self._declared.root

    @property
    def event_time(self) -> str | None:
        """The column that says when a row happened; None for a static table."""
        return self.settings.event_time

    @property
    def available_at(self) -> str | None:
        """The column that says when a row became known: `event_time` if none is declared; None for a static table."""
        return self.settings.available_at or self.settings.event_time

    @property
    def known_since(self) -> tuple[str, ...]:
        """The columns whose times must all have come before a row is known; none for a static table."""
        return () if self.available_at is None else (self.available_at,)

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that tell one row from another; empty where none are declared."""
        return self.settings.key

    @property
    def reading(self) -> str:
        """The digest of how rows are made of its data: other settings are other rows."""
        settings = self.settings
        times = [settings.event_time or "", settings.available_at or "", settings.format or ""]
        return digest_of([_READING_SCHEME, times, Dialect.of(settings).to_json()])

    def snapshot(self, *, recheck: bool = False) -> Snapshot:
        """Return the identity of the source's data now.

        Files are read once and then known by path, size, times and inode. A query is run.
        """
        with self._reading():
            return self._reader.snapshot(recheck=recheck)

    def frame(self, snapshot: Snapshot | None = None) -> pl.LazyFrame:
        """Return the source's rows: all its columns, `event_time` and `available_at` as ``Datetime("us", "UTC")``."""
        zone = self.settings.time_zone
        with self._reading(snapshot):
            if zone is not None:
                snapshot = self.snapshot() if snapshot is None else snapshot
                self.check(snapshot)  # refuses times that the zone's clock skips
            return normalise_times(self.name, self._reader.scan(snapshot), self._declared.roles, zone)

    def parts(self, snapshot: Snapshot) -> Parts:
        """Return the rows of `frame` in parts, which are known again in another snapshot; none where there are none."""
        with self._reading(snapshot):
            found = self._reader.parts(snapshot)
        return {digest_of([self.reading, name]): self._part(scan) for name, scan in found.items()}

    def _part(self, scan: Callable[[], pl.LazyFrame]) -> Callable[[], pl.LazyFrame]:
        return lambda: normalise_times(self.name, scan(), self._declared.roles, self.settings.time_zone)

    def dtypes(self) -> Mapping[str, pl.DataType] | None:
        """Return the columns of `frame`, each with its dtype; None for a query, which is not run to look at it."""
        if self.settings.kind == "query":
            return None
        with self._reading():
            frame = self._reader.scan(None)
            return normalise_times(self.name, frame, self._declared.roles, self.settings.time_zone).collect_schema()

    def check(self, snapshot: Snapshot | None = None) -> tuple[SourceWarning, ...]:
        """Return what is odd about the source's data: repeated keys, nulls in time or key, naive times, no rows.

        The answer is remembered for each snapshot, so it costs the data's reading once.
        """
        taken = self.snapshot() if snapshot is None else snapshot
        memo = self._declared.memo_path(self._check_key(taken))
        remembered = _warnings(self.name, read_json(memo))
        if remembered is not None:
            return remembered
        with self._reading(taken):
            frame = self._reader.scan(taken)  # first: a text file's notes are kept with the copy that this makes
            notes, parts = self._reader.notes(taken), self._reader.parts(taken)
            checked = check_rows(self._declared, frame, parts=parts, confirm=lambda: self._reader.verify(taken))
            found = (*notes, *checked)
        write_json(memo, {"warnings": [[warning.message, warning.count] for warning in found]})
        return found

    def mark(self) -> object:
        """Return what is another value after anybody touched the data.

        A frame is lazy. Take a mark before it is collected and hand it to `verify` afterwards.
        """
        with self._reading():
            return self._reader.mark()

    def verify(self, snapshot: Snapshot, *, mark: object = None) -> None:
        """Raise SourceError if the data of `snapshot` cannot be read."""
        with self._reading():
            self._reader.verify(snapshot)
            moved = mark is not None and self._reader.mark() != mark
        if moved:
            raise faults.moved_on(self.name, self._reader.place)

    def require_readable(self, snapshot: Snapshot | None = None) -> None:
        """Read all rows once more, and raise if that fails.

        A frame is lazy: after a failed collect this tells whether the source is the cause.
        """
        taken = self.snapshot() if snapshot is None else snapshot
        with self._reading(taken):
            self.frame(taken).select(pl.all().null_count()).collect(engine="streaming")

    @contextmanager
    def _reading(self, snapshot: Snapshot | None = None) -> Iterator[None]:
        """Raise `SourceError` for what a library or the system says; a damaged copy of ours is removed first."""

        def convert(error: BaseException) -> SourceError:
            if snapshot is not None and self._reader.forget(snapshot):
                return faults.damaged_copy(self.name)
            return faults.of_driver(self.name, self._reader.place, error)

        with translate_errors(convert):
            yield

    def _check_key(self, snapshot: Snapshot) -> str:
        return digest_of([_CHECK_SCHEME, snapshot.digest, self._declared.roles, list(self.key), self.reading])


def _warnings(source: str, values: dict[str, object]) -> tuple[SourceWarning, ...] | None:
    """Return remembered warnings; `None` where there are none or they are damaged."""
    found = values.get("warnings")
    if not isinstance(found, list):
        return None
    warnings = []
    for entry in found:
        match entry:
            case [str(message), int(count)]:
                warnings.append(SourceWarning(source, message, count))
            case _:
                return None
    return tuple(warnings)


class Sources(Mapping[str, Source]):
    """The declared sources by name.

    Parameters
    ----------
    settings
        The tables under ``[sources]`` in ``workbench.toml``.
    root
        The project's root.
    cache
        The project's folder for what can be made again; ``sources/<name>`` in it is used.
    """

    __slots__ = ("_sources",)

    def __init__(self, settings: Mapping[str, SourceSettings], *, root: Path, cache: Path) -> None:
        here, kept = root.absolute(), cache.absolute() / "sources"
        self._sources = {
            name: Source(name, declared, root=here, cache=kept / name) for name, declared in settings.items()
        }

    def __getitem__(self, name: str) -> Source:
        """Return the source `name`."""
        if name not in self._sources:
            raise SourceNotFound(
                f"There is no source {name!r} in workbench.toml.",
                remedy=f"{did_you_mean(name, self._sources)} Declare it under [sources.{name}].".strip(),
            )
        return self._sources[name]

    def get(self, name: str, default: Source | None = None) -> Source | None:  # type: ignore[override]  # no default of another type
        """Return the source `name`, or `default` where it is not declared."""
        return self._sources.get(name, default)

    def __contains__(self, name: object) -> bool:
        return name in self._sources

    def __iter__(self) -> Iterator[str]:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self._sources)

    def __repr__(self) -> str:
        return f"<Sources: {', '.join(self.names()) or 'none'}>"

    def names(self) -> tuple[str, ...]:
        """Return the names of all sources, sorted."""
        return tuple(sorted(self._sources))
