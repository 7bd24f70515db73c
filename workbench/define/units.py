"""Units of measure: parsed by pint, with the counts, shares and currencies that features are made of."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from typing import Any

from workbench.errors import DefinitionError

_EXTRA = ("row = count", "event = count", "probability = []", "score = []", "basis_point = 1e-4 = bp")
_CURRENCIES = ("USD", "EUR", "GBP", "JPY", "CNY", "CHF", "INR", "CAD", "AUD")


def parse_unit(unit: str) -> str:
    """Return the one spelling of `unit`: ``"min"`` and ``"minutes"`` are both ``"minute"``.

    Parameters
    ----------
    unit
        A unit or an expression of units, e.g. ``minute``, ``km/hour``, ``count``, ``percent``, ``EUR``.

    Raises
    ------
    DefinitionError
        Not a unit; names the closest ones.

    Examples
    --------
    >>> parse_unit("min"), parse_unit("km/hour")
    ('minute', 'kilometer / hour')
    """
    if not str(unit).strip() or type(unit) is not str:
        raise DefinitionError(
            f"unit={unit!r} is not a unit.", remedy="Write unit='count', 'minute', 'percent', ..., or leave it out."
        )
    try:
        return str(_registry().parse_units(unit))
    except Exception as error:  # noqa: BLE001  # pint raises its own, tokenize's, ValueError, AttributeError
        raise _unknown(unit, error) from None


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
