"""A lake in a folder, its writer, and a way to publish small frames to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import polars as pl
import pytest

from tests.lake.published import SPEND, rows, saved
from workbench.define import Contract
from workbench.lake import Lake, LakeWriter

Publish: TypeAlias = Callable[..., int]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(".workbench/lake", root=tmp_path)


@pytest.fixture
def writer(lake: Lake) -> LakeWriter:
    return LakeWriter(lake)


@pytest.fixture
def publish(writer: LakeWriter, tmp_path: Path) -> Publish:
    """Publish a frame's file as version of ``spend@1``."""

    def act(
        view_id: str,
        frame: pl.DataFrame | None = None,
        *,
        under: Contract = SPEND,
        metadata: Mapping[str, str] | None = None,
        major: int = 1,
    ) -> int:
        path = saved(rows() if frame is None else frame, tmp_path / "cache" / view_id / "data.parquet")
        return writer.publish(path, view="spend", major=major, contract=under, view_id=view_id, metadata=metadata or {})

    return act
