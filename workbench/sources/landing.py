"""Landing: writing a table once as Parquet, under a name that says what is in it."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import polars as pl

from workbench.errors import ProjectError

_ROW_GROUP = 262_144
_ABANDONED_SECONDS = 24 * 3600


def land(frame: pl.LazyFrame | pl.DataFrame, path: Path, *, confirm: Callable[[], None] | None = None) -> Path:
    """Write `frame` to `path` unless it is there already, and return `path`.

    The file appears complete or not at all, whoever else writes it at the same time.

    Parameters
    ----------
    frame
        The rows. A LazyFrame is streamed.
    path
        A name that only this content has.
    confirm
        Called when all is written and before it is seen under its name; what it raises leaves nothing behind.

    Raises
    ------
    ProjectError
        Where the disk is full or refuses.
    polars.exceptions.PolarsError
        Where `frame` cannot be computed.
    """
    if path.exists():
        return path
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path.parent)
        frame.lazy().sink_parquet(temporary, statistics=True, row_group_size=_ROW_GROUP)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        if confirm is not None:
            confirm()
        temporary.replace(path)
    except OSError as error:
        raise ProjectError.not_writable(str(path.parent), error.strerror or str(error)) from None
    except pl.exceptions.ComputeError as error:
        if "os error" not in str(error):
            raise
        raise ProjectError.not_writable(str(path.parent), str(error).rpartition(": ")[2]) from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return path


def _sweep(folder: Path) -> None:
    """Remove what killed processes left behind long ago."""
    for left in folder.glob(".*.tmp"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _ABANDONED_SECONDS:
                left.unlink()
