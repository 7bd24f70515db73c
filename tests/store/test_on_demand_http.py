"""On-demand views over HTTP: off unless switched on, computed in processes that may loop, crash and raise."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import workbench as wb
from tests.conftest import identify
from tests.online.conftest import on_server
from tests.server.stage import Asked, Running
from tests.server.test_workers import FORBIDDEN
from tests.store.conftest import opened
from tests.store.test_on_demand import define, written
from workbench import errors
from workbench.config import OnlineSettings, ServeSettings
from workbench.online.load import load
from workbench.online.store import published
from workbench.project import Project
from workbench.protocol import ARROW
from workbench.server import FeatureService, ServiceOptions

pytestmark = pytest.mark.service

TRAPS = """\
    amounts = rows.select("amount").collect()["amount"]
    while (amounts == 66.0).any():
        pass
    if (amounts == 77.0).any():
        raise ValueError("/secret/place")
    if (amounts == 88.0).any():
        os._exit(3)
    part ="""
ENTITIES = [{"user": "u0", "amount": 3}, {"user": "nobody", "amount": 30.5}, {"user": "u0", "amount": 3}]


@pytest.fixture(scope="module")
def folder(kiosk_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of an online store with an on-demand view that has traps."""
    place = tmp_path_factory.mktemp("counter")
    with pytest.MonkeyPatch.context() as environment:
        identify(place, environment)
        project = opened(kiosk_once, place / "trial", branch="exp/first")
        define(project, "import os\n\n" + written().replace("    part =", TRAPS))
        assert project.promote("ratio").versions == {"ratio": "2.0"}
        project.load_online()
        yield Path(project.online_status().place)
        project.close()


def service(folder: Path, **settings: Any) -> FeatureService:
    found = ServeSettings.read({"on_demand": True, "deadline_ms": 60_000, **settings})
    return FeatureService(ServiceOptions.of_folder(folder, found))


def on_main(folder: Path) -> Project:
    """Return the project of an online store's folder, on main."""
    root = next(each for each in folder.parents if (each / "workbench.toml").exists())
    return wb.open(root, branch="main")


@pytest.fixture(scope="module")
def asked(folder: Path) -> Iterator[Asked]:
    """Sends requests to a service that computes on-demand views."""
    running = service(folder)
    yield Asked(running)
    assert running._on_demand is not None
    running._on_demand.close()


@pytest.mark.journey
def test_it_is_off_unless_it_is_switched_on(folder: Path) -> None:
    answer = Asked(service(folder, on_demand=False)).features("ratio", ENTITIES)
    assert answer.status_code == 403
    assert "on_demand = true under [serve]" in answer.json()["remedy"]
    assert "'ratio' is an on-demand view" in answer.json()["detail"]
    stored = Asked(service(folder, on_demand=False)).features("spend:total", [{"user": "u0"}])
    assert stored.status_code == 200


def test_an_answer_is_what_a_training_set_gives(asked: Asked, folder: Path) -> None:
    answer = asked.features(["ratio", "spend:total"], ENTITIES, details=True)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    with warnings.catch_warnings(), closing(on_main(folder)) as project:
        warnings.simplefilter("ignore", UserWarning)
        now = datetime.fromisoformat(found["instant"])
        spine = pl.DataFrame(ENTITIES, strict=False).with_columns(event_timestamp=pl.lit(now))
        train = project.store.training_set(spine, ["ratio", "spend:total"]).features
    assert {name: each["values"] for name, each in found["features"].items()} == train.to_dict(as_series=False)
    assert found["features"]["ratio"]["statuses"] == ["present", "null", "present"]
    assert found["views"]["ratio"] == {
        "version": "2.0",
        "source": "on demand",
        "generation": None,
        "event_times": [None] * 3,
    }
    assert set(found["views"]) == {"ratio", "spend"}  # not what is read beside what was asked for
    assert found["keys"] == {"user": "String", "amount": "Float64"}
    arrow = pl.read_ipc_stream(asked.features(["ratio", "spend:total"], ENTITIES, accept=ARROW).content)
    assert arrow.select(train.columns).equals(train)


@pytest.mark.parametrize("kind", ["redis", "postgres"])
def test_a_service_that_has_a_url_alone_computes_it_too(folder: Path, asked: Asked, kind: str) -> None:
    with on_server(kind) as place, closing(on_main(folder)) as project:
        online = OnlineSettings(kind=kind, url=place.url, fallback="error")  # type: ignore[arg-type]  # one of the kinds
        load(place.open(), lambda _: published(project._workspace))
        settings = ServeSettings(on_demand=True, deadline_ms=60_000)
        running = FeatureService(ServiceOptions.of_server(online, place.name, settings))
        answer = Asked(running).features(["ratio", "spend:total"], ENTITIES)
        assert answer.status_code == 200, answer.text
        assert answer.json()["features"] == asked.features(["ratio", "spend:total"], ENTITIES).json()["features"]
        assert running._on_demand is not None
        running._on_demand.close()


def test_an_older_version_and_the_catalog_are_there(asked: Asked) -> None:
    found = asked.features("ratio@1:is_large", ENTITIES).json()
    assert found["features"]["is_large"]["values"] == [False, True, False]
    assert found["views"]["ratio"]["version"] == "1.0"
    listed = asked("GET", "/v1/catalog").json()["views"]["ratio"]
    assert listed["request"] == {"amount": {"dtype": "Float64", "nullable": False}}
    assert listed["entities"] == {"user": "String"}
    assert listed["versions"] == ["1.0", "2.0"]


@pytest.mark.parametrize(
    ("entity", "field", "error"),
    [
        ({"user": "u0"}, "entities", "JoinError"),
        ({"user": "u0", "amount": "x"}, "entities", "JoinError"),
        ({"user": "u0", "amount": True}, "entities", "JoinError"),
        ({"user": "u0", "amount": None}, "entities", "JoinError"),
        ({"amount": 3.0}, "entities", "JoinError"),
        ({"user": "u0", "amount": -3.0}, "entities", "ContractViolation"),
    ],
)
def test_values_that_do_not_fit_are_a_problem_of_the_field(
    asked: Asked, entity: dict[str, Any], field: str, error: str
) -> None:
    answer = asked.features("ratio", [entity])
    assert (answer.status_code, answer.json()["field"], answer.json()["error"]) == (422, field, error)
    assert answer.json()["remedy"]


@pytest.mark.parametrize("amount", [77.0, 88.0])
def test_a_definition_that_raises_or_crashes_shows_nothing_of_the_inside(asked: Asked, amount: float) -> None:
    answer = asked.features("ratio", [{"user": "u0", "amount": amount}])
    assert answer.status_code == 500
    assert answer.json()["detail"] == "On-demand view ratio@2.0 cannot be computed for these values."
    assert "secret" not in answer.text
    assert asked.features("ratio", ENTITIES).status_code == 200


def environment(_: object) -> list[str]:
    """Return the variables that a worker has."""
    return sorted(os.environ)


def test_a_definition_does_not_see_the_service_s_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_PASSWORD", "hidden")
    running = service(folder)
    assert Asked(running).features("ratio", ENTITIES).status_code == 200
    assert running._on_demand is not None
    (process,) = running._on_demand._processes.values()
    assert process._worker is not None
    found = process._worker.call(environment)
    assert "PATH" in found
    assert "REDIS_PASSWORD" not in found
    running._on_demand.close()


def test_a_definition_that_never_ends_is_ended_by_the_deadline(folder: Path) -> None:
    running = service(folder)
    asked = Asked(running)
    assert asked.features("ratio", ENTITIES).status_code == 200  # it is loaded
    assert running._on_demand is not None
    (process,) = running._on_demand._processes.values()
    before = process._worker
    process._seconds = 0.5
    answer = asked.features("ratio", [{"user": "u0", "amount": 66.0}])
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert "was not computed within 0.5 seconds" in answer.json()["detail"]
    process._seconds = 60.0
    assert asked.features("ratio", ENTITIES).status_code == 200
    assert process._worker is not before
    running._on_demand.close()


def test_logged_reads_say_what_it_was_computed_from(folder: Path, tmp_path: Path) -> None:
    running = service(folder, log_reads=1.0, reads=str(tmp_path / "reads"))
    entities = [{**each, "name": "secret"} for each in ENTITIES]
    assert Asked(running).features(["ratio:is_large", "spend:total"], entities).status_code == 200
    running._log.close()
    (path,) = (tmp_path / "reads").rglob("*.jsonl")
    line = json.loads(path.read_text())
    assert line["columns"] == {"is_large": "is_large", "total": "total"}
    assert list(line["views"]) == ["spend"]
    assert line["computed"]["ratio"]["version"] == "2.0"
    assert line["computed"]["ratio"]["request"] == ["amount"]
    assert [(each["view"], each["version"]) for each in line["computed"]["ratio"]["inputs"]] == [
        ("spend", "1.0"),
        ("recent", "1.0"),
    ]
    assert line["entities"] == ENTITIES
    assert running._on_demand is not None
    running._on_demand.close()


@pytest.mark.journey
def test_the_service_itself_loads_no_definition_and_no_pandera(folder: Path) -> None:
    program = f"""
import asyncio, json, sys
from pathlib import Path
from workbench.config import OnlineSettings, ServeSettings
from workbench.online.load import load
from workbench.online.store import published
from workbench.server import FeatureService, ServiceOptions
import httpx
settings = ServeSettings(on_demand=True, deadline_ms=60_000)
running = FeatureService(ServiceOptions.of_folder(Path({str(folder)!r}), settings))
async def ask():
    transport = httpx.ASGITransport(running)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8420") as client:
        body = {{"features": "ratio", "entities": {ENTITIES!r}}}
        return await client.post("/v1/features", json=body)
answer = asyncio.run(ask())
running._on_demand.close()
names = sorted({{name.partition(".")[0] for name in sys.modules}})
print(json.dumps([answer.status_code, names, [name for name in sys.modules if name.endswith(".ratio")]]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    status, names, definitions = json.loads(done.stdout)
    assert status == 200
    assert not set(names) & set(FORBIDDEN)
    assert not definitions


@pytest.mark.journey
def test_a_client_reads_it_from_a_service_with_workers(folder: Path) -> None:
    with (
        Running(folder, "--on-demand", workers=1) as running,
        wb.connect(running.url, timeout=60) as store,
    ):
        found = None
        end = time.monotonic() + 120
        while found is None:  # the definition may take longer to load than a request may
            try:
                found = store.get_feature("ratio:is_large", {"user": "u0", "amount": 30.0})
            except errors.OnlineError:
                assert time.monotonic() < end
        assert (found.value, found.source, found.version) == (True, "on demand", "2.0")
        frame = store.batch_get_features(["ratio"], ENTITIES, as_="polars")
        assert frame["is_large"].to_list() == [False, True, False]
        with pytest.raises(errors.JoinError, match="no value 'amount'"):
            store.get_feature("ratio:is_large", {"user": "u0"})
        with pytest.raises(errors.ContractViolation):
            store.get_feature("ratio:ratio", {"user": "u0", "amount": -1.0})
        assert running.stop() == 0
