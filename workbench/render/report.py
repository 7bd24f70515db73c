"""A small report: facts, tables and notes, drawn as HTML for a notebook and by rich for a terminal."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import ProjectError, UsageError
from workbench.files import replace_atomically
from workbench.records import to_plain
from workbench.redaction import redact_urls
from workbench.render.format import print_value
from workbench.render.markdown import address, quote_markdown
from workbench.render.sparkline import ASCII, BLOCKS
from workbench.render.table import COLOURS

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator

    from rich.console import Console, ConsoleOptions, Group, RenderableType
    from rich.segment import Segment

    from workbench.render.figure import Figure
    from workbench.render.table import Table, Tone


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


STYLE = (
    ".wb-report{font:13px/1.45 var(--jp-ui-font-family,system-ui,sans-serif);color:var(--jp-ui-font-color1,CanvasText)}"
    ".wb-report h4{margin:1.2em 0 .3em!important;font-size:13px;font-weight:600;font-style:normal}"
    ".wb-report>h4:first-of-type{font-size:15px;margin:.2em 0 .3em!important;overflow-wrap:anywhere}"
    ".wb-report .wb-wide{overflow-x:auto}"
    ".wb-report table{border-collapse:collapse;margin:0!important;table-layout:auto!important}"
    ".wb-report table tr{background:none!important}"
    ".wb-report table th,.wb-report table td{padding:2px 14px 2px 0;text-align:left!important;vertical-align:top;"
    "border-bottom:1px solid var(--jp-border-color2,#8884)}"
    ".wb-report table th{font-weight:600;color:var(--jp-ui-font-color2,GrayText)}"
    ".wb-report table td,.wb-report p{white-space:pre-line}"
    ".wb-report p{margin:.35em 0}"
    ".wb-report .wb-named td:first-child{white-space:nowrap}"
    ".wb-report .wb-num{text-align:right!important;font-variant-numeric:tabular-nums}"
    ".wb-report .wb-left{color:var(--jp-ui-font-color2,GrayText)}"
)

PAGE = (
    ":root{color-scheme:light dark}"
    "body{margin:24px;background:Canvas;color:CanvasText;font-family:system-ui,sans-serif}"
    "a{color:LinkText}"
)


@dataclass(frozen=True, slots=True)
class Report:
    """What a verb says: a title, labelled facts, figures, tables, notes, and links as (text, address).

    The title is drawn in the colour of `tone`, where it has one; its words say the same.
    """

    title: str
    facts: tuple[tuple[str, object], ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    figures: tuple[Figure, ...] = ()
    tone: Tone | None = None

    def html(self) -> str:
        """Return the report as one self-contained HTML fragment, every value escaped."""
        style = f" style='color:{COLOURS[self.tone][0]}'" if self.tone else ""
        parts = [f"<div class='wb-report'><style>{STYLE}</style><h4{style}>{_text(self.title)}</h4>"]
        if self.facts:
            rows = "".join(f"<tr><th scope='row'>{_text(k)}</th><td>{_text(v)}</td></tr>" for k, v in self.facts)
            parts.append(f"<table>{rows}</table>")
        for figure in self._drawn:
            parts += [f"<h4>{_text(figure.title)}</h4>"] if figure.title else []
            parts.append(figure.html())
        parts += [f"<p>{_text(note)}</p>" for note in self.notes]
        parts += [
            f"<p><a href='{_text(to)}' target='_blank' rel='noopener'>{_text(says)}</a></p>" for says, to in self.links
        ]
        return "".join([*parts, "</div>"])

    def rich(self) -> Group:
        """Return the report as a rich renderable."""
        from rich.console import Group
        from rich.markup import escape
        from rich.table import Table as Grid
        from rich.text import Text

        colour = COLOURS[self.tone][1] if self.tone else ""
        parts: list[Any] = [Text(self.title, style=colour if "bold" in colour else f"bold {colour}".strip())]
        if self.facts:
            grid = Grid.grid(padding=(0, 2))
            for label, value in self.facts:
                grid.add_row(Text(label, style="dim"), escape(print_value(value)))
            parts.append(grid)
        for figure in self._drawn:
            parts += [Text(), *([Text(figure.title, style="bold")] if figure.title else []), figure]
        parts += [Text(note) for note in self.notes]
        parts += [Text(f"{says}: {to}") for says, to in self.links]
        return Group(Plain(Group(*parts)))

    def markdown(self) -> str:
        """Return the report in GitHub's Markdown, fit for a pull request; every value is escaped."""
        parts = [f"### {quote_markdown(self.title)}"]
        if self.facts:
            parts.append(
                "\n".join(f"- **{quote_markdown(label)}**: {quote_markdown(value)}" for label, value in self.facts)
            )
        for figure in self._drawn:
            parts += [f"#### {quote_markdown(figure.title)}"] if figure.title else []
            parts.append(figure.markdown())
        parts += [quote_markdown(note) for note in self.notes]
        parts += [f"[{quote_markdown(says)}](<{address(to)}>)" for says, to in self.links]
        return "\n\n".join(parts) + "\n"

    @property
    def _drawn(self) -> tuple[Figure, ...]:
        return (*self.figures, *self.tables)

    def page(self) -> str:
        """Return the report as a whole HTML page that needs nothing else: no script, no network, light and dark."""
        return (
            "<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'>"
            "<meta name='viewport' content='width=device-width,initial-scale=1'>"
            f"<title>{_text(self.title)}</title><style>{PAGE}</style></head><body>{self.html()}</body></html>\n"
        )

    def text(self, *, width: int = 100) -> str:
        """Return the report as plain text, `width` characters wide."""
        from rich.console import Console

        console = Console(file=StringIO(), width=width, color_system=None, force_jupyter=False, legacy_windows=False)
        console.print(self.rich())
        assert isinstance(console.file, StringIO)  # noqa: S101 - it is the one given above
        return console.file.getvalue().rstrip("\n")


def report_kind(path: Path) -> str:
    """Return what a report that is saved to `path` is: ``.html``, ``.md`` or ``.json``."""
    if path.suffix not in {".html", ".md", ".json"}:
        raise UsageError(f"{str(path)!r} is not a kind of report.", remedy="Name a file of .html, .md or .json.")
    return path.suffix


class Reported:
    """Mixin: whatever has ``report()`` shows itself in notebooks and terminals."""

    __slots__ = ()

    def report(self) -> Report:
        """Return what there is to say."""
        raise NotImplementedError

    def to_markdown(self) -> str:
        """Return it in GitHub's Markdown, fit for a pull request."""
        return self.report().markdown()

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        plain: dict[str, Any] = to_plain(self)
        return plain

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it to `path`, and return the path.

        Parameters
        ----------
        path
            ``.html`` for one page that needs nothing else, ``.md`` for GitHub's Markdown, ``.json`` for all numbers.

        Raises
        ------
        UsageError
            For a file of another kind.
        ProjectError
            Where it cannot be written; what was there stays.
        """
        place = Path(path)
        written: dict[str, Callable[[], str]] = {
            ".html": lambda: self.report().page(),
            ".md": self.to_markdown,
            ".json": lambda: redact_urls(json.dumps(self.to_dict(), indent=2, default=str)) + "\n",
        }
        text = written[report_kind(place)]()
        try:
            replace_atomically(place, text, for_user=True)
        except OSError as error:
            raise ProjectError.not_writable(str(place), error.strerror or str(error)) from None
        return place

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        report = self.report()
        return {"text/html": report.html(), "text/plain": report.text()}

    def __rich__(self) -> Group:
        return self.report().rich()


def _text(value: object) -> str:
    return html.escape(print_value(value), quote=True)
