"""The notebook that a project is used in, as far as its magics are there."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType


def notebook_magics() -> ModuleType | None:
    """Return the module of the magics of this kernel; None elsewhere.

    It is loaded by `%load_ext workbench`, and by nothing else: what needs no notebook must not wait for one.
    """
    return sys.modules.get("workbench.notebook.magics")
