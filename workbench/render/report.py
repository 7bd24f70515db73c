"""A report: its verdict first, then findings, facts and tables, as HTML for a notebook and by rich for a terminal."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from workbench.errors import ProjectError, UsageError
from workbench.files import replace_atomically
from workbench.redaction import redact_urls
from workbench.render.format import print_value
from workbench.render.markdown import address, quote_markdown
from workbench.render.sparkline import ASCII, BLOCKS
from workbench.render.table import COLOURS, DARK, Drawn, Mark, Table

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator

    from rich.console import Console, ConsoleOptions, Group, RenderableType
    from rich.segment import Segment

    from workbench.render.figure import Figure
    from workbench.render.table import Tone


_LIKE = str.maketrans(
    BLOCKS + "→▸·…–‹›─│├└✓✗\u00a0\ufffd",  # noqa: RUF001 - what is drawn with
    ASCII + ">>|~-<>-||`+x ?",
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
    ".wb-report{font:13px/1.45 var(--jp-ui-font-family,system-ui,sans-serif);"
    "color:var(--jp-ui-font-color1,currentColor)}"
    ".wb-report h4{margin:1.2em 0 .3em!important;font-size:13px;font-weight:600;font-style:normal}"
    ".wb-report>h4:first-of-type{font-size:15px;margin:.2em 0 .3em!important;overflow-wrap:anywhere}"
    ".wb-report .wb-wide{overflow-x:auto}"
    ".wb-report svg+.wb-line{display:none}"
    ".wb-report table{border-collapse:collapse;margin:0!important;table-layout:auto!important}"
    ".wb-report table tr{background:none!important}"
    ".wb-report table th,.wb-report table td{padding:2px 14px 2px 0;text-align:left!important;vertical-align:top;"
    "border-bottom:1px solid var(--jp-border-color2,#8884)}"
    f".wb-report table th{{font-weight:600;color:{COLOURS['dim'][0]}}}"
    ".wb-report table td,.wb-report p{white-space:pre-line}"
    ".wb-report>table td{overflow-wrap:anywhere}"
    ".wb-report p{margin:.35em 0}"
    ".wb-report .wb-named td:first-child{white-space:nowrap}"
    ".wb-report .wb-num{text-align:right!important;font-variant-numeric:tabular-nums}"
    ".wb-report table th[scope=row]{white-space:nowrap}"
    ".wb-report table+.wb-wide{margin-top:.9em}"
    ".wb-report .wb-group{padding-top:10px;color:inherit!important}"
    f".wb-report .wb-left,.wb-report summary{{color:{COLOURS['dim'][0]}}}"
    ".wb-report summary{cursor:pointer}"
    ".wb-report details{margin:.35em 0}"
    ".wb-report .wb-finding{border-left:3px solid;padding:.05em 0 .05em .8em;margin:.6em 0;max-width:64em}"
    ".wb-report .wb-finding>*{margin:.1em 0!important;overflow-wrap:anywhere}"
    ".wb-report .wb-finding p,.wb-report .wb-finding ul{color:var(--jp-ui-font-color1,currentColor)}"
    ".wb-report .wb-finding ul{padding-left:1.3em}"
    f".wb-report{DARK}"
)

RESULT = "application/vnd.workbench+json"
"""The type by which JupyterLab's extension knows a result of ours: it shows the HTML that stands beside it."""
RESULT_VERSION = 1

PAGE = (
    ":root{color-scheme:light dark}"
    "body{margin:24px;background:Canvas;color:CanvasText;font-family:system-ui,sans-serif}"
    "a{color:LinkText}"
)


LINES = 10
"""Instances of a finding that are shown at first."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What to look at before all else: what it is about, what is the matter, each instance of it, and what to do."""

    mark: Mark
    about: str
    says: str
    instances: tuple[str, ...] = ()
    remedy: str = ""

    def html(self) -> str:
        """Return it as one block, every value escaped."""
        shown, rest = self.instances[:LINES], self.instances[LINES:]
        parts = [
            f"<div class='wb-finding' style='border-left-color:{COLOURS[self.mark.tone][0]}'>",
            f"<p>{self.mark.html()} <b>{_text(self.about)}</b>: {_text(self.says)}</p>",
            _list(shown),
            f"<details><summary>and {len(rest):,} more</summary>{_list(rest)}</details>" if rest else "",
            f"<p>→ {_text(self.remedy)}</p>" if self.remedy else "",
            "</div>",
        ]
        return "".join(parts)

    def rich(self, *, width: int, everything: bool) -> RenderableType:
        """Return it for a terminal, its mark in a column of `width` characters."""
        from rich.padding import Padding
        from rich.table import Table as Grid
        from rich.text import Text

        shown = self.instances if everything else self.instances[:LINES]
        left = len(self.instances) - len(shown)
        lines: list[RenderableType] = [
            Text.assemble((self.about, "bold"), ": ", print_value(self.says)),
            *(Padding(Text(print_value(line)), (0, 0, 0, 2)) for line in shown),
            *([Padding(Text(f"and {left:,} more", style="dim"), (0, 0, 0, 2))] if left else []),
            *([Text(f"→ {print_value(self.remedy)}")] if self.remedy else []),
        ]
        grid = Grid.grid(padding=(0, 2, 0, 0))
        grid.add_column(width=width, no_wrap=True)
        grid.add_column(overflow="fold")
        for place, line in enumerate(lines):
            grid.add_row(self.mark if not place else "", line)
        return grid

    def markdown(self) -> str:
        """Return it as an item of a list."""
        head = f"- {quote_markdown(self.mark)} **{quote_markdown(self.about)}**: {quote_markdown(self.says)}"
        lines = [*self.instances[:LINES], *([f"→ {self.remedy}"] if self.remedy else [])]
        return "\n".join([head, *(f"  - {quote_markdown(line)}" for line in lines)])


@dataclass(frozen=True, slots=True)
class Fold:
    """Figures for those who ask for them: folded on a page, one line in a terminal."""

    title: str
    figures: tuple[Figure, ...]

    def html(self, *, everything: bool) -> str:
        """Return them folded; no script is needed to see them."""
        drawn = "".join(
            (f"<h4>{_text(figure.title)}</h4>" if figure.title else "") + _figure_html(figure, everything=everything)
            for figure in self.figures
        )
        return f"<details{' open' if everything else ''}><summary>{_text(self.title)}</summary>{drawn}</details>"

    def markdown(self) -> str:
        """Return them folded, as GitHub folds."""
        parts = [f"<details><summary>{html.escape(print_value(self.title))}</summary>"]
        for figure in self.figures:
            parts += [f"#### {quote_markdown(figure.title)}"] if figure.title else []
            parts.append(figure.markdown())
        return "\n\n".join([*parts, "</details>"])


@dataclass(frozen=True, slots=True)
class Report:
    """What a verb says: its verdict, what to look at first, what to do next, then facts, figures, tables and the rest.

    Attributes
    ----------
    title, tone
        The verdict, drawn in the colour of its tone, where it has one; its words say the same.
    findings
        What is in the way, the worst first, each with its remedy.
    steps
        What to do next.
    facts, figures, tables
        Labelled values, then drawings.
    notes, links
        Sentences, and addresses as (text, address).
    folded
        What only those see who ask for it: folded on a page, and in a terminal by ``--all``.
    """

    title: str
    facts: tuple[tuple[str, object], ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    figures: tuple[Figure, ...] = ()
    tone: Tone | None = None
    findings: tuple[Finding, ...] = ()
    steps: tuple[str, ...] = ()
    folded: tuple[Fold, ...] = ()

    def html(self, *, everything: bool = False) -> str:
        """Return the report as one self-contained HTML fragment, every value escaped; with `everything` unfolded."""
        style = f" style='color:{COLOURS[self.tone][0]}'" if self.tone else ""
        parts = [f"<div class='wb-report'><style>{STYLE}</style><h4{style}>{_text(self.title)}</h4>"]
        parts += [finding.html() for finding in self.findings]
        parts += [f"<p>→ {_text(step)}</p>" for step in self.steps]
        if self.facts:
            rows = "".join(f"<tr><th scope='row'>{_text(k)}</th><td>{_cell(v)}</td></tr>" for k, v in self.facts)
            parts.append(f"<table>{rows}</table>")
        for figure in self._drawn:
            parts += [f"<h4>{_text(figure.title)}</h4>"] if figure.title else []
            parts.append(_figure_html(figure, everything=everything))
        parts += [f"<p>{_text(note)}</p>" for note in self.notes]
        parts += [
            f"<p><a href='{_text(to)}' target='_blank' rel='noopener'>{_text(says)}</a></p>" for says, to in self.links
        ]
        parts += [fold.html(everything=everything) for fold in self.folded]
        return "".join([*parts, "</div>"])

    def rich(self, *, everything: bool = False) -> Group:
        """Return the report as a rich renderable; with `everything` unfolded."""
        from rich.console import Group
        from rich.markup import escape
        from rich.table import Table as Grid
        from rich.text import Text

        colour = COLOURS[self.tone][1] if self.tone else ""
        parts: list[Any] = [Text(self.title, style=colour if "bold" in colour else f"bold {colour}".strip())]
        if self.findings:
            width = max(len(finding.mark.words) for finding in self.findings)
            for finding in self.findings:
                parts += [Text()] if finding.instances or finding.remedy else []
                parts.append(finding.rich(width=width, everything=everything))
            parts += [Text()] if self.steps else []
        parts += [Text(f"→ {step}") for step in self.steps]
        if self.facts:
            grid = Grid.grid(padding=(0, 2))
            for label, value in self.facts:
                grid.add_row(Text(label, style="dim"), value if isinstance(value, Mark) else escape(print_value(value)))
            parts += [Text(), grid] if self.findings or self.steps else [grid]
        for figure in self._drawn:
            parts += _titled(figure, everything=everything)
        parts += [Text(note) for note in self.notes]
        parts += [Text(f"{says}: {to}") for says, to in self.links]
        if everything:
            for fold in self.folded:
                parts += [Text(), Text(fold.title, style="bold")]
                parts += [part for figure in fold.figures for part in _titled(figure, everything=True)]
        elif self._is_cut:
            parts += [Text(f"▸ {fold.title}", style="dim") for fold in self.folded]
            parts.append(Text("--all shows everything.", style="dim"))
        return Group(Plain(Group(*parts)))

    def markdown(self) -> str:
        """Return the report in GitHub's Markdown, fit for a pull request; every value is escaped."""
        parts = [f"### {quote_markdown(self.title)}"]
        if self.findings:
            parts.append("\n".join(finding.markdown() for finding in self.findings))
        parts += [f"→ {quote_markdown(step)}" for step in self.steps]
        if self.facts:
            parts.append(
                "\n".join(f"- **{quote_markdown(label)}**: {quote_markdown(value)}" for label, value in self.facts)
            )
        for figure in self._drawn:
            parts += [f"#### {quote_markdown(figure.title)}"] if figure.title else []
            parts.append(figure.markdown())
        parts += [quote_markdown(note) for note in self.notes]
        parts += [f"[{quote_markdown(says)}](<{address(to)}>)" for says, to in self.links]
        parts += [fold.markdown() for fold in self.folded]
        return "\n\n".join(parts) + "\n"

    @property
    def _drawn(self) -> tuple[Figure, ...]:
        return (*self.figures, *self.tables)

    @property
    def _is_cut(self) -> bool:
        """Whether a terminal shows only a part."""
        cut = any(isinstance(figure, Table) and figure.is_cut for figure in self._drawn)
        return bool(self.folded) or cut or any(len(finding.instances) > LINES for finding in self.findings)

    def page(self) -> str:
        """Return the report as a whole HTML page that needs nothing else: no script, no network, light and dark."""
        return (
            "<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'>"
            "<meta name='viewport' content='width=device-width,initial-scale=1'>"
            f"<title>{_text(self.title)}</title><style>{PAGE}</style></head><body>{self.html()}</body></html>\n"
        )

    def text(self, *, width: int = 100, everything: bool = False) -> str:
        """Return the report as plain text, `width` characters wide; with `everything` unfolded."""
        from rich.console import Console

        console = Console(file=StringIO(), width=width, color_system=None, force_jupyter=False, legacy_windows=False)
        console.print(self.rich(everything=everything))
        assert isinstance(console.file, StringIO)  # noqa: S101 - it is the one given above
        return console.file.getvalue().rstrip("\n")


def report_kind(path: Path) -> str:
    """Return what a report that is saved to `path` is: ``.html``, ``.md`` or ``.json``."""
    if path.suffix not in {".html", ".md", ".json"}:
        raise UsageError(f"{str(path)!r} is not a kind of report.", remedy="Name a file of .html, .md or .json.")
    return path.suffix


def mime_bundle(kind: str, title: str, *, html: str, text: str) -> dict[str, Any]:
    """Return what a notebook keeps of a result: HTML, text, and of what `kind` it is; the HTML is kept once."""
    return {
        "text/html": html,
        "text/plain": text,
        RESULT: {"kind": kind, "version": RESULT_VERSION, "title": title},
    }


class Reported:
    """Mixin: whatever has ``report()`` shows itself in notebooks and terminals.

    Attributes
    ----------
    mime_kind
        What JupyterLab's extension calls a result of this class.
    """

    __slots__ = ()
    mime_kind: ClassVar[str] = "report"

    def report(self) -> Report:
        """Return what there is to say."""
        raise NotImplementedError

    def to_markdown(self) -> str:
        """Return it in GitHub's Markdown, fit for a pull request."""
        return self.report().markdown()

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        from workbench.records import to_plain  # loads Polars, which `workbench serve` does without

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

    def unfolded(self) -> Unfolded:
        """Return what shows all of it, nothing folded and no table cut."""
        return Unfolded(self.report)

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        report = self.report()
        return mime_bundle(self.mime_kind, report.title, html=report.html(), text=report.text())

    def __rich__(self) -> Group:
        return self.report().rich()


@dataclass(frozen=True, slots=True)
class Unfolded:
    """A report that shows all of itself."""

    report: Callable[[], Report]

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        report = self.report()
        return {"text/html": report.html(everything=True), "text/plain": report.text(everything=True)}

    def __rich__(self) -> Group:
        return self.report().rich(everything=True)


def _titled(figure: Figure, *, everything: bool) -> list[RenderableType]:
    from rich.text import Text

    shown = replace(figure, most=None) if everything and isinstance(figure, Table) else figure
    return [Text(), *([Text(figure.title, style="bold")] if figure.title else []), shown]


def _figure_html(figure: Figure, *, everything: bool) -> str:
    return figure.html(everything=everything) if isinstance(figure, Table) else figure.html()


def _list(lines: tuple[str, ...]) -> str:
    return f"<ul>{''.join(f'<li>{_text(line)}</li>' for line in lines)}</ul>" if lines else ""


def _cell(value: object) -> str:
    return value.html() if isinstance(value, Drawn) else _text(value)


def _text(value: object) -> str:
    return html.escape(print_value(value), quote=True)
