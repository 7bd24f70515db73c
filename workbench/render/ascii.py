"""`Plain`: whatever rich prints, in ASCII alone where the terminal's encoding has no more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.render.sparkline import ASCII, BLOCKS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

_LIKE = str.maketrans(
    BLOCKS + "→·…–‹›─│├└✓✗\u00a0\ufffd",  # noqa: RUF001 - what is drawn with
    ASCII + ">|~-<>-||`+x ?",
)


@dataclass(frozen=True, slots=True)
class Plain:
    """Something to print; where a letter has nothing like it in ASCII a question mark stands for it."""

    printed: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        """Yield the segments, as wide as they were."""
        for segment in console.render(self.printed, options):
            yield segment._replace(text=_ascii(segment.text)) if options.ascii_only else segment


def _ascii(text: str) -> str:
    return text.translate(_LIKE).encode("ascii", "replace").decode()
