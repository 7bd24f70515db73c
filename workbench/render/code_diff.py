"""`DiffListing`: how one file's code differs, line by line, its Python coloured; `listings` of all that differ."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from workbench.render.format import plain, visible
from workbench.render.markdown import fence_code
from workbench.render.table import COLOURS, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.text import Text

    from workbench.diff import CodeDiff, FileDiff
    from workbench.render.figure import Figure

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


MOST_LINES = 80
"""Lines of one file that are shown."""

MOST_FILES, MOST_IN_ALL, _FEWEST = 8, 240, 8
"""Files and lines that `listings` shows; a file of which only a few lines would fit is named instead."""

_FALLBACKS: dict[Kind, tuple[str, str]] = {
    "keyword": ("#15803d", "#6cc785"),
    "string": ("#b93b0c", "#f0a57a"),
    "number": ("#0e7490", "#6fc3d8"),
    "comment": ("#6b7580", "#8f9aa5"),
    "def": ("#2563eb", "#8ab4f8"),
    "meta": ("#9333ea", "#c79bf2"),
    "builtin": ("#0e7490", "#6fc3d8"),
}
"""On light and on dark, where there is no JupyterLab to say."""

_TERMINAL: dict[Kind, str] = {
    "keyword": "magenta",
    "string": "yellow",
    "number": "cyan",
    "comment": "dim",
    "def": "bold",
    "meta": "magenta",
    "builtin": "cyan",
}

STYLE = (
    ".wb-code{overflow-x:auto;margin:.3em 0;border:1px solid var(--jp-border-color2,#8884);border-radius:4px}"
    ".wb-code pre,.wb-report .wb-code pre{margin:0;padding:4px 0!important;display:inline-block;min-width:100%;"
    "box-sizing:border-box;background:none;border:0;white-space:pre;overflow:visible;color:inherit;"
    "font:12px/1.5 var(--jp-code-font-family,ui-monospace,SFMono-Regular,Menlo,Consolas,monospace)}"
    ".wb-code pre>span{display:block;padding:0 12px 0 8px;border-left:3px solid transparent}"
    ".wb-code .wb-a{background:color-mix(in srgb,#009e73 14%,transparent);border-color:#009e73}"
    ".wb-code .wb-d{background:color-mix(in srgb,#d55e00 13%,transparent);border-color:#d55e00}"
    f".wb-code .wb-h{{color:{COLOURS['dim'][0]};background:color-mix(in srgb,currentColor 5%,transparent)}}"
) + "".join(
    f".wb-code .wb-{kind[:2]}{{color:var(--jp-mirror-editor-{kind}-color,light-dark({light},{dark}))}}"
    for kind, (light, dark) in _FALLBACKS.items()
)

_LINE = {"+": " class='wb-a'", "-": " class='wb-d'", "@": " class='wb-h'"}


@dataclass(frozen=True, slots=True)
class DiffListing:
    """The lines of one file that differ, each after ``+``, ``-`` or a space.

    Parameters
    ----------
    file
        How the file differs.
    most
        How many lines are shown, those between which something was left out counted too.
    """

    file: FileDiff
    most: int = MOST_LINES

    @property
    def title(self) -> str:
        """Which file it is, its part in the view, and how many lines differ."""
        part = "definition" if self.file.part == "definition" else "reached helper"
        return f"{plain(self.file.path)}: {part} {self.file.status}, {_counts(self.file)}"

    def html(self) -> str:
        """Return the lines as preformatted text, so that they read without their style."""
        lines = "".join(
            f"<span{_LINE.get(sign, '')}>{sign}{''.join(map(_html, runs))}\n</span>" for sign, runs in self._lines()
        )
        left = f"<p class='wb-left'>{self._left}</p>" if self._left else ""
        return f"<style>{STYLE}</style><div class='wb-code'><pre>{lines}</pre></div>{left}"

    def text(self) -> str:
        """Return the lines as a unified diff has them."""
        return "\n".join([*self._plain(), *([self._left] if self._left else [])])

    def markdown(self) -> str:
        """Return the lines as a block that GitHub colours."""
        return fence_code("diff", "\n".join(self._plain())) + (f"\n\n{self._left}" if self._left else "")

    def __rich__(self) -> Text:
        """Return the lines, long ones folded."""
        from rich.text import Text

        lines = []
        for sign, runs in self._lines():
            style = {"+": "green", "-": "red", "@": "dim"}.get(sign, "")
            coloured = [(part, _TERMINAL.get(kind, "")) for kind, part in runs]
            lines.append(Text.assemble((sign, style), *(coloured if sign != "@" else [(runs[0][1], "dim")])))
        return Text("\n", overflow="fold").join([*lines, *([Text(self._left, style="dim")] if self._left else [])])

    def _plain(self) -> list[str]:
        return [visible(line, limit=LONGEST) for line in self.file.lines[: self.most]]

    def _lines(self) -> Iterator[tuple[str, list[Run]]]:
        """Yield the sign of each line that is shown, and the runs of what is after it."""
        left = self.most
        for hunk in self.file.hunks:
            if left <= 0:
                return
            yield "@", [("", hunk.head[1:])]
            shown = hunk.lines[: left - 1]
            left -= len(shown) + 1
            yield from self._colour(shown)

    def _colour(self, lines: Sequence[str]) -> Iterator[tuple[str, list[Run]]]:
        """Yield lines with their runs; each side's text is read by itself, since together they are no Python."""
        if not self.file.path.endswith(".py"):
            for line in lines:
                yield line[0], [("", visible(line[1:], limit=LONGEST))]
            return
        old = iter(highlight([line[1:] for line in lines if line[0] != "+"]))
        new = iter(highlight([line[1:] for line in lines if line[0] != "-"]))
        for line in lines:
            if line[0] == " ":
                next(old)
            yield line[0], next(old if line[0] == "-" else new)

    @property
    def _left(self) -> str:
        count = len(self.file.lines) - self.most
        return f"and {count:,} more line{'' if count == 1 else 's'}" if count > 0 else ""


def listings(code: CodeDiff) -> tuple[Figure, ...]:
    """Return a listing of each file that differs, the definition first, and a table of those that are not shown.

    At most 8 files and 240 lines are shown, however much differs.
    """
    drawn: list[Figure] = []
    room = MOST_IN_ALL
    rest = []
    for file in code.files:
        if len(drawn) < MOST_FILES and room >= min(_FEWEST, len(file.lines)):
            drawn.append(DiffListing(file, min(MOST_LINES, room)))
            room -= min(len(file.lines), MOST_LINES, room)
        else:
            rest.append((plain(file.path), file.part, file.status, _counts(file)))
    return (*drawn, *([Table("More files that differ", ("file", "part", "is", "lines"), tuple(rest))] if rest else []))


def _counts(file: FileDiff) -> str:
    return f"+{file.added:,}\u00a0-{file.removed:,}"  # on one line


def _html(run: Run) -> str:
    kind, part = run
    said = html.escape(part, quote=False)
    return f"<span class='wb-{kind[:2]}'>{said}</span>" if kind else said
