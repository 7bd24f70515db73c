"""A project with a real git repository, and the day's example of a cell."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

CELL = '''class CarrierDelay(FeatureModel):
    carrier: str
    landed_at: UTC
    delay_mean_7d: float = Feature(unit="minute", ge=-90, le=1500, nullable=True, tolerance=0.01)
    flights_7d: int = Feature(unit="count", ge=0)

@feature_view(entities="carrier", event_time="landed_at", ttl="2d", lookback="7d", owner="delay-team", tags={"domain": "delay"})
def carrier_delay(flights: pl.LazyFrame) -> LazyFrame[CarrierDelay]:
    """Arrival delay of a carrier over the last week, as known at each landing."""
    return windowed(flights, by="carrier", time="landed_at", windows=["7d"], delay_mean=pl.col("arr_delay").mean(), flights=pl.len())
'''  # noqa: E501

VIEW = """import polars as pl
from workbench import UTC, FeatureModel, LazyFrame, feature_view


class Model(FeatureModel):
    key: str
    at: UTC
    value: float


@feature_view(entities="key", event_time="at")
def {name}({inputs}) -> LazyFrame[Model]:
    return {body}
"""


def _view_text(name: str, *inputs: str, body: str | None = None, top: str = "") -> str:
    """Return a file that defines the view `name`."""
    return top + VIEW.format(name=name, inputs=", ".join(inputs), body=body or inputs[0])


class Git:
    """Definitions in a real git repository, committed without a checkout."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cache = root / ".workbench"
        self.blobs_read = 0
        self._run("init", "--quiet", "--initial-branch=main", str(root))

    def commit(self, files: Mapping[str, str | bytes]) -> str:
        """Return a commit whose ``features/`` holds just `files`."""
        for path, content in files.items():
            blob = self._run("hash-object", "-w", "--stdin", given=_bytes(content))
            self._run("update-index", "--add", "--cacheinfo", f"100644,{blob},features/{path}", index=True)
        tree = self._run("write-tree", index=True)
        (self.root / ".git" / "definitions.index").unlink(missing_ok=True)
        return self._run("commit-tree", tree, "-m", "definitions")

    def subtree(self, commit_or_tree: str, path: str = "features", /) -> str | None:
        listed = self._run("ls-tree", commit_or_tree, "--", path)
        return listed.split()[2] if listed else None

    def files(self, commit_or_tree: str, under: str = "features") -> dict[str, str]:
        listed = self._run("ls-tree", "-r", "-z", commit_or_tree, "--", under).split("\0")
        rows = [line.split("\t") for line in listed if line]
        return {path: facts.split()[2] for facts, path in rows}

    def read_blob(self, blob: str, /) -> bytes:
        self.blobs_read += 1
        return subprocess.run(
            ["git", "-C", self.root, "cat-file", "blob", blob], check=True, capture_output=True
        ).stdout

    def _run(self, *words: str, given: bytes = b"", index: bool = False) -> str:
        env = {**os.environ, "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b"}
        env |= {"GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
        if index:
            env["GIT_INDEX_FILE"] = str(self.root / ".git" / "definitions.index")
        command = ["git", "-C", str(self.root), *words]
        done = subprocess.run(command, check=True, capture_output=True, input=given, env=env)
        return done.stdout.decode().strip()


def _bytes(content: str | bytes) -> bytes:
    return content if isinstance(content, bytes) else content.encode()


@pytest.fixture
def git(tmp_path: Path) -> Git:
    root = tmp_path / "project"
    root.mkdir()
    return Git(root)


@pytest.fixture
def cell_text() -> str:
    return CELL


@pytest.fixture
def view_text() -> Callable[..., str]:
    """A function from a view's name and inputs to the text of a file that defines it."""
    return _view_text
