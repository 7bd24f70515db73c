"""A small report: facts, tables and notes, drawn as HTML for a notebook and by rich for a terminal."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from workbench.errors import ProjectError

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from rich.console import Group

    from workbench.widgets.diagram import Diagram

STYLE = (
    ".wb-report{font:13px/1.45 var(--jp-ui-font-family,system-ui,sans-serif);color:var(--jp-ui-font-color1,CanvasText)}"
    ".wb-report h4{margin:.7em 0 .25em;font-size:13px;font-weight:600}"
    ".wb-report .wb-wide{overflow-x:auto}"
    ".wb-report table{border-collapse:collapse;margin:0!important;table-layout:auto!important}"
    ".wb-report table th,.wb-report table td{padding:2px 14px 2px 0;text-align:left!important;vertical-align:top;"
    "border-bottom:1px solid var(--jp-border-color2,#8884)}"
    ".wb-report table th{font-weight:600;color:var(--jp-ui-font-color2,GrayText)}"
    ".wb-report table td,.wb-report p{white-space:pre-line}"
    ".wb-report p{margin:.35em 0}"
)

PAGE = (
    ":root{color-scheme:light dark}"
    "body{margin:24px;background:Canvas;color:CanvasText;font-family:system-ui,sans-serif}"
    "a{color:LinkText}"
)


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a report: a title, column names, and rows of printable values."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What a verb says: a title, labelled facts, diagrams, tables, notes, and links as (text, address)."""

    title: str
    facts: tuple[tuple[str, object], ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    diagrams: tuple[Diagram, ...] = ()

    def html(self) -> str:
        """Return the report as one self-contained HTML fragment, every value escaped."""
        parts = [f"<div class='wb-report'><style>{STYLE}</style><h4>{_text(self.title)}</h4>"]
        if self.facts:
            rows = "".join(f"<tr><th scope='row'>{_text(k)}</th><td>{_text(v)}</td></tr>" for k, v in self.facts)
            parts.append(f"<table>{rows}</table>")
        parts += [diagram.svg() for diagram in self.diagrams]
        for table in self.tables:
            parts.append(
                f"<h4>{_text(table.title)}</h4><div class='wb-wide'><table><tr>{_cells('th', table.columns)}</tr>"
            )
            parts += [f"<tr>{_cells('td', row)}</tr>" for row in table.rows]
            parts.append("</table></div>")
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

        parts: list[Any] = [Text(self.title, style="bold")]
        if self.facts:
            grid = Grid.grid(padding=(0, 2))
            for label, value in self.facts:
                grid.add_row(Text(label, style="dim"), escape(_plain(value)))
            parts.append(grid)
        parts += [Text(f"\n{diagram.text()}", overflow="fold") for diagram in self.diagrams]
        for table in self.tables:
            grid = Grid(
                title=escape(table.title), title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0)
            )
            for column in table.columns:
                grid.add_column(escape(column), header_style="dim", overflow="fold")
            for row in table.rows:
                grid.add_row(*(escape(_plain(value)) for value in row))
            parts += [Text(), grid]
        parts += [Text(note) for note in self.notes]
        parts += [Text(f"{says}: {to}") for says, to in self.links]
        return Group(*parts)

    def markdown(self) -> str:
        """Return the report in GitHub's Markdown, fit for a pull request; every value is escaped."""
        parts = [f"### {_quoted(self.title)}"]
        if self.facts:
            parts.append("\n".join(f"- **{_quoted(label)}**: {_quoted(value)}" for label, value in self.facts))
        parts += [diagram.markdown() for diagram in self.diagrams]
        for table in self.tables:
            head = [_row(table.columns), _row(["---"] * len(table.columns), quoted=False)]
            parts.append("\n".join([f"#### {_quoted(table.title)}\n", *head, *map(_row, table.rows)]))
        parts += [_quoted(note) for note in self.notes]
        parts += [f"[{_quoted(says)}](<{_address(to)}>)" for says, to in self.links]
        return "\n\n".join(parts) + "\n"

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


class Reported:
    """Mixin: whatever has ``report()`` shows itself in notebooks and terminals."""

    __slots__ = ()

    def report(self) -> Report:
        """Return what there is to say."""
        raise NotImplementedError

    def to_markdown(self) -> str:
        """Return it in GitHub's Markdown, fit for a pull request."""
        return self.report().markdown()

    def save_html(self, path: str | os.PathLike[str]) -> Path:
        """Write it to `path` as one HTML page that needs nothing else, and return the path.

        Raises
        ------
        ProjectError
            Where it cannot be written; what was there stays.
        """
        place = Path(path)
        unfinished = place.with_name(f".{place.name}.{uuid4().hex}")
        try:
            unfinished.write_text(self.report().page(), encoding="utf-8")
            unfinished.replace(place)
        except OSError as error:
            raise ProjectError.not_writable(str(place), error.strerror or str(error)) from None
        finally:
            unfinished.unlink(missing_ok=True)
        return place

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        report = self.report()
        return {"text/html": report.html(), "text/plain": report.text()}

    def __rich__(self) -> Group:
        return self.report().rich()


def _plain(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)


_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#+!|~&@])")


def _quoted(value: object) -> str:
    """Return a value on one line of Markdown, saying what it says: neither markup, HTML, a mention nor an issue."""
    said = " ".join(_plain(value).split())
    return _MARKDOWN.sub(lambda found: f"\\{found[1]}" if found[1] not in "@#&<" else f"&#{ord(found[1])};", said)


def _row(cells: Sequence[object], *, quoted: bool = True) -> str:
    return f"| {' | '.join(_quoted(cell) if quoted else str(cell) for cell in cells)} |"


def _address(to: str) -> str:
    return to.replace("<", "%3C").replace(">", "%3E").replace("\n", "")


def _text(value: object) -> str:
    return html.escape(_plain(value), quote=True)


def _cells(tag: str, values: Sequence[object]) -> str:
    scope = " scope='col'" if tag == "th" else ""
    return "".join(f"<{tag}{scope}>{_text(value)}</{tag}>" for value in values)
