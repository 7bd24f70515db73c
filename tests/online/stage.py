"""Published views without a repository: records in a dictionary, rows in a real lake, an LMDB store to load."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from workbench.define import ColumnContract, Contract
from workbench.lake import Lake, LakeWriter
from workbench.online import OnlineReader
from workbench.online.backend import OnlineBackend
from workbench.online.lmdb import LmdbStore
from workbench.online.load import Loaded, Published, load
from workbench.registry import Record, Version, record_path
from workbench.times import format_duration

START = datetime(2024, 1, 1, tzinfo=UTC)
UTC_TIME = pl.Datetime("us", "UTC")


def contract_of(
    schema: Mapping[str, pl.DataType],
    *,
    entities: Sequence[str],
    created: str | None = None,
    ttl: timedelta | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> Contract:
    """Return the contract of a view whose event time is ``at``; all features may be null."""
    roles = dict.fromkeys(entities, "entity") | {"at": "event_time"} | ({created: "created"} if created else {})
    return Contract(
        tuple(
            ColumnContract(
                name,
                dtype,
                roles.get(name, "feature"),  # type: ignore[arg-type]  # one of the roles
                nullable=name not in roles,
                default=(defaults or {}).get(name),
            )
            for name, dtype in schema.items()
        ),
        ttl=ttl,
    )


@dataclass
class Shelf:
    """What is published, in a folder."""

    folder: Path
    backend: OnlineBackend
    records: dict[str, Record] = field(default_factory=dict)
    releases: dict[str, str] = field(default_factory=dict)
    sets: dict[str, list[str]] = field(default_factory=dict)
    history: timedelta | None = None
    _commits: dict[str, dict[str, str]] = field(default_factory=dict)
    _blobs: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def at(cls, folder: Path, **settings: Any) -> Shelf:
        return cls(folder, LmdbStore(folder / "online", map_size=2**30), **settings)

    @property
    def lake(self) -> Lake:
        return Lake("lake", root=self.folder)

    def publish(
        self,
        view: str,
        frame: pl.DataFrame,
        *,
        entities: Sequence[str] = ("user",),
        number: str = "1.0",
        created: str | None = None,
        ttl: timedelta | None = None,
        defaults: Mapping[str, Any] | None = None,
        contract: Contract | None = None,
        **facts: Any,
    ) -> Version:
        """Publish `frame` as a version of `view`, the one that serves."""
        contract = contract or contract_of(frame.schema, entities=entities, created=created, ttl=ttl, defaults=defaults)
        digest = hashlib.sha256(repr(frame.rows()).encode() + repr(frame.schema).encode()).hexdigest()
        path = self.folder / f"{digest}.parquet"
        frame.write_parquet(path)
        major = int(number.partition(".")[0])
        delta = LakeWriter(self.lake).publish(
            path, view=view, major=major, contract=contract, view_id=digest, metadata={"data_digest": digest}
        )
        declaration = {"entities": list(entities), "event_time": "at"}
        declaration |= {"created": created} if created else {}
        declaration |= {"ttl": format_duration(ttl)} if ttl else {}
        version = Version(
            number=number, status="live", category="new", view_id=digest, data_digest=digest, rows=frame.height,
            delta_version=delta, code_hash="c0de", metadata_hash="da7a", features="", branch="exp/a", commit="c" * 40,
            published_at=START, published_by="A <a@example.org>", declaration=declaration,
            contract_facts=contract.to_dict(), **facts,
        )  # fmt: skip
        before = self.records.get(view, Record(view, None))
        kept = tuple(
            replace(old, status="superseded") if old.major == major and old.status == "live" else old
            for old in before.versions
            if old.number != number
        )
        self.records[view] = Record(view, number, (*kept, version))
        return version

    def roll_back(self, view: str, number: str) -> None:
        """Let an earlier version of the same major serve."""
        record = self.records[view]
        major = number.partition(".")[0]
        versions = tuple(
            replace(version, status="live" if version.number == number else "superseded")
            if str(version.major) == major
            else version
            for version in record.versions
        )
        self.records[view] = replace(record, current=number, versions=versions)

    def commit(self) -> str:
        """Return a commit of what is published now."""
        files = {}
        for view, record in self.records.items():
            text = record.to_toml().encode()
            blob = hashlib.sha256(text).hexdigest()[:40]
            self._blobs[blob] = text
            files[record_path(view)] = blob
        commit = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()[:40]
        self._commits[commit] = files
        return commit

    def files(self, commit_or_tree: str, under: str = "") -> dict[str, str]:
        return {path: blob for path, blob in self._commits[commit_or_tree].items() if path.startswith(under)}

    def read_blob(self, blob: str) -> bytes:
        return self._blobs[blob]

    @property
    def published(self) -> Published:
        return Published(
            project="shelf",
            repository=self,
            commit=self.commit(),
            releases=self.releases,
            feature_sets=self.sets,
            lake=self.lake,
            history=self.history,
        )

    def load(self, *, full: bool = False) -> Loaded:
        return load(self.backend, lambda _: self.published, full=full)

    def reader(self, *, lake: bool = False) -> OnlineReader:
        return OnlineReader(self.backend, lake=self.lake if lake else None)


def minutes(*numbers: float) -> list[datetime]:
    """Return instants so many minutes after the start."""
    return [START + timedelta(minutes=number) for number in numbers]


def rows(users: Sequence[str | None], at: Sequence[datetime], value: Sequence[float | None]) -> pl.DataFrame:
    """Return rows of a view of users."""
    return pl.DataFrame(
        {"user": users, "at": at, "value": value}, schema={"user": pl.String, "at": UTC_TIME, "value": pl.Float64}
    )
