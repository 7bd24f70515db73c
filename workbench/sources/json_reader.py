"""JSON and NDJSON files: every value as it stands there, or none at all.

PyArrow reads them: it refuses a key that comes twice, a column that changes its kind and a text that is no Unicode. Its
own guesses are taken back: texts that look like times stay texts, and whole numbers that a float would round are looked
for in the file itself.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from workbench.lazy import deferred
from workbench.sources import faults
from workbench.sources.dialect import Dialect
from workbench.sources.faults import Origin
from workbench.sources.infer import is_exact
from workbench.sources.spool import Spool, decompress

if TYPE_CHECKING:
    import polars as pl
else:
    pl = deferred("polars")

_PIECE = 64 << 20
_LONG_NUMBER = r'(?:^|[^\w."])(?:[1-9]\d{15,}(?:[^\w."]|$)|(?:0\.0*)?[1-9][\d.]{18,})'
"""Where a number stands that a float may not keep apart from its neighbours: 16 digits, or 18 with a point."""
_CHANGED = re.compile(r"Column\((?P<path>[^)]*)\) changed from (?P<before>\w+) to (?P<after>\w+) in row")
_LARGEST = 2**63 - 1
_DIGITS = 17
_SPACE = re.compile(r"\s*")
_WORDS = {"object": "an object", "array": "a list", "string": "text", "boolean": "true or false", "number": "a number"}

Kind = Any
"""A ``pyarrow.DataType``."""


def read(origin: Origin, files: Mapping[str, Path], dialect: Dialect, spool: Spool) -> pl.LazyFrame:
    """Return the rows of all files, declared columns as texts; a column may be absent from some of them."""
    import pyarrow as pa

    kinds: dict[str, dict[str, Kind]] = {}
    for name, file in files.items():
        for piece in _pieces(origin, file, dialect):
            for field in _parse(origin, file, piece, None).schema:
                holders = kinds.setdefault(field.name, {})
                holders[name] = _common(origin, field.name, {name: holders.get(name), f"{name}, later on": field.type})
    if not kinds:
        raise faults.nothing(origin, next(iter(files)))
    merged = {column: _final(_common(origin, column, holders)) for column, holders in kinds.items()}
    for column, kind in merged.items():
        if kind is None:
            raise faults.empty_objects(origin, column)
    rounding = [column for column, kind in merged.items() if _has_float(kind)]
    schema = pa.schema(list(merged.items()))
    for file in files.values():
        for piece in _pieces(origin, file, dialect):
            if rounding and _holds_long_number(piece):
                _refuse_rounded(origin, file, piece, rounding)
            for batch in _parse(origin, file, piece, schema).to_batches():
                spool.add(batch)
    frame = spool.frame()
    if frame is None:
        raise faults.nothing(origin, next(iter(files)))
    return frame


def _pieces(origin: Origin, file: Path, dialect: Dialect) -> Iterator[bytes]:
    """Yield the file as pieces of whole objects, one after the other with nothing but white space between them."""
    try:
        with decompress(file) as stream:
            rest = stream.read(_PIECE).removeprefix(b"\xef\xbb\xbf")
            if rest.lstrip()[:1] == b"[":
                yield _check_declared(origin, file, _list_to_lines(origin, file, rest + stream.read()), dialect)
                return
            while block := stream.read(_PIECE):
                rest += block
                cut = rest.rfind(b"\n{")
                if cut > 0:
                    yield _check_declared(origin, file, rest[: cut + 1], dialect)
                    rest = rest[cut + 1 :]
            if rest.strip():
                yield _check_declared(origin, file, rest, dialect)
    except OSError as error:
        raise faults.damaged_file(origin, file, error) from None


def _list_to_lines(origin: Origin, file: Path, data: bytes) -> bytes:
    """Return the objects of a JSON list, one a line."""
    try:
        items: list[bytes] = [bytes(item) for item in msgspec.json.decode(data, type=list[msgspec.Raw])]
    except (msgspec.DecodeError, UnicodeDecodeError):  # NaN, which Python writes and msgspec refuses, among others
        try:
            items = [item.encode() for item in _items(data.decode())]
        except ValueError as error:
            raise faults.not_json(origin, file, str(error)) from None
    return b"\n".join(item.replace(b"\n", b" ") for item in items)


def _items(text: str) -> Iterator[str]:
    """Yield each item of a JSON list as it is written."""
    place = _past_space(text, text.index("[") + 1)
    while not text.startswith("]", place):
        _, end = _ONCE.raw_decode(text, place)
        yield text[place:end]
        place = _past_space(text, end)
        if text.startswith(",", place):
            place = _past_space(text, place + 1)
        elif not text.startswith("]", place):
            raise ValueError(f"it ends, or lacks a comma, after {text[max(0, end - 20) : end]!r}")
    if text[place + 1 :].strip():
        raise ValueError("there is more after its end")


def _past_space(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return place if found is None else found.end()


def _check_declared(origin: Origin, file: Path, piece: bytes, dialect: Dialect) -> bytes:
    """Return `piece` with the values of declared columns as the texts that stand there."""
    try:
        piece.decode()
    except UnicodeDecodeError as error:
        line = piece.count(b"\n", 0, error.start) + 1
        raise faults.not_json(origin, file, f"line {line}: it is not UTF-8: {error.reason}") from None
    if _MAY_BE_NULL.search(piece):
        _require_objects(origin, file, piece.decode())
    if not dialect.dtypes:
        return piece
    try:
        return b"\n".join(_as_texts(record, dialect) for record in _RECORDS.decode_lines(piece))
    except (msgspec.DecodeError, ValueError) as error:
        raise faults.not_json(origin, file, str(error)) from None


_MAY_BE_NULL = re.compile(rb"(?:^|[}\n])\s*null")
"""Where a record may be null, at which PyArrow ends the process; or a text may look like it."""


def _require_objects(origin: Origin, file: Path, text: str) -> None:
    place = _past_space(text, 0)
    while place < len(text):
        line = text.count("\n", 0, place) + 1
        try:
            value, end = _ONCE.raw_decode(text, place)
        except (ValueError, RecursionError) as error:
            raise faults.not_json(origin, file, f"line {line}: {error}") from None
        if not isinstance(value, dict):
            raise faults.not_json(origin, file, f"line {line}: it is not an object")
        place = _past_space(text, end)


_RECORDS = msgspec.json.Decoder(msgspec.Raw)
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _as_texts(record: msgspec.Raw, dialect: Dialect) -> bytes:
    _ONCE.decode(bytes(record).decode())  # what comes twice would be dropped below
    parts = [
        msgspec.json.encode(key) + b":" + (_as_text(bytes(value)) if key in dialect.dtypes else bytes(value))
        for key, value in _FIELDS.decode(record).items()
    ]
    return b"{" + b",".join(parts) + b"}"


def _as_text(value: bytes) -> bytes:
    if value[:1] in {b"{", b"["}:
        raise ValueError(f"a declared dtype stands for a single value, not for {value[:30].decode()}")
    return value if value == b"null" or value[:1] == b'"' else b'"' + value + b'"'


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"an object has the key {next(n for n in names if names.count(n) > 1)!r} twice")
    return found


_ONCE = json.JSONDecoder(object_pairs_hook=_once)


def _parse(origin: Origin, file: Path, piece: bytes, schema: Any) -> Any:
    """Return a piece as a table, with the kinds of `schema`, or those of its values."""
    import pyarrow as pa
    import pyarrow.json

    try:
        return pa.json.read_json(
            io.BytesIO(piece),
            # In one block: PyArrow cannot join a block in which a column is null with one in which it is an object.
            read_options=pa.json.ReadOptions(block_size=len(piece) + 1, use_threads=False),
            parse_options=pa.json.ParseOptions(
                explicit_schema=schema, newlines_in_values=True, unexpected_field_behavior="infer"
            ),
        )
    except pa.ArrowException as error:
        _refuse(origin, file, piece, str(error))


def _refuse(origin: Origin, file: Path, piece: bytes, reason: str) -> NoReturn:
    """Raise for what PyArrow refused, with the line where there is one."""
    changed = _CHANGED.search(reason)
    if changed is not None and changed["path"]:
        path = changed["path"].removeprefix("/")
        raise faults.mixed_kinds(origin, file, path, _WORDS[changed["before"]], _WORDS[changed["after"]])
    for number, line in enumerate(piece.split(b"\n"), start=1):
        try:
            if line.strip():
                json.dumps(dict(_ONCE.decode(line.decode()).items()), ensure_ascii=False).encode()
        except (ValueError, AttributeError, RecursionError) as error:
            said = "it is not an object" if isinstance(error, AttributeError) else str(error)
            raise faults.not_json(origin, file, f"line {number}: {said}") from None
    raise faults.not_json(origin, file, reason.removeprefix("JSON parse error: "))


def _common(origin: Origin, column: str, holders: Mapping[str, Kind | None]) -> Kind:
    """Return the kind that holds all values: objects have the keys of all, whole numbers and floats are floats."""
    found = None
    for kind in (held for held in holders.values() if held is not None):  # a kind without fields is falsy
        common = kind if found is None else _both(found, kind)
        if common is None:
            lines = [f"{column} is {_word(held)} in {name}" for name, held in holders.items() if held is not None]
            raise faults.schemas_differ(origin, lines)
        found = common
    return found


def _both(one: Kind, other: Kind) -> Kind | None:
    import pyarrow as pa

    kinds = pa.types
    if one == other or kinds.is_null(other):
        return one
    if kinds.is_null(one):
        return other
    if {one, other} == {pa.int64(), pa.float64()}:
        return pa.float64()
    if _is_text(one) and _is_text(other):
        return pa.string()
    if kinds.is_list(one) and kinds.is_list(other):
        inner = _both(one.value_type, other.value_type)
        return None if inner is None else pa.list_(inner)
    if kinds.is_struct(one) and kinds.is_struct(other):
        fields = {field.name: field.type for field in one}
        for field in other:
            inner = _both(fields.get(field.name, pa.null()), field.type)
            if inner is None:
                return None
            fields[field.name] = inner
        return pa.struct(list(fields.items()))
    return None


def _is_text(kind: Kind) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_timestamp(kind))


def _word(kind: Kind) -> str:
    return "text" if _is_text(kind) else str(kind)


def _final(kind: Kind) -> Kind | None:
    """Return the kind that a column gets: text for what looked like a time or was never there, None for no key."""
    import pyarrow as pa

    if pa.types.is_timestamp(kind) or pa.types.is_null(kind):
        return pa.string()
    if pa.types.is_list(kind):
        inner = _final(kind.value_type)
        return None if inner is None else pa.list_(inner)
    if pa.types.is_struct(kind):
        fields = [(field.name, _final(field.type)) for field in kind]
        return pa.struct(fields) if fields and all(inner is not None for _, inner in fields) else None
    return kind


def _has_float(kind: Kind) -> bool:
    import pyarrow as pa

    if pa.types.is_list(kind):
        return _has_float(kind.value_type)
    if pa.types.is_struct(kind):
        return any(_has_float(field.type) for field in kind)
    return bool(pa.types.is_floating(kind))


def _holds_long_number(piece: bytes) -> bool:
    return bool(pl.Series([piece.decode()]).str.contains(_LONG_NUMBER).item())


def _refuse_rounded(origin: Origin, file: Path, piece: bytes, columns: list[str]) -> None:
    """Raise for a number in one of `columns` that a float does not carry exactly."""
    try:
        records: list[Any] = _LITERAL.decode_lines(piece)
    except msgspec.DecodeError:  # NaN
        records = list(_objects(piece.decode()))
    for column in columns:
        numbers = [number for record in records for number in _numbers(record.get(column))]
        whole = all(isinstance(number, int) for number in numbers)
        for number in numbers:
            if _is_rounded(number) or (whole and not -_LARGEST <= number <= _LARGEST):
                raise faults.inexact_number(origin, file, column, str(number))


def _is_rounded(number: int | Decimal) -> bool:
    """Return whether a float loses digits of `number`; up to 17 it is what the programs meant that wrote them."""
    if isinstance(number, Decimal) and len(number.as_tuple().digits) <= _DIGITS:
        return False
    return not is_exact(Decimal(number))


def _objects(text: str) -> Iterator[dict[str, Any]]:
    decoder, place = json.JSONDecoder(parse_float=Decimal), _past_space(text, 0)
    while place < len(text):
        record, end = decoder.raw_decode(text, place)
        yield record
        place = _past_space(text, end)


_LITERAL = msgspec.json.Decoder(float_hook=Decimal)


def _numbers(value: object) -> Iterator[int | Decimal]:
    """Yield the numbers in a value, however deep."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _numbers(item)
    elif isinstance(value, int | Decimal) and not isinstance(value, bool):
        yield value
