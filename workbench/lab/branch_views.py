"""The views of a branch and their states: from texts, records and what was noted when they were computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from workbench.errors import BranchError, WorkbenchError
from workbench.lab.answers import GRAVEST, FeatureAnswer, FeatureInfo, ViewInfo
from workbench.lab.projects import Look, tip_of
from workbench.project import workspace_of

if TYPE_CHECKING:
    from workbench.define import ColumnOutline, Declaration, Outline
    from workbench.lab.answers import ViewState
    from workbench.registry import OnDemandRecord, Summary
    from workbench.source_tree import TreeFiles
    from workbench.tracking import Entry
    from workbench.workspace import Workspace

TREES = 1_000
"""Of how many trees of definitions the files are known."""
Published = Mapping[str, "Summary | OnDemandRecord | None"]
"""What main's registry has by view; None for a record that cannot be read."""


def branch_views(look: Look) -> FeatureAnswer:
    """Return the views of the branch that is looked at; nothing is computed, and no definition runs."""
    workspace, tip = workspace_of(look.project), tip_of(look)
    if tip is None:
        return FeatureAnswer(branch=look.branch, views=[], total=0)
    main = main_of(workspace)
    key = look.branch, tip, main, workspace.repository.head(), workspace.journal.mark()
    return look.known.once("features", key, lambda: _answer(look, workspace, tip, main))


def _answer(look: Look, workspace: Workspace, tip: str, main: str | None) -> FeatureAnswer:
    views = [*BranchViews(look, workspace, tip, main)]
    return FeatureAnswer(branch=look.branch, views=views, total=sum(len(view.features) for view in views))


def outlined(look: Look, workspace: Workspace, commit: str) -> tuple[TreeFiles, Outline]:
    """Return the files of definitions at a commit, and what their text says; none of them is imported."""
    from workbench.define import outline_of
    from workbench.source_tree import read_tree

    repository = workspace.repository
    tree = repository.subtree(commit)

    def read() -> tuple[TreeFiles, Outline]:
        files = read_tree(repository, commit, tree=tree, cache=workspace.hidden)
        return files, outline_of(files)

    return look.known.once("outline", tree, read)


def published(look: Look, workspace: Workspace, main: str | None) -> Published:
    """Return what main's registry says of each view."""
    from workbench.registry import Registry

    if main is None:
        return {}

    def read() -> Published:
        registry = Registry(workspace.repository, main, kept=workspace.hidden / "known")
        found: dict[str, Summary | OnDemandRecord | None] = {}
        for name in registry.views:
            found[name] = None
            with suppress(WorkbenchError):
                found[name] = registry.summary(name)
        registry.remember()
        for name in registry.on_demand_views:
            found[name] = None
            with suppress(WorkbenchError):
                found[name] = registry.on_demand(name)
        return found

    return look.known.once("registry", workspace.repository.subtree(main, "registry"), read)


def main_of(workspace: Workspace) -> str | None:
    """Return the commit of main; None where it has none."""
    try:
        return workspace.repository.resolve(workspace.trunk)
    except BranchError:
        return None


def path_of(look: Look, workspace: Workspace, name: str, *, head: str | None) -> str | None:
    """Return the contents' path of a view's file, where the branch is the one that is checked out (`head`)."""
    file = workspace.root / "features" / f"{name}.py"
    return look.places.contents_path(file) if head == look.branch and file.is_file() else None


@dataclass
class BranchViews:
    """The views of a branch, by what is on record of them."""

    look: Look
    workspace: Workspace
    tip: str
    main: str | None
    _files_at: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def __iter__(self) -> Iterator[ViewInfo]:
        _, outline = self._read
        for name in sorted({*outline.views, *outline.on_demand, *self._unreadable}):
            yield self._view(name)

    @cached_property
    def _read(self) -> tuple[TreeFiles, Outline]:
        return outlined(self.look, self.workspace, self.tip)

    @cached_property
    def _published(self) -> Published:
        return published(self.look, self.workspace, self.main)

    @cached_property
    def _unreadable(self) -> frozenset[str]:
        """Files that are not Python and were views; others are modules, as far as one can say."""
        return frozenset(name for name in self._read[1].unread if name in self._published or name in self._entries)

    @cached_property
    def _entries(self) -> Mapping[str, Entry]:
        branch = self.look.branch or ""
        _, outline = self._read
        return self.workspace.journal.last_on(branch, [*outline.views, *outline.on_demand, *outline.unread])

    def _view(self, name: str) -> ViewInfo:
        _, outline = self._read
        stored, on_demand = outline.views.get(name), outline.on_demand.get(name)
        shape = stored or on_demand
        record = self._published.get(name)
        states = self._states(name)
        ordered = sorted(states, key=GRAVEST.index)
        declared: Declaration | None = shape.declared if shape else None
        return ViewInfo(
            name=name,
            kind="on_demand" if on_demand and not stored else "stored",
            entities=list(declared.entities) if declared else [],
            event_time=declared.event_time if declared else None,
            owner=declared.owner if declared else None,
            description=declared.description if declared else "",
            state=ordered[0],
            states=list(ordered),
            why=" ".join(states[each] for each in ordered if states[each]),
            version=record.current if record is not None else None,
            path=path_of(self.look, self.workspace, name, head=self._head),
            features=self._features(name, shape.columns if shape else (), shape.features if shape else ()),
        )

    def _features(self, name: str, columns: tuple[ColumnOutline, ...], features: tuple[str, ...]) -> list[FeatureInfo]:
        """Return the features as the text has them; where a model is not written down, as they were computed."""
        wanted = set(features)
        if wanted:
            return [
                FeatureInfo(name=each.name, dtype=each.dtype, unit=each.unit, description=each.description)
                for each in columns
                if each.name in wanted
            ]
        last = self._entries.get(name)
        known = self.workspace.cache.get(last.view_id, using=False) if last is not None and last.view_id else None
        if known is None:
            return []
        record = known.record
        return [
            FeatureInfo(name=column, dtype=dtype)
            for column, dtype in record.schema.items()
            if column not in record.keys
        ]

    @cached_property
    def _head(self) -> str | None:
        return self.workspace.repository.head()

    def _states(self, name: str) -> dict[ViewState, str]:
        """Return the states of a view, each with what is to be said of it."""
        found: dict[ViewState, str] = {}
        record, last = self._published.get(name), self._entries.get(name)
        if self._is_new(name):
            found["new"] = f"It is not on {self.workspace.trunk} yet."
        elif self._differs(name):
            found["differs"] = f"It differs from {self.workspace.trunk}."
        elif record is not None and record.current is not None:
            found["promoted"] = ""
        if name in self._read[1].unread:
            found["failing"] = f"features/{name}.py is not valid Python."
            return found
        if last is not None and (moved := self._moved(name)):
            found["stale"] = f"{', '.join(moved)} changed since it was computed."
        elif last is not None:
            found["computed"] = ""
            found |= _checked(last)
        elif "promoted" not in found:
            found["not_computed"] = ""
        behind = getattr(getattr(record, "shown", None), "behind", None)
        held = getattr(getattr(record, "shown", None), "held", None)
        if behind is not None:
            found["alert"] = f"What is published is behind its sources: {behind.why}"
        elif held is not None:
            found.setdefault("alert", f"What is published is held at earlier data by {held.by}.")
        return found

    def _is_new(self, name: str) -> bool:
        """Whether main neither publishes a view nor has its file."""
        return (
            self.main is not None
            and name not in self._published
            and f"features/{name}.py" not in self._files(self.main)
        )

    def _differs(self, name: str) -> bool:
        """Whether what a view is loaded from is something else on main, or not there."""
        if self.main is None or self.look.branch == self.workspace.trunk:
            return False
        return bool(self._other_files(name, self.main))

    def _moved(self, name: str) -> list[str]:
        """Return the files that a view, or one that it reads, is loaded from and that changed since it was computed."""
        moved: dict[str, None] = {}
        waiting, seen = [name], {name}
        while waiting:
            each = waiting.pop()
            last = self._entries.get(each)
            if last is not None:
                moved |= dict.fromkeys(self._other_files(each, last.commit))
            shape = self._read[1].views.get(each)
            above = [other for other in (shape.inputs if shape else ()) if other in self._read[1].views]
            waiting += [other for other in above if other not in seen]
            seen.update(above)
        return list(moved)

    def _other_files(self, name: str, commit: str) -> list[str]:
        """Return which of the files that a view is loaded from `commit` has otherwise, or has not."""
        then, now = self._files(commit), self._files(self.tip)
        if then is now:
            return []
        return [path for path in self._reach[name] if then.get(path) != now.get(path)]

    @cached_property
    def _reach(self) -> Mapping[str, tuple[str, ...]]:
        """The files that each view is loaded from."""
        from workbench.source_tree import texts_of

        files, _ = self._read
        return self.look.known.once(
            "reach",
            files.tree,
            lambda: {stem: tuple(texts_of(f"{stem}.py", files.sources)) for stem in files.stems()},
        )

    def _files(self, commit: str) -> Mapping[str, str]:
        """Return the definitions' files at a commit; of one that git no longer has, none."""
        if commit not in self._files_at:
            try:
                tree = self.workspace.repository.subtree(commit)
            except WorkbenchError:
                self._files_at[commit] = {}
                return {}
            self._files_at[commit] = self.look.known.once(
                "files", tree, lambda: self.workspace.repository.files(commit), most=TREES
            )
        return self._files_at[commit]


def _checked(last: Entry) -> dict[ViewState, str]:
    """Return what the checks of the last computation say, where they do not say that all is well."""
    failed = [name for name, state in last.checks.items() if state == "fail"]
    unseen = [name for name, state in last.checks.items() if state == "not checked"]
    found: dict[ViewState, str] = {}
    if failed:
        found["failing"] = f"Failed: {', '.join(failed)}."
    if unseen:
        found["alert"] = f"Not checked: {', '.join(unseen)}."
    return found
