"""Verbs that take long: run in a process of their own, followed, cancelled, refused."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import workbench as wb
from tests.lab.conftest import commit_all
from tests.lab.test_routes import check, check_problem
from workbench.lab.jobs import Jobs, follow, words_of
from workbench.lab.problem import Refused

if TYPE_CHECKING:
    from tests.lab.conftest import Ask


async def until_ended(ask: Ask, name: str) -> Any:
    until = time.monotonic() + 240
    while time.monotonic() < until:
        job = check("GET jobs", await ask("GET", f"jobs/{name}"))
        if job["state"] != "running":
            return job
        await asyncio.sleep(0.2)
    raise AssertionError(job)


@pytest.fixture
def owned(event_view: str) -> str:
    return event_view.replace('event_time="at")', 'event_time="at", owner="me")')


@pytest.mark.parametrize(
    ("action", "view", "arguments", "words"),
    [
        (
            "diff",
            "spend",
            {"left": "main", "right": "exp/a"},
            ["diff", "--left=main", "--right=exp/a", "--", "spend"],
        ),
        ("promote", None, {"with_downstream": True, "accept": None}, ["promote", "--with-downstream"]),
        ("promote", None, {"plan": "plans/a.json"}, ["promote", "--plan=plans/a.json"]),
        ("check", "--out=x", {"deep": False}, ["check", "--", "--out=x"]),
        ("drift", "spend", {"by": ["user", "at"]}, ["drift", "--by=user", "--by=at", "--", "spend"]),
        ("rollback", "spend", {"to": 1.2, "data": 3}, ["rollback", "--to=1.2", "--data=3", "--", "spend"]),
    ],
)
def test_arguments_are_the_command_lines_words(
    action: str, view: str | None, arguments: dict[str, object], words: list[str]
) -> None:
    assert words_of(action, view, arguments) == words


@pytest.mark.journey
async def test_a_plan_is_made_followed_and_promoted_as_it_was_seen(
    ask: Ask, jp_fetch: Any, lab_root: Path, owned: str
) -> None:
    commit_all(lab_root)
    with closing(wb.open(lab_root, branch="exp/first")) as project:
        project.define(owned)
    project_id = (await ask("GET", "projects", path="trial")).body["project"]["id"]
    where = {"project": project_id, "branch": "exp/first"}
    begun = check("POST jobs", await ask("POST", "jobs", {**where, "action": "plan", "view": "spend"}))
    assert (begun["state"], begun["action"], begun["view"]) == ("running", "plan", "spend")

    response = await jp_fetch("workbench", "api", "jobs", begun["id"], "events", request_timeout=240)
    assert response.headers["Content-Type"] == "text/event-stream"
    lines = [line for line in response.body.decode().split("\n\n") if line.startswith("data: ")]
    seen = [json.loads(line.removeprefix("data: ")) for line in lines]
    assert [each["state"] for each in seen][-1] == "done"
    assert seen[-1] == check("GET jobs", await ask("GET", f"jobs/{begun['id']}"))
    result = seen[-1]["result"]
    assert (result["passed"], result["refused"]) == (True, False)
    assert "spend" in result["mime"]["text/html"]
    with closing(wb.open(lab_root)) as project:
        assert not project.store.catalog().entries

    publish = {**where, "action": "promote", "arguments": {"plan": result["plan"]}}
    done = await until_ended(ask, (await ask("POST", "jobs", publish)).body["id"])
    assert done["result"]["passed"], done
    with closing(wb.open(lab_root)) as project:
        assert [each.view for each in project.store.catalog().entries] == ["spend"]
    with closing(wb.open(lab_root, branch="exp/first")) as project:
        project.define(owned.replace('pl.col("amount")', '(pl.col("amount") * 3)'))

    async def planned(**arguments: object) -> dict[str, Any]:
        begun = await ask("POST", "jobs", {**where, "action": "plan", "view": "spend", "arguments": arguments})
        return dict((await until_ended(ask, begun.body["id"]))["result"])

    refused = await planned()
    assert refused["passed"] is False
    assert refused["acceptable"] == ["spend:total"]
    accepted = await planned(accept={"spend:total": "three for one"})
    assert (accepted["passed"], accepted["acceptable"]) == (True, [])


@pytest.mark.journey
async def test_a_verb_that_refuses_or_fails_says_why(ask: Ask, lab_root: Path) -> None:
    which = {"project": (await ask("GET", "projects", path="trial")).body["project"]["id"]}
    check_problem(await ask("POST", "jobs", {**which, "action": "gc"}), 400, "usage-error")
    check_problem(await ask("POST", "jobs", {"project": "x", "action": "check"}), 404, "project-not-found")
    check_problem(await ask("GET", "jobs/" + 32 * "0"), 404, "job-not-found")
    check_problem(await ask("GET", "jobs/" + 32 * "0" + "/events"), 404, "job-not-found")
    begun = [
        await ask("POST", "jobs", {**which, "action": "check", "view": "absent"}),
        await ask("POST", "jobs", {**which, "action": "check", "view": "a", "arguments": {"depe": True}}),
    ]
    absent, unknown = [await until_ended(ask, each.body["id"]) for each in begun]
    assert (absent["state"], absent["problem"]["type"]) == ("failed", "feature-not-found")
    assert (unknown["state"], unknown["problem"]["type"]) == ("failed", "usage-error")


async def test_a_job_that_never_ends_is_cancelled(ask: Ask, lab_root: Path, event_view: str) -> None:
    with closing(wb.open(lab_root)) as project:
        endless = event_view.replace("    return events", "    while True:\n        pass\n    return events")
        project.repository.commit("exp/first", {"features/spend.py": f"import polars as pl\n{endless}"}, message="Loop")
    project_id = (await ask("GET", "projects", path="trial")).body["project"]["id"]
    begun = (await ask("POST", "jobs", {"project": project_id, "branch": "exp/first", "action": "check"})).body
    await asyncio.sleep(0)
    ended = check("DELETE jobs", await ask("DELETE", f"jobs/{begun['id']}"))
    assert (ended["state"], ended["result"], ended["problem"]) == ("cancelled", None, None)
    assert check("DELETE jobs", await ask("DELETE", f"jobs/{begun['id']}")) == ended


async def test_jobs_beyond_the_limit_are_refused_and_one_that_is_killed_says_so(project_root: Path) -> None:
    jobs = Jobs()
    begun = [jobs.start(project_root, None, "check", None, ["check"]) for _ in range(4)]
    with pytest.raises(Refused, match="4 jobs"):
        jobs.start(project_root, None, "check", None, ["check"])
    first, *others = begun
    while first.process is None:  # noqa: ASYNC110 - nobody tells when there is a process
        await asyncio.sleep(0.01)
    os.killpg(first.process.pid, signal.SIGKILL)
    *_, last = [each async for each in follow(first)]
    assert last.problem is not None
    assert (last.state, last.problem.type) == ("failed", "job-ended")
    ended = await asyncio.gather(*(jobs.cancel(each.id) for each in others))
    assert {each.state for each in ended} == {"cancelled"}
    assert all(each.process is not None and each.process.returncode is not None for each in ended)
