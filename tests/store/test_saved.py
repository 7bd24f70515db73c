"""Saved training sets: they never change, know where they came from, and MLflow sees them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from tests.conftest import EVENT_VIEW, let_send
from tests.store.conftest import spine_of
from workbench import errors
from workbench.store import in_order
from workbench.tracking import Ticket

if TYPE_CHECKING:
    from workbench.project import Project

SPINE = spine_of(("u0", 7.0), ("u3", 100.5), ("u1", 9.0))


def queued(project: Project) -> list[dict[str, Any]]:
    runs = [json.loads(path.read_text()) for path in (project.repository.home / "outbox").glob("*.json")]
    return [run for run in runs if "workbench.training_set" in run["tags"]]


def test_a_saved_training_set_knows_where_it_came_from(shop: Project) -> None:
    train = shop.store.training_set(SPINE, ["both", "recent:amount"], label="label", save="first")
    saved = shop.store.saved("first")
    assert saved.frame.equals(train.frame)
    assert saved.commit == shop.repository.resolve("exp/first")
    assert (saved.branch, saved.question.label) == ("exp/first", "label")
    assert [str(reference) for reference in saved.question.features] == ["both", "recent:amount"]
    assert {view.view: view.view_id for view in saved.views} == {
        name: shop.view(name).view_id for name in ("clock", "spend", "recent")
    }
    assert saved.snapshots["events"] == shop.sources["events"].snapshot()
    assert saved.spine_digest == in_order(SPINE).exact
    assert saved.ledger == train.ledger
    assert "first" in saved.report().text(width=160)
    assert not list(saved.path.parent.parent.glob(".*")), "nothing unfinished is left"
    (run,) = queued(shop)
    assert run["key"] == saved.run
    assert [(data["name"], data["context"]) for data in run["datasets"]][-1] == ("first", "training")


def test_the_same_content_under_the_same_name_is_the_one_that_is_there(shop: Project) -> None:
    shop.store.training_set(SPINE, "spend", save="first")
    before = shop.store.saved("first")
    shop.store.training_set(SPINE, "spend", save="first")
    assert shop.store.saved("first") == before
    assert len(queued(shop)) == 1


@pytest.mark.parametrize(
    ("spine", "features", "options", "says"),
    [
        (SPINE.head(2), "spend", {}, "different rows or values"),
        (SPINE.reverse(), "spend", {}, "different rows or values"),
        (SPINE, "recent", {}, "columns"),
        (SPINE, "spend", {"label": "label"}, "different label"),
    ],
)
def test_other_content_under_the_same_name_is_refused(
    shop: Project, spine: pl.DataFrame, features: str, options: dict[str, Any], says: str
) -> None:
    shop.store.training_set(SPINE, "spend", save="first")
    before = shop.store.saved("first")
    with pytest.raises(errors.UsageError, match=says) as raised:
        shop.store.training_set(spine, features, save="first", **options)
    assert "another name" in raised.value.remedy
    assert shop.store.saved("first") == before
    assert len(shop.store.saved("first")) == 3


def test_new_values_are_other_content(shop: Project) -> None:
    shop.store.training_set(SPINE, "spend", save="first")
    shop.define(EVENT_VIEW.replace("cum_sum()", "cum_max()"), log=False)
    with pytest.raises(errors.UsageError, match="rows or values"):
        shop.store.training_set(SPINE, "spend", save="first")


def test_names_that_are_none_are_refused_before_anything_is_read(shop: Project) -> None:
    with pytest.raises(errors.InvalidName, match="training set"):
        shop.store.training_set(SPINE, "spend", save="../first")
    with pytest.raises(errors.UsageError, match="no training set 'first'"):
        shop.store.saved("first")


def test_a_damaged_record_says_so_and_a_close_name_is_offered(shop: Project) -> None:
    shop.store.training_set(SPINE, "spend", save="first")
    with pytest.raises(errors.UsageError, match="did you mean 'first'"):
        shop.store.saved("frist")
    saved = shop.store.saved("first")
    for damage in (lambda: saved.path.write_bytes(b"PAR1"), saved.path.unlink):
        damage()
        with pytest.raises(errors.UsageError, match="rows of training set 'first' cannot be read"):
            saved.features  # noqa: B018 - asked for its error
    (shop.repository.home / "training-sets" / "first" / "record.json").write_text("{")
    with pytest.raises(errors.UsageError, match="cannot be read"):
        shop.store.saved("first")


@pytest.mark.journey
@pytest.mark.filterwarnings("ignore")  # MLflow's own imports warn
def test_mlflow_has_it_as_a_dataset_that_loads_back(shop: Project) -> None:
    import mlflow.data
    from mlflow import MlflowClient

    let_send(shop.root)
    train = shop.store.training_set(SPINE, "spend", save="first")
    run_id = Ticket(shop.store.saved("first").run, shop._workspace.tracker).run_id(timeout=300)
    run = MlflowClient(shop._workspace.tracker.target.uri).get_run(str(run_id))
    inputs = {item.dataset.name: item for item in run.inputs.dataset_inputs}
    assert set(inputs) == {"spend", "first"}
    assert {tag.key: tag.value for tag in inputs["first"].tags}["mlflow.data.context"] == "training"
    assert pl.read_parquet(mlflow.data.get_source(inputs["first"].dataset).load()).equals(train.frame)
    assert run.data.metrics["spend/matched_share"] == 1.0
    assert run.data.tags["training_set"] == "first"
