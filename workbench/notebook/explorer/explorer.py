"""`Panel`: the interactive view: what is chosen, and what is shown of it; answers stay within one page of rows."""

from __future__ import annotations

import html
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets  # type: ignore[import-untyped]  # ships no types
import polars as pl

from workbench.diff import value_of
from workbench.errors import WorkbenchError
from workbench.notebook.built import not_built
from workbench.notebook.explorer import charts, picture
from workbench.notebook.explorer.distribution import FeatureDistribution, distribution
from workbench.notebook.explorer.format import edge, key, line_key, place
from workbench.notebook.explorer.kinds import drawn_as, is_numeric
from workbench.notebook.explorer.picture import Picture
from workbench.notebook.explorer.rows import PAGE, RowFilter, count, kinds, page
from workbench.notebook.explorer.selection import ValueSelection, Where, rows_of
from workbench.notebook.explorer.style import STYLE
from workbench.notebook.explorer.subject import Changed, ExploredView
from workbench.notebook.explorer.table import table
from workbench.notebook.explorer.timeline import Timeline, timeline
from workbench.times import Period

if TYPE_CHECKING:
    from workbench.notebook.explorer.subject import ExploredView


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
    def of(cls, subject: ExploredView) -> Controls:
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
                description="features",  # which the style hides: for those who do not see the list
                rows=10,
                layout=widgets.Layout(width="auto", height=_height(len(subject.features))),
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


_LOG = logging.getLogger(__name__)


class MessageLine:
    """A line of text, and what controls call through it.

    Parameters
    ----------
    shown
        The widget that shows it.
    """

    def __init__(self, shown: Any) -> None:
        self._shown = shown
        self._is_progress = False
        self._is_silent = False

    def say(self, text: str, *, progress: bool = False) -> None:
        """Show `text`, which goes again where it is about progress and what it is about went well."""
        self._shown.value = f"<p role='status'>{html.escape(text)}</p>" if text else ""
        self._is_progress = progress

    def callback(self, act: Callable[[], None]) -> Callable[[object], None]:
        """Return what a control calls to have `act` done, unless it was set from here."""

        def called(_: object) -> None:
            if not self._is_silent:
                with self.catch_errors():
                    act()

        return called

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Let controls be set without answering to it."""
        before, self._is_silent = self._is_silent, True
        try:
            yield
        finally:
            self._is_silent = before

    @contextmanager
    def catch_errors(self) -> Iterator[None]:
        """Say what goes wrong within, instead of raising it."""
        self.say("")
        try:
            yield
        except WorkbenchError as error:
            self.say(f"{error.message} {error.remedy}")
        except Exception as error:  # noqa: BLE001 - a callback has no cell to fail in
            _LOG.debug("the interactive view failed", exc_info=error)
            self.say(f"The view could not be updated: {type(error).__name__}: {' '.join(str(error).split())[:200]}")
        else:
            if self._is_progress:
                self.say("")


MOST = 200
"""Values that are offered; any other can be typed."""


def entities(subject: ExploredView, column: str, *, limit: int = MOST) -> tuple[str, ...]:
    """Return values of the entity column `column`, as text: of the rows that differ most, then the most frequent."""
    text = pl.col(column).cast(pl.String).alias("value")
    frames = [Where().rows(side).select(text) for side in subject.sides if side is not None]
    frequent = (
        pl.concat(frames)
        .drop_nulls()
        .group_by("value")
        .len()
        .sort("len", "value", descending=[True, False])
        .head(limit)
        .collect(engine="streaming")
    )
    return tuple(dict.fromkeys([*_worst(subject, column), *frequent["value"]]))[:limit]


def _worst(subject: ExploredView, column: str) -> list[str]:
    """Return the entities of the rows that were kept since they differ most, feature by feature."""
    if subject.diff is None:
        return []
    kept = {each.name: each.worst for each in subject.diff.columns}
    found: list[str] = []
    for feature in subject.sorted_features("change"):
        rows = kept.get(feature.name)
        if rows is not None and column in rows.columns:
            found += rows[column].cast(pl.String).drop_nulls().to_list()
    return found


_EVERYTHING, _BETWEEN = -1, -2


class Panel:
    """The interactive view of two sides of a view.

    Parameters
    ----------
    subject
        What is explored.

    Attributes
    ----------
    widget
        What is displayed.
    controls
        All that can be operated.
    """

    def __init__(self, subject: ExploredView) -> None:
        self.subject = subject
        self.controls = Controls.of(subject)
        self.widget = self.controls.laid_out()
        self._note = MessageLine(self.controls.note)
        self._where = Where()
        self._offset = 0
        self._drawn: FeatureDistribution | None = None
        self._known: dict[str, tuple[FeatureDistribution, Timeline]] = {}
        with self._note.catch_errors(), self._note.silent():
            self._offer_sides()
            self._offer_entities()
            self._offer_features()
        self._listen()

    def draw(self) -> None:
        """Fill in what is shown of the feature that is chosen; the first time, this loads the chart library."""
        with self._note.catch_errors():
            self._draw()

    # what can be chosen

    def _offer_sides(self) -> None:
        choices = self.subject.choices()
        for control, ref in zip((self.controls.left, self.controls.right), self.subject.refs, strict=True):
            control.options = tuple(dict.fromkeys([*([ref] if ref and ref not in choices else []), *choices]))
            control.value = ref

    def _offer_entities(self) -> None:
        for column, control in self.controls.entities.items():
            control.options = entities(self.subject, column)

    def _offer_features(self) -> None:
        shown = self.controls
        kept = shown.features.value
        features = self.subject.sorted_features(shown.order.value)
        names = [feature.name for feature in features]
        shown.features.options = [(f"{feature.name}   ({feature.says})", feature.name) for feature in features]
        if names:
            shown.features.value = kept if kept in names else names[0]

    # what is shown

    @property
    def _feature(self) -> Changed | None:
        name = self.controls.features.value
        return None if name is None else self.subject.feature(name)

    def _draw(self) -> None:
        feature = self._feature
        shown = self.controls
        if feature is None:
            shown.about.value = "<p class='wb-none'>There are no features to look at.</p>"
            return
        self._clear(feature, "Counting its values ...")
        try:
            self._draw_feature(feature)
        except BaseException:
            self._clear(feature, "It could not be shown.")
            raise

    def _clear(self, feature: Changed, said: str) -> None:
        """Take away what is shown of another feature, and say why nothing is there yet."""
        shown = self.controls
        self._drawn = None
        told = f"<p class='wb-none' role='status'>{html.escape(said)}</p>"
        shown.about.value = f"<h4>{html.escape(feature.name)}</h4>{told}"
        shown.rows.value = shown.caption.value = shown.counted.value = shown.ends.value = ""
        shown.distribution.label = shown.timeline.label = ""
        shown.distribution.spec = shown.timeline.spec = {}
        shown.back.disabled = shown.forth.disabled = True
        shown.interval.layout.display = "none"
        with self._note.silent():
            shown.values.options = [("all values", _EVERYTHING)]
            shown.values.value = _EVERYTHING
        self._unmark()

    def _draw_feature(self, feature: Changed) -> None:
        shown = self.controls
        drawn, over_time = self._look_at(feature)
        self._drawn = drawn
        self._offer_values(feature, drawn)
        self._say_what(feature, drawn)
        self._turn_to(0)
        told = f"{place(self._where)}; {over_time.says}" if any(over_time.lines) else "no event time, or no rows"
        name = html.escape(feature.name)
        key_of_lines = line_key(self.subject.labels)
        shown.caption.value = f"<h4>{name} over time</h4>{key_of_lines}<p class='wb-dim'>{html.escape(told)}</p>"
        # numbers and rows are there before what it takes to draw is loaded
        sides = " and ".join(self.subject.labels)
        self._unmark()
        shown.distribution.label = f"{feature.name}: how its values are spread, {sides}"
        shown.distribution.spec = charts.histogram(drawn) if is_numeric(feature.kind) else charts.categories(drawn)
        shown.timeline.label = f"{feature.name} over time, {sides}"
        shown.timeline.spec = charts.line(over_time)

    def _look_at(self, feature: Changed) -> tuple[FeatureDistribution, Timeline]:
        """Return what is drawn of a feature; what was looked at once is kept until other rows are."""
        known = self._known.get(feature.name)
        if known is None:
            rows = rows_of(self.subject, feature, self._where)
            known = distribution(self.subject, feature, looked_at=rows), timeline(self.subject, feature, looked_at=rows)
            self._known[feature.name] = known
        return known

    def _offer_values(self, feature: Changed, drawn: FeatureDistribution) -> None:
        shown = self.controls
        with self._note.silent():
            edges = drawn.edges
            shown.interval.layout.display = None if len(edges) > 1 else "none"
            if len(edges) > 1:
                texts = [edge(value, feature.kind, step=edges[1] - edges[0]) for value in edges]
                # equal texts would be one option; the place tells them apart
                shown.interval.options = [(text, place) for place, text in enumerate(texts)]
                shown.interval.index = (0, len(edges) - 1)
            between = [("in the interval", _BETWEEN)] if len(edges) > 1 else []
            rest = [(bar.label, number) for number, bar in enumerate(drawn.rest)]
            shown.values.options = [("all values", _EVERYTHING), *between, *rest]
            shown.values.value = _EVERYTHING
            sides = [
                (label, at)
                for at, (label, name) in enumerate(zip(self.subject.labels, feature.names, strict=True))
                if name is not None
            ]
            kept = shown.side.value
            shown.side.options = sides
            shown.side.value = kept if kept in [at for _, at in sides] else sides[-1][1]
            offered = kinds(self.subject, feature)
            kept = shown.kind.value
            shown.kind.options = [(_KINDS[kind].format(*self.subject.labels), kind) for kind in offered]
            shown.kind.value = kept if kept in offered else offered[0]

    def _say_what(self, feature: Changed, drawn: FeatureDistribution) -> None:
        about = feature.drift.sentence if feature.drift is not None else f"{feature.name}: {feature.says}."
        if not self._where.is_everything:
            about = f"Of all rows: {about}"
        outside = [bar for bar in drawn.rest if is_numeric(feature.kind)]
        left = "; ".join(f"{bar.label}: {drawn.count(bar)} rows" for bar in outside)
        how = " ".join(filter(None, (drawn_as(feature.kind, feature.dtype), drawn.sample)))
        how = how or ("" if drawn.bars else "There are no values to draw.")
        drawn_how = f"<p class='wb-dim'>{html.escape(how)}</p>" if how else ""
        if not picture.LIBRARY.is_file():
            drawn_how += f"<p class='wb-none'>{html.escape(not_built('chart library'))}</p>"
        self.controls.about.value = (
            f"<h4>{html.escape(feature.name)}</h4>{key(self.subject.labels, drawn.rows)}"
            f"<p class='wb-dim'>{html.escape(about)}{' ' + html.escape(left) + '.' if left else ''}</p>{drawn_how}"
        )

    def _turn_to(self, offset: int) -> None:
        """Show the page that begins at `offset`."""
        feature, shown = self._feature, self.controls
        if feature is None:
            return
        asked = self._asked(feature)
        self._say_ends()
        found = page(self.subject, asked, offset)
        total = count(self.subject, asked)
        self._offset = offset
        order = [
            feature.name,
            *(each.name for each in self.subject.sorted_features("change") if each.name != feature.name),
        ]
        tolerances = {each.name: each.tolerance for each in self.subject.features}
        shown.rows.value = table(found, self.subject.labels, order=order, tolerances=tolerances)
        last = offset + found.rows.height
        shown.counted.value = (
            f"<span role='status'>rows {offset + 1:,} to {last:,} of {total:,}</span>" if last > offset else "no rows"
        )
        shown.back.disabled = offset == 0
        shown.forth.disabled = last >= total

    def _asked(self, feature: Changed) -> RowFilter:
        shown = self.controls
        return RowFilter(feature, shown.kind.value, self._where, self._part(), shown.side.value)

    def _part(self) -> ValueSelection | None:
        drawn, chosen = self._drawn, self.controls.values.value
        if drawn is None or chosen == _EVERYTHING:
            return None
        if chosen == _BETWEEN:
            return drawn.between(*self.controls.interval.index)
        part: ValueSelection = drawn.rest[chosen].part
        return part

    # what happens when something is chosen

    def _listen(self) -> None:
        shown = self.controls
        for control in (shown.left, shown.right):
            control.observe(self._note.callback(self._change_sides), "value")
        for control in (*shown.entities.values(), shown.period):
            control.observe(self._note.callback(self._change_where), "value")
        shown.order.observe(self._note.callback(self._change_order), "value")
        shown.features.observe(self._note.callback(self._draw), "value")
        shown.interval.observe(self._note.callback(self._change_interval), "index")
        shown.distribution.observe(self._note.callback(self._change_brush), "brush")
        shown.distribution.observe(self._note.callback(self._change_pick), "picked")
        shown.values.observe(self._note.callback(self._change_values), "value")
        for control in (shown.side, shown.kind):
            control.observe(self._note.callback(self._first_page), "value")
        shown.back.on_click(self._note.callback(self._previous))
        shown.forth.on_click(self._note.callback(self._next))

    def _change_sides(self) -> None:
        shown = self.controls
        refs = shown.left.value, shown.right.value
        if refs == self.subject.refs:
            return
        self._note.say(f"Comparing {refs[0]} with {refs[1]} ...", progress=True)
        if self._feature is not None:
            self._clear(self._feature, "It is compared again ...")
        try:
            subject = self.subject.other(*refs)
        except BaseException:
            with self._note.silent():
                shown.left.value, shown.right.value = self.subject.refs
            self._draw()
            raise
        self.subject = subject
        self._known.clear()
        with self._note.silent():
            self._offer_features()
        self._draw()

    def _change_where(self) -> None:
        shown = self.controls
        entity = {column: control.value.strip() for column, control in shown.entities.items() if control.value.strip()}
        schema = self.subject.side.frame.collect_schema()
        for column, text in entity.items():
            value_of(column, text, schema[column])
        text = shown.period.value.strip()
        self._where = Where(entity, Period.parse(text) if text else None)
        self._known.clear()
        self._draw()
        if self._drawn is not None and not any(self._drawn.rows):
            self._note.say(f"There are no rows for {place(self._where)}.")

    def _change_order(self) -> None:
        with self._note.silent():
            self._offer_features()

    def _change_interval(self) -> None:
        shown, drawn = self.controls, self._drawn
        if drawn is None or not drawn.edges:
            return
        first, last = shown.interval.index
        if first == last:  # an interval has a bin at least
            first, last = (first, last + 1) if last + 1 < len(drawn.edges) else (first - 1, last)
        with self._note.silent():
            shown.interval.index = (first, last)
            shown.values.value = _BETWEEN
        self._mark(drawn, first, last)
        self._turn_to(0)

    def _change_brush(self) -> None:
        shown, drawn = self.controls, self._drawn
        if drawn is None or not drawn.edges:
            return
        if not shown.distribution.brush:
            if shown.values.value != _BETWEEN:
                return
            with self._note.silent():
                shown.values.value = _EVERYTHING
                shown.interval.index = (0, len(drawn.edges) - 1)
            self._unmark()
        else:
            scale = 1000 if drawn.kind == "time" else 1
            first, last = drawn.nearest(*(end / scale for end in shown.distribution.brush))
            if shown.values.value == _BETWEEN and tuple(shown.interval.index) == (first, last):
                return
            with self._note.silent():
                shown.interval.index = (first, last)
                shown.values.value = _BETWEEN
            self._mark(drawn, first, last)
        self._turn_to(0)

    def _change_pick(self) -> None:
        drawn, picked = self._drawn, self.controls.distribution.picked
        if drawn is None:
            return
        found = [number for number, bar in enumerate(drawn.rest) if [bar.label] == picked]
        self.controls.values.value = found[0] if found else _EVERYTHING

    def _change_values(self) -> None:
        shown, drawn = self.controls, self._drawn
        if drawn is None:
            return
        if shown.values.value == _BETWEEN:
            self._mark(drawn, *shown.interval.index)
        else:
            self._unmark()
        self._turn_to(0)

    def _mark(self, drawn: FeatureDistribution, first: int, last: int) -> None:
        """Mark an interval in the chart; the page takes that for its brush, and does not tell it back."""
        scale = 1000 if drawn.kind == "time" else 1
        ends = [drawn.edges[first] * scale, drawn.edges[last] * scale]
        with self._note.silent():
            self.controls.distribution.brush = ends
            self.controls.distribution.range = ends

    def _unmark(self) -> None:
        with self._note.silent():
            self.controls.distribution.brush = []
            self.controls.distribution.range = []

    def _say_ends(self) -> None:
        """Say which interval the slider stands for."""
        shown = self.controls
        texts = [text for text, _ in shown.interval.options]
        first, last = shown.interval.index
        is_chosen = shown.values.value == _BETWEEN
        shown.ends.value = f"<span>from {texts[first]} to {texts[last]}</span>" if is_chosen else ""

    def _first_page(self) -> None:
        self._turn_to(0)

    def _previous(self) -> None:
        self._turn_to(max(self._offset - PAGE, 0))

    def _next(self) -> None:
        self._turn_to(self._offset + PAGE)


_KINDS = {
    "changed": "in which it differs",
    "any": "that both sides have",
    "added": "that only {1} has",
    "removed": "that only {0} has",
    "left": "of {0}",
    "right": "of {1}",
}
