"""Turning what the user's own code raised into a short error with the user's own lines."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from workbench.define import user_frames
from workbench.errors import DefinitionError, DefinitionFailed, WorkbenchError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from workbench.define import Definitions


@contextmanager
def explained(definitions: Definitions, offsets: Mapping[str, int]) -> Iterator[None]:
    """Re-raise what user code raises as `DefinitionFailed`, showing its own lines.

    Parameters
    ----------
    definitions
        The tree whose code runs.
    offsets
        For views that come from a cell, how many lines its file has before the cell's first.

    Raises
    ------
    DefinitionFailed
        For any exception that is not ours; the original is its cause.
    """
    try:
        yield
    except DefinitionError as error:
        if offsets:
            error.lines = tuple(user_frames(error, definitions, offsets)) or error.lines
        raise
    except WorkbenchError:
        raise
    except (Exception, SystemExit) as error:
        message = " ".join(str(error).split())
        short = message if len(message) <= 300 else message[:297] + "..."
        raise DefinitionFailed(
            f"The definition raised {type(error).__name__}: {short}",
            lines=user_frames(error, definitions, offsets),
            remedy="Correct the definition and run it again; nothing was published.",
        ) from error
