"""Drawing: what other packages found out, as HTML with inline SVG for notebooks and as text for terminals.

Nothing here computes, and nothing that is drawn grows with a view's rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.lazy import loading

if TYPE_CHECKING:
    from workbench.render.card import Card
    from workbench.render.card_html import card_html
    from workbench.render.card_text import card_text
    from workbench.render.code_diff import DiffListing, listings
    from workbench.render.diagram import Box, Diagram, Link, Row
    from workbench.render.distribution import Overlay, Overlays, overlays
    from workbench.render.figure import Figure
    from workbench.render.format import dtype_name, format_elapsed, print_value
    from workbench.render.profiles import profile_table, profiles_table
    from workbench.render.report import Finding, Fold, Plain, Report, Reported, Unfolded, mime_bundle, report_kind
    from workbench.render.sparkline import blocks, sparkline
    from workbench.render.table import Drawn, Mark, ShareBar, Table, Tone
    from workbench.render.terminal import render_text

_HOMES = {
    "card": ("Card",),
    "card_html": ("card_html",),
    "card_text": ("card_text",),
    "code_diff": (
        "DiffListing",
        "listings",
    ),
    "diagram": (
        "Box",
        "Diagram",
        "Link",
        "Row",
    ),
    "distribution": (
        "Overlay",
        "Overlays",
        "overlays",
    ),
    "figure": ("Figure",),
    "format": (
        "dtype_name",
        "format_elapsed",
        "print_value",
    ),
    "profiles": (
        "profile_table",
        "profiles_table",
    ),
    "report": (
        "Finding",
        "Fold",
        "Plain",
        "Report",
        "Reported",
        "Unfolded",
        "mime_bundle",
        "report_kind",
    ),
    "sparkline": (
        "blocks",
        "sparkline",
    ),
    "table": (
        "Drawn",
        "Mark",
        "ShareBar",
        "Table",
        "Tone",
    ),
    "terminal": ("render_text",),
}

__all__ = [
    "Box",
    "Card",
    "Diagram",
    "DiffListing",
    "Drawn",
    "Figure",
    "Finding",
    "Fold",
    "Link",
    "Mark",
    "Overlay",
    "Overlays",
    "Plain",
    "Report",
    "Reported",
    "Row",
    "ShareBar",
    "Table",
    "Tone",
    "Unfolded",
    "blocks",
    "card_html",
    "card_text",
    "dtype_name",
    "format_elapsed",
    "listings",
    "mime_bundle",
    "overlays",
    "print_value",
    "profile_table",
    "profiles_table",
    "render_text",
    "report_kind",
    "sparkline",
]

__getattr__, __dir__ = loading(__name__, _HOMES)
