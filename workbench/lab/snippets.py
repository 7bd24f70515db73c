"""Cells to begin with: skeletons of views as ``new`` writes them, and cells that read what is published."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from workbench.lab.answers import Snippet, SnippetKind, SnippetKinds
from workbench.lab.inputs import Input, inputs_of
from workbench.lab.problem import bad_request
from workbench.project import workspace_of

if TYPE_CHECKING:
    from workbench.lab.projects import Look


def snippet(look: Look, kind: str, *, of: str = "") -> Snippet:
    """Return a cell of a kind, of the source or view `of`; of the first that suits where none is named."""
    from workbench.pipeline import NewCell

    if kind in _READING:
        return Snippet(source=_READING[kind][1](look, _view(look, of)))
    made = look.project.new(kind.replace("_", "-"), of or None, branch=look.branch)
    if not isinstance(made, NewCell):
        raise bad_request("Which kind of cell?", remedy="Give kind, as GET snippets lists them.")
    return Snippet(source=made.cell)


def snippet_kinds(look: Look) -> SnippetKinds:
    """Return the kinds of cells, each with what it can be made of here."""
    from workbench.pipeline import SkeletonKinds

    known = look.project.new(branch=look.branch)
    skeletons = known.to_dict().items() if isinstance(known, SkeletonKinds) else ()
    views = [name for name, one in inputs_of(look).items() if one.kind == "view"]
    made = [SnippetKind(kind=name, summary=facts["summary"], of=facts["of"]) for name, facts in skeletons]
    return SnippetKinds(
        kinds=[*made, *(SnippetKind(kind=name, summary=says, of=views) for name, (says, _) in _READING.items())]
    )


def _view(look: Look, of: str) -> Input:
    """Return a view of the branch, or a published one; one that stands for any where there is none."""
    views = {name: one for name, one in inputs_of(look).items() if one.kind == "view"}
    if of and of not in views:
        raise bad_request(f"There is no view {of[:80]!r}.", remedy="Choose a view of this project.")
    default = Input("spend", "view", (), features=("total",), entities=("user",), event_time="at")
    return views[of] if of else next(iter(views.values()), default)


def _retrieval(look: Look, view: Input) -> str:  # noqa: ARG001 - as all of them are called
    entity = ", ".join(f'"{name}": "..."' for name in view.entities)
    feature = next(iter(view.features), "...")
    return (
        f'import workbench as wb\n\nstore = wb.open().store\nstore.get_feature("{view.name}:{feature}", {{{entity}}})\n'
    )


def _training_set(look: Look, view: Input) -> str:
    sources = workspace_of(look.project).sources
    known = inputs_of(look)
    entities = set(view.entities)
    fits = (
        name
        for name in sources.names()
        if sources[name].event_time and entities <= {column.name for column in known[name].columns or ()}
    )
    source = next(fits, next(iter(sources.names()), "events"))
    time = (sources[source].event_time if source in sources else None) or "at"
    keys = "".join(f'"{name}", ' for name in view.entities)
    return (
        "import workbench as wb\n\nstore = wb.open().store\n"
        f'spine = wb.source("{source}").select({keys}event_timestamp="{time}").collect()\n'
        f'train = store.training_set(spine, ["{view.name}"], save="first")\ntrain\n'
    )


def _experiment(look: Look, view: Input) -> str:  # noqa: ARG001 - as all of them are called
    trunk = workspace_of(look.project).trunk
    branch = look.branch if look.branch not in {None, trunk} else "exp/first"
    return f'%load_ext workbench\n%feature branch {branch} --objective "..." --hypothesis "..." --metric rmse\n'


_READING: Mapping[str, tuple[str, Callable[[Look, Input], str]]] = {
    "experiment": ("the first cell of an experiment's notebook", _experiment),
    "retrieval": ("a feature of one entity, as a model in production reads it", _retrieval),
    "training_set": ("features beside a spine's rows, each as it was known then", _training_set),
}
"""The kinds of cells that define nothing."""
