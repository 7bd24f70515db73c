"""`view_id`: the address of a computed view; who only looks one up loads nothing else of this room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.fingerprint.encoding import digest

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEME = 1
"""Version of everything that is hashed here: raised when the same code is to have another hash."""


def view_id(*, code_hash: str, parameters: str, inputs: Mapping[str, str]) -> str:
    """Return the address of a computed view.

    Examples
    --------
    >>> one = view_id(code_hash="c", parameters="{}", inputs={"flights": "a", "weather": "b"})
    >>> one == view_id(code_hash="c", parameters="{}", inputs={"weather": "b", "flights": "a"})
    True
    """
    return digest(("view", SCHEME, code_hash, parameters, tuple(sorted(inputs.items()))))
