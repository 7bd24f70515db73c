"""How a share is written, wherever people read one."""

from __future__ import annotations


def percent(part: float, whole: float = 1) -> str:
    """Return `part` of `whole` in percent; what is not nothing never reads as nothing, nor what is not all as all.

    Examples
    --------
    >>> [percent(share) for share in (0.0, 1e-9, 0.001, 0.0123456, 0.5, 0.99961, 1.0)]
    ['0%', '<0.1%', '0.1%', '1.2%', '50%', '>99.9%', '100%']
    >>> percent(9_999_999, 10_000_000), percent(0, 0)
    ('>99.9%', '0%')
    """
    if not part or not whole:
        return "0%"
    share = part / whole
    if 0 < share < 0.001:
        return "<0.1%"
    if share >= 0.9995 and part < whole:
        return ">99.9%"
    return f"{100 * share:.1f}".removesuffix(".0") + "%"
