"""Every route: who may ask it, what it answers by its schema, and which problem it answers otherwise."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from tornado.httpclient import HTTPClientError

import workbench as wb
from tests.lab.conftest import commit_all
from workbench.lab.answers import ANSWERS, schemas
from workbench.lab.routes import ROUTES

if TYPE_CHECKING:
    from tests.lab.conftest import Answered, Ask


def check(route: str, answer: Answered) -> Any:
    """Return the body of an answer that is what the schema says."""
    assert answer.status < 300, answer
    assert answer.kind == "application/json"
    known = schemas()
    jsonschema.validate(answer.body, {**known["routes"][route], "components": known["components"]})
    return answer.body


def check_problem(answer: Answered, status: int, kind: str) -> Any:
    """Return the body of a problem that is what the schema says."""
    assert (answer.status, answer.kind, answer.body["type"]) == (status, "application/problem+json", kind), answer
    known = schemas()
    jsonschema.validate(answer.body, {**known["routes"]["error"], "components": known["components"]})
    assert answer.body["title"]
    return answer.body


def test_every_answer_has_a_schema_and_the_schemas_are_valid() -> None:
    known = schemas()
    for name, component in known["components"].items():
        jsonschema.Draft202012Validator.check_schema(component)
        assert component["description"], name
    assert {each["$ref"].rpartition("/")[2] for each in known["routes"].values()} <= set(known["components"])
    assert {re.split(r"[ /]", route)[1] for route in ANSWERS if route != "error"} <= {
        re.split(r"[/(]", path)[0] for path in ROUTES
    }


def test_a_server_that_starts_loads_nothing_heavy() -> None:
    heavy = "polars", "msgspec", "tornado", "IPython", "workbench.project", "workbench.lab.routes"
    code = f"import sys, workbench.lab; print([name for name in {heavy} if name in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "[]\n"
    linked = "import sys, workbench.lab.routes; "
    linked += "print([n for n in ('polars', 'pydantic', 'workbench.project') if n in sys.modules])"
    out = subprocess.run([sys.executable, "-c", linked], capture_output=True, text=True, check=True)
    assert out.stdout == "[]\n"


async def test_no_route_answers_without_a_token_or_to_a_post_without_its_cookie(
    jp_fetch: Any, jp_serverapp: Any, http_server_client: Any, jp_base_url: str, lab_root: Path
) -> None:
    for pattern, route in ROUTES.items():
        path = pattern.replace("([a-z][a-z0-9_]*)", "spend").replace(".*", "nothing")
        path = re.sub(r"\([^)]*\)", "x", path)
        for method in ("GET", "POST", "DELETE", "PUT", "PATCH"):
            if getattr(route, method.lower()) is getattr(route.__mro__[-3], method.lower(), None):
                continue
            with pytest.raises(HTTPClientError) as refused:
                await http_server_client.fetch(
                    f"{jp_base_url}workbench/api/{path}", method=method, allow_nonstandard_methods=True
                )
            assert refused.value.code == 403, f"{method} {path}"


async def test_what_is_asked_of_a_project(ask: Ask, lab_root: Path, jp_root_dir: Path) -> None:
    found = check("GET projects", await ask("GET", "projects", path="trial/notebooks/any.ipynb"))
    project = found["project"]
    assert (found["others"], found["problem"]) == ([], None)
    assert (project["name"], project["path"]) == ("trial", "trial")
    assert (project["branch"], project["chosen_by"], project["protected"]) == ("main", "checkout", ["main"])
    which = {"project": project["id"]}

    assert check("GET branches", await ask("GET", "branches", **which)) == {"branches": ["exp/first", "main"]}

    moved = check("POST branches", await ask("POST", "branches", {**which, "kernel": "k-1", "name": "exp/first"}))
    assert (moved["branch"], moved["chosen_by"], moved["objective"]) == ("exp/first", "notebook", "See it work")
    assert check("GET projects", await ask("GET", "projects", path="trial", kernel="k-1"))["project"] == moved
    assert check("GET projects", await ask("GET", "projects", path="trial"))["project"]["chosen_by"] == "checkout"

    assert check("GET features", await ask("GET", "features", **which, branch="exp/first"))["views"] == []
    assert check("GET catalog", await ask("GET", "catalog", **which)) == {"views": [], "problems": []}
    assert check("GET runs", await ask("GET", "runs", **which))["runs"] == []
    assert check("GET features", await ask("GET", "features", **which))["total"] == 0
    assert (await ask("GET", "schemas")).body == schemas()


async def test_views_of_a_branch_have_states_from_records_and_nothing_of_them_runs(
    ask: Ask, lab_root: Path, event_view: str, tmp_path: Path
) -> None:
    canary = tmp_path / "ran"
    with closing(wb.open(lab_root, branch="exp/first")) as project:
        project.define(event_view)
        other = event_view.replace("spend", "waits").replace("Spend", "Waits")
        project.repository.commit(
            "exp/first",
            {
                "features/waits.py": f"from pathlib import Path\nPath({str(canary)!r}).touch()\n{other}",
                "features/torn.py": "def (:\n",
            },
            message="Define waits",
        )
    which = {"project": (await ask("GET", "projects", path="trial")).body["project"]["id"], "branch": "exp/first"}
    found = check("GET features", await ask("GET", "features", **which))
    assert found["total"] == 2
    waits, spend = sorted(found["views"], key=lambda each: each["name"] == "spend")
    assert (spend["state"], spend["states"]) == ("new", ["new", "computed"])
    assert (waits["state"], waits["states"]) == ("not_computed", ["not_computed", "new"])
    assert (spend["entities"], spend["event_time"], spend["version"]) == (["user"], "at", None)
    assert spend["description"] == "What a user has spent so far."
    assert spend["features"] == [{"name": "total", "dtype": "Float64", "unit": "count", "description": None}]

    page = check("GET views", await ask("GET", "views/spend", **which))
    assert "def spend(events" in page["definition"]
    assert page["version"] is None
    assert [(each["column"], each["role"], each["rules"]) for each in page["contract"]] == [
        ("user", "entity", []),
        ("at", "event_time", []),
        ("total", "feature", ["ge=0"]),
    ]
    assert page["profile"]["rows"] == 200
    assert [each["name"] for each in page["profile"]["columns"]] == ["user", "at", "total"]
    assert "<svg" in page["profile"]["columns"][-1]["figure"]
    assert page["profile"]["columns"][-1]["facts"].keys() == {"median", "5 to 95%", "distinct", "null"}
    assert ["source:events", "view:spend"] in page["lineage"]["edges"]
    assert {each["outcome"] for each in page["checks"]} == {"pass"}
    assert check("GET views", await ask("GET", "views/waits", **which))["profile"] is None

    with closing(wb.open(lab_root, branch="exp/first")) as project:
        text = project.repository.read("exp/first", "features/spend.py")
        project.repository.commit("exp/first", {"features/spend.py": text + "\nX = 1\n"}, message="Move on")
    moved = check("GET features", await ask("GET", "features", **which))
    spend = next(each for each in moved["views"] if each["name"] == "spend")
    assert spend["states"] == ["stale", "new"]
    assert "features/spend.py changed since it was computed" in spend["why"]
    assert not canary.exists()


async def test_what_is_published_has_versions_readers_and_its_text(ask: Ask, lab_root: Path, event_view: str) -> None:
    commit_all(lab_root)
    with closing(wb.open(lab_root, branch="exp/first")) as project:
        project.define(event_view.replace('event_time="at")', 'event_time="at", owner="me")'))
        project.promote("spend")
    project_id = (await ask("GET", "projects", path="trial")).body["project"]["id"]
    (view,) = check("GET catalog", await ask("GET", "catalog", project=project_id))["views"]
    assert (view["name"], view["version"], view["versions"], view["entities"]) == ("spend", "1.0", ["1.0"], ["user"])
    assert view["published_by"] == "Test Researcher <test@example.org>"
    listed = check("GET features", await ask("GET", "features", project=project_id, branch="main"))["views"]
    assert [(each["name"], each["state"], each["version"]) for each in listed] == [("spend", "promoted", "1.0")]
    assert listed[0]["path"] == "trial/features/spend.py"
    page = check("GET views", await ask("GET", "views/spend", project=project_id, branch="main", version="1"))
    assert page["version"] == "1.0"
    assert "def spend(events" in page["definition"]
    assert "<svg" in page["profile"]["columns"][-1]["figure"]
    assert page["contract"][-1]["rules"] == ["ge=0"]
    assert [each["number"] for each in page["versions"]] == ["1.0"]

    with closing(wb.open(lab_root, branch="exp/first")) as project:
        text = project.repository.read("exp/first", "features/spend.py")
        project.repository.commit("exp/first", {"features/spend.py": text + "\nX = 1\n"}, message="Move on")
    (moved,) = check("GET features", await ask("GET", "features", project=project_id, branch="exp/first"))["views"]
    assert "differs" in moved["states"]
    assert "new" not in moved["states"]


@pytest.mark.journey
async def test_the_project_is_the_one_that_the_kernel_works_in_where_that_is_asked(
    ask: Ask, jp_fetch: Any, lab_root: Path
) -> None:
    started = await jp_fetch(
        "api", "kernels", method="POST", body=json.dumps({"name": "python3", "path": "trial/data"})
    )
    kernel = json.loads(started.body)["id"]
    here = {"path": "any.ipynb", "kernel": kernel}
    assert check("GET projects", await ask("GET", "projects", **here))["project"] is None
    found = check("GET projects", await ask("GET", "projects", **here, follow="kernel"))
    assert (found["project"]["name"], found["others"]) == ("trial", [])
    await jp_fetch("api", "kernels", kernel, method="DELETE", allow_nonstandard_methods=True)
    found = check("GET projects", await ask("GET", "projects", **here, follow="kernel"))
    assert found["project"]["name"] == "trial", "the kernel has ended"
    assert check("GET projects", await ask("GET", "projects", path="any.ipynb", follow="kernel"))["project"] is None


async def test_problems_say_what_is_wrong_and_what_to_do(
    ask: Ask, lab_root: Path, jp_root_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_problem(await ask("GET", "features", project="0000000000000000"), 404, "project-not-found")
    check_problem(await ask("GET", "features"), 404, "project-not-found")
    check_problem(await ask("GET", "projects", path="../.."), 400, "usage-error")
    check_problem(await ask("GET", "nothing/here"), 404, "not-found")
    check_problem(await ask("POST", "branches", {"project": 7}), 400, "usage-error")
    check_problem(await ask("POST", "schemas", {}), 405, "method-not-allowed")
    project = (await ask("GET", "projects", path="trial")).body["project"]["id"]
    gone = check_problem(await ask("GET", "features", project=project, branch="exp/frist"), 404, "branch-not-found")
    assert "exp/first" in gone["remedy"]
    bad = check_problem(
        await ask("POST", "branches", {"project": project, "kernel": "../k", "name": "exp/first"}), 400, "invalid-name"
    )
    assert "kernel" in bad["title"]
    check_problem(await ask("GET", "views/spent", project=project), 404, "feature-not-found")
    check_problem(await ask("POST", "branches", {"project": project, "name": "a..b"}), 400, "invalid-name")

    (lab_root / "workbench.toml").write_text("[project\n")
    broken = check("GET projects", await ask("GET", "projects", path="trial"))
    assert (broken["project"], broken["problem"]["type"]) == (None, "config-error")
    check_problem(await ask("GET", "features", project=project), 422, "config-error")
    (lab_root / "workbench.toml").unlink()
    check_problem(await ask("GET", "features", project=project), 404, "project-not-found")
    assert check("GET projects", await ask("GET", "projects", path="trial"))["project"] is None

    def fail(*_: object) -> None:
        raise ZeroDivisionError("the password is x")

    monkeypatch.setattr("workbench.lab.projects.Projects.listed", fail)
    internal = check_problem(await ask("GET", "projects", path="trial"), 500, "internal")
    assert "password" not in json.dumps(internal)


async def test_a_project_is_made_below_the_root_with_a_notebook(ask: Ask, jp_root_dir: Path, identity: None) -> None:
    from tests.conftest import events

    (jp_root_dir / "raw").mkdir()
    events().write_parquet(jp_root_dir / "raw" / "events.parquet")
    made = check("POST projects", await ask("POST", "projects", {"path": "mine", "files": ["raw/events.parquet"]}))
    assert (made["name"], made["path"], made["notebook"]) == ("mine", "mine", "mine/notebooks/first-feature.ipynb")
    assert (jp_root_dir / made["notebook"]).is_file()
    check_problem(
        await ask("POST", "projects", {"path": "mine", "files": ["raw/events.parquet"]}), 422, "project-error"
    )
    others = check("GET projects", await ask("GET", "projects", path="raw"))
    assert (others["project"], [each["path"] for each in others["others"]]) == (None, ["mine"])


async def test_a_server_below_the_projects_folder_finds_it_and_gives_no_path(lab_root: Path) -> None:
    from workbench.lab.routes import Desk

    desk = Desk(lab_root / "notebooks", None)
    try:
        found = await desk.ask(lambda: desk.projects.listed("", ""))
        assert found.project is not None
        assert (found.project.name, found.project.path) == ("trial", None)
    finally:
        desk.pool.shutdown()


async def test_many_looks_at_once_have_a_handle_each(ask: Ask, lab_root: Path) -> None:
    project = (await ask("GET", "projects", path="trial")).body["project"]["id"]
    found = await asyncio.gather(*(ask("GET", "branches", project=project) for _ in range(12)))
    assert {each.status for each in found} == {200}
    assert len({json.dumps(each.body) for each in found}) == 1
