"""Drawing: what other rooms found out, as HTML with inline SVG for notebooks and as text for terminals.

Nothing here computes, and nothing that is drawn grows with a view's rows.
"""

from __future__ import annotations

from workbench.widgets.card import card_html
from workbench.widgets.diagram import Box, Diagram, Link, Row
from workbench.widgets.figure import Figure
from workbench.widgets.listing import Listing, listings
from workbench.widgets.overlay import Overlay
from workbench.widgets.overlays import Overlays, overlays
from workbench.widgets.profiles import profile_table, profiles_table
from workbench.widgets.report import Report, Reported, report_kind
from workbench.widgets.result import Card
from workbench.widgets.sparkline import blocks, sparkline
from workbench.widgets.table import Drawn, ShareBar, Table
from workbench.widgets.terminal import card_text, render_text

__all__ = [
    "Box",
    "Card",
    "Diagram",
    "Drawn",
    "Figure",
    "Link",
    "Listing",
    "Overlay",
    "Overlays",
    "Report",
    "Reported",
    "Row",
    "ShareBar",
    "Table",
    "blocks",
    "card_html",
    "card_text",
    "listings",
    "overlays",
    "profile_table",
    "profiles_table",
    "render_text",
    "report_kind",
    "sparkline",
]
