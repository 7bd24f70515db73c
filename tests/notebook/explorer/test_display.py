from __future__ import annotations

from typing import Any

from IPython.core.formatters import DisplayFormatter

from workbench.comparison import Difference, Drift
from workbench.notebook import offer
from workbench.notebook.explorer.display import SHOWN


class Shell:
    """As much of a shell as is asked of it."""

    def __init__(self, *, kernel: bool) -> None:
        self.display_formatter = DisplayFormatter()
        if kernel:
            self.kernel = object()


def offered(shell: Any) -> set[tuple[str, str]]:
    offer(shell)
    return set(shell.display_formatter.ipython_display_formatter.deferred_printers)


def test_a_terminal_shows_text_and_a_kernel_the_view() -> None:
    assert not offered(Shell(kernel=False))
    assert offered(Shell(kernel=True)) == set(SHOWN)


def test_what_is_offered_by_name_is_there() -> None:
    assert {(shown.__module__, shown.__name__) for shown in (Difference, Drift)} == set(SHOWN)
