"""The projects that tests of ``store`` read."""

from __future__ import annotations

from tests.store.conftest import mart, mart_once, mart_to_read, shop, shop_once

__all__ = ["mart", "mart_once", "mart_to_read", "shop", "shop_once"]
