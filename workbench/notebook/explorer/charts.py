"""Charts of a few hundred numbers: a distribution, a time line; two sides that differ in shape as well as in colour."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from io import StringIO
from typing import TYPE_CHECKING, Any, Literal

from workbench.notebook.explorer.kinds import is_numeric
from workbench.notebook.explorer.style import BLUE, ORANGE

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.notebook.explorer.distribution import FeatureDistribution
    from workbench.notebook.explorer.timeline import Timeline

_SIDES = ["left", "right"]
_HEIGHT = 210
_ROW, _AXIS = 24, 45
_MARKS = 30
"""Points of a line that are marked, more or less: with more, the marks would hide the line."""


def histogram(distribution: FeatureDistribution) -> dict[str, Any]:
    """Return the chart of a numeric feature's bins: the left side filled, the right one a line around its bins.

    It can be brushed along x.
    """
    bins, rows = distribution.bins, distribution.rows
    if not bins:
        return {}
    temporal = distribution.kind == "time"
    values: list[dict[str, Any]] = [
        {
            "low": _place(bar.part.low, temporal=temporal),
            "high": _place(bar.part.high, temporal=temporal),
            "left": bar.rows[0] / (rows[0] or 1),
            "right": bar.rows[1] / (rows[1] or 1),
            "rows": distribution.count(bar),
            "bin": bar.label,
        }
        for bar in bins
    ]
    ends = [values[0]["low"], values[-1]["high"]]
    # the line goes up at the first bin and comes down after the last
    values = [{"low": ends[0], "right": 0}, *values, {"low": ends[1], "right": 0}]

    def chart(alt: Any) -> Any:
        kind: Literal["temporal", "quantitative"] = "temporal" if temporal else "quantitative"
        scale = alt.Scale(domain=ends, nice=False, **({"type": "utc"} if temporal else {"zero": False}))
        x = alt.X("low", type=kind, title=_title(distribution), scale=scale, axis=alt.Axis(grid=False))
        mark = alt.BrushConfig(fill="#888", fillOpacity=0.25, stroke="#888", strokeWidth=1)
        filled = (
            alt.Chart()
            .mark_bar(fill=BLUE, fillOpacity=0.55, stroke=BLUE, strokeWidth=0.8, binSpacing=0.5)
            .transform_filter("isValid(datum.high)")
            .encode(
                x=x,
                x2="high",
                y=alt.Y("left:Q", title="share of rows", axis=alt.Axis(format="~%", tickCount=4)),
                y2=alt.Y2(datum=0),
                tooltip=[alt.Tooltip("bin:N", title="values"), alt.Tooltip("rows:N", title="rows")],
            )
            .add_params(alt.selection_interval(name="brush", encodings=["x"], mark=mark))
        )
        outline = (
            alt.Chart()
            .mark_line(color=ORANGE, interpolate="step-after", strokeWidth=2.2, strokeJoin="round")
            .encode(x=alt.X("low", type=kind), y=alt.Y("right:Q"))
        )
        return alt.layer(filled, outline)

    return _specification(chart, {"values": values}, _HEIGHT, brush=True)


def categories(distribution: FeatureDistribution) -> dict[str, Any]:
    """Return the chart of a feature's categories: two bars each, the left side filled, the right one an outline.

    A click chooses a category.
    """
    bars, rows = distribution.rest, distribution.rows
    if not bars:
        return {}
    values = [
        {"value": bar.label, "side": side, "share": bar.rows[place] / (rows[place] or 1), "rows": bar.rows[place]}
        for bar in bars
        for place, side in enumerate(_SIDES)
    ]

    counted = "rows, about" if distribution.is_sampled else "rows"

    def chart(alt: Any) -> Any:
        pick = alt.selection_point(name="pick", fields=["value"], on="click")
        side = alt.Scale(domain=_SIDES, range=[BLUE, ORANGE])
        return (
            alt.Chart()
            .mark_bar(strokeWidth=1.8, cursor="pointer")
            .encode(
                y=alt.Y("value:N", sort=[bar.label for bar in bars], title=None, axis=alt.Axis(labelLimit=140)),
                yOffset=alt.YOffset("side:N", scale=alt.Scale(paddingInner=0.2)),
                x=alt.X("share:Q", title="share of rows", axis=alt.Axis(format="~%", tickCount=5)),
                fill=alt.Fill("side:N", scale=side, legend=None),
                stroke=alt.Stroke("side:N", scale=side, legend=None),
                fillOpacity=alt.condition("datum.side == 'left'", alt.value(0.55), alt.value(0)),
                opacity=alt.condition(pick, alt.value(1), alt.value(0.35)),
                tooltip=[
                    "value:N",
                    alt.Tooltip("rows:Q", title=counted, format=","),
                    alt.Tooltip("share:Q", format=".2%"),
                ],
            )
            .add_params(pick)
        )

    return _specification(chart, {"values": values}, _ROW * len(bars) + _AXIS, pick=True)


def line(timeline: Timeline) -> dict[str, Any]:
    """Return the chart of a time line: the left side whole with dots, the right one dashed with squares."""
    if not any(timeline.lines):
        return {}
    numeric = is_numeric(timeline.kind)

    def chart(alt: Any) -> Any:
        value = "value:Q" if numeric else "value:N"
        base = alt.Chart().encode(
            x=alt.X("time:T", title=None, axis=alt.Axis(grid=False), scale=alt.Scale(type="utc")),
            y=alt.Y(value, title=_title(timeline), scale=alt.Scale(zero=False) if numeric else alt.Scale()),
            color=alt.Color("side:N", legend=None, scale=alt.Scale(domain=_SIDES, range=[BLUE, ORANGE])),
            tooltip=[alt.Tooltip("time:T", format="%Y-%m-%d %H:%M"), value, alt.Tooltip("rows:Q", format=",")],
        )
        layers = []
        if numeric:
            dash = alt.StrokeDash("side:N", legend=None, scale=alt.Scale(domain=_SIDES, range=[[1, 0], [6, 3]]))
            layers.append(base.mark_line(strokeWidth=1.8).encode(strokeDash=dash))
        else:
            base = base.encode(yOffset="side:N")  # the same category of both sides at the same time
        shape = alt.Shape("side:N", legend=None, scale=alt.Scale(domain=_SIDES, range=["circle", "square"]))
        points = base.mark_point(size=26, filled=False).encode(shape=shape)
        layers.append(points.transform_filter("isValid(datum.mark)") if numeric else points)
        return alt.layer(*layers)

    return _specification(chart, _as_text(timeline, numeric=numeric), _HEIGHT)


def _as_text(timeline: Timeline, *, numeric: bool) -> dict[str, Any]:
    """Return the points as CSV: a third of what they take as JSON, of which a notebook puts each number on a line."""
    text = StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("time", "side", "value", "rows", "mark"))
    for side, points in zip(_SIDES, timeline.lines, strict=True):
        marked = max(len(points) // _MARKS, 1)
        for place, point in enumerate(points):
            value = f"{point.value:.8g}" if isinstance(point.value, float) else point.value
            value = ("" if numeric else "null") if value is None else value
            rows.writerow((_milliseconds(point.time), side, value, point.rows, "" if place % marked else 1))
    parse = {"time": "number", "rows": "number", "mark": "number"} | ({"value": "number"} if numeric else {})
    return {"values": text.getvalue(), "format": {"type": "csv", "parse": parse}}


def _specification(chart: Callable[[Any], Any], data: dict[str, Any], height: int, **usermeta: bool) -> dict[str, Any]:
    """Return the specification, as wide as there is room; text and ground are coloured by the page."""
    import altair as alt
    from altair.utils.schemapi import debug_mode

    # what is written here was valid when it was tested: checking it again takes twenty times as long as making it
    with debug_mode(False):  # noqa: FBT003 - Altair's own
        made = chart(alt).properties(
            data=alt.NamedData(name="values"),
            width="container",
            height=height,
            background="transparent",
            autosize=alt.AutoSizeParams(type="fit", contains="padding"),
        )
        made = made.configure_view(stroke=None).configure_axis(
            labelFontSize=11, titleFontSize=11, titleFontWeight="normal", domainOpacity=0.4, gridOpacity=0.2
        )
        spec: dict[str, Any] = made.to_dict(validate=False)
    return {**spec, "data": data, "usermeta": usermeta}


def _title(of: FeatureDistribution | Timeline) -> str:
    named = f"{of.kind} of {of.feature}" if of.kind in {"norm", "length"} else of.feature
    return f"{named} ({of.unit})" if of.unit and of.kind != "length" else named


def _place(number: float, *, temporal: bool) -> float | int:
    """Return a number as Vega places it: times as milliseconds since 1970."""
    return round(number * 1000) if temporal else number


def _milliseconds(moment: datetime) -> int:
    return round(moment.replace(tzinfo=UTC).timestamp() * 1000)
