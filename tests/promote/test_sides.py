"""A view as one side of a comparison, by each way of naming it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests.promote.conftest import VALUED
from workbench.compare import diff_views
from workbench.errors import BranchNotFound, FeatureNotFound, UsageError
from workbench.serve.diffs import side_at

if TYPE_CHECKING:
    from workbench.project import Project


def test_each_way_of_naming_a_side_leads_to_its_rows(published: Project) -> None:
    published.define(VALUED, log=False)
    rooms = published._rooms
    branch = side_at(rooms, "spend", "exp/first")
    for ref in ("main", "@1.0", "spend@1", datetime.now(UTC).isoformat()):
        diff = diff_views(side_at(rooms, "spend", ref), branch)
        assert diff.rows.left == 200, ref
        assert diff.column("total").changed > 150, ref
    assert diff_views(side_at(rooms, "spend", "main"), side_at(rooms, "spend", "@1.0")).rows.changed == 0


def test_what_names_no_side_is_refused(published: Project) -> None:
    rooms = published._rooms
    with pytest.raises(BranchNotFound, match="exp/first"):
        side_at(rooms, "spend", "exp/frist")
    with pytest.raises(FeatureNotFound):
        side_at(rooms, "spend", "@9.9")
    with pytest.raises(UsageError, match="another view"):
        side_at(rooms, "spend", "rate@1.0")
