"""On-demand views read online: the same function on the same stored features gives what a training set gives."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import workbench as wb
from tests.conftest import events, identify
from tests.online.conftest import SERVERS, on_server
from tests.server.stage import Asked
from tests.store.conftest import START, opened
from tests.store.test_on_demand import define, written
from workbench import errors
from workbench.project import Project, service_options
from workbench.server import FeatureService

USERS = ("u0", "u3", "u6", "nobody")


@pytest.fixture(scope="module", params=["lmdb", *SERVERS, "lake", "branch"])
def shop_window(
    request: pytest.FixtureRequest, kiosk_once: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    """The kiosk read from an online store of each kind, from the lake without one, or as the experiment has it."""
    folder = tmp_path_factory.mktemp(request.param)
    with pytest.MonkeyPatch.context() as environment, stored_in(request.param) as settings:
        identify(folder, environment)
        branch = "exp/first" if request.param == "branch" else "main"
        project = opened(kiosk_once, folder / "trial", branch=branch)
        if settings:
            toml = project.root / "workbench.toml"
            toml.write_text(settings(toml.read_text()))
            project.load_online()
        yield project
        project.close()


@contextmanager
def stored_in(kind: str) -> Iterator[Callable[[str], str] | None]:
    """Give what writes an online store of a kind, which is there meanwhile, into a project's settings."""
    if kind in {"lake", "branch"}:
        yield None
    elif kind == "lmdb":
        yield lambda text: f'{text}\n[online]\nhistory = "all"\n'
    else:
        with on_server(kind) as place:
            online = f'[online]\nkind = "{kind}"\nurl = "{place.url}"\nhistory = "all"\n'
            yield lambda text: text.replace('name = "trial"', f'name = "{place.name}"') + f"\n{online}"


@pytest.fixture
def served(kiosk_once: Path, tmp_path: Path, identity: None) -> Iterator[Project]:
    """A kiosk of one's own with an online store, on main."""
    project = opened(kiosk_once, tmp_path / "trial", branch="main")
    project.load_online()
    yield project
    project.close()


def trained(project: Project, asked: Sequence[tuple[str, float]], at: datetime, *features: str) -> pl.DataFrame:
    spine = pl.DataFrame(
        {"user": [user for user, _ in asked], "event_timestamp": [at] * len(asked), "amount": [a for _, a in asked]},
        schema={"user": pl.String, "event_timestamp": pl.Datetime("us", "UTC"), "amount": pl.Float64},
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return project.store.training_set(spine, list(features)).features


@pytest.mark.journey
@given(
    asked=st.lists(st.tuples(st.sampled_from(USERS), st.floats(0, 100)), min_size=1, max_size=6),
    minutes=st.floats(-10, 220),
)
def test_online_equals_the_training_set(shop_window: Project, asked: list[tuple[str, float]], minutes: float) -> None:
    at = START + timedelta(minutes=minutes)
    entities = [{"user": user, "amount": amount} for user, amount in asked]
    wanted = trained(shop_window, asked, at, "ratio", "spend:total")
    found = shop_window.store.batch_get_features(["ratio", "spend:total"], entities, at=at, as_="polars")
    assert found.select(wanted.columns).equals(wanted)
    one = shop_window.store.get_feature("ratio:ratio", entities[0], at=at)
    assert one.value == wanted["ratio"][0]


@pytest.mark.journey
@given(asked=st.lists(st.tuples(st.sampled_from(USERS), st.floats(0, 100)), min_size=1, max_size=6))
def test_now_equals_the_training_set_too(shop_window: Project, asked: list[tuple[str, float]]) -> None:
    entities = [{"user": user, "amount": amount} for user, amount in asked]
    found = shop_window.store.batch_get_features(["ratio"], entities, as_="polars")
    assert found.drop("user").equals(trained(shop_window, asked, datetime.now(UTC), "ratio"))


def test_an_answer_says_that_it_was_computed_and_by_which_version(served: Project) -> None:
    at = START + timedelta(minutes=100)
    found = served.store.get_feature("ratio:ratio", {"user": "u0", "amount": 3}, at=at)
    assert (found.status, found.source, found.version, found.generation) == ("present", "on demand", "1.0", None)
    (null,) = served.store.batch_get_features("ratio", [{"user": "nobody", "amount": 30.0}], at=at)
    assert (null["ratio"].value, null["ratio"].status) == (None, "null")
    assert (null["is_large"].value, null["is_large"].status) == (True, "present")
    frame = served.store.batch_get_features(
        ["ratio"], {"user": ["u0", "u0"], "amount": [3.0, 30.0]}, at=at, as_="polars", details=True
    )
    assert frame.columns[:3] == ["user", "ratio", "is_large"]
    assert frame["is_large"].to_list() == [False, True]
    assert served.store.batch_get_features(["ratio"], [{"user": "u0", "amount": 3.0}], as_="arrow").num_rows == 1


@pytest.mark.parametrize(
    ("entity", "said"),
    [
        ({"user": "u0"}, "no value 'amount', which on-demand view 'ratio' takes"),
        ({"user": "u0", "amount": "3"}, "'amount' of the entities is String"),
        ({"user": "u0", "amount": True}, "'amount' of the entities is Boolean"),
        ({"user": "u0", "amount": None}, "does not allow null"),
        ({"user": "u0", "amount": [3.0]}, "'amount' of the entities is List"),
        ({"user": "u0", "amount": object()}, "'amount' of the entities is object"),
        ({"user": "u0", "amount": 2**53 + 1}, "are not Float64"),
        ({"amount": 3.0}, "user"),
    ],
)
def test_values_that_do_not_fit_are_refused(shop_window: Project, entity: dict[str, Any], said: str) -> None:
    with pytest.raises(errors.JoinError, match=said):
        shop_window.store.get_feature("ratio:ratio", entity)


def test_what_the_contract_forbids_is_an_error(shop_window: Project) -> None:
    with pytest.raises(errors.ContractViolation, match="contract does not allow"):
        shop_window.store.get_feature("ratio:ratio", {"user": "u0", "amount": -3.0}, at=START + timedelta(minutes=100))


def test_a_new_version_answers_once_it_is_loaded(served: Project) -> None:
    entity = {"user": "u0", "amount": 12.0}
    assert served.store.get_feature("ratio:is_large", entity).value is True
    with closing(wb.open(served.root, branch="exp/first")) as experiment:
        define(experiment, written('pl.col("amount") > 15'))
        experiment.promote("ratio")
    served.load_online()
    assert served.store.get_feature("ratio:is_large", entity).value is False
    assert served.store.get_feature("ratio@1:is_large", entity).value is True
    assert served.store.get_feature("ratio@1:is_large", entity).version == "1.0"


def test_another_branch_is_never_run_for_it(served: Project) -> None:
    with closing(wb.open(served.root, branch="exp/first")) as experiment:
        define(experiment, written('pl.col("amount") > 15'))
    assert served.store.get_feature("ratio:is_large", {"user": "u0", "amount": 12.0}).value is True


def test_a_reader_without_functions_refuses_it_by_name(served: Project) -> None:
    from workbench.online import OnlineReader, open_backend
    from workbench.store import parse_all

    reader = OnlineReader(open_backend(served._workspace))
    with pytest.raises(errors.AccessRefused, match="does not compute any") as raised:
        reader.plan(parse_all("ratio"))
    assert "on_demand = true" in raised.value.remedy


def test_the_command_line_takes_request_values(served: Project) -> None:
    report = served.get("ratio", {"user": "u0", "amount": "12.5"}, at=START + timedelta(minutes=100))
    assert report.features["is_large"].value is True


def test_what_was_computed_for_requests_is_compared_with_what_training_computes(
    served: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(served.root)
    service = FeatureService(service_options().with_serve(on_demand=True, log_reads=1.0, deadline_ms=60_000))
    asked = Asked(service)
    entities = [{"user": "u0", "amount": 3}, {"user": "nobody", "amount": 30.5}]
    for body in ({}, {"at": "2024-01-01T01:30:00"}):
        assert asked.features(["ratio"], entities[:1], **body).status_code == 200
    assert asked.features(["spend", "ratio:is_large"], entities).status_code == 200
    service._log.close(60)
    assert service._on_demand is not None
    service._on_demand.close()
    report = served.skew("ratio")
    assert report.passed, report.to_dict()
    assert {each.feature: each.compared for each in report.features} == {"ratio": 2, "is_large": 4}
    assert {each.view for each in served.skew().features} == {"ratio@1.0", "spend@1.0"}

    (path,) = (served._workspace.home / "reads").rglob("*.jsonl")
    kept = path.read_text()
    path.write_text(kept.replace('"values":[false]', '"values":[true]'))
    wrong = {each.feature: each for each in served.skew("ratio").features}
    assert wrong["ratio"].mismatches == 0
    assert wrong["is_large"].causes == {"store": 2}
    assert wrong["is_large"].examples[0].entity == {"user": "u0", "amount": 3.0}
    path.write_text(kept.replace('"version":"1.0","request"', '"version":"9.0","request"'))
    assert {each.reason for each in served.skew("ratio").uncompared} == {"The registry has no such version."}
    path.write_text(kept)

    events(410).write_parquet(served.root / "data" / "events.parquet")
    served.materialize()
    later = {each.feature: each for each in served.skew("ratio").features}
    assert later["ratio"].causes == {"later": 1}  # new rows are older than the request for now, not than the other
    assert later["is_large"].mismatches == 0
