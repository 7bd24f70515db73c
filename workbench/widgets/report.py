"""A small report: facts, tables and notes, drawn as HTML for a notebook and by rich for a terminal."""

from __future__ import annotations

import html
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Group

STYLE = (
    ".wb-report{font:13px/1.45 var(--jp-ui-font-family,system-ui,sans-serif);color:var(--jp-ui-font-color1,CanvasText)}"
    ".wb-report h4{margin:.7em 0 .25em;font-size:13px;font-weight:600}"
    ".wb-report .wb-wide{overflow-x:auto}"
    ".wb-report table{border-collapse:collapse;margin:0!important;table-layout:auto!important}"
    ".wb-report table th,.wb-report table td{padding:2px 14px 2px 0;text-align:left!important;vertical-align:top;"
    "border-bottom:1px solid var(--jp-border-color2,#8884)}"
    ".wb-report table th{font-weight:600;color:var(--jp-ui-font-color2,GrayText)}"
    ".wb-report p{margin:.35em 0}"
)


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a report: a title, column names, and rows of printable values."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What a verb says: a title, labelled facts, tables, notes, and links as (text, address)."""

    title: str
    facts: tuple[tuple[str, object], ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()

    def html(self) -> str:
        """Return the report as one self-contained HTML fragment, every value escaped."""
        parts = [f"<div class='wb-report'><style>{STYLE}</style><h4>{_text(self.title)}</h4>"]
        if self.facts:
            rows = "".join(f"<tr><th scope='row'>{_text(k)}</th><td>{_text(v)}</td></tr>" for k, v in self.facts)
            parts.append(f"<table>{rows}</table>")
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


def _text(value: object) -> str:
    return html.escape(_plain(value), quote=True)


def _cells(tag: str, values: Sequence[object]) -> str:
    scope = " scope='col'" if tag == "th" else ""
    return "".join(f"<{tag}{scope}>{_text(value)}</{tag}>" for value in values)
