"""The policy in a promotion: refused with who could help, and published with who agreed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.promote.conftest import VALUED, git, record_of
from workbench.errors import PromotionRefused
from workbench.promote.approve import approve

if TYPE_CHECKING:
    from tests.promote.team import Team
    from workbench.project import Project


def test_what_is_accepted_is_kept_with_the_version(published: Project) -> None:
    published.define(VALUED, log=False)
    report = published.promote("spend", accept={"spend:total": "double points"})
    assert next(one for one in report.gates if one.name == "drift").accepted == "total: double points"
    assert "double points" in " ".join(record_of(published).version().accepted)


def test_a_promotion_waits_for_its_approval_and_says_who_gave_it(shop: Project, team: Team) -> None:
    team.sit_down("ann")
    path = shop.root / "workbench.toml"
    path.write_text(path.read_text() + '\n[[policy.rules]]\napprovals = 1\napprovers = ["bo@example.org"]\n')
    git(shop.root, "commit", "-qam", "Ask Bo")
    before = shop.repository.resolve("main")
    with pytest.raises(PromotionRefused, match=r"bo@example\.org"):
        shop.promote("spend")
    assert shop.repository.resolve("main") == before
    team.sit_down("bo")
    approve(shop._workspace, "exp/first")
    team.sit_down("ann")
    report = shop.promote("spend")
    assert report.commit is not None
    assert ("Approved-By", "Bo <bo@example.org>") in shop.repository.show(report.commit).trailers
