"""Delta commits that win or lose as a whole: a new version goes on top of exactly the one it was made from.

deltalake makes them. The first one of a table in a folder is written here: deltalake takes several times as long, since
it reads back the table that it made, and a promotion of many views makes many tables.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workbench.define import Contract
from workbench.drivers import reason
from workbench.errors import LakeError
from workbench.lake.encoding import delta_schema, has_plain_datetime, stored_schema
from workbench.lake.storage import LOG
from workbench.lake.table import DeltaCommit, TableAt

CONFIGURATION: dict[str, str | None] = {
    # the registry, not age, says which versions are kept: nobody's clean-up may take the log or the files from under it
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.deletedFileRetentionDuration": "interval 36500 days",
    "delta.enableExpiredLogCleanup": "false",
}


@dataclass(frozen=True, slots=True)
class NewFile:
    """A data file that lies in the table's folder and that no version names yet."""

    name: str
    size: int
    statistics: str


class Lost(Exception):
    """Another writer's commit took the version; nothing was committed."""


class Refused(Exception):
    """It is sure that nothing was committed, and trying again would not help; `error` says why."""

    def __init__(self, error: LakeError) -> None:
        super().__init__(str(error))
        self.error = error


def create(table: TableAt, contract: Contract, files: Sequence[NewFile], commit: DeltaCommit) -> int:
    """Make the table with these files as its version 0."""
    from deltalake import Schema
    from deltalake.transaction import CommitProperties, create_table_with_add_actions

    def act() -> None:
        schema = Schema.from_json(delta_schema(contract))
        if table.storage.create(_entry(0), _first_commit(contract, schema, files, commit)):
            return
        create_table_with_add_actions(
            table.uri,
            schema,
            [_add(file) for file in files],
            mode="error",
            configuration=CONFIGURATION,
            storage_options=table.storage.options or None,
            commit_properties=CommitProperties(custom_metadata=commit.to_log(), max_commit_retries=0),
            post_commithook_properties=_hooks(),
        )

    return _settled(table, 0, commit, act)


def replace_all(table: TableAt, base: Any, contract: Contract, files: Sequence[NewFile], commit: DeltaCommit) -> int:
    """Put on top of the version `base` one that has these files alone, and the contract's columns."""
    return _write(table, _able(table, base, contract), contract, files, "overwrite", commit)


def add_files(table: TableAt, base: Any, contract: Contract, files: Sequence[NewFile], commit: DeltaCommit) -> int:
    """Put on top of the version `base` one that has these files too; same columns."""
    return _write(table, base, contract, files, "append", commit)


def same_columns(base: Any, contract: Contract) -> bool:
    """Return whether the version `base` has the contract's columns as they are stored."""
    from deltalake import Schema

    found, wanted = base.schema(), Schema.from_json(delta_schema(contract))
    return {field.name: field.type for field in found.fields} == {field.name: field.type for field in wanted.fields}


def _write(
    table: TableAt, base: Any, contract: Contract, files: Sequence[NewFile], mode: str, commit: DeltaCommit
) -> int:
    from deltalake import Schema
    from deltalake.transaction import CommitProperties

    def act() -> None:
        base.create_write_transaction(
            [_add(file) for file in files],
            mode,
            Schema.from_json(delta_schema(contract)),
            commit_properties=CommitProperties(custom_metadata=commit.to_log(), max_commit_retries=0),
            post_commithook_properties=_hooks(),
        )

    return _settled(table, base.version() + 1, commit, act)


def _settled(table: TableAt, version: int, commit: DeltaCommit, act: Any) -> int:
    """Commit, and believe what the log says then: an error can come after the commit is made, too."""
    from deltalake.exceptions import DeltaError

    failure: Exception | None = None
    try:
        act()
    except (DeltaError, OSError, ValueError) as error:
        failure = error
    found = table.commit(version)
    if found is not None and found.writer == commit.writer:
        table.storage.settle(_entry(version))
        return version
    if found is not None or _latest(table) >= version:
        raise Lost from failure
    why = "it took no commit" if failure is None else reason(failure)
    raise Refused(LakeError.not_written(table.uri, why)) from failure


def _latest(table: TableAt) -> int:
    latest = table.latest()
    return -1 if latest is None else latest


def _able(table: TableAt, base: Any, contract: Contract) -> Any:
    """Return `base`, or a version on top of it that may have the contract's columns: Delta wants it said before.

    An overwrite with datetimes without a zone goes through on a table that does not announce them; nobody can open that
    table afterwards.
    """
    from deltalake import TableFeatures
    from deltalake.exceptions import CommitFailedError, DeltaError

    if not _has_plain_datetimes(contract) or "timestampNtz" in (base.protocol().writer_features or ()):
        return base
    try:
        base.alter.add_feature(TableFeatures.TimestampWithoutTimezone, allow_protocol_versions_increase=True)
    except CommitFailedError as error:
        raise Lost from error
    except (DeltaError, OSError, ValueError) as error:
        raise Refused(LakeError.not_written(table.uri, reason(error))) from error
    return base  # which is the new version by now


def _has_plain_datetimes(contract: Contract) -> bool:
    return any(has_plain_datetime(dtype) for dtype in stored_schema(contract).values())


def _entry(version: int) -> str:
    return f"{LOG}/{version:020d}.json"


def _first_commit(contract: Contract, schema: Any, files: Sequence[NewFile], commit: DeltaCommit) -> bytes:
    """Return the log entry that makes a table; see https://github.com/delta-io/delta/blob/master/PROTOCOL.md."""
    now = _now()
    features = ["timestampNtz"] if _has_plain_datetimes(contract) else []
    protocol: dict[str, object] = {"minReaderVersion": 1, "minWriterVersion": 2}
    if features:
        protocol = {
            "minReaderVersion": 3,
            "minWriterVersion": 7,
            "readerFeatures": features,
            "writerFeatures": features,
        }
    metadata = {
        "id": str(uuid.uuid4()),
        "format": {"provider": "parquet", "options": {}},
        "schemaString": schema.to_json(),
        "partitionColumns": [],
        "configuration": CONFIGURATION,
        "createdTime": now,
    }
    information = {"timestamp": now, "operation": "CREATE TABLE", "operationParameters": {}, **commit.to_log()}
    actions = [
        {"commitInfo": information},
        {"protocol": protocol},
        {"metaData": metadata},
        *({"add": _added(file, now)} for file in files),
    ]
    return "\n".join(json.dumps(action, ensure_ascii=False) for action in actions).encode()


def _added(file: NewFile, now: int) -> dict[str, object]:
    facts = {"path": file.name, "partitionValues": {}, "size": file.size, "modificationTime": now}
    return {**facts, "dataChange": True, "stats": file.statistics}


def _add(file: NewFile) -> Any:
    from deltalake.transaction import AddAction

    return AddAction(file.name, file.size, {}, _now(), True, file.statistics)  # noqa: FBT003


def _now() -> int:
    return int(time.time() * 1000)


def _hooks() -> Any:
    from deltalake.transaction import PostCommitHookProperties

    return PostCommitHookProperties(create_checkpoint=True, cleanup_expired_logs=False)
