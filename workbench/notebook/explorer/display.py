"""`offer`: lets a notebook show differences and drift interactively; nothing is loaded until there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

SHOWN = (("workbench.comparison.diff", "Difference"), ("workbench.comparison.drift", "Drift"))


def offer(shell: InteractiveShell) -> None:
    """Let `shell` show what can be explored with `show`, where there is a kernel that widgets can talk to."""
    formatter: Any = getattr(shell.display_formatter, "ipython_display_formatter", None)
    if formatter is None or not hasattr(shell, "kernel"):
        return
    for module, name in SHOWN:
        formatter.for_type_by_name(module, name, _show)


def _show(shown: Any) -> None:
    from workbench.notebook.explorer.show import show

    show(shown)
