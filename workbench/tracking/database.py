"""MLflow's own database: made once, by one process, and seen by others only when it is whole.

MLflow makes the tables of an empty database in some hundred steps. Two processes that do so at once, or one that is
killed meanwhile, leave a database that no MLflow opens any more.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.tracking.paths import Target

_SCHEME = "sqlite:///"


def make_store(target: Target) -> None:
    """Make the tables of a SQLite store that is not there yet; any other store is left alone.

    Processes take turns. The database is made in a file beside its place, and gets its name when it is whole; what a
    killed process left is thrown away. Imports MLflow, which takes seconds, where there is something to make.
    """
    path = _file(target)
    if path is None or path.exists():
        return
    from filelock import FileLock

    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):
        if path.exists():
            return
        unfinished = path.with_name(f".{path.name}.new")
        for left in (unfinished, unfinished.with_name(f"{unfinished.name}-journal")):
            left.unlink(missing_ok=True)
        _fill(f"{_SCHEME}{unfinished}", target.artifacts or "")
        unfinished.replace(path)


def _fill(uri: str, artifacts: str) -> None:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    store = SqlAlchemyStore(uri, artifacts)
    store.engine.dispose()  # nothing may hold the file open while it gets its name


def _file(target: Target) -> Path | None:
    if not target.uri.startswith(_SCHEME):
        return None
    return Path(target.uri.removeprefix(_SCHEME).partition("?")[0])
