"""A project with a real git repository, and the day's example of a cell."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from workbench.git import Repository

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


class Git(Repository):
    """A project's repository that can commit just these definitions, whatever their bytes, and counts what is read."""

    blobs_read = 0

    @property
    def cache(self) -> Path:
        return self.root / ".workbench"

    def definitions(self, files: Mapping[str, str | bytes]) -> str:
        """Return a commit whose ``features/`` holds just `files`."""
        index = {"GIT_INDEX_FILE": str(self.git_dir / "definitions.index")}
        for path, content in files.items():
            blob = self._words("hash-object", "-w", "--stdin", given=_bytes(content))
            self._words("update-index", "--add", "--cacheinfo", f"100644,{blob},features/{path}", env=index)
        tree = self._words("write-tree", env=index)
        (self.git_dir / "definitions.index").unlink(missing_ok=True)
        return self._words("commit-tree", tree, "-m", "definitions")

    def read_blob(self, blob: str) -> bytes:
        self.blobs_read += 1
        return super().read_blob(blob)

    def _words(self, *words: str, given: bytes = b"", env: Mapping[str, str] | None = None) -> str:
        who = {
            "GIT_AUTHOR_NAME": "a",
            "GIT_AUTHOR_EMAIL": "a@b",
            "GIT_COMMITTER_NAME": "a",
            "GIT_COMMITTER_EMAIL": "a@b",
        }
        command = ["git", "-C", str(self.root), *words]
        done = subprocess.run(
            command, check=True, capture_output=True, input=given, env={**os.environ, **who, **(env or {})}
        )
        return done.stdout.decode().strip()


def _bytes(content: str | bytes) -> bytes:
    return content if isinstance(content, bytes) else content.encode()


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Git]:
    monkeypatch.setenv("GIT_AUTHOR_NAME", "a")
    monkeypatch.setenv("GIT_AUTHOR_EMAIL", "a@b")
    root = tmp_path / "project"
    root.mkdir()
    made = Git.init(root)
    assert isinstance(made, Git)
    yield made
    made.close()


@pytest.fixture
def cell_text() -> str:
    return CELL


@pytest.fixture
def view_text() -> Callable[..., str]:
    """A function from a view's name and inputs to the text of a file that defines it."""
    return _view_text
