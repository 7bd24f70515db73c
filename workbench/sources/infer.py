"""The types of text columns, from every value in them.

A column is numeric where that loses nothing: no two spellings become one number, and no number loses a digit. Leading
zeros, plus signs, exponents that an id may have as well, and numbers of more digits than a float holds leave it text,
which is told. What `dtypes` declares is taken at its word, and refused where a value cannot be it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from workbench.lazy import deferred
from workbench.sources import faults
from workbench.sources.dialect import Dialect
from workbench.sources.faults import Origin
from workbench.sources.snapshot import SourceWarning
from workbench.sources.times import ISO, TimeFacts, as_time, parse_times

if TYPE_CHECKING:
    import polars as pl
else:
    pl = deferred("polars")

_MISSING = ("NA", "N/A", "n/a", "#N/A", "NULL", "null", "None", "nil", "-", ".", "?", "missing", r"\N")
_WORDS = r"^-?(?i:nan|inf|infinity)$"
_LIKE_A_NUMBER = r"^\s*[+-]?[\d.,'\x{2019}\s]*\d[.,]?\s*$"
_LEADING_ZEROS = r"^[+-]?0\d"
_EXPONENT = r"[eE]"
_WRITTEN_EXPONENT = r"^-?(?:\d\.\d+[eE][+-]?\d+|\d[eE][+-]\d+|\d[eE](?:1[6-9]|[2-9]\d|\d{3}))$"
"""How programs write floats with an exponent: 1.5e7, 1e+16, 1e-05, and from 1e16 on some leave out the sign."""
_THOUSANDS = (" ", "\u00a0", "\u202f", "'", "\u2019")
"""Marks that group digits, beside point and comma."""
_SUSPECT_DIGITS = 16
_FEW = 3
_SPELLED_TRUE, _SPELLED_FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")


def infer_types(
    origin: Origin, frame: pl.LazyFrame, dialect: Dialect, roles: Mapping[str, str]
) -> tuple[pl.LazyFrame, list[SourceWarning]]:
    """Return `frame` of texts with the types that its values have, and what was decided that is not obvious."""
    names = frame.collect_schema().names()
    settled = {*dialect.dtypes, *roles.values(), *dialect.texts}
    others = [name for name in names if name not in settled]
    decisions = _decisions(origin, frame, others, dialect)
    frame, notes = parse_times(
        origin, frame, dialect, {r: column for r, column in roles.items() if column not in dialect.dtypes}
    )
    notes += [decision.note for decision in decisions.values() if decision.note is not None]
    cast = [decision.cast.alias(name) for name, decision in decisions.items() if decision.cast is not None]
    return apply_dtypes(origin, frame.with_columns(cast), dialect, roles), notes


@dataclass(frozen=True, slots=True)
class _Decision:
    """What a column becomes; `cast` is None where it stays text."""

    cast: pl.Expr | None = None
    note: SourceWarning | None = None


def _decisions(origin: Origin, frame: pl.LazyFrame, names: list[str], dialect: Dialect) -> dict[str, _Decision]:
    if not names:
        return {}
    facts = frame.select(_facts(name, dialect) for name in names).collect(engine="streaming").row(0, named=True)
    return {name: _decide(origin, frame, name, facts[name], dialect) for name in names}


def _facts(name: str, dialect: Dialect) -> pl.Expr:
    text, number = pl.col(name), _number(pl.col(name), dialect)
    return pl.struct(
        (text != "").sum().alias("values"),
        (number.cast(pl.Int64, strict=False).cast(pl.String) == number).sum().alias("whole"),
        (number.cast(pl.Float64, strict=False).cast(pl.String) == number).sum().alias("exact"),
        number.cast(pl.Float64, strict=False).count().alias("floats"),
        text.str.contains(_WORDS).sum().alias("words"),
        text.is_in(["true", "false"]).sum().alias("flags"),
        text.str.contains(ISO).sum().alias("iso"),
        text.str.contains(_LIKE_A_NUMBER).sum().alias("alike"),
    ).alias(name)


def _number(text: pl.Expr, dialect: Dialect) -> pl.Expr:
    """Return `text` with its decimal mark as a point and no marks of thousands; any other mark makes no number."""
    if dialect.thousands is not None:
        mark, point = re.escape(dialect.thousands), re.escape(dialect.decimal)
        grouped = text.str.contains(rf"^[+-]?[1-9]\d{{0,2}}(?:{mark}\d{{3}})+(?:{point}\d*)?$")
        text = pl.when(grouped).then(text.str.replace_all(dialect.thousands, "", literal=True)).otherwise(text)
    if dialect.decimal == ".":
        return text
    return text.str.replace_all(".", "_", literal=True).str.replace(",", ".", literal=True)


def _decide(origin: Origin, frame: pl.LazyFrame, name: str, facts: Mapping[str, int], dialect: Dialect) -> _Decision:
    values, text = facts["values"], pl.col(name)
    number = _number(text, dialect)
    if not values:
        return _Decision()
    if facts["whole"] == values:
        return _Decision(number.cast(pl.Int64, strict=False))
    if facts["flags"] == values:
        return _Decision(pl.when(text != "").then(text == "true"))
    if facts["iso"] == values:
        return _time(origin, frame, name)
    if facts["floats"] == values > facts["words"]:
        doubt = None if facts["exact"] == values else _doubt(_spellings(frame, name, dialect))
        return _Decision(number.cast(pl.Float64, strict=False)) if doubt is None else _text(origin, name, doubt)
    if facts["alike"] * 2 >= values:
        doubt = _near_number(frame.select(text).filter(text != "").collect().to_series(), dialect)
        return _Decision() if doubt is None else _text(origin, name, doubt)
    return _Decision()


@dataclass(frozen=True, slots=True)
class _Doubt:
    """Why a column that looks like numbers or times stays text.

    Parameters
    ----------
    what
        What is seen.
    count
        In how many values.
    example
        One of them, or two that would become one.
    dtype
        What to declare where they are such values after all.
    cure
        What helps where a dtype does not.
    """

    what: str
    count: int
    example: str
    dtype: str = "Float64"
    cure: str = ""


def _text(origin: Origin, name: str, doubt: _Doubt) -> _Decision:
    cure = doubt.cure or f'dtypes = {{ {name} = "{doubt.dtype}" }} reads it so, "String" says that it is text'
    hint = f"; {cure}" if origin.section else ""
    return _Decision(
        note=SourceWarning(
            origin.name,
            f"{name!r} is read as text: {faults.counted(doubt.count, 'value')} with {doubt.what}, "
            f"e.g. {doubt.example}{hint}",
            doubt.count,
        )
    )


def _spellings(frame: pl.LazyFrame, name: str, dialect: Dialect) -> pl.DataFrame:
    """Return how each number is spelled (with a decimal point), its value, and how often that stands there."""
    text = pl.col(name)
    spelled = frame.select(_number(text, dialect).alias("text")).filter(pl.col("text") != "")
    counted = spelled.group_by("text").len("count").with_columns(value=pl.col("text").cast(pl.Float64))
    return counted.sort("text").collect(engine="streaming")


def _doubt(spellings: pl.DataFrame) -> _Doubt | None:
    """Return why the numbers cannot be floats without losing something; None where they can."""
    text, value = pl.col("text"), pl.col("value")
    numbers = spellings.filter(~text.str.contains(_WORDS))
    whole = numbers.select(text.str.contains(r"^[+-]?\d+$").all()).item()
    dtype = "Int64" if whole else "Float64"
    for what, odd in (
        ("leading zeros", text.str.contains(_LEADING_ZEROS)),
        ("a plus sign", text.str.starts_with("+")),
        ("an exponent, as an id may have it", text.str.contains(_EXPONENT) & ~text.str.contains(_WRITTEN_EXPONENT)),
        ("a point without digits after it", text.str.ends_with(".")),
        ("a size that a float does not hold", value.is_infinite() | ((value == 0) & text.str.contains("^[^eE]*[1-9]"))),
        ("more digits than Int64 holds", pl.lit(whole) & text.cast(pl.Int64, strict=False).is_null()),
    ):
        found = numbers.filter(odd)
        if found.height:
            return _Doubt(what, int(found["count"].sum()), repr(found["text"][0]), dtype)
    digits = text.str.replace(r"[eE].*$", "").str.replace_all(r"[-.]", "").str.strip_chars_start("0").str.len_bytes()
    suspects = numbers.filter((digits >= _SUSPECT_DIGITS) & (value.cast(pl.String) != text))
    rounded = [number for number in suspects["text"] if not is_exact(Decimal(number))]
    if rounded:
        lost = numbers.filter(text.is_in(rounded))
        return _Doubt("more digits than a float holds", int(lost["count"].sum()), repr(rounded[0]))
    bits = pl.Series("bits", numbers["value"].to_numpy().view("int64"))
    shared = numbers.with_columns(bits).filter(pl.col("bits").is_duplicated()).sort("bits", "text")
    if shared.height:
        one, other = shared["text"][0], shared["text"][1]
        return _Doubt("two spellings of one number", int(shared["count"].sum()), f"{one!r} and {other!r}")
    return None


def is_exact(number: Decimal) -> bool:
    """Return whether a float is `number` as far as it is written: to the last digit, or as programs shorten it."""
    value = float(number)
    unit = number.as_tuple().exponent
    if unit == 0 or not isinstance(unit, int):
        return Decimal(value) == number
    return abs(Decimal(value) - number) * 2 <= Decimal(10) ** unit or Decimal(repr(value)) == number


def _near_number(text: pl.Series, dialect: Dialect) -> _Doubt | None:
    """Return what keeps a column of numbers, more or less, from being one; None where it is just text."""
    rest = text.filter(~text.str.contains(_LIKE_A_NUMBER))
    words = rest.unique().sort().to_list()
    if words:
        if len(words) <= _FEW and set(words) <= set(_MISSING):
            listed = ", ".join(f'"{word}"' for word in words)
            return _Doubt(
                "no number", rest.len(), repr(words[0]), cure=f"null_values = [{listed}] reads them as missing"
            )
        return None
    mark, other = dialect.decimal, "," if dialect.decimal == "." else "."
    for what, pattern, cure in (
        ("spaces around", r"^\s|\s$", ""),
        *(
            (
                "thousands separators",
                rf"^[+-]?\d{{1,3}}(?:{re.escape(each)}\d{{3}})+(?:\{mark}\d+)?$",
                f'thousands = "{each}" reads numbers',
            )
            for each in (other, *_THOUSANDS)
        ),
        (f"{other!r} for the decimal mark", rf"^[+-]?\d*\{other}\d+$", f'decimal = "{other}" reads numbers'),
    ):
        found = text.filter(text.str.contains(pattern))
        if found.len() and not (
            what.startswith("thousands") and text.str.contains(rf"^[+-]?\d+\{other}(?:\d{{1,2}}|\d{{4,}})$").any()
        ):
            return _Doubt(what, found.len(), repr(found[0]), cure=cure)
    return None


def _time(origin: Origin, frame: pl.LazyFrame, name: str) -> _Decision:
    """Decide about a column of ISO 8601 texts that is not a declared time: a time where no two of them become one."""
    text = pl.col(name)
    facts = TimeFacts(**frame.select(TimeFacts.of(text)).collect(engine="streaming").item())
    time = facts.parse(text, None)
    filled = frame.select(text, time=time).filter(text != "")
    lost = filled.filter(pl.col("time").is_null()).select(text).collect(engine="streaming").to_series()
    dtype = "Datetime(us, UTC)"
    if lost.len():
        return _text(origin, name, _Doubt("not a valid date or time", lost.len(), repr(lost[0]), dtype))
    if facts.cut:
        return _text(
            origin, name, _Doubt("nanoseconds", facts.cut, _first(frame, text, r"\.\d{7}"), "Datetime(ns, UTC)")
        )
    if 0 < facts.zoned < facts.values:
        count = facts.values - facts.zoned
        return _text(
            origin, name, _Doubt("no zone beside others that state one", count, _first(frame, text, "[^Z]$"), dtype)
        )
    if not facts.uniform:
        spellings, times = filled.select(text.n_unique(), pl.col("time").n_unique()).collect(engine="streaming").row(0)
        if spellings != times:
            example = _first(frame, text, "")
            return _text(origin, name, _Doubt("several spellings of one time", spellings - times, example, dtype))
    return _Decision(time)


def _first(frame: pl.LazyFrame, text: pl.Expr, pattern: str) -> str:
    return repr(frame.select(text).filter((text != "") & text.str.contains(pattern)).head(1).collect().item())


def apply_dtypes(origin: Origin, frame: pl.LazyFrame, dialect: Dialect, roles: Mapping[str, str]) -> pl.LazyFrame:
    """Return `frame`, whose declared columns are texts, with each as its declared dtype."""
    if not dialect.dtypes:
        return frame
    schema = frame.collect_schema()
    for name in dialect.dtypes:
        if name not in schema:
            raise faults.missing_declared(origin, name, schema)
    formats = dict.fromkeys(roles.values(), dialect.time_format)
    casts = {
        name: as_declared(pl.col(name), dtype, dialect, formats.get(name)) for name, dtype in dialect.dtypes.items()
    }
    lost = []
    for name, value in casts.items():
        gone = (
            pl.col(name).is_not_null() & value.is_null() & ((pl.col(name) != "") | (dialect.dtypes[name] == pl.String))
        )
        lost.append(
            pl.struct(gone.sum().alias("count"), pl.col(name).filter(gone).first().alias("example")).alias(name)
        )
    found = frame.select(lost).collect(engine="streaming").row(0, named=True)
    for name, dtype in dialect.dtypes.items():
        if found[name]["count"]:
            raise faults.not_of_dtype(origin, name, dtype, count=found[name]["count"], example=found[name]["example"])
    return frame.with_columns(value.alias(name) for name, value in casts.items())


def as_declared(text: pl.Expr, dtype: pl.DataType, dialect: Dialect, time_format: str | None) -> pl.Expr:
    """Return a column of texts as `dtype`, null where a text is none of its values."""
    if dtype == pl.String:
        return text
    text = text.str.strip_chars()
    number = _number(text, dialect)
    if dtype.is_integer() and dtype != pl.UInt128:
        return number.str.replace(r"^\+", "").cast(dtype, strict=False)
    if dtype.is_float():
        value = number.cast(dtype, strict=False)
        return pl.when(value.is_finite() | text.str.contains(_WORDS)).then(value)
    if isinstance(dtype, pl.Decimal):
        fits = number.str.contains(rf"^[+-]?\d*(?:\.\d{{0,{dtype.scale}}}0*)?$") & number.str.contains(r"\d")
        return pl.when(fits).then(number).cast(dtype, strict=False)
    if dtype == pl.Boolean:
        lower = text.str.to_lowercase()
        return pl.when(lower.is_in(_SPELLED_TRUE)).then(True).when(lower.is_in(_SPELLED_FALSE)).then(False)  # noqa: FBT003
    if dtype == pl.Time:
        clock = pl.when(text.str.len_bytes() == len("12:30")).then(text + ":00").otherwise(text)
        return clock.str.to_time("%H:%M:%S%.f", strict=False)
    assert isinstance(dtype, pl.Date | pl.Datetime)  # noqa: S101 - no other dtype can be declared
    return as_time(text, dtype, time_format)
