"""Data files that a cell declares and its branch does not have yet: they are taken from the working tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.errors import BranchError, DefinitionError
from workbench.source_tree import MOST_BYTES, declared, too_large

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.define import Cell
    from workbench.workspace import Workspace


def new_files(workspace: Workspace, cell: Cell, *, branch: str, tip: str) -> dict[str, bytes]:
    """Return the declared files that are committed with a cell, by path from the project's root.

    A file of the working tree is, where another branch is checked out that does not have it: then it can only be meant
    for `branch`. Elsewhere the branch's own file counts, and edits of it that are not committed are refused: which
    branch they are of, nobody could tell.

    Raises
    ------
    DefinitionError
        A declared file is edited here and not committed, or is another branch's, or too large.
    """
    names = declared(cell.module.encode())
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
            raise _edited(path, checked_out, branch)
        elif path not in at_tip:
            raise _elsewhere(path, checked_out, branch)
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


def _edited(path: str, checked_out: str | None, branch: str) -> DefinitionError:
    if checked_out == branch:
        return DefinitionError(
            f"{path} is not committed on {branch} with the content that it has in the working tree.",
            remedy=f'Commit it: git add {path} && git commit -m "Change {path}".',
        )
    return DefinitionError(
        f"{path} has edits in the working tree, where {checked_out or 'no branch'} is checked out and not {branch}.",
        remedy=f"Commit it on {branch} (git switch {branch}), or discard the edits: git restore {path}.",
    )


def _elsewhere(path: str, checked_out: str | None, branch: str) -> DefinitionError:
    return DefinitionError(
        f"{branch} has no {path}: the one in the working tree belongs to {checked_out or 'the commit checked out'}.",
        remedy=f"Commit one on {branch}, or save it under another name: a new file is committed with the cell.",
    )
