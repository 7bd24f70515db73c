"""The projects that promotions are tested on."""

from tests.promote.conftest import published, published_once, root, root_once, shop, shop_once

__all__ = ["published", "published_once", "root", "root_once", "shop", "shop_once"]
