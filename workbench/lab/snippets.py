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
    made = look.project.new(_PLAIN.get(kind, kind.replace("_", "-")), of or None, branch=look.branch)
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
    source, time = _events(look, view)
    keys = "".join(f'"{name}", ' for name in view.entities)
    return (
        "import workbench as wb\n\nstore = wb.open().store\n"
        f'spine = wb.source("{source}").select({keys}event_timestamp="{time}").collect()\n'
        f'train = store.training_set(spine, ["{view.name}"], save="first")\ntrain\n'
    )


def _events(look: Look, view: Input) -> tuple[str, str]:
    """Return a source with a time that has the keys of a view, and its time; the first one where none has them."""
    sources, known = workspace_of(look.project).sources, inputs_of(look)
    timed = [name for name in sources.names() if sources[name].event_time]
    fits = (name for name in timed if set(view.entities) <= {column.name for column in known[name].columns or ()})
    name = next(fits, next(iter(timed), "events"))
    return name, (sources[name].event_time if name in sources else None) or "at"


def _as_of(look: Look, view: Input) -> str:
    """Return a view that has, for each row of a source, what another view said before it."""
    source, time = _events(look, view)
    feature = next((c for c in view.columns or () if c.name in view.features and c.dtype.startswith(_NUMBERS)), None)
    if not view.entities or feature is None:
        raise bad_request(f"{view.name} has no entity, or no number.", remedy="Choose another view.")
    name = f"{source}_known"
    model = "".join(part.title() for part in name.split("_"))
    kinds = {column.name: column.dtype for column in view.columns or ()}
    keys = "".join(f"    {key}: {'str' if kinds.get(key) == 'String' else 'int'}\n" for key in view.entities)
    listed = ", ".join(f'"{key}"' for key in view.entities)
    known = f"known_{feature.name}"
    return (
        f"%%feature\nclass {model}(FeatureModel):\n{keys}    {time}: UTC\n"
        f'    {known}: float = Feature(unit="{feature.unit or "dimensionless"}", nullable=True)\n\n\n'
        f'@feature_view(entities=[{listed}], event_time="{time}", owner="me")\n'
        f"def {name}({source}: pl.LazyFrame, {view.name}: pl.LazyFrame) -> LazyFrame[{model}]:\n"
        f'    """What {view.name} said before each row."""\n'
        f'    rows = {source}.select({listed}, "{time}").unique().sort("{time}")\n'
        f"    known = {view.name}.select(\n"
        f'        {listed},\n        pl.col("{view.event_time}").alias("{time}"),\n'
        f'        {known}=pl.col("{feature.name}").cast(pl.Float64),\n    ).sort("{time}")\n'
        f'    return rows.join_asof(known, on="{time}", by=[{listed}], allow_exact_matches=False,\n'
        "                          check_sortedness=False)\n"
    )


_NUMBERS = ("Int", "UInt", "Float")
_PLAIN = {"feature": "cumulative"}
"""What is written for a kind of a plainer name."""
_READING: Mapping[str, tuple[str, Callable[[Look, Input], str]]] = {
    "as_of": ("what another view said before each row", _as_of),
    "retrieval": ("a feature of one entity, as a model in production reads it", _retrieval),
    "training_set": ("features beside a spine's rows, each as it was known then", _training_set),
}
"""The kinds of cells that `new` does not have."""
