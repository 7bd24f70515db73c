"""What ``%%feature`` does: stage the text as a git tree, load, plan, commit, compute, check, record."""

from __future__ import annotations

import sys
import time
import warnings
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from workbench.define import Cell, Definitions, load_tree, parse_cell, reraise_user_errors
from workbench.errors import BranchError, BranchMoved, DefinitionError, ProtectedBranch, SourceMoved, WorkbenchError
from workbench.pipeline.context import Context
from workbench.pipeline.evaluate import Evaluation, on_steady_sources
from workbench.pipeline.on_demand import PreparedOnDemand, StoredInputs, prepare_on_demand
from workbench.pipeline.on_demand_result import finish_on_demand
from workbench.pipeline.record import finish, record_failure
from workbench.pipeline.stored_data import replaced
from workbench.registry import Registry
from workbench.source_tree import MOST_BYTES, declared_paths, too_large

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from workbench.compute import Progress
    from workbench.define import Cell
    from workbench.pipeline.result import ViewResult
    from workbench.workspace import Workspace


def new_files(workspace: Workspace, cell: Cell, *, branch: str, tip: str) -> dict[str, bytes]:
    """Return the declared files that are committed with a cell, by path from the project's root.

    A file of the working tree is, where another branch is checked out that does not have it: then it can only be meant
    for `branch`. Elsewhere the branch's own file counts, and edits of it that are not committed are refused: which
    branch they are of, nobody could tell.
    """
    names = declared_paths(cell.module.encode())
    if not names:
        return {}
    checked_out = workspace.repository.head()
    at_tip, at_head = _blobs(workspace, tip), _blobs(workspace, "HEAD")
    found = {}
    for name in names:
        path = f"features/{name}"
        content = _content(workspace.root, path)
        if content is None or _is(workspace, content, at_tip.get(path)):
            continue
        if checked_out != branch and path not in at_head:
            found[path] = content
        elif checked_out == branch or not _is(workspace, content, at_head[path]):
            raise _edited_error(path, checked_out, branch)
        elif path not in at_tip:
            raise _other_branch_error(path, checked_out, branch)
    return found


def _blobs(workspace: Workspace, commit: str) -> dict[str, str]:
    try:
        return workspace.repository.files(commit)
    except BranchError:
        return {}  # HEAD has no commit yet


def _is(workspace: Workspace, content: bytes, blob: str | None) -> bool:
    return blob is not None and workspace.repository.read_blob(blob) == content


def _content(root: Path, path: str) -> bytes | None:
    """Return what the working tree has, None where it has no regular file."""
    place = root / path
    try:
        if not place.is_file() or not place.resolve().is_relative_to((root / "features").resolve()):
            return None
        size = place.stat().st_size
        if size > MOST_BYTES:
            raise too_large(path, size)
        return place.read_bytes()
    except OSError as error:
        raise DefinitionError(
            f"{path} cannot be read: {error.strerror}.", remedy="Give yourself read permission on it."
        ) from None


def _edited_error(path: str, checked_out: str | None, branch: str) -> DefinitionError:
    if checked_out == branch:
        return DefinitionError(
            f"{path} is not committed on {branch} with the content that it has in the working tree.",
            remedy=f'Commit it: git add {path} && git commit -m "Change {path}".',
        )
    return DefinitionError(
        f"{path} has edits in the working tree, where {checked_out or 'no branch'} is checked out and not {branch}.",
        remedy=f"Commit it on {branch} (git switch {branch}), or discard the edits: git restore {path}.",
    )


def _other_branch_error(path: str, checked_out: str | None, branch: str) -> DefinitionError:
    return DefinitionError(
        f"{branch} has no {path}: the one in the working tree belongs to {checked_out or 'the commit checked out'}.",
        remedy=f"Commit one on {branch}, or save it under another name: a new file is committed with the cell.",
    )


ATTEMPTS = 20
"""How often a definition is staged again when other kernels commit to the same branch first."""


class LostCommitWarning(UserWarning):
    """A definition was committed, and its branch does not have the commit any more."""


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


def writable(workspace: Workspace, branch: str | None) -> str:
    """Return `branch` if experiments may write it."""
    if branch is None:
        raise BranchError(
            "HEAD is detached, so there is no branch to write to.",
            remedy="Start or choose an experiment with `%feature branch exp/<name>`.",
        )
    if branch in workspace.protected:
        raise ProtectedBranch.named(branch)
    workspace.repository.identity()
    return branch


def define(
    workspace: Workspace,
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
    """
    target = writable(workspace, branch)
    cell = parse_cell(text)
    if cell.decorator == "on_demand":
        return _define_on_demand(workspace, cell, target, log=log, message=message)

    def plan(staged: Staged) -> Evaluation:
        return _plan(workspace, staged, progress)

    staged, evaluation, commit = _written(workspace, cell, target, plan, message)
    context = Context(workspace, branch=target, commit=commit, log=log, definition=cell.module)
    planned = [evaluation]
    try:
        result = on_steady_sources(lambda: _compute(planned.pop() if planned else evaluation.renew(), context, staged))
    except WorkbenchError as error:
        error.lines = (
            *error.lines,
            f"The definition is committed on {target} at {commit[:10]}; its data was not computed.",
        )
        raise
    _warn_if_lost(workspace, target, commit)
    return result


Planned = TypeVar("Planned")


def _written(
    workspace: Workspace, cell: Cell, branch: str, plan: Callable[[Staged], Planned], message: str | None
) -> tuple[Staged, Planned, str]:
    """Commit a cell that `plan` lets through, and return what was staged, what `plan` returned, and the commit."""
    for _ in range(ATTEMPTS):
        staged = _stage(workspace, cell, branch)
        planned = on_steady_sources(lambda: plan(staged))  # noqa: B023  # called at once
        try:
            return staged, planned, _commit(workspace, staged, branch, message)
        except BranchMoved:
            continue
    raise BranchError(
        f"Branch {branch!r} moved repeatedly while {cell.view!r} was written.",
        remedy="Nothing was committed. Run the cell again when no other kernel writes the branch.",
    )


def _define_on_demand(workspace: Workspace, cell: Cell, branch: str, *, log: bool, message: str | None) -> ViewResult:
    """Define the on-demand view in a cell: it is tried on a sample, committed, checked and recorded."""
    started = time.perf_counter()

    def plan(staged: Staged) -> PreparedOnDemand:
        offsets = {cell.view: cell.offset}
        with reraise_user_errors(staged.definitions, offsets):
            inputs = stored_inputs(workspace, staged.definitions)
            return prepare_on_demand(staged.definitions, cell.view, inputs, offset=cell.offset)

    staged, prepared, commit = _written(workspace, cell, branch, plan, message)
    context = Context(workspace, branch=branch, commit=commit, log=log, definition=cell.module)
    module = vars(sys.modules[f"{staged.definitions.package}.{cell.view}"])
    namespace = {name: module[name] for name in cell.names}
    with reraise_user_errors(staged.definitions, {cell.view: cell.offset}):
        result = finish_on_demand(prepared, context, seconds=time.perf_counter() - started, namespace=namespace)
    _warn_if_lost(workspace, branch, commit)
    return result


def stored_inputs(workspace: Workspace, definitions: Definitions) -> StoredInputs:
    """Return where the on-demand views of a tree read stored features."""
    evaluation = Evaluation(definitions, workspace.sources, workspace.cache)
    return StoredInputs(evaluation, Registry.at(workspace.repository, workspace.trunk), workspace.lake)


def _warn_if_lost(workspace: Workspace, branch: str, commit: str) -> None:
    """Warn where the branch was deleted, or put elsewhere, while its view was computed."""
    repository = workspace.repository
    if repository.exists(branch) and repository.contains(branch, commit):
        return
    warnings.warn(
        f"Branch {branch!r} was deleted or moved while this was computed, and no longer has the definition. "
        f"`git branch {branch if not repository.exists(branch) else f'{branch}-again'} {commit[:10]}` restores it.",
        LostCommitWarning,
        stacklevel=5,
    )


def _stage(workspace: Workspace, cell: Cell, branch: str) -> Staged:
    tip = workspace.repository.resolve(branch)
    beside = new_files(workspace, cell, branch=branch, tip=tip)
    tree = workspace.repository.tree_with(tip, {**beside, f"features/{cell.view}.py": cell.module})
    definitions = load_tree(workspace.repository, tree, cache=workspace.hidden, written=tip)
    with reraise_user_errors(definitions, {cell.view: cell.offset}):
        if cell.decorator == "on_demand":
            definitions.on_demand(cell.view)
        else:
            definitions.view(cell.view)
    return Staged(cell, tip, tree, definitions)


def _commit(workspace: Workspace, staged: Staged, branch: str, message: str | None) -> str:
    if workspace.repository.show(staged.tip).tree == staged.tree:
        return staged.tip
    return workspace.repository.commit_tree(
        branch,
        staged.tree,
        expected=staged.tip,
        message=message or f"Define {staged.cell.view}",
        trailers=(("Feature-View", staged.cell.view),),
    )


def _plan(workspace: Workspace, staged: Staged, progress: Callable[[Progress], None] | None) -> Evaluation:
    offsets = {staged.cell.view: staged.cell.offset}
    evaluation = Evaluation(staged.definitions, workspace.sources, workspace.cache, offsets=offsets, progress=progress)
    with reraise_user_errors(staged.definitions, offsets):
        evaluation.prepare(staged.cell.view)
    return evaluation


def _compute(evaluation: Evaluation, context: Context, staged: Staged) -> ViewResult:
    view = staged.cell.view
    try:
        with reraise_user_errors(staged.definitions, {view: staged.cell.offset}):
            evaluation.evaluate(view, checked=True)
    except SourceMoved:
        raise
    except (WorkbenchError, KeyboardInterrupt) as error:
        record_failure(evaluation, context, view, error)
        raise
    module = vars(sys.modules[f"{staged.definitions.package}.{view}"])
    return finish(evaluation, context, wanted=view, namespace={name: module[name] for name in staged.cell.names})


def compute(
    workspace: Workspace,
    view: str | None,
    *,
    branch: str,
    log: bool = True,
    again: bool = False,
    full: bool = False,
    deep: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> list[ViewResult]:
    """Compute `view`, or every view of `branch`, upstream first, and return their results in that order."""
    commit = workspace.repository.resolve(branch)
    definitions = load_tree(workspace.repository, commit, cache=workspace.hidden)
    context = partial(Context, workspace, branch=branch, commit=commit, log=log)
    if view is not None and definitions.has_on_demand(view):
        return on_steady_sources(lambda: [_try_again(workspace, definitions, view, context)])
    names = workspace.sources.names()
    wanted = [view] if view else _all_views(definitions, names)
    deeply = {name: definitions.order([name], names) if view else [name] for name in wanted} if deep else {}
    renewed = replaced(workspace.facts) if again else None

    def act() -> list[ViewResult]:
        evaluation = Evaluation(definitions, workspace.sources, workspace.cache, progress=progress, replaced=renewed)
        stored = [_one(evaluation, name, context, full=full, deep=deeply.get(name, ())) for name in wanted]
        requested = () if view else definitions.on_demand_views
        return [*stored, *(_try_again(workspace, definitions, name, context) for name in requested)]

    return on_steady_sources(act)


def _all_views(definitions: Definitions, sources: Collection[str]) -> list[str]:
    """Return the stored views, also those that do not load, each after what it uses; every file of the branch runs."""
    broken = [name for name in definitions.broken if not definitions.has_on_demand(name)]
    return definitions.order([*definitions.views, *broken], sources)


def _try_again(workspace: Workspace, definitions: Definitions, view: str, where: Callable[..., Context]) -> ViewResult:
    """Return the result of an on-demand view, tried on a sample again."""
    started = time.perf_counter()
    with reraise_user_errors(definitions, {}):
        prepared = prepare_on_demand(definitions, view, stored_inputs(workspace, definitions))
        context = where(definition=definitions.source_text(view))
        return finish_on_demand(prepared, context, seconds=time.perf_counter() - started)


def _one(
    evaluation: Evaluation, view: str, where: Callable[..., Context], *, full: bool, deep: Sequence[str]
) -> ViewResult:
    definitions = evaluation.definitions
    definitions.view(view)
    context = where(definition=definitions.source_text(view))
    try:
        with reraise_user_errors(definitions, {}):
            evaluation.evaluate(view, checked=True)
    except SourceMoved:
        raise
    except (WorkbenchError, KeyboardInterrupt) as error:
        record_failure(evaluation, context, view, error)
        raise
    return finish(evaluation, context, wanted=view, full=full, deep=deep)
