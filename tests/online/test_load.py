"""Loading: what is published is shown in one step; what readers have is kept, brought back or replaced whole."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import workbench as wb
from tests.online.stage import START, UTC_TIME, Shelf, contract_of, minutes, rows
from workbench.online import OnlineCatalog
from workbench.online.backend import StoredEntity
from workbench.online.lmdb import LmdbStore
from workbench.registry import Behind
from workbench.store import parse_all, use

ONE, TWO = rows(["a", "b"], minutes(0, 0), [1.0, 10.0]), rows(["a", "b"], minutes(0, 0), [2.0, 20.0])


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf.at(tmp_path)


def value(shelf: Shelf, ref: Any = "spend:value", entity: Any = None, **options: Any) -> Any:
    """Return what is read of one entity."""
    (answers,) = (
        shelf.reader(lake=options.pop("lake", False))
        .read(parse_all(ref), [entity or {"user": "a"}], **options)
        .values()
    )
    (found,) = answers.values()
    return found


def how(shelf: Shelf, **options: Any) -> list[str]:
    return [view.how for view in shelf.load(**options).views]


def test_nothing_is_shown_before_it_is_loaded(shelf: Shelf) -> None:
    shelf.publish("spend", ONE)
    assert not shelf.backend.version()
    assert shelf.backend.latest([b"x"]) == (0, [None])
    shelf.load()
    assert shelf.backend.version()
    assert value(shelf).value == 1.0


def test_an_open_reader_sees_what_is_loaded_next(shelf: Shelf) -> None:
    shelf.publish("spend", ONE)
    shelf.load()
    reader = shelf.reader()

    def read() -> Any:
        return reader.read(parse_all("spend"), [{"user": "a"}]).values()[0]["value"]

    assert (read().value, read().version) == (1.0, "1.0")
    shelf.publish("spend", TWO, number="2.0")
    shelf.load()
    assert (read().value, read().version) == (2.0, "2.0")


def test_what_is_there_already_is_kept(shelf: Shelf) -> None:
    shelf.publish("spend", ONE)
    assert how(shelf) == ["loaded"]
    before = shelf.backend.version()
    assert how(shelf) == ["kept"]
    assert shelf.backend.version() == before  # nobody has to plan anew
    assert how(shelf, full=True) == ["loaded"]


def test_a_refactoring_moves_no_row(shelf: Shelf) -> None:
    shelf.publish("spend", ONE)
    shelf.load()
    shelf.publish("spend", ONE, number="1.1")
    assert how(shelf) == ["kept"]
    assert (value(shelf).version, value(shelf).generation) == ("1.1", 1)


def test_a_rollback_brings_the_generation_before_back(shelf: Shelf) -> None:
    shelf.publish("spend", ONE)
    shelf.load()
    shelf.publish("spend", TWO, number="1.1")
    assert how(shelf) == ["loaded"]
    shelf.roll_back("spend", "1.0")
    assert how(shelf) == ["back"]
    assert (value(shelf).value, value(shelf).generation) == (1.0, 1)
    shelf.roll_back("spend", "1.1")
    assert how(shelf) == ["back"]
    assert value(shelf).value == 2.0


def test_older_generations_are_removed_and_their_numbers_never_used_again(shelf: Shelf) -> None:
    numbers = []
    for step in range(4):
        shelf.publish("spend", rows(["a"], minutes(0), [float(step)]))
        loaded = shelf.load()
        numbers.append(loaded.views[0].generation)
    assert numbers == [1, 2, 3, 4]
    with shelf.backend.writing() as writer:
        assert writer.generations() == {3, 4}
    assert list(shelf.backend.rows(2)) == []


def test_a_retired_view_loses_its_keys(shelf: Shelf) -> None:
    shelf.publish("spend", ONE)
    shelf.publish("other", ONE)
    shelf.load()
    del shelf.records["spend"]
    assert shelf.load().removed == 1
    assert value(shelf, "other:value").value == 1.0
    with pytest.raises(wb.errors.FeatureNotFound, match="spend"):
        value(shelf)


def test_what_a_killed_load_left_is_removed_and_never_read(shelf: Shelf) -> None:
    shelf.publish("spend", ONE)
    shelf.load()
    with shelf.backend.writing() as writer:
        left = writer.new_generation()
        writer.append(left, [StoredEntity(b"\x00a\x00\x01", [(0, b"x")], 0)])
    assert value(shelf).value == 1.0
    shelf.publish("spend", TWO)
    shelf.load()
    assert value(shelf).value == 2.0
    with shelf.backend.writing() as writer:
        assert left not in writer.generations()


def test_rows_that_are_not_stored_as_they_were_written_are_never_shown(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.publish("spend", ONE)
    shelf.load()
    shelf.publish("spend", TWO)
    honest = LmdbStore._range
    monkeypatch.setattr(LmdbStore, "_range", lambda *table: [(keys[:-1], rows[:-1]) for keys, rows in honest(*table)])
    with pytest.raises(wb.errors.OnlineError, match=r"does not hold what was written of spend@1.0.*still have"):
        shelf.load()
    monkeypatch.undo()
    assert value(shelf).value == 1.0
    assert how(shelf) == ["loaded"]
    assert value(shelf).value == 2.0


def test_a_pinned_version_is_answered_by_itself_or_not_at_all(shelf: Shelf) -> None:
    shelf.publish("spend", ONE)
    for number, frame in (("1.1", TWO), ("2.0", rows(["a"], minutes(0), [3.0]))):
        shelf.load()
        shelf.publish("spend", frame, number=number)
    shelf.load()
    assert {ref: value(shelf, ref).value for ref in ("spend", "spend@2", "spend@1", "spend@1.1", "spend@1.0")} == {
        "spend": 3.0, "spend@2": 3.0, "spend@1": 2.0, "spend@1.1": 2.0, "spend@1.0": 1.0,
    }  # fmt: skip
    shelf.publish("spend", rows(["a"], minutes(0), [4.0]), number="1.2")
    shelf.load()  # of major 1 the store has 1.2, and 1.1 before it
    assert (value(shelf, "spend@1.0", lake=True).value, value(shelf, "spend@1.0", lake=True).source) == (1.0, "lake")
    with pytest.raises(wb.errors.OnlineError, match=r"(?s)spend@1.0 is not in .*workbench online load"):
        value(shelf, "spend@1.0")


def test_a_release_is_read_as_it_was_cut(shelf: Shelf) -> None:
    shelf.publish("spend", ONE)
    shelf.releases["2026.11"] = shelf.commit()
    shelf.load()
    shelf.publish("spend", TWO, number="2.0")
    shelf.load()
    assert (value(shelf).value, value(shelf, release="2026.11").value) == (2.0, 1.0)
    with pytest.raises(wb.errors.PromotionError, match=r"did you mean '2026\.11'"):
        value(shelf, release="2026.1")


def test_feature_sets_and_aliases_are_resolved_as_in_training(shelf: Shelf) -> None:
    shelf.publish("spend", ONE)
    shelf.publish("visits", rows(["a", "b"], minutes(0, 0), [5.0, 6.0]).rename({"value": "visits"}))
    shelf.sets["model"] = ["spend:value", "visits"]
    shelf.load()
    reader = shelf.reader()
    frame = reader.read(parse_all("model"), [{"user": "b"}]).frame()
    assert frame.rows() == [("b", 10.0, 6.0)]
    twice = [use("spend", as_="payer", keys={"user": "payer"}), use("spend", as_="payee", keys={"user": "payee"})]
    found = reader.read(parse_all(twice), [{"payer": "a", "payee": "b"}], full_names=True).frame()
    assert found.rows(named=True) == [{"payer": "a", "payee": "b", "payer__value": 1.0, "payee__value": 10.0}]
    with pytest.raises(wb.errors.JoinError, match="value"):
        reader.read(parse_all(twice), [{"payer": "a", "payee": "b"}])
    with pytest.raises(wb.errors.FeatureNotFound, match="did you mean"):
        reader.read(parse_all("spendd"), [{"user": "a"}])


def test_each_entity_is_answered_in_the_order_asked(shelf: Shelf) -> None:
    shelf.publish("spend", ONE)
    shelf.load()
    asked = [{"user": name} for name in ["b", "nobody", "a", "b", None, "b"]]
    answers = shelf.reader().read(parse_all("spend"), asked)
    assert answers.frame()["value"].to_list() == [10.0, None, 1.0, 10.0, None, 10.0]
    assert [row["value"].status for row in answers.values()] == [
        "present", "missing", "present", "present", "missing", "present",
    ]  # fmt: skip


def test_a_default_stands_where_no_row_holds_and_says_so(shelf: Shelf) -> None:
    frame = pl.concat([ONE, rows(["n"], minutes(0), [None])])
    shelf.publish("spend", frame, ttl=timedelta(minutes=1), defaults={"value": 0.5})
    shelf.load()
    reader, names = shelf.reader(), [{"user": name} for name in ("a", "nobody", "n")]
    now = reader.read(parse_all("spend"), names, at=START)
    assert [(row["value"].value, row["value"].status) for row in now.values()] == [
        (1.0, "present"), (0.5, "default"), (None, "null"),
    ]  # fmt: skip
    assert now.frame()["value"].to_list() == [1.0, 0.5, None]
    later = reader.read(parse_all("spend"), names[:1], at=START + timedelta(hours=1))
    assert (later.values()[0]["value"].status, later.frame()["value"].to_list()) == ("default", [0.5])


def test_a_version_behind_its_sources_says_that_its_values_are_stale(shelf: Shelf) -> None:
    shelf.publish("spend", ONE, behind=Behind(START, "new data lost rows"))
    shelf.load()
    assert (value(shelf).value, value(shelf).status) == (1.0, "stale")


def test_a_view_without_entities_is_read_by_time_alone(shelf: Shelf) -> None:
    shelf.publish("rate", rows(["x", "x"], minutes(0, 1), [1.0, 2.0]).drop("user"), entities=())
    shelf.load()
    found = shelf.reader().read(parse_all("rate"), [{}, {}])
    assert [row["value"].value for row in found.values()] == [2.0, 2.0]
    assert found.frame().rows() == [(2.0,), (2.0,)]


def test_an_empty_view_answers_that_nothing_is_there(shelf: Shelf) -> None:
    shelf.publish("spend", ONE.clear())
    assert shelf.load().views[0].rows == 0
    assert value(shelf).status == "missing"


def test_keys_of_dates_and_numbers_answer_too(shelf: Shelf) -> None:
    frame = pl.DataFrame(
        {"day": [date(2024, 1, 1), date(2024, 1, 2)], "number": [0, -1], "at": minutes(0, 0), "value": [1.0, 2.0]},
        schema_overrides={"at": UTC_TIME, "number": pl.Int32},
    )
    shelf.publish("spend", frame, entities=("day", "number"))
    shelf.load()
    assert value(shelf, entity={"day": date(2024, 1, 1), "number": 0}).value == 1.0
    assert value(shelf, entity={"day": date(2024, 1, 2), "number": 0}).status == "missing"
    with pytest.raises(wb.errors.JoinError, match="'number' of view 'spend' is Int32; '0' is str"):
        value(shelf, entity={"day": date(2024, 1, 1), "number": "0"})


def test_many_rows_are_loaded_in_parts_that_are_in_order(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.online.load.PART", 30)
    monkeypatch.setattr("workbench.online.load.BLOCK", 4)
    monkeypatch.setattr("workbench.online.lmdb.BATCH", 7)
    monkeypatch.setattr("workbench.online.lmdb.SWEPT", 7)
    names = [f"u{number % 23:02}" for number in range(200)] + ["x" * 600, None]
    frame = rows(names, minutes(*range(202)), [float(number) for number in range(202)])
    shelf.publish("spend", frame)
    loaded = shelf.load().views[0]
    assert (loaded.entities, loaded.rows) == (24, 201)
    right = frame.drop_nulls("user").group_by("user").agg(pl.col("value").last())
    asked = [{"user": name} for name in right["user"]]
    assert shelf.reader().read(parse_all("spend"), asked).frame()["value"].equals(right["value"])
    shelf.records.clear()
    assert shelf.load().removed == 1
    assert list(shelf.backend.rows(1)) == []


def test_a_columns_change_is_a_generation_of_its_own(shelf: Shelf) -> None:
    shelf.publish("spend", ONE)
    shelf.load()
    wider = ONE.with_columns(more=pl.lit("x"))
    shelf.publish("spend", wider, number="1.1")
    shelf.load()
    frame = shelf.reader().read(parse_all("spend"), [{"user": "a"}]).frame()
    assert frame.rows() == [("a", 1.0, "x")]
    assert value(shelf, "spend@1.0:value").value == 1.0  # the generation before still has it


def test_the_same_rows_under_other_dtypes_are_written_anew(shelf: Shelf) -> None:
    whole = ONE.with_columns(pl.col("value").cast(pl.Int64))
    first = shelf.publish("spend", whole)
    shelf.load()
    contract = contract_of({**whole.schema, "value": pl.Int32()}, entities=["user"])
    shelf.publish("spend", whole.cast({"value": pl.Int32}), number="2.0", contract=contract)
    shelf.load()
    assert first.number == "1.0"
    assert shelf.reader().read(parse_all("spend"), [{"user": "a"}]).frame()["value"].dtype == pl.Int32


def test_a_store_of_a_later_format_is_refused(shelf: Shelf) -> None:
    shelf.publish("spend", ONE)
    shelf.load()
    with shelf.backend.writing() as writer:
        writer.change({"meta": b'{"project":"p","commit":"c","loaded_at":"x","format":99}'})
    with pytest.raises(wb.errors.OnlineError, match=r"has format 99; this version reads 1"):
        value(shelf)


def test_a_catalogue_that_is_damaged_is_refused_with_the_remedy(shelf: Shelf) -> None:
    shelf.publish("spend", ONE)
    shelf.load()
    with shelf.backend.writing() as writer:
        writer.change({"generation/spend@1": b"{}"})
    with pytest.raises(wb.errors.OnlineError, match=r"(?s)cannot be understood.*online load"):
        value(shelf)


def test_a_full_map_leaves_the_old_rows_in_force(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, LmdbStore(tmp_path / "online", map_size=2**20))
    shelf.publish("spend", ONE)
    shelf.load()
    big = rows([f"u{n}" for n in range(20_000)], minutes(*range(20_000)), [float(n) for n in range(20_000)])
    shelf.publish("spend", big)
    with pytest.raises(wb.errors.OnlineError, match=r"(?s)its map is full.*map_size"):
        shelf.load()
    assert value(shelf).value == 1.0
    shelf.publish("spend", TWO)
    assert how(shelf) == ["loaded"]
    assert value(shelf).value == 2.0


def test_a_folder_that_was_deleted_is_made_anew(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.online.lmdb.RECHECK", 0.0)
    shelf.publish("spend", ONE)
    shelf.load()
    reader = shelf.reader()
    for path in (shelf.folder / "online").iterdir():
        path.unlink()
    assert not reader.backend.version()
    shelf.publish("spend", TWO)
    assert how(shelf) == ["loaded"]
    assert reader.read(parse_all("spend"), [{"user": "a"}]).values()[0]["value"].value == 2.0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_says_so(shelf: Shelf) -> None:
    shelf.publish("spend", ONE)
    shelf.folder.chmod(0o500)
    with pytest.raises(wb.errors.OnlineError, match="cannot be used"):
        shelf.load()
    shelf.folder.chmod(0o700)


def test_a_clock_in_the_future_holds_nothing_back(shelf: Shelf) -> None:
    """A row known much later is loaded; what comes next, known earlier, still answers until then."""
    soon = datetime.now(UTC) + timedelta(days=400)
    shelf.publish("spend", rows(["a", "a"], [START, soon], [1.0, 9.0]))
    shelf.load()
    now = datetime.now(UTC)
    shelf.publish("spend", rows(["a", "a", "a"], [START, soon, now - timedelta(minutes=1)], [1.0, 9.0, 2.0]))
    shelf.load()
    assert value(shelf).value == 2.0
    assert value(shelf, at=soon).value == 9.0


def test_the_catalogue_names_what_it_was_loaded_from(shelf: Shelf) -> None:
    shelf.publish("spend", ONE)
    commit = shelf.load().commit
    meta = OnlineCatalog.read(shelf.backend).meta
    assert meta is not None
    assert (meta.project, meta.commit) == ("shelf", commit)


def test_who_waited_for_another_load_shows_what_is_published_by_then(shelf: Shelf) -> None:
    shelf.publish("spend", ONE)
    with ThreadPoolExecutor(1) as pool, shelf.backend.writing():
        waiting = pool.submit(shelf.load)
        shelf.publish("spend", TWO, number="2.0")
        last = shelf.commit()
        done, _ = wait([waiting], timeout=0.2)
        assert not done
    assert waiting.result(60).commit == last
    assert value(shelf).value == 2.0


OPENED_WHILE_WRITING = """
import sys, threading
from pathlib import Path
from workbench.online.backend import StoredEntity
from workbench.online.lmdb import LmdbStore

folder = Path(sys.argv[1])
store = LmdbStore(folder, map_size=2**26)
opened = threading.Event()
seen = []

def read():
    seen.append(LmdbStore(folder, map_size=2**26).version())
    opened.set()

def entities():
    yield StoredEntity(b"a", [(1, b"row")], 0)

with store.writing() as writer:
    writer.append(writer.new_generation(), entities())
    with store._environment.begin(write=True):
        threading.Thread(target=read).start()
        assert opened.wait(60)
print(seen)
"""


def test_a_reader_opens_while_another_thread_writes(tmp_path: Path) -> None:
    """LMDB's `open_db` may wait with the GIL: in a process of its own, a test that is broken ends."""
    command = [sys.executable, "-c", OPENED_WHILE_WRITING, str(tmp_path / "online")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "[0]\n"
