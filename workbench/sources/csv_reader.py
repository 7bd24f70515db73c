"""CSV files: every field as the text that stands there, every row as long as the header, or none at all.

PyArrow reads them: it counts the fields of each row. What it is lax about is settled beforehand by Python's ``csv`` in
its strict mode, where a file has quotes at all: a quote that is never closed, or text after one.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import SourceError
from workbench.lazy import deferred
from workbench.sources import faults
from workbench.sources.dialect import Dialect
from workbench.sources.faults import Origin
from workbench.sources.spool import Spool, decompress

if TYPE_CHECKING:
    import polars as pl
else:
    pl = deferred("polars")

_BLOCK = 4 << 20
_OTHER_SEPARATORS = ";\t|,"
_LONGEST_FIELD = 2**31 - 1


def read(origin: Origin, files: Mapping[str, Path], dialect: Dialect, spool: Spool) -> pl.LazyFrame:
    """Return the rows of all files as texts; null where nothing stands between two separators."""
    headers = {name: _header(origin, file, dialect) for name, file in files.items()}
    headers = {name: header for name, header in headers.items() if header}
    columns = _same_columns(origin, files, headers)
    for name in headers:
        _read_file(origin, files[name], headers[name], columns, dialect, spool)
    frame = spool.frame()
    return pl.LazyFrame(schema=dict.fromkeys(columns, pl.String())) if frame is None else frame


def _header(origin: Origin, file: Path, dialect: Dialect) -> list[str]:
    """Return the names of the columns; none for a file without a record."""
    header = next((fields for _, fields in _records(origin, file, dialect)), [])
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        raise faults.header_repeats(origin, file, twice)
    if len(header) == 1:
        other = next((mark for mark in _OTHER_SEPARATORS if mark in header[0]), None)
        if other is not None:
            raise faults.other_separator(origin, file, header[0], other)
    return header


def _same_columns(origin: Origin, files: Mapping[str, Path], headers: Mapping[str, list[str]]) -> list[str]:
    if not headers:
        raise faults.nothing(origin, next(iter(files)))
    first, columns = next(iter(headers.items()))
    lines = [
        f"{name} has {faults.some(other)}; {first} has {faults.some(columns)}"
        for name, other in headers.items()
        if set(other) != set(columns)
    ]
    if lines:
        raise faults.schemas_differ(origin, lines)
    return columns


def _read_file(
    origin: Origin, file: Path, header: Sequence[str], columns: Sequence[str], dialect: Dialect, spool: Spool
) -> None:
    import pyarrow as pa

    try:
        marks = _Marks.of(file, dialect.quote.encode())
        if marks.quotes or marks.returns:
            returns = _refuse_broken_rows(origin, file, len(header), dialect)
            wide = _codec(dialect.encoding).startswith(("utf-16", "utf-32"))  # in which a mark is not one byte
            if marks.feeds and marks.returns > returns and not wide:
                raise faults.two_line_ends(origin, file)
        with decompress(file) as stream:
            places = [header.index(column) for column in columns]
            for number, batch in enumerate(_batches(stream, len(header), dialect)):
                if number == 0 and [column[0].as_py() or "" for column in batch.columns] != list(header):
                    raise faults.corrupt(origin, file, "it does not begin with its header line")
                rows = batch.slice(1) if number == 0 else batch
                spool.add(pa.RecordBatch.from_arrays([rows.column(place) for place in places], names=list(columns)))
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        _refuse_broken_rows(origin, file, len(header), dialect)
        raise faults.corrupt(origin, file, str(error)) from None
    except OSError as error:
        raise faults.damaged_file(origin, file, error) from None


def _batches(stream: Any, width: int, dialect: Dialect) -> Iterator[Any]:
    """Yield batches of texts; the first row is the header."""
    import pyarrow as pa
    import pyarrow.csv

    names = [f"f{place}" for place in range(width)]
    reader = pa.csv.open_csv(
        _Utf8(stream, _codec(dialect.encoding)),
        read_options=pa.csv.ReadOptions(autogenerate_column_names=True, block_size=_BLOCK),
        parse_options=pa.csv.ParseOptions(
            delimiter=dialect.separator,
            quote_char=dialect.quote or False,
            newlines_in_values=True,
            ignore_empty_lines=width > 1,
        ),
        convert_options=pa.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.large_string()),
            null_values=["", *dialect.null_values],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    yield from reader


class _Utf8(io.RawIOBase):
    """A text file's bytes in UTF-8, in blocks none of which ends in a carriage return.

    PyArrow drops a line feed at the beginning of a block after one that ends so, also within a quoted value.
    """

    def __init__(self, stream: Any, codec: str) -> None:
        self._stream = stream
        self._decoder = None if codec == "utf-8" else codecs.getincrementaldecoder(codec)()
        self._held = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        size = _BLOCK if size < 0 else size
        ended = False
        while not ended and len(self._held) < size:
            read = self._stream.read(size - len(self._held))
            ended = not read
            self._held += read if self._decoder is None else self._decoder.decode(read, final=ended).encode()
        block = self._held[:size]
        if len(block) > 1 and block.endswith(b"\r"):
            block = block[:-1]
        self._held = self._held[len(block) :]
        return block


@dataclass(frozen=True, slots=True)
class _Marks:
    """What stands in a file: a quote, a line feed, and how many carriage returns without a line feed."""

    quotes: bool
    feeds: bool
    returns: int

    @classmethod
    def of(cls, file: Path, quote: bytes) -> _Marks:
        quotes = feeds = False
        returns, last = 0, b""
        with decompress(file) as stream:
            while block := stream.read(_BLOCK):
                quotes = quotes or (quote != b"" and quote in block)
                feeds = feeds or b"\n" in block
                if b"\r" in block or last == b"\r":
                    returns += block.count(b"\r") - block.count(b"\r\n") - (last + block[:1] == b"\r\n")
                last = block[-1:]
        return cls(quotes, feeds, returns)


def _refuse_broken_rows(origin: Origin, file: Path, width: int, dialect: Dialect) -> int:
    """Raise for the first line that is no record of `width` fields; return how many returns alone its fields hold."""
    returns = 0
    for line, fields in _records(origin, file, dialect):
        if len(fields) != width:
            raise faults.row_of_other_length(origin, file, line, fields, width)
        for field in fields:
            if "\r" in field:
                returns += field.count("\r") - field.count("\r\n")
    return returns


def _records(origin: Origin, file: Path, dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with the number of its last line; lines without a character are none."""
    limit = csv.field_size_limit(_LONGEST_FIELD)
    try:
        with decompress(file) as stream:
            codec = _codec(dialect.encoding)
            text = io.TextIOWrapper(stream, encoding="utf-8-sig" if codec == "utf-8" else codec, newline="")
            reader = csv.reader(
                text,
                delimiter=dialect.separator,
                quotechar=dialect.quote or None,
                quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
                strict=True,
            )
            try:
                for fields in reader:
                    if fields:
                        yield reader.line_num, fields
            except csv.Error as error:
                raise faults.not_a_record(origin, file, reader.line_num, str(error)) from None
            except UnicodeError as error:
                raise faults.not_in_encoding(origin, file, reader.line_num + 1, dialect.encoding, error) from None
    except SourceError:
        raise
    except OSError as error:
        raise faults.damaged_file(origin, file, error) from None
    finally:
        csv.field_size_limit(limit)


def _codec(encoding: str) -> str:
    """Return the codec's plain name, which is what PyArrow reads without Python's help where it is UTF-8."""
    name = codecs.lookup(encoding).name
    return "utf-8" if name in {"utf-8-sig", "ascii"} else name
