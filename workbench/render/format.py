"""How numbers and other people's text are written: short, and safe in HTML and in a terminal."""

from __future__ import annotations

import html
import math
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from workbench.redaction import redact_urls
from workbench.times import duration_in_words

if TYPE_CHECKING:
    from workbench.profile import FeatureProfile

_DAY = 86_400.0
LONG = 2_000
"""Characters of a sentence that are shown: what is wrong stands at its beginning, the remedy at its end."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CONTROLS = dict.fromkeys(
    {*range(32), *range(127, 160), 0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)} - {9, 10},
    "\ufffd",
)
"""What repaints a terminal, or makes a line read as something else."""
_UNSAFE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


class Valued(Protocol):
    """What says how a feature's numbers are meant."""

    @property
    def kind(self) -> str:
        """``time`` and ``duration`` are seconds, all else plain numbers."""

    @property
    def dtype(self) -> str:
        """The dtype as text."""


def plain(text: object, *, limit: int = 300) -> str:
    r"""Return `text` on one line, without control characters, at most `limit` characters long.

    Escape sequences could repaint a terminal, and directional marks make a line read as something else.

    Examples
    --------
    >>> plain("two\nlines and \x1b[31mred")
    'two lines and �[31mred'
    """
    return visible(" ".join(str(text)[: 4 * limit].split()), limit=limit)


def visible(line: str, *, limit: int = 300) -> str:
    r"""Return a line as by `plain`, but with all its spaces; tabs become four of them.

    Examples
    --------
    >>> visible("\tif\u202e  x:")
    '    if�  x:'
    """
    spaced = line[: 4 * limit].replace("\t", "    ")
    safe = "".join("\ufffd" if unicodedata.category(letter) in _UNSAFE else letter for letter in spaced)
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"


def escape_html(text: object, *, limit: int = 300) -> str:
    """Return `text` as by `plain`, ready to stand in HTML, quotes included."""
    return html.escape(plain(text, limit=limit), quote=True)


def moment_text(moment: datetime) -> str:
    """Return a moment as it stands in a cell: UTC without saying so, and in words where a window leaves out its end.

    Such a window, of events strictly before, takes an event in one microsecond after it happened.

    Examples
    --------
    >>> at = datetime(2013, 1, 13, 1, 19, tzinfo=UTC)
    >>> moment_text(at), moment_text(at + timedelta(microseconds=1))
    ('2013-01-13 01:19:00', 'just after 2013-01-13 01:19:00')
    """
    said = ""
    if moment.microsecond == 1:
        said, moment = "just after ", moment.replace(microsecond=0)
    return said + moment.isoformat(sep=" ").removesuffix("+00:00")


def unit_text(unit: str) -> str:
    """Return a unit without spaces, in which no line is broken.

    Examples
    --------
    >>> unit_text("kilometer / hour ** 2")
    'kilometer/hour**2'
    """
    return unit.replace(" ", "")


def print_value(value: object) -> str:
    r"""Return a value of a report as it stands in a cell, of as many lines as it has, without control characters.

    Examples
    --------
    >>> print_value(datetime(2013, 1, 13, 1, 19, tzinfo=UTC))
    '2013-01-13 01:19:00'
    >>> [print_value(v) for v in (None, True, 1234567, 1 / 3, "as it is\x1b[31m")]
    ['-', 'yes', '1,234,567', '0.333333', 'as it is�[31m']
    """
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, datetime):
        return moment_text(value)
    return redact_urls(str(value).translate(_CONTROLS))


def figure(value: float | None, *, digits: int = 4) -> str:
    r"""Return a number with about `digits` significant digits; thousands in full.

    Examples
    --------
    >>> [figure(v) for v in (0.0, 12.3456, -0.00123, 336776.0, 1.5e9, 2.5e-7, None)]
    ['0', '12.35', '-0.00123', '336,776', '1.5e9', '2.5e-7', '\u2013']
    """
    if value is None or not math.isfinite(value):
        return "–"  # noqa: RUF001  # the dash that stands for nothing in a table of numbers
    size = abs(value)
    if value == 0:
        return "0"
    if size >= 1e8 or size < 1e-4:
        mantissa, exponent = f"{value:.3g}".split("e") if "e" in f"{value:.3g}" else f"{value:.2e}".split("e")
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        return f"{mantissa}e{int(exponent)}"
    places = digits - 1 - math.floor(math.log10(size))
    if places <= 0:
        return f"{value:,.0f}"
    short = f"{value:.{places}f}"
    return short.rstrip("0").rstrip(".") if "." in short else short


def amount(value: float | None, feature: Valued, *, near: float | None = None) -> str:
    """Return a value of `feature`: a number, a date, a time or a duration."""
    if value is None:
        return figure(None)
    if feature.kind == "duration":
        return duration_in_words(value)
    if feature.kind != "time":
        whole = feature.dtype.startswith(("Int", "UInt")) and abs(value) < 1e6 and value.is_integer()
        return f"{value:,.0f}" if whole else figure(value, digits=3)
    try:
        moment = _EPOCH + timedelta(seconds=value)
    except OverflowError:
        return figure(value)
    if near is not None and near <= 2 * _DAY:
        return f"{moment:%m-%d %H:%M}"
    return f"{moment:%Y-%m}" if near is not None and near > 200 * _DAY else f"{moment:%Y-%m-%d}"


def format_elapsed(seconds: float) -> str:
    """Return how long a computation took.

    Examples
    --------
    >>> [format_elapsed(s) for s in (0.0042, 0.417, 12.34, 300.0)]
    ['4 ms', '0.42 s', '12.3 s', '5.0 min']
    """
    if seconds < 0.1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.2f} s"
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def span(period: tuple[datetime, datetime] | None, *, arrow: str = "→") -> str:
    """Return a period, with times of day where it is short.

    Examples
    --------
    >>> day = datetime(2013, 1, 1, tzinfo=UTC)
    >>> span((day, day + timedelta(days=364)))
    '2013-01-01 → 2013-12-31'
    """
    if period is None:
        return "–"  # noqa: RUF001  # as in figure
    first, last = period
    if last - first > timedelta(days=2):
        return f"{first:%Y-%m-%d} {arrow} {last:%Y-%m-%d}"
    end = f"{last:%H:%M}" if first.date() == last.date() else f"{last:%m-%d %H:%M}"
    return f"{first:%Y-%m-%d %H:%M} {arrow} {end}"


def within(tolerance: float | None) -> str:
    """Return a tolerance as it stands after a unit.

    Examples
    --------
    >>> within(0.01), within(1e-6), within(250.0), within(None)
    ('±0.01', '±1e-06', '±250', '')
    """
    return "" if tolerance is None else f"±{tolerance:g}"


def dtype(feature: FeatureProfile) -> str:
    """Return the dtype as people say it: without the names of its settings, categories or fields.

    Examples
    --------
    >>> from workbench.profile import FeatureProfile
    >>> dtype(FeatureProfile("t", "Datetime(time_unit='us', time_zone='UTC')", None, "time", 0, 0))
    'Datetime UTC'
    >>> dtype(FeatureProfile("e", "Array(Float64, shape=(64,))", None, "other", 0, 0))
    'Array of Float64'
    """
    return dtype_name(feature.dtype)


def dtype_name(text: str) -> str:
    """Return a dtype's text as people say it.

    Examples
    --------
    >>> dtype_name("Decimal(precision=9, scale=2)")
    'Decimal'
    """
    name, _, settings = text.partition("(")
    if name in {"List", "Array"} and settings:
        return f"{name} of {dtype_name(settings.removesuffix(')'))}"
    return f"{name} UTC" if "time_zone='UTC'" in settings and name == "Datetime" else name.partition(",")[0]
