from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.server.stage import Asked, ask, fill

if TYPE_CHECKING:
    from tests.online.stage import Shelf


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """A store that no test writes to."""
    return fill(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def asked(shelf: Shelf) -> Asked:
    """Sends requests to a service over that store."""
    return ask(shelf)
