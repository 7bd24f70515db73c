from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from workbench.config import TrackingSettings
from workbench.errors import TrackingError
from workbench.tracking.paths import Places, Target, read_json

if TYPE_CHECKING:
    from pathlib import Path


def target(root: Path, uri: str) -> Target:
    return Target.of(TrackingSettings(uri=uri), Places(root / ".workbench", root))


def test_a_relative_database_is_below_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    found = target(tmp_path / "my project", "sqlite:///.workbench/mlflow.db")
    assert found.uri == f"sqlite:///{tmp_path}/my project/.workbench/mlflow.db"
    assert found.artifacts == (tmp_path / "my project" / ".workbench" / "mlartifacts").as_uri()


def test_an_absolute_database_stays_where_it_is(tmp_path: Path) -> None:
    assert target(tmp_path, "sqlite:////data/mlflow.db").uri == "sqlite:////data/mlflow.db"


def test_a_server_decides_about_its_artifacts(tmp_path: Path) -> None:
    found = target(tmp_path, "http://127.0.0.1:5000/")
    assert (found.uri, found.artifacts, found.served) == ("http://127.0.0.1:5000", None, True)


@pytest.mark.parametrize("uri", ["mlruns", "file:///tmp/mlruns", "sqlite://", "sqlite:///:memory:", "ftp://x"])
def test_a_store_that_cannot_be_used_is_refused_with_an_example(tmp_path: Path, uri: str) -> None:
    with pytest.raises(TrackingError) as caught:
        target(tmp_path, uri)
    assert "sqlite:///" in caught.value.remedy


def test_a_databases_password_is_not_shown(tmp_path: Path) -> None:
    found = target(tmp_path, "postgresql://me:secret@db/mlflow")
    assert "secret" in found.uri
    assert "me:***@" in found.shown
    assert "secret" not in f"{found.shown}{found!r}{found.key}"


def test_a_servers_password_leaves_its_address_at_once(tmp_path: Path) -> None:
    found = target(tmp_path, "https://me:s%40cret@mlflow.example.org/x")
    assert found.uri == found.shown == "https://mlflow.example.org/x"
    assert found.environment == {"MLFLOW_TRACKING_USERNAME": "me", "MLFLOW_TRACKING_PASSWORD": "s@cret"}
    assert "cret" not in f"{found!r}{found.key}"
    assert found.key != target(tmp_path, "https://me:other@mlflow.example.org/x").key


@pytest.mark.parametrize("content", ["", "{", "[]", "\xff"])
def test_what_is_no_object_reads_as_empty(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.json").write_text(content, encoding="latin-1")
    assert read_json(tmp_path / "x.json") == {}
