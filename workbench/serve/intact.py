"""Reading from the lake: what is missing or damaged there is named, and not as the engine says it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import polars as pl

from workbench.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from workbench.serve.served import ServedView


@contextmanager
def intact(views: Iterable[ServedView]) -> Iterator[None]:
    """Re-raise what the engine says of a missing or damaged file as `LakeError` that names the published version.

    Parameters
    ----------
    views
        What is read within; a branch's own views are none of the lake's.

    Raises
    ------
    LakeError
        Where one of the published versions cannot be read; any other error passes as it is.
    """
    published = [view for view in views if view.version is not None]
    try:
        yield
    except (OSError, pl.exceptions.PolarsError) as error:
        for view in published:
            broken = _fault(view)
            if broken is not None:
                raise LakeError.damaged(view.label, _short(broken)) from error
        raise


def _fault(view: ServedView) -> Exception | None:
    """Return why `view` cannot be read from end to end, or None where it can."""
    try:
        view.data.frame.select(pl.all().null_count()).collect(engine="streaming")
    except (OSError, pl.exceptions.PolarsError) as error:
        return error
    return None


def _short(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
