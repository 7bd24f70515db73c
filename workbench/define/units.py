"""Units of measure: parsed by pint, with the counts, shares and currencies that features are made of."""

from __future__ import annotations

import math
import re
from difflib import get_close_matches
from functools import cache
from typing import Any

from workbench.errors import DefinitionError

_EXTRA = ("row = count", "event = count", "probability = []", "score = []", "basis_point = 1e-4 = bp")
_COMMON = frozenset(
    {
        *("second", "minute", "hour", "day", "week", "month", "year", "hertz", "percent", "ppm", "count", "decibel"),
        *("meter", "inch", "foot", "yard", "mile", "nautical_mile", "hectare", "acre", "liter", "gallon"),
        *("gram", "metric_ton", "ton", "ounce", "pound", "bit", "byte", "degree", "radian", "pixel"),
        *("kelvin", "degree_Celsius", "degree_Fahrenheit", "joule", "watt", "watt_hour", "kilowatt_hour", "calorie"),
        *("volt", "ampere", "ohm", "newton", "pascal", "bar", "standard_atmosphere", "electron_volt", "mole", "lumen"),
        *("pound_force_per_square_inch", "revolutions_per_minute", "knot", "kilometer_per_hour", "mile_per_hour"),
        *("foot_per_second", "meter_per_second", "cubic_centimeter", "css_pixel", "becquerel", "sievert", "lux"),
    }
)
"""Units that may be written by a symbol or an abbreviation: people mean by it what pint reads."""
_MEANT = {
    "bps": "'basis_point' or 'bit/second'",
    "mb": "'megabyte', 'millibar' or 'millibarn'",
    "M": "'count' for a number, 'megameter' or 'molar'",
    "k": "'count' for a number, 'kelvin' or 'boltzmann_constant'",
    "C": "'degC' or 'coulomb'",
    "F": "'degF' or 'farad'",
    "D": "'day' or 'debye'",
    "S": "'second' or 'siemens'",
    "pt": "'point' or 'pint'",
    "pts": "'point' or 'pint'",
    "pp": "'percent' or 'point'",
    "dpi": "'count/inch' or 'dry_pint'",
}
"""What people may mean by what pint reads as something that features seldom are."""
_LIKELY = {"barn": ("bit", "byte", "barn"), "baud": ("bit/second", "baud")}
"""The same of a unit with any prefix."""
_SHORT = 4
_EXPONENT = re.compile(r"(?:\*\*|\^)\s*\(?\s*[-+]?\d{1,2}(?:\.\d{1,2})?\s*\)?(?!\s*(?:\*\*|\^))")
_WORD = re.compile(r"[^\W\d]\w*|%")
_LONGEST = 100
_CURRENCIES = ("USD", "EUR", "GBP", "JPY", "CNY", "CHF", "INR", "CAD", "AUD")


def parse_unit(unit: str) -> str:
    """Return the one spelling of `unit`: ``"min"`` and ``"minutes"`` are both ``"minute"``.

    Examples
    --------
    >>> parse_unit("min"), parse_unit("km/hour")
    ('minute', 'kilometer / hour')
    """
    if not str(unit).strip() or type(unit) is not str:
        raise DefinitionError(
            f"unit={unit!r} is not a unit.", remedy="Write unit='count', 'minute', 'percent', ..., or leave it out."
        )
    _refuse_numbers(unit)
    try:
        found = _registry().parse_units(unit)
    except Exception as error:  # noqa: BLE001  # pint raises its own, tokenize's, ValueError, AttributeError
        raise _unknown(unit, error) from None
    for word in _WORD.findall(unit):
        _refuse_unclear(unit, word)
    return str(_written_out(found))


def same_unit(one: str | None, other: str | None) -> bool:
    """Return whether two units as `parse_unit` returns them measure the same in the same size.

    What has no dimension, as a count and a probability, is the same only under the same name.

    Examples
    --------
    >>> same_unit("kilometer / hour", "kilometer_per_hour"), same_unit("count", "probability")
    (True, False)
    """
    if one == other or one is None or other is None:
        return one == other
    try:
        (left, some), (right, others) = map(_parts, (one, other))
        if some != others or not left.is_compatible_with(right):
            return False
        sizes = [quantity.to_base_units().magnitude for quantity in (left, right)]
        return math.isclose(*sizes, rel_tol=1e-12)
    except Exception:  # noqa: BLE001  # a unit that this version of pint does not know
        return False


def _parts(unit: str) -> tuple[Any, dict[str, Any]]:
    """Return one of `unit`, and which parts of it have no dimension."""
    registry = _registry()
    powers = dict(registry.Unit(unit)._units)
    plain = {name: power for name, power in powers.items() if registry.Unit(name).dimensionless}
    return registry.Quantity(1, unit), plain


def _refuse_numbers(unit: str) -> None:
    """Raise for a number that is not a small exponent; pint would compute a tower of them forever."""
    if len(unit) > _LONGEST:
        raise DefinitionError(f"unit={unit[:_LONGEST]!r}... is too long.", remedy="A unit is a word, e.g. 'minute'.")
    bare = re.sub(r"^\s*1\s*/", "", _EXPONENT.sub(" ", unit))
    if re.search(r"(?<!\w)[.\d]|\*\*|\^", bare):
        raise DefinitionError(
            f"unit={unit!r} holds a number.",
            remedy="A unit is a word, e.g. 'minute' or 'km/hour'; numbers are small exponents, as in 'meter**2'.",
        )


def _refuse_unclear(unit: str, word: str) -> None:
    """Raise where a short symbol stands for a unit that people seldom mean by it."""
    readings = _registry().parse_unit_name(word)
    if len(word) > _SHORT or not readings:
        return
    prefix, name, _ = readings[0]
    full = f"{prefix}{name}"
    if name in _COMMON or name in _CURRENCIES or word in {full, f"{full}s"} or word == "bp":
        return
    likely = " or ".join(f"'{prefix}{other}'" for other in _LIKELY.get(name, ()))
    meant = _MEANT.get(word) or likely or f"{full!r} if you mean that"
    raise DefinitionError(f"unit={unit!r}: {word!r} is short for {full}.", remedy=f"Write it out: {meant}.")


def _written_out(unit: Any) -> Any:
    """Return a unit without names such as ``kilometer_per_hour``, which ``kilometer / hour`` means too."""
    registry = _registry()
    out = registry.Unit("")
    for name, power in unit._units.items():
        parts = [registry.Unit(part) for part in name.split("_per_") if part in registry]
        is_same = len(parts) == 2 and name == "_per_".join(map(str, parts))
        out *= (parts[0] / parts[1] if is_same else registry.Unit(name)) ** power
    return out


def _unknown(unit: str, error: Exception) -> DefinitionError:
    if "scaling factor" in str(error):
        return DefinitionError(f"unit={unit!r} holds a number.", remedy="A unit is a word, e.g. 'minute' or 'km/hour'.")
    named = getattr(error, "unit_names", None)
    word = named if isinstance(named, str) else (named[0] if named else unit)
    close = get_close_matches(str(word), _names(), n=3, cutoff=0.6)
    if not close:
        return DefinitionError(
            f"unit={unit!r} is not a known unit.",
            remedy="Use a unit that pint knows, e.g. 'count', 'percent', 'minute', 'meter', 'EUR'.",
        )
    options = [f"'{name}'" for name in close]
    listed = " or ".join([", ".join(options[:-1]), options[-1]] if len(options) > 1 else options)
    return DefinitionError(f"unit={unit!r} is not a known unit.", remedy=f"did you mean {listed}?")


@cache
def _registry() -> Any:
    """Return the registry; reading pint's definitions takes a quarter of a second, so once a process."""
    import pint

    registry = pint.UnitRegistry()
    for currency in _CURRENCIES:
        registry.define(f"{currency} = [currency_{currency}]")
    for line in _EXTRA:
        registry.define(line)
    return registry


@cache
def _names() -> list[str]:
    """Return every full unit name, the plain ones first, so that ties go to them."""
    return sorted(
        {str(name) for name in _registry()._units if str(name).isidentifier() and len(str(name)) > 2}, key=len
    )
