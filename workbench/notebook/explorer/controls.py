"""The controls of the interactive view: built here, wired in `panel`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets  # type: ignore[import-untyped]  # ships no types

from workbench.notebook.explorer.picture import Picture
from workbench.notebook.explorer.style import STYLE

if TYPE_CHECKING:
    from workbench.notebook.explorer.subject import Subject

_WIDE = {"width": "auto", "max_width": "100%"}
_NARROW = {"description_width": "initial"}


def _labelled(kind: Any, label: str, **traits: Any) -> Any:
    layout = widgets.Layout(**(_WIDE | traits.pop("layout", {})))
    return kind(description=label, style=_NARROW, layout=layout, **traits)


@dataclass(slots=True)
class Controls:
    """All that can be operated, and what it is laid out in."""

    left: Any
    right: Any
    entities: dict[str, Any]
    period: Any
    order: Any
    features: Any
    values: Any
    side: Any
    interval: Any
    kind: Any
    back: Any
    forth: Any
    distribution: Picture = field(default_factory=Picture)
    timeline: Picture = field(default_factory=Picture)
    ends: Any = field(default_factory=widgets.HTML)
    about: Any = field(default_factory=widgets.HTML)
    counted: Any = field(default_factory=widgets.HTML)
    rows: Any = field(default_factory=widgets.HTML)
    caption: Any = field(default_factory=widgets.HTML)
    note: Any = field(default_factory=widgets.HTML)

    @classmethod
    def of(cls, subject: Subject) -> Controls:
        """Return the controls for a view, still empty."""
        place = widgets.Combobox if subject.free else widgets.Dropdown
        text = {"continuous_update": False}
        named = text | {"layout": {"width": "300px"}} if subject.free else {}
        shown = cls(
            left=_labelled(place, "reference" if subject.free else "left", **named),
            right=_labelled(place, "current" if subject.free else "right", **named),
            entities={
                name: _labelled(widgets.Combobox, name, placeholder="all", layout={"width": "230px"}, **text)
                for name in subject.entities
            },
            period=_labelled(
                widgets.Text, "period", placeholder="all, or 2013-01..2013-03", layout={"width": "270px"}, **text
            ),
            order=_labelled(widgets.ToggleButtons, "", options=[("by change", "change"), ("by name", "name")]),
            features=widgets.Select(
                rows=10, layout=widgets.Layout(width="auto", height=_height(len(subject.features)))
            ),
            values=_labelled(widgets.Dropdown, "values"),
            side=_labelled(widgets.Dropdown, "of"),
            interval=_labelled(
                widgets.SelectionRangeSlider,
                "between",
                options=[("", 0), (" ", 1)],
                index=(0, 1),
                continuous_update=False,
                readout=False,  # it has a dash for "to", which reads as a minus
                layout={"width": "100%"},
            ),
            kind=_labelled(widgets.Dropdown, "rows"),
            back=widgets.Button(description="previous", layout=widgets.Layout(width="auto"), tooltip="previous page"),
            forth=widgets.Button(description="next", layout=widgets.Layout(width="auto"), tooltip="next page"),
        )
        shown.order.style.button_width = "auto"
        return shown

    def laid_out(self) -> Any:
        """Return everything in its place: rows that wrap, so that it fits narrow and wide."""
        head = _box("wb-bar", self.left, self.right, *self.entities.values(), self.period)
        chosen = _box("wb-list", self.order, self.features)
        behind = _box("wb-bar", self.values, self.side, self.ends)
        drawn = _box("wb-drawn", self.about, self.distribution, self.interval, behind)
        pages = _box("wb-bar", self.kind, self.back, self.forth, self.counted)
        style = widgets.HTML(f"<style>{STYLE}</style>", layout=widgets.Layout(display="none"))
        self.note.add_class("wb-note")
        whole = widgets.VBox(
            [style, head, self.note, _box("wb-main", chosen, drawn), pages, self.rows, self.caption, self.timeline]
        )
        whole.add_class("wb-explore")
        return whole


def _height(features: int) -> str:
    return f"{min(max(features, 3), 16) * 18 + 12}px"


def _box(name: str, *children: Any) -> Any:
    box = widgets.Box(children) if name in {"wb-bar", "wb-main"} else widgets.VBox(children)
    box.add_class(name)
    return box
