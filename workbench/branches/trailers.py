r"""Git trailers: the last paragraph of a commit message, ``Key: value`` lines, continued by a leading space.

A value that git, or an editor, would not keep as it is (blank lines, spaces at the ends, control characters) is
written as a JSON string.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from workbench.errors import BranchError

if TYPE_CHECKING:
    from collections.abc import Iterable

KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
LINE = re.compile(rf"({KEY.pattern}): ?(.*)")


def with_trailers(message: str, trailers: Iterable[tuple[str, str]]) -> str:
    r"""Return the commit message `message` with `trailers` as its last paragraph.

    Raises
    ------
    BranchError
        For a key that is not letters, digits and hyphens, or text that a commit cannot hold.

    Examples
    --------
    >>> with_trailers("Define spend", [("Feature-View", "spend")])
    'Define spend\n\nFeature-View: spend\n'
    """
    body = message.strip() or "No message"
    if "\0" in body or not _is_unicode(body):
        raise BranchError("The commit message holds characters that git cannot keep.", remedy="Take them out.")
    lines = [f"{_valid_key(key)}: {_written(value)}" for key, value in trailers]
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
    return tuple((key, _meant(value)) for key, value in found)


def _valid_key(key: str) -> str:
    if not KEY.fullmatch(key):
        raise BranchError(f"{key[:80]!r} is not a trailer's key.", remedy="Use letters, digits and hyphens.")
    return key


def _written(value: str) -> str:
    lines = value.split("\n")
    keeps = all(line and line.isprintable() and line == line.rstrip() for line in lines)
    if keeps and not value.startswith((" ", '"')) and _is_unicode(value):
        return "\n ".join(lines)
    return json.dumps(value, ensure_ascii=not (_is_unicode(value) and value.replace("\n", "").isprintable()))


def _meant(value: str) -> str:
    if not value.startswith('"'):
        return value
    try:
        meant = json.loads(value)
    except ValueError:
        return value  # somebody else's trailer
    return meant if isinstance(meant, str) else value


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
