"""`Figure`: what a report draws beside its facts and notes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.console import RenderableType


class Figure(Protocol):
    """Something that can be drawn in a notebook, in a terminal and in a pull request, and says the same in each."""

    @property
    def title(self) -> str:
        """The heading above it; empty for none."""

    def html(self) -> str:
        """Return it as HTML with its own style and inline SVG: no script, nothing fetched, every value escaped.

        Where the style is taken away, as on GitHub, it still reads in order.
        """

    def text(self) -> str:
        """Return it as plain text."""

    def markdown(self) -> str:
        """Return it in GitHub's Markdown."""

    def __rich__(self) -> RenderableType:
        """Return it for a terminal, as wide as that is."""
