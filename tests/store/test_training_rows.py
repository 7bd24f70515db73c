"""`TrainingSet`: what models and libraries take of it, how it shows itself, and that nobody else keeps it alive."""

from __future__ import annotations

import gc
import json
import sys
import warnings
import weakref
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import workbench as wb
from tests.store.conftest import spine_of
from workbench.errors import InvalidName, UsageError
from workbench.store import LowMatchWarning
from workbench.tracking import Tracker

if TYPE_CHECKING:
    from workbench.project import Project
    from workbench.store import SavedTrainingSet

SPINE = spine_of(("u0", 7.0), ("u3", 100.5), ("nobody", 9.0))


def built(project: Project, spine: Any = SPINE, *features: str, **options: Any) -> wb.TrainingSet:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LowMatchWarning)
        return project.store.training_set(spine, list(features or ["recent", "clock"]), label="label", **options)


def test_a_model_takes_features_and_label(mart_to_read: Project) -> None:
    train = built(mart_to_read, SPINE, "recent:odd", "clock", "recent:amount")
    assert train.features.columns == ["odd", "number", "amount"]
    assert train.label is not None
    assert train.label.equals(SPINE["label"])
    assert (len(train), train.shape) == (3, (3, 6))
    assert train.columns == train.frame.columns == [*SPINE.columns, "odd", "number", "amount"]
    assert mart_to_read.store.training_set(SPINE, "clock").label is None


def test_libraries_take_it_as_a_table(mart_to_read: Project) -> None:
    train = built(mart_to_read)
    assert pl.DataFrame(train).equals(train.frame)
    assert pl.from_arrow(pa.table(train)).equals(train.frame)  # type: ignore[arg-type]  # of a table it makes a frame
    assert pl.from_arrow(train.to_arrow()).equals(train.frame)  # type: ignore[arg-type]  # as above
    summed = duckdb.sql("select sum(number) from train")
    assert summed is not None
    assert summed.fetchall() == [(train.frame["number"].sum(),)]
    assert pd.DataFrame.from_arrow(train)["number"].tolist() == train.frame["number"].to_list()


def test_it_equals_itself_alone(mart_to_read: Project) -> None:
    one, two = built(mart_to_read), built(mart_to_read)
    assert one.frame.equals(two.frame)
    assert one != two
    assert len({one, two, one}) == 2


def test_pandas_gets_every_whole_number_as_it_is(mart_to_read: Project) -> None:
    big = [2**60 + 1, None, -(2**60) - 1]
    spine = SPINE.with_columns(
        big=pl.Series(big, dtype=pl.Int64), most=pl.Series([2**64 - 1, None, 0], dtype=pl.UInt64), on=pl.lit(value=True)
    )
    frame = built(mart_to_read, spine).to_pandas()
    assert frame["big"].dtype == "Int64"
    assert [None if value is pd.NA else value for value in frame["big"]] == big
    assert (frame["most"].dtype, frame["most"][0]) == ("UInt64", 2**64 - 1)
    assert (frame["label"].dtype, frame["on"].dtype) == ("int64", "bool")
    assert frame["event_timestamp"].dt.tz is not None


def test_a_library_that_is_not_installed_is_named_with_the_remedy(
    mart_to_read: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = built(mart_to_read)
    for library, convert in (("pandas", train.to_pandas), ("torch", train.to_torch)):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, library, None)
            with pytest.raises(UsageError, match="not installed") as raised:
                convert()
        assert f"pip install {library}" in raised.value.remedy


def test_tensors_hold_the_numbers(mart_to_read: Project) -> None:
    torch = pytest.importorskip("torch")
    train = built(mart_to_read)
    features, label = train.to_torch()
    assert features.shape == train.features.shape
    assert features.dtype == torch.float32
    np.testing.assert_array_equal(features.numpy(), train.features.cast(pl.Float32).to_numpy())
    assert label is not None
    assert (label.dtype, label.tolist()) == (torch.int64, [1, 1, 1])
    assert train.to_torch(dtype=torch.float64)[0].dtype == torch.float64
    for values, kind in (([True, False, True], torch.bool), ([0.5, None, 1.0], torch.float32)):
        found = built(mart_to_read, SPINE.with_columns(label=pl.Series(values))).to_torch()[1]
        assert found is not None
        assert found.dtype == kind
    with pytest.raises(UsageError, match=r"not 'label' \(String\)"):
        built(mart_to_read, SPINE.with_columns(label=pl.lit("late"))).to_torch()
    assert mart_to_read.store.training_set(SPINE.clear(), "clock").to_torch()[0].shape == (0, 1)


def test_it_leads_with_the_ledger_and_shows_the_first_rows(mart_to_read: Project) -> None:
    spine = pl.concat([SPINE] * 1000).with_columns(note=pl.lit("<b>" + "long " * 50))
    train = built(mart_to_read, spine)
    shown = train._repr_mimebundle_()
    parts = ("3,000 rows in", "recent@1.0", "the project requires", "The first 5 of 3,000")
    for text in (" ".join(shown[kind].split()) for kind in ("text/plain", "text/html")):
        places = [text.index(part) for part in parts]
        assert places == sorted(places)
    assert "<b>" not in shown["text/html"]
    assert "long " * 9 not in shown["text/html"]
    assert len(shown["text/html"]) < 1.1 * len(built(mart_to_read, spine.head(300))._repr_mimebundle_()["text/html"])
    assert repr(train) == "<TrainingSet of 3,000 rows, 7 columns: recent, clock>"
    known = json.loads(json.dumps(train.to_dict()))
    assert next(iter(known)) == "ledger"
    assert known["ledger"]["rows_out"] == 3000
    assert known["features"] == ["amount", "odd", "number"]
    assert (len(known["head"]), known["head"][0]["user"]) == (5, "u0")


def test_of_many_columns_the_ones_that_count_are_shown(mart_to_read: Project) -> None:
    wide = SPINE.with_columns(pl.lit(number).alias(f"more {number}") for number in range(40))
    shown = built(mart_to_read, wide)._repr_mimebundle_()["text/plain"]
    (header,) = (line for line in shown.splitlines() if "event_timestamp" in line)
    assert all(name in header for name in ("user", "label", "amount", "odd", "number", "more 0"))
    assert "34 more columns: more 6, " in shown
    assert "more 39" not in shown


def test_one_without_rows_shows_itself(mart_to_read: Project) -> None:
    shown = built(mart_to_read, SPINE.clear())._repr_mimebundle_()["text/plain"]
    assert "0 rows in, 0 rows out" in shown
    assert "The first 0 of 0 rows, 6 columns" in shown


def test_nobody_else_keeps_it_alive(mart_to_read: Project) -> None:
    train = built(mart_to_read)
    gone = weakref.ref(train), weakref.ref(train.frame)
    assert train.why_row(0, "amount").value == 7.0
    del train
    gc.collect()
    assert [each() for each in gone] == [None, None]


@pytest.fixture
def quiet_sender(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave what is submitted in the outbox."""
    monkeypatch.setattr(Tracker, "warm", lambda self: None)


@pytest.mark.usefixtures("quiet_sender")
def test_it_is_saved_later_as_at_once(shop: Project) -> None:
    train = built(shop)
    before, saved = train.name, train.save("later")
    assert before is None
    assert (train.name, saved.name) == ("later", "later")
    assert shop.store.saved("later") == saved
    assert built(shop, save="later").name == "later", "the same content again changes nothing"
    assert shop.store.saved("later") == saved
    with pytest.raises(UsageError, match="different rows or values"):
        built(shop, SPINE.head(2)).save("later")
    with pytest.raises(InvalidName, match="training set"):
        train.save("../later")
    assert train.name == "later"


@pytest.mark.usefixtures("quiet_sender")
def test_a_saved_one_gives_the_same_to_models(shop: Project) -> None:
    train = built(shop, SPINE, "recent:odd", "clock", save="first")
    saved: SavedTrainingSet = shop.store.saved("first")
    for one in (train, saved):
        assert one.features.columns == ["odd", "number"]
        assert (len(one), one.shape, one.columns) == (3, (3, 5), [*SPINE.columns, "odd", "number"])
        assert one.label is not None
        assert one.label.equals(SPINE["label"])
        assert one.frame.equals(train.frame)
        assert pl.DataFrame(one).equals(train.frame)
        assert one.explain() == train.ledger
        assert one.to_pandas().equals(train.to_pandas())
    assert shop.drift("clock", reference=saved, current=train)["number"].psi == 0
