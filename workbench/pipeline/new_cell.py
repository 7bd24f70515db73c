"""`new`: a skeleton of a feature view, filled with the columns of a source or view of the project."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from workbench.define import load_tree
from workbench.errors import BranchError, UsageError, WorkbenchError, did_you_mean
from workbench.pipeline.skeleton import KINDS, InputTable, Skeleton, kind_named, write_skeleton
from workbench.render import Report, Reported, Table
from workbench.sources import usual_gap

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from workbench.define import Outline
    from workbench.sources import Source
    from workbench.workspace import Workspace

_LOOK = 10_000
"""How many times of a source are looked at, to learn how far they lie apart."""


@dataclass(frozen=True, slots=True)
class NewCell(Reported):
    """A definition that runs as it is, to be changed by hand. Nothing of it is written anywhere.

    Attributes
    ----------
    skeleton
        Its text, and the columns that were chosen for it.
    """

    skeleton: Skeleton

    @property
    def text(self) -> str:
        """What stands below ``%%feature``, and what `define` takes."""
        return self.skeleton.text

    @property
    def cell(self) -> str:
        """The whole cell."""
        return f"%%feature\n{self.text}"

    @property
    def verbatim(self) -> str:
        """What a terminal prints, letter by letter."""
        return self.text

    def to_dict(self) -> dict[str, Any]:
        """Return the text, the view that it defines and what was chosen, as JSON-ready values."""
        skeleton = self.skeleton
        return {
            "kind": skeleton.kind,
            "view": skeleton.view,
            "inputs": list(skeleton.inputs),
            "choices": [
                {"part": part, "column": column, "others": list(others)} for part, column, others in skeleton.choices
            ],
            "text": self.text,
            "cell": self.cell,
        }

    def report(self) -> Report:
        """Return what was chosen, and what could stand in its place."""
        skeleton = self.skeleton
        facts = tuple(
            (part, column + (f"  (or {_few(others)})" if others else "")) for part, column, others in skeleton.choices
        )
        title = f"{skeleton.view}: {skeleton.kind}, from {' and '.join(skeleton.inputs)}"
        return Report(title, facts, notes=("The cell below defines it. Change what you like, and run it.",))


@dataclass(frozen=True, slots=True)
class SkeletonKinds(Reported):
    """The kinds of skeletons, and what they can be made of here.

    Attributes
    ----------
    tables
        The sources and views that suit each kind.
    queries
        Those among them that are queries: whether their columns suit is not known before they are run.
    """

    tables: Mapping[str, tuple[str, ...]]
    queries: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return each kind with what it shows, needs and can be made of, as JSON-ready values."""
        return {
            name: {"summary": kind.summary, "needs": kind.needs, "of": list(self.tables[name])}
            for name, kind in KINDS.items()
        }

    def report(self) -> Report:
        """Return a row for each kind."""
        rows = [(name, kind.summary, kind.needs, ", ".join(self.tables[name]) or None) for name, kind in KINDS.items()]
        unknown = f"Not looked at, as its columns are known when it is run: {', '.join(self.queries)}."
        return Report(
            "Skeletons of feature views",
            tables=(Table("", ("kind", "what it shows", "needs", "of"), tuple(rows)),),
            notes=("Write: new KIND [SOURCE or VIEW]", *([unknown] if self.queries else [])),
        )


def new_cell(workspace: Workspace, kind: str, of: str | None, *, branch: str, name: str | None = None) -> NewCell:
    """Return a skeleton of `kind` that reads `of`; the first source or view that suits it if absent."""
    kind_named(kind)
    outline = _outline(workspace, branch)
    taken = {*workspace.sources, *outline.views, *outline.on_demand}
    owner = _owner(workspace)
    views = list(outline.views)
    candidates = [of] if of is not None else views if kind == "on-view" else list(workspace.sources)
    if of is not None and of not in {*views, *workspace.sources}:
        raise UsageError(
            f"There is no source or view {of!r} on {branch}.",
            remedy=did_you_mean(of, [*workspace.sources, *views]).capitalize()
            or "Declare a source first: `init --from FILE`.",
        )
    if not candidates:
        what, remedy = ("source", "`init --from FILE` declares one.")
        if kind == "on-view":
            what, remedy = "view", "`new windowed` makes a first one of a source."
        raise UsageError(f"There is no {what} on {branch} to make it of.", remedy=remedy)
    others = _tables(workspace.sources.values()) if kind == "static" else []
    problem: WorkbenchError | None = None
    for candidate in candidates:
        try:
            table = _table(workspace, outline, candidate)
            rest = [each for each in others if each.name != candidate]
            return NewCell(write_skeleton(kind, table, others=rest, owner=owner, taken=taken, name=name))
        except WorkbenchError as error:
            problem = problem or error
    assert problem is not None  # noqa: S101 - no candidate did
    raise problem


def skeleton_kinds(workspace: Workspace, *, branch: str) -> SkeletonKinds:
    """Return the kinds of skeletons, each with the sources or views of the branch that suit it; no query is run."""
    outline = _outline(workspace, branch)
    queries = [source for source in workspace.sources.values() if source.settings.kind == "query"]
    sources = _tables(source for source in workspace.sources.values() if source not in queries)
    views = [_table_of_view(outline, name) for name in outline.views]
    found = {}
    for kind in KINDS:
        able = []
        for table in [*sources, *views]:
            try:
                write_skeleton(kind, table, others=[each for each in sources if each.name != table.name])
            except UsageError:
                continue
            able.append(table.name)
        if kind != "on-view":
            able += [source.name for source in queries if source.event_time is not None or kind == "static"]
        found[kind] = tuple(able)
    return SkeletonKinds(found, tuple(source.name for source in queries))


def _outline(workspace: Workspace, branch: str) -> Outline:
    commit = workspace.repository.resolve(branch)
    return load_tree(workspace.repository, commit, cache=workspace.hidden).outline


def _owner(workspace: Workspace) -> str:
    try:
        return workspace.repository.identity().partition(" <")[0] or "me"
    except BranchError:
        return "me"


def _tables(sources: Iterable[Source]) -> list[InputTable]:
    """Return the sources that can be read."""
    found = []
    for source in sources:
        with suppress(WorkbenchError):
            found.append(_table_of_source(source))
    return found


def _table(workspace: Workspace, outline: Outline, name: str) -> InputTable:
    if name in outline.views:
        return _table_of_view(outline, name)
    source = workspace.sources[name]
    table = _table_of_source(source)
    if table.time is None:
        return table
    times = source.frame().select(table.time).head(_LOOK).collect().to_series()
    return replace(table, gap=usual_gap(times))


def _table_of_source(source: Source) -> InputTable:
    """Return what is known of a source; a query is run for it."""
    dtypes = source.dtypes() or source.frame().collect_schema()
    return InputTable(source.name, dict(dtypes), time=source.available_at, key=source.key)


def _table_of_view(outline: Outline, name: str) -> InputTable:
    view = outline.views[name]
    return InputTable(
        name,
        {},
        time=view.declared.event_time,
        entities=view.declared.entities,
        annotations={column.name: column.annotation for column in view.columns},
        is_view=True,
    )


def _few(names: tuple[str, ...]) -> str:
    return ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
