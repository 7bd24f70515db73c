"""Checks: whether a computed view keeps its promises, with the rows that do not.

Every check of this room returns a `Check`; none of them changes, casts or drops a value.
"""

from __future__ import annotations

from workbench.check.contract import check_contract
from workbench.check.result import Check

__all__ = ["Check", "check_contract"]
