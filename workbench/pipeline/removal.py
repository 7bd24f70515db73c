"""`remove`: take a view out of an experiment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.define import load_tree
from workbench.errors import DefinitionError, FeatureNotFound
from workbench.pipeline.helper_module import importers
from workbench.render import Report, Reported
from workbench.source_tree import FOLDER

if TYPE_CHECKING:
    from workbench.define import Definitions
    from workbench.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Removal(Reported):
    """A view that an experiment no longer changes.

    Attributes
    ----------
    view, branch
        The view, and the experiment's branch.
    commit
        The commit without it; `git revert` brings it back.
    is_restored
        Whether the branch has the definition again that it began with; otherwise it has none.
    """

    view: str
    branch: str
    commit: str
    is_restored: bool

    def report(self) -> Report:
        """Return what the branch has now."""
        now = "as it is where the experiment began" if self.is_restored else "no longer part of the experiment"
        return Report(
            f"{self.view} is {now}",
            facts=(("branch", self.branch), ("commit", self.commit[:10])),
            notes=(
                f"`git revert {self.commit[:10]}` on {self.branch} brings the definition back.",
                "Its runs stay in MLflow.",
            ),
        )


def remove(workspace: Workspace, view: str, *, branch: str) -> Removal:
    """Take `view` out of the experiment on `branch`: its file is what the experiment began with, or is deleted."""
    repository = workspace.repository
    tip = repository.resolve(branch)
    definitions = load_tree(repository, tip, cache=workspace.hidden)
    outline = definitions.outline
    known = {*outline.views, *outline.on_demand, *outline.unread, *definitions.files.stems()}
    if view not in known:
        raise FeatureNotFound.named(view, known)
    path = f"{FOLDER}/{view}.py"
    base = repository.branch(branch).base
    before = repository.files(base).get(path) if base else None
    if before is None:
        _refuse_readers(definitions, view, branch)
    elif before == repository.files(tip)[path]:
        raise DefinitionError(
            f"{branch!r} does not change {view!r}: it is what {repository.trunk} has.",
            remedy="A published version ends by `withdraw`, `rollback`, or `deprecate` and `retire`.",
        )
    tree = repository.tree_with(tip, {path: None if before is None else repository.read_blob(before)})
    commit = repository.commit_tree(
        branch, tree, expected=tip, message=f"Remove {view}", trailers=(("Feature-View", view),)
    )
    return Removal(view, branch, commit, before is not None)


def _refuse_readers(definitions: Definitions, view: str, branch: str) -> None:
    """Refuse to remove a view that other definitions of the branch read."""
    outline = definitions.outline
    references = {
        **{name: reader.inputs for name, reader in outline.views.items()},
        **{name: reader.inputs for name, reader in outline.on_demand.items()},
        **{name: together.features for name, together in outline.sets.items()},
    }
    readers = sorted(
        {*importers(definitions, view)}
        | {
            name
            for name, read in references.items()
            if name != view and view in {reference.partition(":")[0].partition("@")[0] for reference in read}
        }
    )
    if readers:
        raise DefinitionError(
            f"{', '.join(readers)} on {branch!r} {'reads' if len(readers) == 1 else 'read'} {view!r}.",
            remedy="Remove or change what reads it first.",
        )
