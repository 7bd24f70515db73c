"""What can be named in a project, for completion: of a branch, of what is published, and of what is computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.project.known import MOST

if TYPE_CHECKING:
    from workbench.project import Project


def test_names_come_from_the_branch_the_registry_and_what_is_stored(project: Project, event_view: str) -> None:
    assert project.known_names().values("spend", "user") == ()
    event_view = event_view.replace('event_time="at"', 'event_time="at", owner="ann"')
    project.define(event_view, log=False)
    other = event_view.replace("Spend", "Other").replace("spend", "other").replace("cum_sum", "cum_max")
    project.define(other, log=False)
    project.repository._git.run("commit", "-qam", "Declare events")
    assert not project.promote("spend").is_refused
    project.branch("exp/second", objective="Look on")
    project.define(event_view.replace("total", "sum_so_far"), log=False)
    known = project.known_names()
    spend = known.views["spend"]
    assert (spend.entities, spend.versions, spend.is_on_branch) == (("user",), ("1.0",), True)
    assert spend.features == {"total": "Float64", "sum_so_far": "float"}
    assert "other" not in known.views
    assert known.branches() == {"main": "what is published", "exp/first": "", "exp/second": ""}
    assert known.values("spend", "user") == tuple(f"u{number}" for number in range(7))
    on_main = project.known_names(branch="main")
    assert on_main.values("spend", "user") == tuple(f"u{number}" for number in range(7)), "of what is published"
    assert on_main.values("spend", "nothing") == ()
    assert known.values("other", "user") == ()
    assert known.columns("events")["amount"] == "Float64"
    assert known.columns("spend") == {"user": "str", "at": "UTC", "sum_so_far": "float"}
    assert known.columns("nothing") == {}
    assert (known.releases(), known.training_sets(), known.feature_sets()) == ((), (), ())
    (project.root / ".hidden").touch()
    assert known.files("data/", folder=project.root) == {"data/events.parquet": "file"}
    assert known.files("dat", folder=project.root) == {"data/": "folder"}
    assert known.files(".hid", folder=project.root) == {".hidden": "file"}
    assert known.files("none/", folder=project.root) == {}
    for number in range(MOST + 5):
        (project.root / "data" / f"x{number}").touch()
    assert len(known.files("data/", folder=project.root)) == MOST
