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


def test_a_difference_tells_values_rows_promises_and_code(published: Project) -> None:
    published.define(VALUED, log=False)
    found = published.diff("spend")
    assert found.category == "value"
    assert found.columns[0].changed > 150
    text = found._repr_mimebundle_()["text/plain"]
    assert "spend: main against exp/first" in text
    assert "* 2" in text
    assert published.diff("spend", "@1.0", "main").category == "none"
    assert found.changed_rows(limit=5).height == 5
    assert len(found._repr_mimebundle_()["text/html"]) < 300_000


def test_a_view_that_one_side_lacks_is_new_and_one_that_none_has_an_error(shop: Project) -> None:
    assert shop.diff("spend").category == "new"
    with pytest.raises(FeatureNotFound, match="did you mean"):
        shop.diff("spent")
