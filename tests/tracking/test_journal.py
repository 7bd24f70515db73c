from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tracking.stores import make_record
from workbench.tracking.journal import RunJournal
from workbench.tracking.paths import Places

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / ".workbench", tmp_path)


def test_a_reader_sees_what_is_appended_later(places: Places) -> None:
    writer, reader = RunJournal(places), RunJournal(places)
    assert dict(reader.runs()) == {}
    for name in ("a", "b"):
        record = make_record(name)
        writer.append(record, run_id=f"run-{name}", experiment_id="1")
        assert reader.runs()[record.key].run_id == f"run-{name}"
    assert [run.name for run in reader.runs().values()] == ["a", "b"]


def test_what_a_run_logged_is_kept_without_its_artifacts(places: Places) -> None:
    journal, record = RunJournal(places), make_record()
    journal.append(record, run_id="r", experiment_id="1")
    facts = journal.facts(record.key)
    assert (facts.params, facts.metrics) == (record.params, record.metrics)
    assert "definition.py" not in (places.sent / f"{record.key}.json").read_text()


def test_a_line_torn_by_a_kill_hides_no_other(places: Places) -> None:
    journal, first, second = RunJournal(places), make_record("a"), make_record("b")
    journal.append(first, run_id="1", experiment_id="1")
    with places.journal.open("ab") as stream:
        stream.write(b'{"key": "torn')
    assert list(journal.runs()) == [first.key]
    journal.append(second, run_id="2", experiment_id="1")
    assert list(journal.runs()) == [first.key, second.key]
    assert list(RunJournal(places).runs()) == [first.key, second.key]


def test_a_journal_that_was_replaced_is_read_anew(places: Places) -> None:
    journal = RunJournal(places)
    journal.append(make_record("a"), run_id="1", experiment_id="1")
    assert len(journal.runs()) == 1
    places.journal.unlink()
    assert len(journal.runs()) == 0
    journal.append(make_record("b"), run_id="2", experiment_id="1")
    assert [run.name for run in journal.runs().values()] == ["b"]


def test_a_summary_says_where_the_run_belongs(places: Places) -> None:
    journal, record = RunJournal(places), make_record()
    journal.append(record, run_id="r", experiment_id="1")
    run = journal.runs()[record.key]
    assert (run.view, run.branch, run.state, run.seconds) == ("carrier_delay", "exp/a", "sent", 2.0)
    assert run.started.isoformat() == "2023-11-14T22:13:20+00:00"
