"""What a definition prints and warns of while it is computed: said once, at the user's own line."""

from __future__ import annotations

import warnings
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING

from workbench.define import lines_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from workbench.define import Definitions

OURS = "workbench."
MEANT = {
    "Sortedness of columns cannot be checked": (
        "join_asof with by= takes the rows of both sides as sorted by time, which Polars cannot check: sort them first"
    ),
}
"""What warnings of libraries that know no line of the user's mean here, by how they begin."""


@contextmanager
def heard(said: dict[str, None], view: str, definitions: Definitions, offsets: Mapping[str, int]) -> Iterator[None]:
    """Add what is warned of meanwhile to `said`, each once; warnings of this package are passed on."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        finally:
            found = list(caught)
    for warning in found:
        if warning.category.__module__.startswith(OURS):
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
            continue
        place, *_ = lines_at(warning.filename, warning.lineno, definitions, offsets) or [view]
        text = str(warning.message).strip().partition("\n\n")[0]
        meant = next((hint for begins, hint in MEANT.items() if text.startswith(begins)), None)
        said[f"{place}: {meant or f'{warning.category.__name__}: {text}'}"] = None


@contextmanager
def silent() -> Iterator[None]:
    """Let nothing be printed or warned of: what a view says of altered inputs is not about its data."""
    with redirect_stdout(StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
