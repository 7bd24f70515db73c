from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import SourceError
from workbench.sources.dialect import Dialect
from workbench.sources.faults import Origin
from workbench.sources.infer import infer_types, is_exact

from .reading import read as read_file


def read(values: list[str | None], **declared: Any) -> tuple[pl.Series, list[str]]:
    frame = pl.LazyFrame({"a": pl.Series(values, dtype=pl.String)})
    found, notes = infer_types(Origin.of("events"), frame, Dialect(**declared), {})
    return found.collect().get_column("a"), [note.message for note in notes]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (["1", "-2", None], pl.Int64),
        (["1", "2.5"], pl.Float64),
        (["1.50", "2.25", ""], pl.Float64),
        (["1.5e-07", "1e-05", "0.3", "1e+16", "1e17", "1.0E10"], pl.Float64),
        ([".5", "-.25"], pl.Float64),
        (["-0.0", "0.0", "NaN", "inf"], pl.Float64),
        (["0.30000000000000004", "0.1000000000000000055511151231257827"], pl.Float64),
        (["1", "NaN"], pl.Float64),
        (["9007199254740993", "1"], pl.Int64),
        (["true", "false", None], pl.Boolean),
        (["2024-01-01", "2024-02-29"], pl.Date),
        (["2024-01-01T00:00:00Z", "2024-01-01T01:00:00Z"], pl.Datetime("us", "UTC")),
        (["2024-01-01 00:00", "2024-01-01 01:00"], pl.Datetime("us")),
        (["1", "x"], pl.String),
        (["1", "true"], pl.String),
        (["nan", "inf"], pl.String),
        (["True", "False"], pl.String),
        (["a-1", "b.2", "12c"], pl.String),
        ([None], pl.String),
        ([""], pl.String),
        ([], pl.String),
    ],
)
def test_a_column_has_the_type_that_all_its_values_have(values: list[str | None], dtype: Any) -> None:
    found, notes = read(values)
    assert found.dtype == dtype
    assert notes == []
    if dtype != pl.String:
        assert found.null_count() == values.count(None) + values.count("")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (["007", "07"], "leading zeros"),
        (["-01", "5"], "leading zeros"),
        (["00.5", "5"], "leading zeros"),
        (["+1", "1"], "plus sign"),
        (["1e2", "100"], "exponent"),
        (["1e2", "2e3"], "exponent"),
        (["12E4", "5"], "exponent"),
        (["1", "1.0"], "'1' and '1.0'"),
        (["1.5", "1.50"], "two spellings"),
        (["1.0", "1e+00"], "two spellings"),
        (["-0", "-0.0", "2.5"], "two spellings"),
        (["5.", "6."], "a point without"),
        (["9007199254740993", "1.5"], "more digits than a float"),
        (["9007199254740993", "NaN"], "more digits than a float"),
        (["12345678901234567.89"], "more digits than a float"),
        (["0.30000000000000001"], "more digits than a float"),
        (["9223372036854775808"], "more digits than Int64"),
        (["18446744073709551615", "1"], "more digits than Int64"),
        (["1e400", "1.5"], "size that a float"),
        (["1e-400", "1.5"], "size that a float"),
        (["1,234", "5"], "thousands"),
        (["1,5", "2,75"], 'decimal = ","'),
        ([" 1", "2"], "spaces"),
        (["NA", "1", "2"], 'null_values = ["NA"]'),
        (["2024-01-01", "2024-02-30"], "not a valid date or time"),
        (["0000-00-00"], "not a valid date or time"),
        (["2024-13-01"], "not a valid date or time"),
        (["2024-01-01T25:00"], "not a valid date or time"),
        (["2024-01-01", "2024-01-01T00:00:00"], "several spellings"),
        (["2024-01-01 00:00", "2024-01-01T00:00"], "several spellings"),
        (["2024-01-01T00:00:00Z", "2024-01-01T01:00:00+01:00"], "several spellings"),
        (["2024-01-01T00:00:00Z", "2024-01-01T01:00:00"], "no zone beside"),
        (["2024-01-01T00:00:00.123456789"], "nanoseconds"),
    ],
)
def test_what_would_merge_or_change_stays_text_and_is_told(values: list[str | None], says: str) -> None:
    found, notes = read(values)
    assert found.to_list() == values
    assert len(notes) == 1
    assert says in notes[0]
    assert "'a' is read as text" in notes[0]


def test_one_odd_value_at_the_end_decides() -> None:
    assert read([*["1"] * 50_000, "x"])[0].dtype == pl.String
    found, notes = read([*(str(place) for place in range(1, 50_000)), "007"])
    assert found.dtype == pl.String
    assert "1 value with leading zeros, e.g. '007'" in notes[0]


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1))
def test_whole_numbers_keep_their_value(values: list[int]) -> None:
    assert read([str(value) for value in values])[0].to_list() == values


@given(st.lists(st.floats(allow_nan=False), min_size=1))
def test_floats_keep_their_value(values: list[float]) -> None:
    found, notes = read([repr(value) for value in values])
    assert notes == []
    assert (
        found.cast(pl.Float64).to_numpy().view("int64").tolist() == pl.Series(values).to_numpy().view("int64").tolist()
    )


@pytest.mark.parametrize(
    ("dtype", "values", "expected"),
    [
        (pl.String(), ["007", "1e2", ""], ["007", "1e2", ""]),
        (pl.Int64(), ["007", " 7 ", "+7", "", None], [7, 7, 7, None, None]),
        (pl.Int128(), ["170141183460469231731687303715884105727"], [2**127 - 1]),
        (pl.UInt64(), ["18446744073709551615"], [2**64 - 1]),
        (pl.Float64(), ["1", "1.0", "1e2", "inf", "9007199254740993"], [1.0, 1.0, 100.0, float("inf"), 2.0**53]),
        (
            pl.Decimal(24, 4),
            ["12345678901234567.8912", "1.5", "2.50000"],
            [Decimal("12345678901234567.8912"), Decimal("1.5000"), Decimal("2.5000")],
        ),
        (pl.Boolean(), ["True", "f", "1", "NO"], [True, False, True, False]),
        (pl.Date(), ["2024-02-29"], [date(2024, 2, 29)]),
        (pl.Datetime("us"), ["2024-01-01", "2024-01-01T10:00"], [datetime(2024, 1, 1), datetime(2024, 1, 1, 10)]),  # noqa: DTZ001
        (pl.Time(), ["10:30", "10:30:15.5"], None),
    ],
)
def test_a_declared_dtype_is_taken_at_its_word(dtype: pl.DataType, values: list[str | None], expected: Any) -> None:
    found, notes = read(values, dtypes={"a": dtype})
    assert found.dtype == dtype
    assert notes == []
    assert found.to_list() == expected if expected else found.null_count() == 0


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        (pl.Int64(), "1.0"),
        (pl.Int64(), "NA"),
        (pl.Int8(), "128"),
        (pl.Int64(), "9223372036854775808"),
        (pl.Float64(), "1,5"),
        (pl.Float64(), "1e400"),
        (pl.Decimal(24, 2), "1.234"),
        (pl.Decimal(3, 2), "12.34"),
        (pl.Decimal(24, 2), "1e2"),
        (pl.Boolean(), "maybe"),
        (pl.Date(), "2024-02-30"),
        (pl.Date(), "2024-01-01T00:00"),
        (pl.Datetime("us"), "2024-01-01T00:00:00Z"),
        (pl.Datetime("us", "UTC"), "03/04/2024"),
        (pl.Datetime("us", "UTC"), "2024-01-01T00:00:00.1234567Z"),
        (pl.Datetime("ns", "UTC"), "1600-01-01"),
        (pl.Datetime("us", "America/New_York"), "2024-03-10T02:30"),
        (pl.Time(), "24:00"),
    ],
)
def test_what_is_not_of_its_declared_dtype_is_refused(dtype: pl.DataType, value: str) -> None:
    with pytest.raises(SourceError, match="1 value of 'a' cannot be") as caught:
        read([None, value, ""], dtypes={"a": dtype})
    assert repr(value) in caught.value.message
    assert "null_values" in caught.value.remedy


def test_a_declared_zone_is_that_of_times_without_one() -> None:
    zone = pl.Datetime("us", "America/New_York")
    found, _ = read(["2024-01-01T00:00", "2024-01-01T05:00Z", "2024-11-03T01:30"], dtypes={"a": zone})
    assert [moment.astimezone(UTC).strftime("%m-%d %H:%M") for moment in found] == [
        "01-01 05:00",
        "01-01 05:00",
        "11-03 06:30",
    ]


def test_a_declared_column_that_is_not_there_is_named() -> None:
    with pytest.raises(SourceError, match="no column 'amuont'") as caught:
        read_file("amount\n1\n", dtypes={"amuont": pl.Int64()})
    assert "did you mean 'amount'" in caught.value.remedy


@pytest.mark.parametrize(
    ("text", "exact"),
    [
        ("0.1", True),
        ("5.684341886080802e-14", True),
        ("1152921504606847000", False),
        ("1152921504606846976", True),
        ("9007199254740993", False),
        ("1e23", True),
        ("1.00000000000000000001", False),
    ],
)
def test_digits_that_a_float_keeps(text: str, exact: bool) -> None:  # noqa: FBT001
    assert is_exact(Decimal(text)) is exact


HOSTILE = st.one_of(
    st.sampled_from(
        [
            *("", "0", "00", "1", "1.0", "1.00", "+1", "-0", "-0.0", "0.0", "007", "1e2", "1E2", "1e+2", "100", "1e16"),
            *(".5", "0.5", "5.", " 1", "1 ", "1,5", "1.5", "1,234", "NaN", "nan", "inf", "NA", "true", "false", "True"),
            *(
                "9007199254740993",
                "9007199254740992",
                "9007199254740992.0",
                "9223372036854775807",
                "9223372036854775808",
            ),
            *("12345678901234567.89", "0.30000000000000001", "0.30000000000000004", "1e400", "1e-400", "0x10", "1_000"),
            *("2024-01-01", "2024-02-30", "2024-01-01T00:00", "2024-01-01 00:00", "2024-01-01T00:00:00Z"),
            *(
                "2024-01-01T01:00+01",
                'a"b',
                '"',
                "a,b",
                "a\nb",
                "a\r\nb",
                "\\N",
                "\ufeff",
                "\u00fc",
                "\u2028",
                "'",
                "#",
            ),
        ]
    ),
    st.integers(-(2**70), 2**70).map(str),
    st.floats(allow_nan=False).map(repr),
    st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**17), max_value=10**17).map(str),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
)
ALIKE = st.one_of(
    st.lists(st.integers(-99, 2**60).map(str)),
    st.lists(st.floats(allow_nan=False).map(repr)),
    st.lists(st.dates().map(str)),
    st.lists(st.datetimes().map(lambda moment: moment.isoformat() + "Z")),
    st.lists(st.sampled_from(["true", "false"])),
)
COLUMN = st.one_of(
    st.lists(HOSTILE, min_size=1, max_size=6), ALIKE, st.tuples(ALIKE, HOSTILE).map(lambda both: [*both[0], both[1]])
)


def same(text: str, value: object) -> bool:
    """Say by Python's own means whether `value` is all that `text` says."""
    if isinstance(value, bool):
        return text == str(value).lower()
    if isinstance(value, int):
        return str(value) == text
    if isinstance(value, float):
        if value != value or value in {float("inf"), float("-inf")}:
            return text.strip("-").lower() in {"nan", "inf", "infinity"} and "-" not in text.lstrip("-")
        if text.lstrip("-").isdecimal():
            return int(value) == int(text)
        digits = len(text.lower().partition("e")[0].strip("-").replace(".", "").lstrip("0"))
        return float(text) == value and (
            digits <= 15
            or Decimal(repr(value)) == Decimal(text)
            or f"{value:.{digits - 1}e}" == f"{Decimal(text):.{digits - 1}e}"
        )
    if isinstance(value, datetime):
        return datetime.fromisoformat(text) == value
    return isinstance(value, date) and str(value) == text


@given(
    columns=st.lists(COLUMN, min_size=1, max_size=3),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    ending=st.sampled_from(["\n", "\r\n"]),
)
def test_what_pythons_csv_wrote_is_read_as_it_is_or_told(columns: list[list[str]], quoting: Any, ending: str) -> None:
    height = max(map(len, columns))
    table = [[column[row] if row < len(column) else "" for column in columns] for row in range(height)]
    stream = io.StringIO()
    writer = csv.writer(stream, quoting=quoting, lineterminator=ending)
    writer.writerow([f"c{place}" for place in range(len(columns))])
    writer.writerows(table)
    content = stream.getvalue()
    if (
        list(csv.reader(io.StringIO(content, newline="")))[1:] != table
    ):  # a bare carriage return, which it does not quote
        with pytest.raises(SourceError, match=r"carriage return|field"):
            read_file(content)
        return
    found, _ = read_file(content)
    assert found.height == height
    for place, name in enumerate(found.columns):
        written = [row[place] for row in table]
        values = found[name].to_list()
        if found[name].dtype == pl.String:
            missing = "" if quoting == csv.QUOTE_ALL or len(columns) == 1 else None
            assert values == [text or missing for text in written]
            continue
        assert all(
            value is None if text == "" else same(text, value) for text, value in zip(written, values, strict=True)
        )
        spelled = {text for text in written if text}
        bits = found[name].drop_nulls()
        bits = pl.Series(bits.to_numpy().view("int64")) if bits.dtype == pl.Float64 else bits
        assert bits.n_unique() == len(spelled)
