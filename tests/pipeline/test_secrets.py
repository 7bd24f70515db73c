"""A tour of the verbs with a password in every place that takes one: it stands nowhere but where it was written."""

from __future__ import annotations

import os
import shlex
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import workbench as wb
from tests.conftest import EVENT_VIEW, let_send
from tests.promote.conftest import git
from tests.tracking.stores import until
from workbench.cli.main import main
from workbench.tracking.paths import read_json
from workbench.tracking.process import is_held

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.project import Project

CANARY = "c4nary-p4ssw0rd"
TOML = f"""
[tracking]
uri = "http://joe:{CANARY}@127.0.0.1:9"

[sources.orders]
sql = "select * from orders"
database = "postgresql://ann:{CANARY}@127.0.0.1:9/shop"
event_time = "at"

[sources.shelf]
delta = "s3://joe:{CANARY}@bucket/table"
event_time = "at"
"""
ORDERS = EVENT_VIEW.replace("def spend(events", "def ordered(orders").replace("events.sort", "orders.sort")
VERBS = """status|branch|catalog|catalog spend|lineage|compare|compare linear|check|diff spend|why-changed spend
|drift spend|sql "select * from spend"|sql "select * from orders"|compute spend|compute ordered|materialize|release list
|promote spend --dry-run|promote spend|gc|ui|ui --stop|promote nothing|status --json|compare --json|lineage --json
|ui --json|compute ordered --json"""


@pytest.fixture
def toured(project_root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    let_send(project_root)
    with (project_root / "workbench.toml").open("a") as file:
        file.write(TOML)
    git(project_root, "add", "workbench.toml")
    git(project_root, "commit", "-qm", "Declare the sources")
    monkeypatch.chdir(project_root)
    opened = wb.open(project_root)
    opened.branch("exp/first", objective="See it work", metrics=["rmse"])
    opened.use_branch_in_shell()
    yield opened
    opened.close()


def written(*roots: Path) -> list[str]:
    """Return the files below `roots` that hold the password, but for the one that it was written in."""
    paths = [path for root in roots for path in root.rglob("*") if path.is_file() and path.name != "workbench.toml"]
    return [str(path) for path in paths if CANARY.encode() in path.read_bytes()]


def command_lines() -> list[str]:
    """Return the command lines of this machine's processes that hold the password."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
        except OSError:
            continue
        if CANARY.encode() in words:
            found.append(words.decode(errors="replace"))
    return found


@pytest.mark.journey
@pytest.mark.filterwarnings("ignore:.*will fail in this block")  # where another test has imported MLflow
def test_a_password_is_shown_logged_and_written_nowhere(toured: Project, capfd: pytest.CaptureFixture[str]) -> None:
    toured.define(EVENT_VIEW)
    with pytest.raises(wb.WorkbenchError) as caught:
        toured.define(ORDERS)
    with toured.experiment("linear") as run:
        toured.store.training_set(toured.view("spend").frame().select("user", event_timestamp="at").collect(), "spend")
        run.log_metric("rmse", 1.0)
    said = [str(caught.value), repr(toured.config), str(toured.config), repr(toured), repr(toured.sources["orders"])]
    said += [
        repr(toured._workspace.tracker.target),
        toured.compare().to_markdown(),
        str(toured.ui()._repr_mimebundle_()),
    ]
    said += [str(toured.status()._repr_mimebundle_()), repr(toured.status()), str(toured.compare()._repr_mimebundle_())]
    for name in ("page.html", "page.md", "page.json"):
        toured.compare().save(toured.root / name)
    for words in VERBS.replace("\n", "").split("|"):
        main(shlex.split(words))
    tracker = toured._workspace.tracker
    until(lambda: tracker.status().last_error, "the sender's failure")  # its own log counts, too
    assert command_lines() == []
    assert is_held(tracker.places.sender_lock)
    os.kill(int(read_json(tracker.places.sender_state)["pid"]), signal.SIGKILL)
    until(lambda: not is_held(tracker.places.sender_lock), "the end of the sender, which writes while it lives")
    captured = capfd.readouterr()
    assert "joe" not in "".join(said) or "***" in "".join(said)
    assert [text for text in (*said, captured.out, captured.err) if CANARY in text] == []
    assert written(toured.root, toured.repository.home) == []
