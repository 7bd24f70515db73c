"""The catalog: what there is to use, found by its words, and all that is known of one view."""

from __future__ import annotations

from workbench.catalog.catalog import Catalog, look_up, open_catalog
from workbench.catalog.entry import CatalogEntry, CatalogFeature
from workbench.catalog.on_demand_page import OnDemandPage
from workbench.catalog.page import CatalogPage, open_page
from workbench.catalog.users import Users

__all__ = [
    "Catalog",
    "CatalogEntry",
    "CatalogFeature",
    "CatalogPage",
    "OnDemandPage",
    "Users",
    "look_up",
    "open_catalog",
    "open_page",
]
