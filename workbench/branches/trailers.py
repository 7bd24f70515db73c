"""Git trailers: the last paragraph of a commit message, ``Key: value`` lines, continued by a leading space."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LINE = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*): ?(.*)")


def with_trailers(message: str, trailers: Iterable[tuple[str, str]]) -> str:
    r"""Return the commit message `message` with `trailers` as its last paragraph; values may have several lines.

    Examples
    --------
    >>> with_trailers("Define spend", [("Feature-View", "spend")])
    'Define spend\n\nFeature-View: spend\n'
    """
    body = message.strip() or "No message"
    lines = []
    for key, value in trailers:
        first, *more = value.strip().splitlines() or [""]
        lines += [f"{key}: {first}", *(f" {line}" for line in more)]
    return "\n\n".join([body, "\n".join(lines)] if lines else [body]) + "\n"


def trailers_of(message: str) -> tuple[tuple[str, str], ...]:
    r"""Return the trailers that `with_trailers` wrote; none where the last paragraph is prose.

    Examples
    --------
    >>> trailers_of("Define spend\n\nFeature-View: spend\n")
    (('Feature-View', 'spend'),)
    """
    _, separator, last = message.rstrip("\n").rpartition("\n\n")
    found: list[tuple[str, str]] = []
    for line in last.split("\n") if separator else []:
        match = LINE.fullmatch(line)
        if line.startswith(" ") and found:
            key, value = found.pop()
            found.append((key, f"{value}\n{line[1:]}"))
        elif match:
            found.append((match[1], match[2]))
        else:
            return ()
    return tuple(found)
