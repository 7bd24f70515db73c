"""`propose`: from names on a branch to the plan of their promotion, with the data it is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from workbench.comparison import cached_compare
from workbench.define import reraise_user_errors
from workbench.errors import PromotionError, UnknownInput
from workbench.pipeline import Evaluation, VersionEvaluation
from workbench.promote.gates.result import GateResult
from workbench.promote.gates.run import judge
from workbench.promote.impact import Readers, impacts
from workbench.promote.merge import MergedTree, candidate
from workbench.promote.on_demand_change import ComparedOnDemand, compare_on_demand
from workbench.promote.plan import Plan
from workbench.promote.proposal import Proposal
from workbench.promote.version_change import Compared, compare
from workbench.source_tree import parts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from workbench.compute import Progress
    from workbench.workspace import Workspace


def propose(
    workspace: Workspace,
    names: Sequence[str],
    *,
    branch: str,
    accept: Mapping[str, str] | None = None,
    with_downstream: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Proposal:
    """Return what promoting `names` of `branch` would do, computing what is not computed yet; publish nothing."""
    proposed = candidate(workspace, names, branch=branch)
    plan = _start(proposed, names, accept or {})
    if proposed.conflicts:
        return Proposal(plan, proposed)
    after = Evaluation(proposed.definitions, proposed.sources, workspace.cache, progress=progress)
    before = VersionEvaluation(workspace, proposed.registry, proposed.sources, progress=progress, beside=after)
    readers = Readers(proposed.registry)
    views, unchanged = _compare_views(proposed, before, after, readers=readers, with_downstream=with_downstream)
    on_demand = _compare_on_demand(proposed, after, views, unchanged)
    changes = {name: view.change for name, view in views.items()}
    _refuse_nothing(proposed, {**changes, **on_demand}, unchanged)
    plan = replace(
        plan,
        sources={name: snapshot.digest for name, snapshot in sorted(after.snapshots.items())},
        changes=tuple(changes.values()),
        sets=proposed.sets,
        on_demand=tuple(view.change for view in on_demand.values()),
        unchanged=tuple(unchanged),
        impacts=impacts(
            views,
            readers=readers,
            before=before,
            after=VersionEvaluation(workspace, proposed.registry, proposed.sources, progress=progress, beside=after),
            definitions=proposed.definitions,
            asked={*changes, *unchanged},
            compared=cached_compare(workspace.facts),
        ),
        notes=tuple(dict.fromkeys([note for view in views.values() for note in view.notes] + [*workspace.lake_risks])),
    )
    proposal = Proposal(plan, proposed, after, views, before, on_demand)
    gates: tuple[GateResult, ...] = judge(workspace, proposal, shared=_shared_files(proposed, views, unchanged))
    after.confirm()
    return replace(proposal, plan=replace(plan, gates=gates))


def _start(proposed: MergedTree, names: Sequence[str], accepted: Mapping[str, str]) -> Plan:
    return Plan(
        branch=proposed.branch,
        tip=proposed.tip,
        main=proposed.main,
        tree=proposed.tree,
        asked=tuple(names),
        accepted=dict(accepted),
        conflicts=tuple(
            {"path": each.path, "base": each.base, "ours": each.ours, "theirs": each.theirs}
            for each in proposed.conflicts
        ),
    )


def _compare_views(
    proposed: MergedTree, before: VersionEvaluation, after: Evaluation, *, readers: Readers, with_downstream: bool
) -> tuple[dict[str, Compared], list[str]]:
    """Return the views that get a new version, each after what it reads, and those published as they are."""
    views: dict[str, Compared] = {}
    unchanged: list[str] = []
    asked = _sort_views(proposed, proposed.views)
    with reraise_user_errors(proposed.definitions, {}):
        for name in asked:
            found = compare(proposed, before, after, name, along=views)
            if found is None:
                unchanged.append(name)
            else:
                views[name] = found
        below = readers.below([*views]) if with_downstream else ()
        for name in below:
            found = None if name in unchanged else compare(proposed, before, after, name, along=views, indirect=True)
            if found is not None:
                views[name] = found
    return views, unchanged


def _compare_on_demand(
    proposed: MergedTree, after: Evaluation, views: Mapping[str, Compared], unchanged: list[str]
) -> dict[str, ComparedOnDemand]:
    """Return the on-demand views that get a new version; those published as they are are added to `unchanged`."""
    for name in views:
        if name in proposed.registry.on_demand_views:
            raise PromotionError(
                f"{name!r} is published as an on-demand view, and the branch makes a stored view of it.",
                remedy="Rename the stored view: versions of one name are of one kind.",
            )
    found: dict[str, ComparedOnDemand] = {}
    with reraise_user_errors(proposed.definitions, {}):
        for name in proposed.on_demand:
            compared = compare_on_demand(proposed, after, name, along=views)
            if compared is None:
                unchanged.append(name)
            else:
                found[name] = compared
    return found


def _sort_views(proposed: MergedTree, views: Sequence[str]) -> list[str]:
    """Return `views`, each after what it reads."""
    try:
        with reraise_user_errors(proposed.definitions, {}):
            order = proposed.definitions.order(views, proposed.sources.names())
    except UnknownInput as error:
        raise _missing_input(proposed, views, error) from None
    return [name for name in order if name in views]


def _missing_input(proposed: MergedTree, views: Sequence[str], error: UnknownInput) -> PromotionError:
    workspace, trunk = proposed.workspace, proposed.workspace.trunk
    read = {name for view in views for name in proposed.proposed.view(view).inputs}
    undeclared = sorted(name for name in read if name in workspace.sources and name not in proposed.sources)
    if undeclared:
        names, remote = ", ".join(undeclared), workspace.repository.remote()
        steps = [
            *([f"git switch {trunk}"] if workspace.repository.head() != trunk else []),
            f"git add workbench.toml && git commit -m 'Declare {names}'",
            *([f"git push {remote.name} {trunk}"] if remote else []),
        ]
        return PromotionError(
            f"workbench.toml on {trunk} does not declare the source {names}, which the promoted views read.",
            remedy=f"Bring the declaration to {trunk}: {' && '.join(steps)}.",
        )
    missing = sorted(read & set(proposed.proposed.outline.views) - set(proposed.definitions.outline.views))
    if missing:
        together = " ".join([*missing, *views])
        return PromotionError(
            f"{', '.join(views)} reads {', '.join(missing)}, which is not published.",
            remedy=f"Publish them together: promote {together}.",
        )
    return PromotionError(error.message, remedy=error.remedy)


def _refuse_nothing(proposed: MergedTree, changes: Mapping[str, object], unchanged: Sequence[str]) -> None:
    repository = proposed.workspace.repository
    if changes or (proposed.sets and repository.changed(proposed.main, proposed.tree)):
        return
    raise PromotionError(
        f"{', '.join(unchanged)} is already published as it is on {proposed.branch}.",
        remedy="Change a definition on the branch first; `materialize` brings in new source data.",
    )


def _shared_files(
    proposed: MergedTree, views: Mapping[str, Compared], unchanged: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """Return, for each published view that is not promoted but whose files change, which files those are."""
    old, new = proposed.before.files.contents, proposed.definitions.files.contents
    touched = {path for path in new if new[path] != old.get(path)}
    found = {}
    for name in proposed.registry.serving:
        if name in views or name in unchanged or f"{name}.py" not in new:
            continue
        files = tuple(path for path in parts_of(f"{name}.py", proposed.definitions.files.sources) if path in touched)
        if files and proposed.code_moved(name):
            found[name] = files
    return found
