from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from workbench.files import replace_atomically

if TYPE_CHECKING:
    from pathlib import Path


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    replace_atomically(path, "{}")
    with pytest.raises(UnicodeEncodeError):
        replace_atomically(path, "\ud800")
    assert [each.name for each in tmp_path.iterdir()] == ["state.json"]
    assert path.read_text() == "{}"


def test_it_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    replace_atomically(tmp_path / "x.json", "{}")
    assert (tmp_path / "x.json").stat().st_mode & 0o077 == 0


def test_a_durable_file_is_on_the_disk_before_its_name_and_its_name_before_the_call_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    real = os.fsync

    def noted(descriptor: int) -> None:
        real(descriptor)
        names = sorted(path.name for path in tmp_path.iterdir())
        steps.append("name" if "x.json" in names else "content")

    monkeypatch.setattr(os, "fsync", noted)
    replace_atomically(tmp_path / "x.json", "{}", durable=True)
    assert steps == ["content", "name"]
    replace_atomically(tmp_path / "y.json", "{}")
    assert len(steps) == 2
