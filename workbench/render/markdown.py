"""GitHub's Markdown: other people's text in it says what it says, and is neither markup, a mention nor an issue."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from workbench.render.format import print_value

if TYPE_CHECKING:
    from collections.abc import Sequence

_SIGNS = re.compile(r"([\\`*_{}\[\]<>()#+!|~&@])")
_TICKS = re.compile(r"`+")


def quote_markdown(value: object) -> str:
    r"""Return a value on one line of Markdown, saying what it says.

    Examples
    --------
    >>> quote_markdown("a_b @ann <b>")
    'a\\_b &#64;ann &#60;b\\>'
    """
    said = " ".join(print_value(value).split())
    return _SIGNS.sub(lambda found: f"\\{found[1]}" if found[1] not in "@#&<" else f"&#{ord(found[1])};", said)


def table_row(cells: Sequence[str]) -> str:
    """Return one line of a table, of cells that are Markdown already."""
    return f"| {' | '.join(cells)} |"


def fence_code(language: str, text: str) -> str:
    """Return `text` as a block of code, fenced by more backticks than it has in a row anywhere.

    Examples
    --------
    >>> print(fence_code("text", "```"))
    ````text
    ```
    ````
    """
    longest = max((len(run) for run in _TICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def address(to: str) -> str:
    """Return an address fit to stand between angle brackets."""
    return to.replace("<", "%3C").replace(">", "%3E").replace("\n", "")
