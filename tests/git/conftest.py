"""Real repositories in the states that people have them in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.git.plain import Key, Plain, make_key
from workbench.git import Publisher, Repository

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def plain(tmp_path: Path, identity: None) -> Plain:
    """Plain git in a repository with two definitions on main, which is checked out."""
    git = Plain(tmp_path / "project")
    git.root.mkdir()
    git("init", "--quiet", "--initial-branch=main")
    git.write("features/delay.py", "DELAY = 1\n")
    git.write("features/sub/deep.py", "DEEP = 1\n")
    git.write("workbench.toml", "[project]\nname = 'p'\n")
    git("add", ".")
    git("commit", "--quiet", "-m", "Start")
    return git


@pytest.fixture
def repository(plain: Plain) -> Iterator[Repository]:
    """The same repository through ours, with the experiment ``exp/a``."""
    with Repository.open(plain.root) as opened:
        opened.create("exp/a")
        yield opened


@pytest.fixture
def fresh(tmp_path: Path, identity: None) -> Plain:
    """Plain git in a repository without a commit."""
    git = Plain(tmp_path / "fresh")
    git.root.mkdir()
    git("init", "--quiet", "--initial-branch=main")
    return git


@pytest.fixture
def publisher(plain: Plain) -> Iterator[Publisher]:
    """What writes main in it."""
    with Publisher.open(plain.root) as opened:
        yield opened


@pytest.fixture
def shared(plain: Plain) -> Plain:
    """Plain git in the bare repository that a team shares: the remote ``origin``, with the same main."""
    plain("clone", "--quiet", "--bare", ".", "../shared.git")
    plain("remote", "add", "origin", "../shared.git")
    return Plain(plain.root.parent / "shared.git")


@pytest.fixture
def key(tmp_path: Path) -> Key:
    """A key without a passphrase."""
    return make_key(tmp_path / "key")


@pytest.fixture
def other_key(tmp_path: Path) -> Key:
    """Somebody else's."""
    return make_key(tmp_path / "other_key")
