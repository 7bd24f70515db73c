"""A small repository with real git."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.branches.plain_git import make_repository
from workbench.branches import Repository

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path, identity: None) -> Path:
    """A repository with one commit on main, checked out."""
    return make_repository(tmp_path / "trial")


@pytest.fixture
def repository(root: Path) -> Iterator[Repository]:
    """The same, opened."""
    with Repository.open(root) as opened:
        yield opened
