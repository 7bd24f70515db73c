"""`highlight`: Python's lines cut into runs of one kind, for whoever colours them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from workbench.widgets.wording import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

Kind = Literal["keyword", "string", "number", "comment", "def", "meta", "builtin", ""]
Run = tuple[Kind, str]
"""A piece of a line, and what it is."""

LONGEST = 200
"""Letters of a line that are shown."""

_KINDS: tuple[tuple[str, Kind], ...] = (
    ("Token.Keyword", "keyword"),
    ("Token.Operator.Word", "keyword"),
    ("Token.Literal.String", "string"),
    ("Token.Literal.Number", "number"),
    ("Token.Comment", "comment"),
    ("Token.Name.Function", "def"),
    ("Token.Name.Class", "def"),
    ("Token.Name.Decorator", "meta"),
    ("Token.Name.Builtin", "builtin"),
)
_QUOTES = ('"""', "'''")


def highlight(lines: Sequence[str]) -> list[list[Run]]:
    """Return the runs of each of some consecutive lines of Python.

    They may begin within a text of several lines, as a difference's often do: where a line closes one that was never
    opened, it is taken to have begun before. What cannot be displayed is replaced, and no line is longer than
    `LONGEST`, so that the runs of a line are what `visible` makes of it.
    """
    from pygments.lexers.python import PythonLexer  # type: ignore[import-untyped]  # it has no types

    shown = [visible(line, limit=LONGEST) for line in lines]
    opened = _opened_before(shown)
    source = "\n".join([*([opened] if opened else []), *shown])
    found: list[list[Run]] = [[]]
    for token, text in PythonLexer(stripnl=False, ensurenl=False).get_tokens(source):
        kind = _kind(token)
        for place, part in enumerate(text.split("\n")):
            if place:
                found.append([])
            if part and found[-1] and found[-1][-1][0] == kind:
                found[-1][-1] = (kind, found[-1][-1][1] + part)
            elif part:
                found[-1].append((kind, part))
    return found[1:] if opened else found


def _kind(token: object) -> Kind:
    name = str(token)
    return next((kind for prefix, kind in _KINDS if name.startswith(prefix)), "")


def _opened_before(lines: Sequence[str]) -> str | None:
    """Return the quotes that the first line stands within, where the first to be found are closing ones."""
    for line in lines:
        bare = line.strip()
        for quotes in _QUOTES:
            if quotes in bare:
                return quotes if bare.count(quotes) == 1 and _closes(bare, quotes) else None
    return None


def _closes(bare: str, quotes: str) -> bool:
    """Return whether quotes at the end of a line seem to end a text: nothing before them asks for a value."""
    before = bare.removesuffix(quotes).rstrip("rRbBfFuU").rstrip()
    return bare.endswith(quotes) and not before.endswith(("=", "(", "[", "{", ",", ":", "+", "return"))
