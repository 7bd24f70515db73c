"""A source that cannot be read, or not to its end: the source is blamed by every verb, and never the definition."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import duckdb
import polars as pl
import pyarrow.parquet
import pytest

import workbench as wb
from tests.conftest import EVENT_VIEW, events
from workbench.errors import ComputeError, DefinitionFailed, QueryError, SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from workbench.project import Project

EAGER = EVENT_VIEW.replace("    return events", "    events = events.collect().lazy()\n    return events")
VERBS: dict[str, Callable[[Project], object]] = {
    "define": lambda project: project.define(EVENT_VIEW, log=False),
    "define, with a function that collects": lambda project: project.define(EAGER, log=False),
    "sql": lambda project: project.sql("select sum(amount) from events"),
}


def damage(file: Path) -> None:
    """Overwrite the last column's values, which no check of the source reads; names and times stay whole."""
    metadata = pyarrow.parquet.read_metadata(file)
    column = metadata.row_group(0).column(metadata.num_columns - 1)
    content = bytearray(file.read_bytes())
    start = column.dictionary_page_offset or column.data_page_offset
    content[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    file.write_bytes(content)


def blamed(verb: Callable[[Project], object], project: Project) -> SourceError:
    with pytest.raises(SourceError, match="'events'") as caught:
        verb(project)
    assert "orrect the definition" not in str(caught.value)
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize("verb", VERBS)
def test_a_file_with_a_damaged_column_is_blamed(project: Project, verb: str) -> None:
    file = project.root / "data" / "events.parquet"
    assert events().columns[-1] == "amount"
    damage(file)
    assert "cannot be parsed" in blamed(VERBS[verb], project).message


@pytest.fixture
def csv(project: Project) -> Iterator[tuple[Project, Path]]:
    """The project with its events as compressed CSV, and the file."""
    (project.root / "data" / "events.parquet").unlink()
    declared = project.root / "workbench.toml"
    declared.write_text(declared.read_text().replace("events.parquet", "events.csv.gz"))
    file = project.root / "data" / "events.csv.gz"
    file.write_bytes(gzip.compress(events().write_csv().encode()))
    with_csv = wb.open(project.root)
    with_csv.branch("exp/first")
    yield with_csv, file
    with_csv.close()


@pytest.mark.parametrize("verb", ["define", "sql"])
def test_a_file_that_was_cut_off_is_blamed(csv: tuple[Project, Path], verb: str) -> None:
    project, file = csv
    file.write_bytes(file.read_bytes()[:500])
    assert "events.csv.gz" in blamed(VERBS[verb], project).message


@pytest.mark.parametrize("verb", VERBS)
def test_a_copy_of_ours_that_is_damaged_is_made_anew(csv: tuple[Project, Path], verb: str) -> None:
    project, _ = csv
    project.sources["events"].frame(project.sources["events"].snapshot())
    (copy,) = (project.root / ".workbench" / "sources" / "events" / "landed").glob("*.parquet")
    damage(copy)
    assert VERBS[verb](project) is not None
    assert project.sql("select sum(amount) as a from events").item() == events()["amount"].sum()


def test_a_moment_that_no_calendar_has_is_refused_by_column(project: Project) -> None:
    file = project.root / "data" / "events.parquet"
    old = file.with_suffix(".old")
    file.rename(old)
    late = "case event_id when 7 then timestamptz 'infinity' else \"at\" end"
    rows = f"select event_id, user, {late} as \"at\", amount from read_parquet('{old}')"
    with duckdb.connect() as connection:
        connection.execute(f"copy ({rows}) to '{file}'").fetchall()
    assert "'at' holds a moment outside the years" in blamed(VERBS["define"], project).message
    with pytest.raises(QueryError, match="'at' is or holds a moment outside the years"):
        project.sql("from events")


def test_a_panic_in_the_definition_is_the_definitions(project: Project) -> None:
    panics = EVENT_VIEW.replace(
        "    return", '    pl.Series([2**63 - 1]).cast(pl.Datetime("us")).to_list()\n    return'
    )
    with pytest.raises(DefinitionFailed, match="PanicException"):
        project.define(panics, log=False)


def test_a_panic_elsewhere_is_an_error_of_ours(project: Project) -> None:
    project.define(EVENT_VIEW, log=False)
    late = pl.Series("event_timestamp", [2**63 - 1]).cast(pl.Datetime("us", "UTC"))
    train = project.store.training_set(pl.DataFrame([pl.Series("user", ["u1"]), late]), ["spend"])
    with pytest.raises(ComputeError, match="Polars gave up"):
        train.why_row(0, "total")
