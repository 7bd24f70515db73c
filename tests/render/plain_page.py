"""A page as GitHub leaves it, and what someone reads in it from top to bottom: no style, no drawings."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

ALLOWED = re.compile(
    "h[1-6]|br|b|i|strong|em|a|pre|code|img|tt|div|ins|del|sup|sub|p|picture|ol|ul|table|thead|tbody|tfoot|blockquote|"
    "dl|dt|dd|kbd|q|samp|var|hr|ruby|rt|rp|li|tr|td|th|s|strike|summary|details|caption|figure|figcaption|abbr|bdo|"
    "cite|dfn|mark|small|source|span|time|wbr"
)
"""The elements that GitHub's sanitizer lets through; of others the content stays, but for scripts and styles."""

ATTRIBUTES = re.compile(
    "href|src|alt|title|align|aria-(describedby|hidden|label|labelledby)|(col|row)span|scope|width|height|role|tabindex"
)
WITH_CONTENT = re.compile("script|style")
VOID = re.compile("w?br|img|hr|source")
BLOCKS = re.compile("h[1-6]|div|p|ul|ol|li|table|tr|blockquote|pre|dl|dt|dd|br|hr")


class _Sanitizer(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.kept = ""
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += bool(WITH_CONTENT.fullmatch(tag))
        if ALLOWED.fullmatch(tag):
            kept = ((name, value or "") for name, value in attrs if ATTRIBUTES.fullmatch(name))
            held = "".join(f' {name}="{html.escape(value)}"' for name, value in kept)
            self.kept += f"<{tag}{held}>"

    def handle_endtag(self, tag: str) -> None:
        self._silent -= bool(WITH_CONTENT.fullmatch(tag))
        if ALLOWED.fullmatch(tag) and not VOID.fullmatch(tag):
            self.kept += f"</{tag}>"

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.kept += html.escape(data)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if BLOCKS.fullmatch(tag):
            self.text += "\n"
        if tag in {"td", "th"}:
            self.text += " | "

    def handle_endtag(self, tag: str) -> None:
        if BLOCKS.fullmatch(tag):
            self.text += "\n"

    def handle_data(self, data: str) -> None:
        self.text += data.replace("\n", " ")


def sanitize(source: str) -> str:
    """Return what GitHub leaves of a piece of HTML."""
    parser = _Sanitizer()
    parser.feed(source)
    parser.close()
    return parser.kept


def read(source: str) -> list[str]:
    """Return the lines of a piece of HTML as a browser without style sets them, cells apart by a bar."""
    parser = _Reader()
    parser.feed(source)
    parser.close()
    lines = (" ".join(line.replace("\N{NO-BREAK SPACE}", "·").split(" ")).strip() for line in parser.text.split("\n"))
    return [" ".join(line.split()) for line in lines if line.strip()]
