"""What ``%feature`` and ``%%feature`` complete: verbs, options, branches and views."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BRANCH_OPTIONS = {"--branch", "--start", "--against", "--left", "--right"}
"""Options whose value is a branch."""

VIEWS = {"view", "views", "ref", "feature"}
"""Parameters that are a view."""


def candidates(
    words: Sequence[str],
    token: str,
    *,
    is_cell: bool,
    branches: Callable[[], Sequence[str]],
    views: Callable[[], Sequence[str]],
) -> list[str]:
    """Return what may stand where `token` is being typed."""
    from workbench.cli import WITH_PROJECT, WITHOUT_PROJECT, cell, options

    if words and words[-1] in BRANCH_OPTIONS:
        return _matching(branches(), token)
    if words and words[-1] == "--view":
        return _matching(views(), token)
    if is_cell:
        return _matching([*options(cell), "--help"], token)
    known = {**WITHOUT_PROJECT, **WITH_PROJECT}
    if not words:
        return _matching(list(known), token)
    if words[0] not in known:
        return []
    if token.startswith("-"):
        return _matching([*options(known[words[0]]), "--json", "--no-sign", "--help"], token)
    if words in (["branch"], ["trust"]) or words[0] == "compare":
        return _matching(branches(), token)
    if len(words) == 1 and next(iter(inspect.signature(known[words[0]]).parameters)) in VIEWS:
        return _matching(views(), token)
    return _matching(options(known[words[0]]), token)


def _matching(names: Sequence[str], token: str) -> list[str]:
    return [name for name in names if name.startswith(token)]
