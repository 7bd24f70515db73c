"""`remove` where main publishes the view: the experiment no longer changes it, and main stays as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.promote.conftest import VALUED
from workbench import errors

if TYPE_CHECKING:
    from workbench.project import Project


def test_a_published_view_is_as_the_experiment_began_with_it(published: Project) -> None:
    main = published.repository.resolve("main")
    before = published.repository.read("exp/first", "features/spend.py")
    published.define(VALUED, log=False)
    removed = published.remove("spend")
    assert removed.is_restored
    assert published.repository.read(removed.commit, "features/spend.py") == before
    with pytest.raises(errors.DefinitionError, match="does not change 'spend'"):
        published.remove("spend")
    with pytest.raises(errors.ProtectedBranch):
        published.remove("spend", branch="main")
    assert published.repository.resolve("main") == main
    with pytest.raises(errors.PromotionError, match="changes no definition"):
        published.promote(dry_run=True)
