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


def test_columns_are_known_without_running_a_query_or_reading_rows(project: Project) -> None:
    settings = project.root / "workbench.toml"
    declared = """
[sources.asked]
sql = "select 1 as a"
static = true

[sources.local]
path = "data/local.csv"
event_time = "at"
time_zone = "Europe/Berlin"
"""
    settings.write_text(settings.read_text() + declared)
    skipped = "2024-03-31 02:30:00"  # by the clock of Berlin: rows that are read are refused
    (project.root / "data" / "local.csv").write_text(f"user,at\nu1,{skipped}\n")
    known = project.known_names()
    assert set(known.sources()) == {"events", "asked", "local"}
    assert known.columns("asked") == {}
    assert known.columns("local") == {"user": "String", "at": "Datetime(time_unit='us', time_zone='UTC')"}
    assert not (project.root / ".workbench" / "sources" / "asked").exists()
