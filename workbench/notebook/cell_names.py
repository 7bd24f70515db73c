"""The names that a ``%%feature`` cell may use without importing them, known to ``?``, Shift-Tab and completion.

They are not put into the notebook's namespace: an ordinary cell that uses one imports it, and so does a script that is
made of the notebook. A name of the user's own comes first.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_PLACE = "what a %%feature cell knows"


class CellNames:
    """Offers the names to one shell; until `load` was called there are none."""

    def __init__(self) -> None:
        self._names: dict[str, object] = {}

    def load(self) -> None:
        """Import what the names stand for."""
        from workbench.define import CELL_NAMES

        for name, place in CELL_NAMES.items():
            module, _, attribute = place.rpartition(".")
            self._names[name] = getattr(import_module(module), attribute) if module else import_module(place)

    def offer(self, shell: InteractiveShell) -> None:
        """Let `shell` look for a name here where its own namespace does not have it."""
        if shell.Completer is not None and shell.Completer.global_namespace is shell.Completer.namespace:
            shell.Completer.global_namespace = self._names  # the second place, which is else the first one again
        find = getattr(shell, "_ofind", None)
        if find is None:
            return

        def find_here_too(oname: str, namespaces: Any = None) -> Any:
            found = find(oname, namespaces)
            if found.found or namespaces is not None:
                return found
            ours = find(oname, [(_PLACE, self._names)])
            return ours if ours.found else found

        shell._ofind = find_here_too
