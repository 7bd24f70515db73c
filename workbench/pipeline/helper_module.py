"""`define_helper`: write a module that views import on a branch, as a view is written."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workbench.config import valid_name
from workbench.define import Definitions, load_tree, parse_helper, reraise_user_errors
from workbench.errors import BranchError, BranchMoved, CellError, DefinitionError
from workbench.pipeline.define import ATTEMPTS, writable
from workbench.render import Report, Reported
from workbench.source_tree import FOLDER, files_of

if TYPE_CHECKING:
    from workbench.define import HelperText
    from workbench.workspace import Workspace


@dataclass(frozen=True, slots=True)
class HelperModule(Reported):
    """A module of helpers on a branch.

    Attributes
    ----------
    name, branch, commit
        The module, the branch, and its tip, which has it.
    changed
        Whether it was written; else the branch had the same.
    names
        The functions, classes and variables that it defines.
    used_by
        The views of the branch that import it. Those whose values may have changed are computed again when they are
        asked for.
    namespace
        What it defines, by name.
    """

    name: str
    branch: str
    commit: str
    changed: bool
    names: tuple[str, ...]
    used_by: tuple[str, ...]
    namespace: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Return what was written, as JSON-ready values."""
        return {
            "name": self.name,
            "branch": self.branch,
            "commit": self.commit,
            "changed": self.changed,
            "names": list(self.names),
            "used_by": list(self.used_by),
        }

    def report(self) -> Report:
        """Return how it is imported, and what does."""
        names = ", ".join(self.names) or "..."
        users = "no view yet"
        if self.used_by:
            users = f"{', '.join(self.used_by)}: `compute` brings what changed up to date"
        return Report(
            f"{self.name}: a helper module on {self.branch}{'' if self.changed else ', as it was'}",
            facts=(("commit", self.commit[:10]), ("import", f"from .{self.name} import {names}"), ("used by", users)),
        )


def define_helper(
    workspace: Workspace, name: str, text: str, *, branch: str | None, message: str | None = None
) -> HelperModule:
    """Write `text` as the module `name` on `branch`; nothing is committed where it, or a view that it breaks, fails."""
    target = writable(workspace, branch)
    parsed = parse_helper(_module_name(name), text)
    for _ in range(ATTEMPTS):
        tip = workspace.repository.resolve(target)
        tree = workspace.repository.tree_with(tip, {f"{FOLDER}/{name}.py": parsed.module})
        definitions = load_tree(workspace.repository, tree, cache=workspace.hidden, written=tip)
        _refuse_view(workspace, name, tip)
        users = importers(definitions, name)
        namespace = _loaded(definitions, parsed, users)
        commit = tip
        try:
            if workspace.repository.show(tip).tree != tree:
                commit = workspace.repository.commit_tree(
                    target, tree, expected=tip, message=message or f"Write helpers {name}"
                )
        except BranchMoved:
            continue
        return HelperModule(name, target, commit, commit != tip, parsed.names, users, namespace)
    raise BranchError(
        f"Branch {target!r} moved repeatedly while {name!r} was written.",
        remedy="Nothing was committed. Run the cell again when no other kernel writes the branch.",
    )


def importers(definitions: Definitions, name: str) -> tuple[str, ...]:
    """Return the views, stored or on demand, whose files import the module `name`, directly or not."""
    outline, sources = definitions.outline, definitions.files.sources
    views = [each for each in (*outline.views, *outline.on_demand) if each != name]
    found = []
    for each in views:
        with suppress(DefinitionError):  # it does not load anyway
            if f"{name}.py" in files_of(f"{each}.py", sources):
                found.append(each)
    return tuple(sorted(found))


def _module_name(name: str) -> str:
    valid_name("helper", name)
    if name.startswith("test_") or name in ("conftest", "features"):
        raise CellError(
            f"{name!r} cannot be the name of a helper module: pytest or Python would misread {FOLDER}/{name}.py.",
            remedy="Choose another name.",
        )
    return name


def _refuse_view(workspace: Workspace, name: str, tip: str) -> None:
    outline = load_tree(workspace.repository, tip, cache=workspace.hidden).outline
    if name in outline.views or name in outline.on_demand:
        raise CellError(
            f"{name!r} is a view of this branch.",
            remedy="Choose another name for the helpers, or take the view out first: `remove`.",
        )


def _loaded(definitions: Definitions, parsed: HelperText, users: tuple[str, ...]) -> dict[str, Any]:
    """Import the module, and what imports it, and return what it defines."""
    with reraise_user_errors(definitions, {parsed.name: parsed.offset}):
        module = vars(definitions.module(parsed.name))
        for user in users:
            if definitions.has_on_demand(user):
                definitions.on_demand(user)
            else:
                definitions.view(user)
    return {name: module[name] for name in parsed.names if name in module}
