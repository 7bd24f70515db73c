"""MLflow's database is made whole or not at all, however many ask for it and whoever is killed."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.tracking.stores import until
from workbench.tracking.database import make_store
from workbench.tracking.paths import Target

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.journey

MAKE = "import sys; from workbench.tracking.database import make_store; from workbench.tracking.paths import Target; "
MAKE += "make_store(Target(sys.argv[1], sys.argv[2]))"


def target(folder: Path) -> Target:
    return Target(f"sqlite:///{folder}/deep/mlflow.db", f"file://{folder}/artifacts")


def making(folder: Path) -> subprocess.Popen[bytes]:
    asked = target(folder)
    return subprocess.Popen([sys.executable, "-W", "ignore", "-c", MAKE, asked.uri, asked.artifacts or ""])


def tables(folder: Path) -> set[str]:
    with closing(sqlite3.connect(folder / "deep" / "mlflow.db")) as connection:
        return {name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")}


def test_processes_that_ask_at_once_get_one_whole_database(tmp_path: Path) -> None:
    asking = [making(tmp_path) for _ in range(2)]
    assert [process.wait(120) for process in asking] == [0, 0]
    assert {"experiments", "runs", "tags", "alembic_version"} <= tables(tmp_path)
    assert not [name for name in tables(tmp_path) if name.startswith("_alembic_tmp")]


def test_what_a_killed_process_left_is_made_anew(tmp_path: Path) -> None:
    killed = making(tmp_path)
    unfinished = tmp_path / "deep" / ".mlflow.db.new"
    until(lambda: unfinished.exists() and unfinished.stat().st_size > 20_000, "the first tables")
    killed.kill()
    killed.wait()
    assert not (tmp_path / "deep" / "mlflow.db").exists()
    assert making(tmp_path).wait(120) == 0
    assert "experiments" in tables(tmp_path)
    assert not unfinished.exists()


def test_a_store_that_is_there_and_one_that_is_no_file_are_left_alone(tmp_path: Path) -> None:
    make_store(Target("http://127.0.0.1:1", None))
    path = tmp_path / "deep" / "mlflow.db"
    path.parent.mkdir()
    path.write_bytes(b"somebody's own")
    make_store(target(tmp_path))
    assert path.read_bytes() == b"somebody's own"
    assert [each.name for each in path.parent.iterdir()] == ["mlflow.db"]
