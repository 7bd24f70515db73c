"""What a project's service kept is compared by ``workbench skew``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import workbench as wb
from tests.conftest import EVENT_VIEW, events
from tests.promote.conftest import git
from tests.server.stage import Asked
from workbench.cli.main import FAILED, main
from workbench.project import Project, service_options
from workbench.server import FeatureService

OWNED = EVENT_VIEW.replace('event_time="at")', 'event_time="at", owner="team")')


@pytest.fixture
def published(project_root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project that publishes ``spend``, whose service keeps every answer."""
    with (project_root / "workbench.toml").open("a") as file:
        file.write('\n[online]\nkind = "lmdb"\n[serve]\nlog_reads = 1.0\n')
    git(project_root, "commit", "-qam", "Declare the online store")
    monkeypatch.chdir(project_root)
    project = wb.open(project_root)
    project.branch("exp/a", objective="See it work")
    project.define(OWNED)
    project.promote("spend")
    yield project
    project.close()


def skew(*words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    status = main(["skew", *words, "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_the_verb_passes_and_fails_by_what_was_served(published: Project, capsys: pytest.CaptureFixture[str]) -> None:
    status, found = skew(capsys=capsys)
    assert (status, found["passed"], found["reads"]) == (FAILED, False, 0)
    service = FeatureService(service_options())
    answer = Asked(service).features("spend", [{"user": "u1"}, {"user": "nobody"}])
    assert answer.json()["features"]["total"]["statuses"] == ["present", "missing"]
    service._log.close(60)
    status, found = skew("spend:total", "--since", "2024-01-01", capsys=capsys)
    assert (status, found["passed"], found["compared"]) == (0, True, 2)
    assert Path(found["folder"]) == published._workspace.home / "reads"
    events(210).write_parquet(published.root / "data" / "events.parquet")
    published.materialize()
    status, found = skew("spend", capsys=capsys)
    (feature,) = found["features"]
    assert (status, feature["compared"], feature["causes"]) == (FAILED, 2, {"later": 1})
    assert feature["examples"][0]["entity"] == {"user": "u1"}
    assert published.skew(log=published.root / "nowhere").reads == 0
