"""A source that is replaced while it is read: what is stored is of one state of it, and the file is blamed."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import polars as pl
import pytest

from tests.conftest import EVENT_VIEW, events
from workbench.errors import ComputeError, SourceMoved
from workbench.pipeline.evaluate import Evaluation
from workbench.pipeline.probing import probe
from workbench.sources.base import Source

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from workbench.project import Project
    from workbench.sources import Snapshot

DOUBLED = events().with_columns(pl.col("amount") * 2)
RENAMED = events().rename({"amount": "sum"})


def replaced_in_time(monkeypatch: pytest.MonkeyPatch, root: Path, *contents: pl.DataFrame) -> None:
    """Replace the source's file by the next of `contents` each time after it was opened: before the engine reads it."""
    path, pending, opened = root / "data" / "events.parquet", list(contents), Source.frame

    def frame(source: Source, snapshot: Snapshot | None = None) -> pl.LazyFrame:
        found = opened(source, snapshot)
        if pending:
            pending.pop(0).write_parquet(path.with_suffix(".new"))
            os.replace(path.with_suffix(".new"), path)  # noqa: PTH105  # as writers do
        return found

    monkeypatch.setattr(Source, "frame", frame)


def spent(frame: pl.DataFrame) -> float:
    """Return what the totals of ``spend`` over these events add up to."""
    return float(frame.sort("user", "at").select(pl.col("amount").cum_sum().over("user").sum()).item())


REPLACED = {
    "once": ([DOUBLED], DOUBLED),
    "and put back": ([DOUBLED, events()], events()),
    "by another layout, and put back": ([RENAMED, events()], events()),
    "by another length": ([events(50)], events(50)),
}
VERBS: dict[str, Callable[[Project], pl.DataFrame]] = {
    "define": lambda project: (project.define(EVENT_VIEW, log=False), project.view("spend").frame().collect())[1],
    "compute": lambda project: (project.compute("spend", log=False), project.view("spend").frame().collect())[1],
    "view": lambda project: project.view("spend").frame().collect(),
    "rows": lambda project: project.store.rows("spend"),
    "training set": lambda project: (
        project.store.training_set(events().select("user", pl.col("at").alias("event_timestamp")), "spend:total").frame
    ),
    "sql": lambda project: project.sql("from spend"),
}


@pytest.mark.parametrize("how", REPLACED)
def test_what_is_stored_is_of_one_state_of_the_source(
    project: Project, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    contents, right = REPLACED[how]
    replaced_in_time(monkeypatch, project.root, *contents)
    result = project.define(EVENT_VIEW, log=False)
    assert not result.failed
    assert not result.reused
    frame = project.view("spend").frame().collect()
    assert frame["total"].sum() == spent(right)
    events().write_parquet(project.root / "data" / "events.parquet")
    project.define(EVENT_VIEW, log=False)
    assert project.view("spend").frame().collect()["total"].sum() == spent(events())


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_begins_again(project: Project, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    project.define(EVENT_VIEW.replace("cum_sum", "cum_max"), log=False)
    project.define(EVENT_VIEW, log=False)
    events().with_columns(pl.col("amount") * 3).write_parquet(project.root / "data" / "events.parquet")
    replaced_in_time(monkeypatch, project.root, RENAMED, DOUBLED)
    assert VERBS[verb](project)["total"].sum() == pytest.approx(spent(DOUBLED))


def test_the_file_is_blamed_and_nothing_stored_where_it_never_rests(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    replaced_in_time(monkeypatch, project.root, *[RENAMED, events()] * 20)
    with pytest.raises(SourceMoved) as caught:
        project.define(EVENT_VIEW, log=False)
    assert "events" in caught.value.message
    assert "data/events.parquet" in caught.value.message
    assert "writer" in caught.value.remedy
    assert not project._workspace.cache.stored()


def test_an_error_of_the_view_on_a_source_that_rests_stays_the_views(project: Project) -> None:
    with pytest.raises(ComputeError, match="no column 'amont'"):
        project.define(EVENT_VIEW.replace('pl.col("amount")', 'pl.col("amont")'), log=False)


def test_probes_do_not_take_another_file_for_a_leak(project: Project) -> None:
    project.define(EVENT_VIEW, log=False)
    facts = project.root / ".workbench" / "facts"
    shutil.rmtree(facts)
    evaluation = Evaluation(project.view("spend")._evaluation.definitions, project.sources, project._workspace.cache)
    evaluated = evaluation.evaluate("spend")
    evaluation.prepare("spend")
    DOUBLED.write_parquet(project.root / "data" / "events.parquet")
    with pytest.raises(SourceMoved):
        probe(evaluation, evaluated, facts=facts)
    assert not list(facts.rglob("probes-*"))
    again = evaluation.renew()
    assert not any(check.failed for check in probe(again, again.evaluate("spend"), facts=facts))


def test_views_of_one_evaluation_read_one_frame_and_none_is_stored_of_a_later_file(project: Project) -> None:
    project.define(EVENT_VIEW, log=False)
    project.define(EVENT_VIEW.replace("spend", "spent").replace("Spend", "Spent").replace("cum_sum", "cum_max"))
    definitions = project.view("spend")._evaluation.definitions
    shutil.rmtree(project.root / ".workbench" / "views")
    evaluation = Evaluation(definitions, project.sources, project._workspace.cache)
    one, other = (evaluation.prepare(name).inputs[0] for name in ("spend", "spent"))
    assert one.frame is other.frame
    evaluation.evaluate("spend")
    DOUBLED.write_parquet(project.root / "data" / "events.parquet")
    with pytest.raises(SourceMoved):
        evaluation.evaluate("spent")
    assert project._workspace.cache.get(evaluation.prepare("spent").view_id) is None


def test_rows_that_are_to_be_checked_are_seen_while_they_are_written_and_only_then(project: Project) -> None:
    project.define(EVENT_VIEW, log=False)
    definitions = project.view("spend")._evaluation.definitions
    stored = Evaluation(definitions, project.sources, project._workspace.cache).evaluate("spend", checked=True)
    assert stored.streamed is None
    shutil.rmtree(project.root / ".workbench" / "views")
    computed = Evaluation(definitions, project.sources, project._workspace.cache).evaluate("spend", checked=True)
    assert computed.streamed is not None
    assert computed.streamed.holds_for(computed.computed.stored.record.rows)
