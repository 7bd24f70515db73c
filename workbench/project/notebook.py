"""The notebook that a project is used in, as far as its magics are there."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from types import ModuleType

Given = ParamSpec("Given")
Result = TypeVar("Result")


def notebook_magics() -> ModuleType | None:
    """Return the module of the magics of this kernel; None elsewhere.

    It is loaded by `%load_ext workbench`, and by nothing else: what needs no notebook must not wait for one.
    """
    return sys.modules.get("workbench.notebook.magics")


def shown_in_notebook(what: str) -> AbstractContextManager[None]:
    """Show in a notebook with our extension that `what` is worked on, for as long as it is."""
    magics = notebook_magics()
    shown: AbstractContextManager[None] = magics.show_work(what) if magics else nullcontext()
    return shown


def shows_work(method: Callable[Given, Result]) -> Callable[Given, Result]:
    """Show in a notebook that the method works, by its name, wherever it is called from."""

    @wraps(method)
    def call(*args: Given.args, **named: Given.kwargs) -> Result:
        with shown_in_notebook(method.__name__.replace("_", " ")):
            return method(*args, **named)

    return call
