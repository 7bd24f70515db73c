"""Comparing what a view holds here and there: its difference, exact on all rows, and its drift."""

from __future__ import annotations

from workbench.serve.compared.difference import Difference, diff
from workbench.serve.compared.drifting import Drift, drift
from workbench.serve.compared.limits import Limits
from workbench.serve.compared.side import side_at, side_of

__all__ = ["Difference", "Drift", "Limits", "diff", "drift", "side_at", "side_of"]
