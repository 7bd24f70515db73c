from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from workbench.config import TrackingSettings
from workbench.errors import TrackingError
from workbench.track.places import Places, Target, read_json, write_atomically

if TYPE_CHECKING:
    from pathlib import Path


def target(root: Path, uri: str) -> Target:
    return Target.of(TrackingSettings(uri=uri), Places(root))


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
    assert "sqlite:///.workbench/mlflow.db" in caught.value.remedy


@pytest.mark.parametrize("uri", ["postgresql://me:secret@db/mlflow", "https://me:secret@mlflow.example.org"])
def test_a_password_is_not_shown(tmp_path: Path, uri: str) -> None:
    found = target(tmp_path, uri)
    assert "secret" in found.uri
    assert "secret" not in found.shown
    assert "me:***@" in found.shown


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_atomically(path, "{}")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "\ud800")
    assert [each.name for each in tmp_path.iterdir()] == ["state.json"]
    assert path.read_text() == "{}"


def test_a_queued_record_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    write_atomically(tmp_path / "x.json", "{}")
    assert (tmp_path / "x.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", ["", "{", "[]", "\xff"])
def test_what_is_no_object_reads_as_empty(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.json").write_text(content, encoding="latin-1")
    assert read_json(tmp_path / "x.json") == {}
