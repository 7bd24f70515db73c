"""What ``%%feature`` does: stage the text as a git tree, load, plan, commit, compute, check, record."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.define import Cell, Definitions, load_tree, parse_cell
from workbench.errors import BranchError, BranchMoved, ProtectedBranch, WorkbenchError
from workbench.loop.context import Context
from workbench.loop.evaluate import Evaluation
from workbench.loop.failure import explained
from workbench.loop.finish import failed, finish

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.compute import Progress
    from workbench.loop.result import ViewResult
    from workbench.loop.rooms import Rooms

ATTEMPTS = 20
"""How often a definition is staged again when other kernels commit to the same branch first."""


@dataclass(frozen=True, slots=True)
class Staged:
    """A definition in a tree that no branch points to yet."""

    cell: Cell
    tip: str
    tree: str
    definitions: Definitions

    @property
    def path(self) -> str:
        """The definition's file, from the project's root."""
        return f"features/{self.cell.view}.py"


def writable(rooms: Rooms, branch: str | None) -> str:
    """Return `branch` if experiments may write it.

    Raises
    ------
    BranchError
        On a detached HEAD with no branch chosen, or where git knows no identity.
    ProtectedBranch
        On a branch only ``promote`` may write.
    """
    if branch is None:
        raise BranchError(
            "HEAD is detached, so there is no branch to write to.",
            remedy="Start or choose an experiment with `%feature branch exp/<name>`.",
        )
    if branch in rooms.protected:
        raise ProtectedBranch.named(branch)
    rooms.repository.identity()
    return branch


def define(
    rooms: Rooms,
    text: str,
    *,
    branch: str | None,
    log: bool = True,
    message: str | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> ViewResult:
    """Define the view in `text` on `branch`, compute it, check it and record it.

    Nothing is committed where the definition does not load or its plan cannot be built. A definition whose data fails
    a check is committed, and its run is marked failed.

    Parameters
    ----------
    rooms
        The project's rooms.
    text
        The cell's body: one feature view and what it needs.
    branch
        The branch to write.
    log
        Whether to send a run to MLflow.
    message
        The commit's subject; ``Define <view>`` where absent.
    progress
        Called while the view is computed.

    Raises
    ------
    WorkbenchError
        As the rooms raise them; each names its remedy.
    """
    target = writable(rooms, branch)
    cell = parse_cell(text)
    for _ in range(ATTEMPTS):
        staged = _stage(rooms, cell, target)
        offsets = {cell.view: cell.offset}
        evaluation = Evaluation(staged.definitions, rooms.sources, rooms.cache, offsets=offsets, progress=progress)
        with explained(staged.definitions, offsets):
            evaluation.prepare(cell.view)
        try:
            commit = _commit(rooms, staged, target, message)
        except BranchMoved:
            continue
        break
    else:
        raise BranchError(
            f"Branch {target!r} kept moving while {cell.view!r} was written.",
            remedy="Run the cell again when the other kernels are quieter. Nothing was committed.",
        )
    context = Context(rooms, branch=target, commit=commit, log=log, definition=cell.module)
    return _computed(evaluation, context, staged)


def _stage(rooms: Rooms, cell: Cell, branch: str) -> Staged:
    tip = rooms.repository.resolve(branch)
    tree = rooms.repository.tree_with(tip, {f"features/{cell.view}.py": cell.module})
    definitions = load_tree(rooms.repository, tree, cache=rooms.hidden)
    with explained(definitions, {cell.view: cell.offset}):
        definitions.view(cell.view)
    return Staged(cell, tip, tree, definitions)


def _commit(rooms: Rooms, staged: Staged, branch: str, message: str | None) -> str:
    if rooms.repository.show(staged.tip).tree == staged.tree:
        return staged.tip
    return rooms.repository.commit_tree(
        branch,
        staged.tree,
        expected=staged.tip,
        message=message or f"Define {staged.cell.view}",
        trailers=(("Feature-View", staged.cell.view),),
    )


def _computed(evaluation: Evaluation, context: Context, staged: Staged) -> ViewResult:
    view = staged.cell.view
    try:
        with explained(staged.definitions, {view: staged.cell.offset}):
            evaluation.evaluate(view)
    except (WorkbenchError, KeyboardInterrupt) as error:
        failed(evaluation, context, view, error)
        raise
    module = vars(sys.modules[f"{staged.definitions.package}.{view}"])
    return finish(evaluation, context, wanted=view, namespace={name: module[name] for name in staged.cell.names})


def compute(
    rooms: Rooms,
    view: str | None,
    *,
    branch: str,
    log: bool = True,
    full: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> list[ViewResult]:
    """Compute `view`, or every view of `branch`, upstream first, and return their results in that order.

    With `full`, probes look at every entity.

    Raises
    ------
    FeatureNotFound
        Where the branch has no such view.
    """
    commit = rooms.repository.resolve(branch)
    definitions = load_tree(rooms.repository, commit, cache=rooms.hidden)
    evaluation = Evaluation(definitions, rooms.sources, rooms.cache, progress=progress)
    wanted = [view] if view else definitions.order([*definitions.views, *definitions.broken], rooms.sources.names())
    return [_one(rooms, evaluation, name, branch=branch, commit=commit, log=log, full=full) for name in wanted]


def _one(
    rooms: Rooms, evaluation: Evaluation, view: str, *, branch: str, commit: str, log: bool, full: bool
) -> ViewResult:
    definitions = evaluation.definitions
    definitions.view(view)
    context = Context(rooms, branch=branch, commit=commit, log=log, definition=definitions.source_text(view))
    try:
        with explained(definitions, {}):
            evaluation.evaluate(view)
    except (WorkbenchError, KeyboardInterrupt) as error:
        failed(evaluation, context, view, error)
        raise
    return finish(evaluation, context, wanted=view, full=full)
