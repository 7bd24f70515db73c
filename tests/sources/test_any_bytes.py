"""Whatever bytes a file is made of: its rows are those that a plain reader finds, or a SourceError says why not."""

from __future__ import annotations

import csv
import io
import json
import math
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from workbench.errors import SourceError
from workbench.sources.faults import Origin
from workbench.sources.file import read_file

ROWS: list[dict[str, Any]] = [
    {"k": "a", "n": 1, "x": 0.5, "b": True, "s": 'say "hi", x'},
    {"k": "07", "n": None, "x": -1e3, "b": False, "s": "line\nbreak"},
    {"k": "", "n": 9007199254740993, "x": 2.0, "b": None, "s": "é"},
]


def _csv() -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(ROWS[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(ROWS)
    return out.getvalue().encode()


def _parquet() -> bytes:
    out = io.BytesIO()
    pl.DataFrame(ROWS).with_columns(l=pl.Series([[1, 2], [], None])).write_parquet(out, compression="uncompressed")
    return out.getvalue()


FILES = {
    "csv": _csv(),
    "ndjson": "\n".join(json.dumps({**row, "l": [1, None], "o": {"p": row["n"]}}) for row in ROWS).encode(),
    "parquet": _parquet(),
}
PIECES = [
    b"",
    b"\n",
    b'"',
    b",",
    b"}",
    b"{",
    b"null",
    b"[",
    b"]",
    b"\x00",
    b"\xff",
    b"\xef\xbb\xbf",
    b"1e400",
    b"\\ud800",
    b"\r",
]
EDITS = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 4), st.one_of(st.sampled_from(PIECES), st.binary(max_size=2))),
    min_size=1,
    max_size=3,
)


def edited(content: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    """Replace some bytes, at a share of the length, by others."""
    for share, length, new in edits:
        start = int(share * len(content))
        content = content[:start] + new + content[start + length :]
    return content


def of_csv(content: bytes, found: pl.DataFrame) -> bool:
    lines = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    header, *records = [fields for fields in lines if fields]
    return header == found.columns and [list(map(_meant, record)) for record in records] == [
        list(map(_meant, row)) for row in found.rows()
    ]


def _meant(value: object) -> object:
    """Return a field, or the value that was read of it, as what both stand for."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return ""
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            return value.lower() if value.lower() in {"true", "false"} else value
        return value if math.isnan(number) or value != value.strip() or "_" in value else number
    return str(value) if isinstance(value, date) else float(value)  # type: ignore[arg-type]


def of_ndjson(content: bytes, found: pl.DataFrame) -> bool:
    text, rows, place = content.decode("utf-8-sig"), [], 0
    while text[place:].strip():
        place += len(text[place:]) - len(text[place:].lstrip())
        row, place = json.JSONDecoder().raw_decode(text, place)
        rows.append(row)
    rows = rows[0] if len(rows) == 1 and isinstance(rows[0], list) else rows
    return bool(_sparse(rows) == _sparse(found.to_dicts()))


def _sparse(value: Any) -> Any:
    """Return a JSON value without what is null."""
    if isinstance(value, dict):
        return {key: _sparse(inner) for key, inner in value.items() if _sparse(inner) not in (None, {})}
    if isinstance(value, list):
        return [_sparse(inner) for inner in value]
    return value


def of_parquet(content: bytes, found: pl.DataFrame) -> bool:
    return found.equals(plain := _plain_parquet(content)) or str(found.to_dicts()) == str(plain.to_dicts())


def _plain_parquet(content: bytes) -> pl.DataFrame:
    """Return what another reader finds; where none reads the bytes nobody can judge the example."""
    try:
        return pl.DataFrame(pyarrow.parquet.read_table(io.BytesIO(content)))
    except (OSError, pyarrow.ArrowException):
        # pyarrow refuses bytes that say nothing of a value, such as an unknown encoding of levels that no page has
        with tempfile.NamedTemporaryFile(suffix=".parquet") as file, duckdb.connect() as connection:
            file.write(content)
            file.flush()
            try:
                found: pl.DataFrame = connection.read_parquet(file.name).pl()
            except duckdb.Error:
                reject()
            return found


@pytest.mark.parametrize(("suffix", "plain"), [("csv", of_csv), ("ndjson", of_ndjson), ("parquet", of_parquet)])
@given(edits=EDITS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rows_are_right_or_refused(
    tmp_path: Path, suffix: str, plain: Any, edits: list[tuple[float, int, bytes]]
) -> None:
    content = edited(FILES[suffix], edits)
    file = tmp_path / f"a.{suffix}"
    file.write_bytes(content)
    try:
        found, _ = read_file(Origin.of("events"), file, times={})
    except SourceError:
        return
    assert plain(content, found), found.to_dicts()


@pytest.mark.parametrize(("suffix", "plain"), [("csv", of_csv), ("ndjson", of_ndjson), ("parquet", of_parquet)])
def test_the_file_as_it_was_written_is_read(tmp_path: Path, suffix: str, plain: Any) -> None:
    file = tmp_path / f"a.{suffix}"
    file.write_bytes(FILES[suffix])
    found, _ = read_file(Origin.of("events"), file, times={})
    assert found.height == len(ROWS)
    assert plain(FILES[suffix], found)


@pytest.mark.parametrize(
    "content", ["null\n", 'null\n{"v": 1}\n', '{"v": 1}\nnull\n', '{"v": 1} null', "[null]", " null"]
)
def test_a_record_that_is_null_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "a.ndjson"
    file.write_text(content)
    with pytest.raises(SourceError) as caught:
        read_file(Origin.of("events"), file, times={})
    assert "it is not an object" in "\n".join(caught.value.lines)
