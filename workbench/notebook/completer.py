"""`Completer`: candidates for the kernel, within a budget of time, from a handle on the project of its own."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from workbench.notebook.completion import Candidate
    from workbench.project import KnownNames, Project

BUDGET = 0.8
"""Seconds after which an answer would come too late: a front end waits for one."""


class _Nothing:
    """What can be named where there is no project, or it has not answered."""

    def __getattr__(self, name: str) -> Any:
        return {} if name == "views" else lambda *_, **__: ()


class _NoNames(_Nothing):
    def _none(self, *_: object, **__: object) -> Mapping[str, str]:
        return {}

    branches = sources = columns = experiments = runs = files = _none


NOTHING = cast("KnownNames", _NoNames())


class Completer:
    """Finds candidates in a thread, and waits for them no longer than the budget.

    What comes too late is kept for the same question: the next Tab shows it.

    Parameters
    ----------
    opened
        Opens the project around the working directory on the branch chosen in this kernel: a handle of its own, since
        a cell may run while a late answer is still on its way.
    is_ready
        Whether the verbs are loaded, so that they can be told without the project.
    """

    def __init__(self, opened: Callable[[], Project], is_ready: Callable[[], bool]) -> None:
        self._opened = opened
        self._is_ready = is_ready
        self._thread: threading.Thread | None = None
        self._asked: object = None
        self._known: tuple[object, KnownNames] | None = None
        self._found: tuple[object, list[Candidate]] | None = None

    def line(self, text: str, *, is_cell: bool) -> list[Candidate]:
        """Return what may stand at the end of `text`: the line of a magic, without its name."""

        def ask(known: KnownNames) -> list[Candidate]:
            from workbench.notebook.completion import line_candidates, option_candidates, split_line

            words, token = split_line(text)
            find = option_candidates if is_cell else line_candidates
            return find(words, token, known, folder=Path())

        return self._within(("line", text, is_cell), ask)

    def cell(self, text: str, offset: int) -> list[Candidate]:
        """Return what may stand at `offset` in the text of a cell."""

        def ask(known: KnownNames) -> list[Candidate]:
            from workbench.notebook.completion import cell_candidates

            return cell_candidates(text, offset, known)

        return self._within(("cell", text, offset), ask)

    def _within(self, question: object, ask: Callable[[KnownNames], list[Candidate]]) -> list[Candidate]:
        if self._thread is None or not self._thread.is_alive():
            self._asked = question

            def answer() -> None:
                self._found = question, ask(self._names())

            self._thread = threading.Thread(target=answer, name="workbench-completion", daemon=True)
            self._thread.start()
        if self._asked == question or not self._is_ready():
            self._thread.join(BUDGET)
        if self._found is not None and self._found[0] == question:
            return self._found[1]
        return ask(NOTHING) if self._is_ready() else []

    def _names(self) -> KnownNames:
        try:
            project = self._opened()
            repository, branch = project.repository, project.branch_name or "HEAD"
            tips = tuple(repository.resolve(name) for name in (branch, *project.config.project.protected[:1]))
            if self._known is None or self._known[0] != (project, branch, tips):
                self._known = (project, branch, tips), project.known_names()
            return self._known[1]
        except WorkbenchError:
            return NOTHING
