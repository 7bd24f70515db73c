"""`Diagram`: boxes and the links between them, as SVG, as a tree of text, and as Mermaid for a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from workbench.render.format import escape_html, plain
from workbench.render.graph_layout import Placed, place
from workbench.render.markdown import fence_code

if TYPE_CHECKING:
    from rich.text import Text

MOST_LINKS, MOST_BOXES = 2500, 800
"""Larger graphs are not drawn, since they would be unreadable."""
MERMAID_LINKS = 280
"""GitHub draws no Mermaid chart with more than 500 links, and none that is much slower than this."""
_LETTER, _PAD, _HEAD, _ROW, _MARGIN = 7.3, 12.0, 44.0, 19.0, 10.0
_LONGEST = 44
_HUES = {
    "source": "#56b4e9",
    "view": "#0072b2",
    "feature set": "#cc79a7",
    "version": "#009e73",
    "training set": "#e69f00",
    "run": "#999999",
    "model run": "#d55e00",
    "registered model": "#882255",
}
"""Okabe and Ito's colours and a wine red, distinct for the colour-blind; the box also names each kind."""
_SIGNS = {"added": "+", "modified": "~", "affected": "›", "removed": "-"}  # noqa: RUF001 - an arrowhead

STYLE = (
    ".wb-diagram{overflow:auto;max-height:80vh;margin:.4em 0}"
    ".wb-diagram svg{display:block;max-width:none!important;height:auto}"
    ".wb-diagram text{fill:currentColor;font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;"
    "-webkit-user-select:text;user-select:text}"
    ".wb-diagram .wb-dim{opacity:.68;font-size:10.5px}"
    ".wb-diagram .wb-box{fill:color-mix(in srgb,currentColor 4%,transparent);"
    "stroke:color-mix(in srgb,currentColor 35%,transparent)}"
    ".wb-diagram .wb-line{fill:none;stroke:currentColor;stroke-opacity:.38;stroke-width:1.3}"
    ".wb-diagram .wb-all{stroke-dasharray:4 3}"
    ".wb-diagram .wb-added,.wb-diagram .wb-modified,.wb-diagram .wb-affected,.wb-diagram .wb-removed{stroke-width:2}"
    ".wb-diagram .wb-added{stroke:#009e73}"
    ".wb-diagram .wb-modified{stroke:#e69f00}"
    ".wb-diagram .wb-affected{stroke:#e69f00;stroke-dasharray:6 3}"
    ".wb-diagram .wb-removed{stroke:#d55e00;stroke-dasharray:2 3}"
    ".wb-diagram .wb-focus{stroke-width:3;fill:color-mix(in srgb,currentColor 10%,transparent)}"
    ".wb-diagram .wb-said{font-weight:600}"
)


@dataclass(frozen=True, slots=True)
class Row:
    """One line in a box that links may lead to."""

    id: str
    label: str
    mark: str | None = None


@dataclass(frozen=True, slots=True)
class Box:
    """One box: what kind of thing it is, what it is called, and a few words.

    `mark` is how it differs: ``added``, ``modified``, ``affected`` or ``removed``.
    """

    id: str
    kind: str
    title: str
    note: str = ""
    rows: tuple[Row, ...] = ()
    mark: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A line from a box or row to another; dashed where it is only possible."""

    start: str
    end: str
    is_dashed: bool = False


@dataclass(frozen=True)
class Diagram:
    """Boxes and links.

    Parameters
    ----------
    boxes
        What is on the left before what is on the right.
    links
        Between boxes, or rows of boxes.
    focus
        The box or row that it is all about.
    title
        The heading above it; empty for none.
    """

    boxes: tuple[Box, ...]
    links: tuple[Link, ...] = field(default=())
    focus: str | None = None
    title: str = ""

    @property
    def is_drawable(self) -> bool:
        """Whether there is little enough to be drawn."""
        return len(self.boxes) <= MOST_BOXES and len(self.links) <= MOST_LINKS

    @cached_property
    def _owner(self) -> Mapping[str, str]:
        """The box of each box and row."""
        return {name: box.id for box in self.boxes for name in _parts(box)}

    @cached_property
    def _depth(self) -> Mapping[str, float]:
        """How far below its box's upper edge links meet each box and row."""
        rows = {row.id: _HEAD + (place_ + 0.5) * _ROW for box in self.boxes for place_, row in enumerate(box.rows)}
        return {box.id: _HEAD / 2 for box in self.boxes} | rows

    @cached_property
    def _drawn(self) -> tuple[Link, ...]:
        """The links between what is here."""
        return tuple(link for link in self.links if link.start in self._owner and link.end in self._owner)

    def html(self) -> str:
        """Return the picture as one SVG element that carries its own style; a sentence where there is too much."""
        if not self.is_drawable:
            return f"<p>{len(self.boxes):,} boxes and {len(self.links):,} links are too many to draw: name one.</p>"
        sizes = {box.id: _size(box) for box in self.boxes}
        placed = place(sizes, ((self._owner[link.start], self._owner[link.end]) for link in self._drawn))
        width, height = placed.width + 2 * _MARGIN, placed.height + 2 * _MARGIN
        size = f"width='{width:.0f}' height='{height:.0f}'"
        shown = f"viewBox='{-_MARGIN:.0f} {-_MARGIN:.0f} {width:.0f} {height:.0f}'"
        parts = [f"<div class='wb-diagram'><style>{STYLE}</style>"]
        parts.append(f"<svg xmlns='http://www.w3.org/2000/svg' {size} {shown}>")
        parts += self._lines(placed, sizes)
        parts += [self._box(box, placed.corners[box.id], sizes[box.id]) for box in self.boxes]
        return "".join([*parts, "</svg></div>"])

    def _lines(self, placed: Placed, sizes: Mapping[str, tuple[float, float]]) -> list[str]:
        """Return the links' curves, those that several share once; dashed only where all that share one are."""
        dashed: dict[str, bool] = {}
        for link in self._drawn:
            for curve in self._curves(link, placed, sizes):
                dashed[curve] = dashed.get(curve, True) and link.is_dashed
        return [f"<path class='wb-line{' wb-all' if all_ else ''}' d='{curve}'/>" for curve, all_ in dashed.items()]

    def _curves(self, link: Link, placed: Placed, sizes: Mapping[str, tuple[float, float]]) -> Iterator[str]:
        """Yield a curve for each step to the next layer, and a straight line through each layer between."""
        start, end = self._owner[link.start], self._owner[link.end]
        x, y = placed.corners[start][0] + sizes[start][0], placed.corners[start][1] + self._depth[link.start]
        to = (placed.corners[end][0], placed.corners[end][1] + self._depth[link.end])
        for left, right, height in placed.passes.get((start, end), ()):
            yield _curve(x, y, left, height)
            yield f"M{left:.1f} {height:.1f}H{right:.1f}"
            x, y = right, height
        yield _curve(x, y, *to)

    def _box(self, box: Box, corner: tuple[float, float], size: tuple[float, float]) -> str:
        (left, top), (width, height) = corner, size
        hue = _HUES.get(box.kind, "#999999")
        classes = " ".join(["wb-box", *([f"wb-{box.mark}"] if box.mark else []), *self._focus(box.id)])
        mark = f"<tspan class='wb-said'> {_SIGNS[box.mark]} {box.mark}</tspan>" if box.mark else ""
        note = f" · {escape_html(box.note)}" if box.note else ""
        parts = [
            f"<g transform='translate({left:.1f} {top:.1f})'>",
            f"<title>{escape_html(box.kind)} {escape_html(box.title)}</title>",
            f"<rect class='{classes}' width='{width:.1f}' height='{height:.1f}' rx='5'/>",
            f"<rect width='4' height='{height:.1f}' rx='2' fill='{hue}'/>",
            f"<text class='wb-dim' x='{_PAD}' y='16'>{escape_html(box.kind)}{note}{mark}</text>",
            f"<text class='wb-said' x='{_PAD}' y='33'>{escape_html(box.title, limit=_LONGEST)}</text>",
        ]
        for place_, row in enumerate(box.rows):
            said = f" <tspan class='wb-dim'>{_SIGNS[row.mark]} {row.mark}</tspan>" if row.mark else ""
            bold = " class='wb-said'" if row.id == self.focus else ""
            y = _HEAD + (place_ + 0.5) * _ROW + 4
            parts.append(f"<text{bold} x='{_PAD}' y='{y:.1f}'>{escape_html(row.label, limit=_LONGEST)}{said}</text>")
        return "".join([*parts, "</g>"])

    def _focus(self, box: str) -> list[str]:
        return ["wb-focus"] if self.focus == box else []

    def text(self) -> str:
        """Return the diagram as indented lines: what it is all about is made from, and what goes into what."""
        if any(box.rows for box in self.boxes):
            return "\n".join(self._by_row())
        titles = {box.id: _title(box) for box in self.boxes}
        before, after = _neighbours(titles, self._drawn)
        if self.focus in titles:
            lines = [titles[self.focus]]
            for said, steps in (("made from", before), ("goes into", after)):
                if steps[self.focus]:
                    lines += [f"{said}:", *_tree(steps[self.focus], steps, titles, {self.focus})]
            return "\n".join(lines)
        roots = [name for name in titles if not before[name]]
        seen: set[str] = set()
        lines = []
        for root in roots:
            lines += [titles[root], *_tree(after[root], after, titles, seen)]
        return "\n".join(lines)

    def _by_row(self) -> list[str]:
        """Return a line for each row, or box without rows, that something leads to, with what leads to it by box."""
        rows = {row.id: row.label for box in self.boxes for row in box.rows}
        titles = {name: box.title for box in self.boxes for name in _parts(box)}
        into: dict[str, dict[str, dict[str, None]]] = {}
        for link in self._drawn:
            found = into.setdefault(link.end, {}).setdefault(titles[link.start], {})
            if link.start in rows:
                found[rows[link.start]] = None
        lines = []
        for box in self.boxes:
            targets = [(row.id, f"  {row.label}{_mark_text(row.mark)} ") for row in box.rows] or [(box.id, "  ")]
            if any(part in into for part, _ in targets):
                lines.append(_title(box))
            for part, said in targets:
                read = [f"{title}: {', '.join(of)}" if of else title for title, of in into.get(part, {}).items()]
                lines += [f"{said}< {'; '.join(read)}"] if read else []
        return lines

    def __rich__(self) -> Text:
        """Return the diagram's lines, folded where they are too long."""
        from rich.text import Text

        return Text(self.text(), overflow="fold")

    def markdown(self) -> str:
        """Return the diagram as a Mermaid chart, which GitHub draws; as text where it is too large for that."""
        if len(self._drawn) > MERMAID_LINKS or not self.boxes:
            return fence_code("text", self.text())
        names = {name: f"n{place_}" for place_, name in enumerate(self._owner)}
        lines = ["```mermaid", "flowchart LR"]
        for box in self.boxes:
            if not box.rows:
                lines.append(f'  {names[box.id]}["{_mermaid(_title(box))}"]{_class(box.mark)}')
                continue
            lines.append(f'  subgraph {names[box.id]}["{_mermaid(_title(box))}"]')
            lines += [f'    {names[row.id]}["{_mermaid(row.label)}"]{_class(row.mark)}' for row in box.rows]
            lines.append("  end")
        lines += [
            f"  {names[each.start]} {'-.->' if each.is_dashed else '-->'} {names[each.end]}" for each in self._drawn
        ]
        lines += [
            "  classDef added stroke:#009e73,stroke-width:3px",
            "  classDef modified stroke:#e69f00,stroke-width:3px",
            "  classDef affected stroke:#e69f00,stroke-width:3px,stroke-dasharray:6 3",
            "  classDef removed stroke:#d55e00,stroke-width:3px,stroke-dasharray:2 3",
        ]
        return "\n".join([*lines, "```"])


def _parts(box: Box) -> list[str]:
    return [box.id, *(row.id for row in box.rows)]


def _size(box: Box) -> tuple[float, float]:
    head = f"{box.kind}{' · ' + box.note if box.note else ''}{'    ' + box.mark if box.mark else ''}"
    rows = [f"{row.label}{'   ' + row.mark if row.mark else ''}" for row in box.rows]
    letters = max(min(len(box.title), _LONGEST) * 1.04, len(head) * 0.9, *(len(row) for row in rows), 10)
    return letters * _LETTER + 2 * _PAD, _HEAD + len(rows) * _ROW + (6 if rows else 0)


def _curve(x1: float, y1: float, x2: float, y2: float) -> str:
    half = (x1 + x2) / 2
    return f"M{x1:.1f} {y1:.1f}C{half:.1f} {y1:.1f} {half:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"


def _title(box: Box) -> str:
    note = f" ({plain(box.note)})" if box.note else ""
    return f"{box.kind} {plain(box.title)}{note}{_mark_text(box.mark)}"


def _mark_text(mark: str | None) -> str:
    return f" [{mark}]" if mark else ""


def _neighbours(names: Mapping[str, str], links: Sequence[Link]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    before: dict[str, list[str]] = {name: [] for name in names}
    after: dict[str, list[str]] = {name: [] for name in names}
    for link in links:
        before[link.end].append(link.start)
        after[link.start].append(link.end)
    return before, after


def _tree(
    names: Sequence[str], steps: Mapping[str, Sequence[str]], titles: Mapping[str, str], seen: set[str]
) -> list[str]:
    """Return one line a name with its branches below it; what was there before is not opened again."""
    lines = []
    waiting = [(name, "", place_ == len(names) - 1) for place_, name in enumerate(names)][::-1]
    while waiting:  # and no recursion: a chain of views may be long
        name, indent, is_last = waiting.pop()
        below = steps[name]
        again = name in seen and bool(below)
        lines.append(f"{indent}{'└─ ' if is_last else '├─ '}{titles[name]}{' ...' if again else ''}")
        if not again:
            seen.add(name)
            inner = indent + ("   " if is_last else "│  ")
            waiting += [(each, inner, place_ == len(below) - 1) for place_, each in enumerate(below)][::-1]
    return lines


def _class(mark: str | None) -> str:
    return f":::{mark}" if mark else ""


def _mermaid(text: str) -> str:
    """Return `text` so that it stands in a quoted Mermaid label; entities are written ``#...;`` there."""
    return escape_html(text).replace("#", "#35;").replace("&", "#").replace("`", "#96;")
