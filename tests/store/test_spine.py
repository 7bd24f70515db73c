"""A spine is a table of any library: the same rows give the same training set, odd ones say what to do."""

from __future__ import annotations

import re
import subprocess
import sys
import uuid
import warnings
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from polars.testing import assert_frame_equal

from tests.store.conftest import START, spine_of
from workbench.errors import JoinError
from workbench.store import LowMatchWarning, as_spine

if TYPE_CHECKING:
    from workbench.project import Project
    from workbench.store import TrainingSet

SPINE = spine_of(("u0", 7.0), ("u3", 100.5), ("nobody", 9.0), (None, 60.0), ("u1", None))
PANDAS = SPINE.to_pandas()


class Stream:
    """A table of a library that nobody here knows."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame

    def __arrow_c_stream__(self, requested_schema: Any = None) -> object:
        return self._frame.__arrow_c_stream__(requested_schema)


TABLES: dict[str, Callable[[], object]] = {
    "polars": lambda: SPINE,
    "polars, lazy": SPINE.lazy,
    "pandas": lambda: PANDAS,
    "pandas, of objects": lambda: PANDAS.astype({"user": object}),
    "pandas, of Arrow's dtypes": lambda: SPINE.to_pandas(use_pyarrow_extension_array=True),
    "pandas, sorted elsewhere": lambda: PANDAS.set_index(pd.Index([9, 3, 7, 1, 2])),
    "a table of Arrow": SPINE.to_arrow,
    "a batch of Arrow": lambda: SPINE.to_arrow().combine_chunks().to_batches()[0],
    "a reader, which is read once": lambda: SPINE.to_arrow().to_reader(),
    "a C stream": lambda: Stream(SPINE),
    "a query of DuckDB": lambda: duckdb.from_arrow(SPINE.to_arrow()),
    "narwhals of pandas": lambda: nw.from_native(PANDAS.set_index(pd.Index([9, 3, 7, 1, 2]))),
    "narwhals, lazy": lambda: nw.from_native(SPINE.lazy()),
    "narwhals of DuckDB": lambda: nw.from_native(duckdb.from_arrow(SPINE.to_arrow())),
}


def built(project: Project, spine: Any, *features: str, **options: Any) -> TrainingSet:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LowMatchWarning)
        return project.store.training_set(spine, list(features or ["spend:total", "recent:amount"]), **options)


@pytest.mark.parametrize("kind", TABLES)
def test_the_same_rows_give_the_same_training_set(mart_to_read: Project, kind: str) -> None:
    wanted = built(mart_to_read, SPINE)
    found = built(mart_to_read, TABLES[kind]())
    assert_frame_equal(found.frame, wanted.frame)
    assert found.ledger.views == wanted.ledger.views


def test_a_training_set_is_a_spine(mart_to_read: Project) -> None:
    first = built(mart_to_read, SPINE, "spend:total", label="label")
    assert built(mart_to_read, first, "recent:amount").columns == [*first.columns, "amount"]


@pytest.mark.parametrize(
    ("index", "says"),
    [
        (pd.RangeIndex(5), None),
        (pd.RangeIndex(3, 8), None),
        (pd.RangeIndex(5, name="id"), r"pandas index \('id'\) is not a column"),
        (pd.Index([1, 2, 4, 8, 9]), "pandas index is not a column"),
        (pd.MultiIndex.from_product([["a"], range(5)], names=["x", None]), r"pandas index \('x'\) is not a column"),
    ],
)
def test_a_pandas_index_is_no_column_and_is_named_unless_it_is_a_plain_range(
    mart_to_read: Project, index: pd.Index, says: str | None
) -> None:
    train = built(mart_to_read, PANDAS.set_index(index))
    assert train.columns == [*SPINE.columns, "total", "amount"]
    if says is None:
        assert train.ledger.assumed == ()
    else:
        (said,) = train.ledger.assumed
        assert re.search(says, said)
        assert "reset_index()" in said
    assert said_of_times(PANDAS.set_index(index)) == ("'event_timestamp' does not state a time zone",)


def said_of_times(spine: pd.DataFrame) -> tuple[str, ...]:
    """Return what is guessed of the times of a spine whose times state no zone."""
    naive = spine.assign(event_timestamp=spine["event_timestamp"].dt.tz_localize(None))
    guess = as_spine(naive, time="event_timestamp", time_zone=None).guess
    assert guess is not None
    return (guess.partition(":")[0],)


@pytest.mark.parametrize("column", ["user", "event_timestamp", "label"])
def test_a_column_that_is_in_the_index_instead_says_so(mart_to_read: Project, column: str) -> None:
    with pytest.raises(JoinError, match=f"{column!r} in its pandas index") as raised:
        built(mart_to_read, PANDAS.set_index(column), label="label")
    assert "reset_index()" in raised.value.remedy


def column(values: Any) -> pl.Series:
    """Return a column of a pandas frame as a spine has it."""
    return as_spine(pd.DataFrame({"x": values}), time="at", time_zone=None).frame["x"]


HALF_PAST_FIVE = timezone(timedelta(hours=5, minutes=30))


@pytest.mark.parametrize(
    ("values", "dtype", "wanted"),
    [
        (pd.Series([2**60 + 1, None], dtype=object), pl.Int64(), [2**60 + 1, None]),
        (pd.array([2**60 + 1, None], dtype="Int64"), pl.Int64(), [2**60 + 1, None]),
        (pd.array([2**64 - 1], dtype="uint64"), pl.UInt64(), [2**64 - 1]),
        ([1.5, np.nan], pl.Float64(), [1.5, None]),
        (["007", None], pl.String(), ["007", None]),
        (pd.Categorical(["b", "a", None]), pl.Categorical(), ["b", "a", None]),
        (pd.Categorical(["b", "a"], categories=["b", "a"], ordered=True), pl.Categorical(), ["b", "a"]),
        (pd.Categorical([20, 10, None]), pl.Int64(), [20, 10, None]),
        (pd.to_datetime(["2024-01-01", None]).tz_localize("UTC"), pl.Datetime("us", "UTC"), [START, None]),
        (
            pd.Series([datetime(2024, 1, 1, 5, 30, tzinfo=HALF_PAST_FIVE), None], dtype=object),
            pl.Datetime("us", "UTC"),
            [START, None],
        ),
        (pd.to_datetime(["2024-01-01T05:30+05:30"]), pl.Datetime("us", "UTC"), [START]),
        ([b"\x00", None], pl.Binary(), [b"\x00", None]),
    ],
)
def test_values_from_pandas_keep_their_identity(values: Any, dtype: pl.DataType, wanted: list[object]) -> None:
    found = column(values)
    assert found.dtype == dtype
    assert found.to_list() == wanted


def test_categories_are_keys_as_texts_are(mart_to_read: Project) -> None:
    found = built(mart_to_read, PANDAS.astype({"user": "category"}))
    assert found.features.equals(built(mart_to_read, SPINE).features)


def test_nanoseconds_are_not_rounded_to_what_happened_later(mart_to_read: Project) -> None:
    event = pd.Timestamp(START + timedelta(minutes=7))
    times = [event - pd.Timedelta(1, "ns"), event, event + pd.Timedelta(999, "ns")]
    spine = pd.DataFrame({"user": ["u0"] * 3, "event_timestamp": pd.DatetimeIndex(times).as_unit("ns")})
    train = built(mart_to_read, spine, "recent:amount")
    assert train.features["amount"].to_list() == [None, 7.0, 7.0]
    assert train.frame["event_timestamp"].dt.nanosecond().to_list() == [999_999_999, 0, 999]


@pytest.mark.parametrize(
    ("spine", "says", "remedy"),
    [
        ({"user": ["u0"]}, "is a builtins.dict, not a table", "pl.DataFrame"),
        ([{"user": "u0"}], "is a builtins.list, not a table", "pl.DataFrame"),
        (np.zeros((2, 2)), "is a numpy.ndarray, not a table", "pl.DataFrame"),
        ("spine.csv", "is a builtins.str, not a table", "pl.DataFrame"),
        (None, "is a builtins.NoneType, not a table", "pl.DataFrame"),
        (PANDAS["user"], "Series, not a table: ", "pl.DataFrame"),
        (SPINE["user"], "Series, not a table: ", "pl.DataFrame"),
        (nw.from_native(SPINE["user"], series_only=True), "Series, not a table: ", "pl.DataFrame"),
        (pd.concat([PANDAS, PANDAS["user"]], axis=1), "two columns 'user'", "Rename"),
        (pd.DataFrame([[1, 2]], columns=[0, "0"]), "two columns '0'", "Rename"),
        (pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_product([["a"], ["b", "c"]])), "2 levels", "_"),
        (PANDAS.assign(x=pd.Series([1, "a", 2, 3, 4], dtype=object)), "'x' of the spine (object", "string"),
        (PANDAS.assign(x=pd.Series([True, 1, 2, 3, 4], dtype=object)), "'x' of the spine (object", "string"),
        (PANDAS.assign(x=pd.Series([2**60 + 1, 0.5, 1, 2, 3], dtype=object)), "'x' of the spine", "string"),
        (PANDAS.assign(x=pd.Series([START, datetime(2024, 1, 1)] * 2, dtype=object)), "others do not", "utc=True"),  # noqa: DTZ001 - that is the point
        (PANDAS.assign(x=pd.period_range("2024-01", periods=5, freq="M")), "'x' of the spine is or holds", "time"),
        (PANDAS.assign(x=pd.interval_range(0, 5)), "'x' of the spine is or holds", "Leave the column out"),
        (PANDAS.assign(x=pd.arrays.SparseArray([0, 0, 1, 0, 0])), "'x' of the spine (Sparse", "drop"),
        (PANDAS.assign(x=[1j] * 5), "'x' of the spine (complex128", "drop"),
        (PANDAS.assign(x=[object()] * 5), "'x' of the spine (object", "drop"),
        (PANDAS.assign(user=[1.0, 2.0, np.nan, 3.0, 4.0]), "'user' is Float64", "in pandas by astype"),
        (pa.table({"user": ["u0"], "at": pa.array([pa.MonthDayNano([1, 2, 3])])}), "'at' of the spine", "Leave"),
    ],
)
def test_what_is_no_spine_says_what_to_do(mart_to_read: Project, spine: Any, says: str, remedy: str) -> None:
    with pytest.raises(JoinError) as raised:
        built(mart_to_read, spine)
    assert says in str(raised.value)
    assert remedy in raised.value.remedy


def test_identifiers_are_bytes(mart_to_read: Project) -> None:
    one = uuid.UUID(int=7)
    assert column([one]).to_list() == [one.bytes]


ALONE = """
import sys
import polars as pl
from workbench.store import as_spine

frame = pl.DataFrame({"a": [1]})

class Stream:
    def __arrow_c_stream__(self, requested_schema=None):
        return frame.__arrow_c_stream__(requested_schema)

class Uninstalled:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "pandas":
            raise ModuleNotFoundError("No module named 'pandas'", name="pandas")

for finders in ([], [Uninstalled()]):  # pyarrow remembers that there is none
    sys.meta_path[:0] = finders
    for spine in (frame, frame.lazy(), frame.to_arrow(), Stream()):
        assert as_spine(spine, time="at", time_zone=None).frame.equals(frame)
    assert "pandas" not in sys.modules
"""


def test_pandas_is_not_imported_and_need_not_be_there() -> None:
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
