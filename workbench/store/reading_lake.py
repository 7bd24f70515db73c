"""Reading from the lake: what is missing or damaged there is named, and not as the engine says it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from workbench.drivers import is_drivers, reason, translate_errors
from workbench.errors import LakeError
from workbench.lazy import deferred

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import polars as pl

    from workbench.store.reader import ReadableView
else:
    pl = deferred("polars")


@contextmanager
def reading_lake(views: Iterable[ReadableView]) -> Iterator[None]:
    """Re-raise what the engine says of a missing or damaged file as `LakeError` that names the published version."""
    views = list(views)
    with translate_errors(lambda error: find_damage(views)):  # noqa: ARG005  the views are read again by themselves
        yield


def find_damage(views: Iterable[ReadableView]) -> LakeError | None:
    """Return the error that names the first of `views` whose rows in the lake cannot be read; None where all can."""
    for view in views:
        fault = _fault(view) if view.version is not None else None
        if fault is not None:
            return _damaged(view.label, reason(fault))
    return None


def _fault(view: ReadableView) -> BaseException | None:
    """Return why `view` cannot be read from end to end, or None where it can."""
    try:
        view.data.frame.select(pl.all().null_count()).collect(engine="streaming")
    except BaseException as error:
        if not is_drivers(error):
            raise
        return error
    return None


def _damaged(version: str, reason: str) -> LakeError:
    """Return the error for a published `version`, e.g. ``spend@1.2``, whose rows cannot be read completely."""
    return LakeError(
        f"The lake's data of {version} cannot be read: {reason}.",
        remedy="Restore the file from a backup of the lake, or read another version; "
        f"`catalog {version.partition('@')[0]}` lists them.",
    )
