"""All that is known of one view, of the branch or published, without computing anything."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import fields
from typing import TYPE_CHECKING

from workbench.errors import FeatureNotFound, WorkbenchError
from workbench.lab.answers import (
    CheckInfo,
    ContractColumn,
    GraphNode,
    LineageInfo,
    ProfileColumn,
    ProfileInfo,
    VersionInfo,
    ViewAnswer,
)
from workbench.lab.branch_views import main_of, outlined, path_of
from workbench.lab.projects import Look, tip_of
from workbench.project import workspace_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.define import ColumnContract, Contract, OnDemandOutline, ViewOutline
    from workbench.lab.answers import Role
    from workbench.registry import OnDemandVersion, Registry, Version
    from workbench.workspace import Workspace

_FACTS = ("name", "dtype", "role", "unit", "nullable", "description", "rules")
"""What of a column's contract is said otherwise than as a rule."""


def view_page(look: Look, name: str, version: str | None) -> ViewAnswer:
    """Return what is known of a view: of a published version where one is asked for, else of the branch's own."""
    from workbench.registry import Registry

    workspace, tip = workspace_of(look.project), tip_of(look)
    main = main_of(workspace)
    registry = Registry(workspace.repository, main)
    if version is None and tip is not None:
        _, outline = outlined(look, workspace, tip)
        shape = outline.views.get(name) or outline.on_demand.get(name)
        if shape is not None or name in outline.unread:
            return _own(look, workspace, registry, name, tip, shape)
    if name not in registry and name not in registry.on_demand_views:
        known = [*registry.views, *registry.on_demand_views]
        if tip is not None:
            known += [*outlined(look, workspace, tip)[1].views]
        raise FeatureNotFound.named(name, known)
    return _published(look, workspace, registry, name, version)


def _own(
    look: Look,
    workspace: Workspace,
    registry: Registry,
    name: str,
    tip: str,
    shape: ViewOutline | OnDemandOutline | None,
) -> ViewAnswer:
    """Return the branch's own view, as its text says, with what its last computation found."""
    files, outline = outlined(look, workspace, tip)
    last = workspace.journal.last_on(look.branch or "", [name]).get(name)
    declared = shape.declared if shape else None
    roles: dict[str | None, Role] = {}
    if declared is not None:
        roles = {declared.event_time: "event_time", declared.created: "created"}
        for entity in declared.entities:
            roles[entity] = "entity"
    columns = [
        ContractColumn(
            column=each.name,
            role=roles.get(each.name, "feature"),
            dtype=each.dtype,
            unit=each.unit,
            nullable=each.nullable,
            rules=list(each.rules),
            description=each.description,
        )
        for each in (shape.columns if shape else ())
    ]
    return ViewAnswer(
        name=name,
        kind="on_demand" if name in outline.on_demand else "stored",
        version=None,
        branch=look.branch,
        description=declared.description if declared else "",
        owner=declared.owner if declared else None,
        definition=files.sources[f"{name}.py"].decode("utf-8", "replace"),
        path=path_of(look, workspace, name, head=workspace.repository.head()),
        contract=columns,
        profile=_profile(workspace, last.view_id if last else None),
        lineage=_lineage(look, workspace, name),
        versions=_versions(registry, name),
        checks=[_check(check, state, name) for check, state in (last.checks if last else {}).items()],
    )


def _published(look: Look, workspace: Workspace, registry: Registry, name: str, asked: str | None) -> ViewAnswer:
    """Return a published version, as its record says."""
    version: Version | OnDemandVersion
    if name in registry:
        stored = registry.record(name)
        version = stored.versions[-1] if asked is None and stored.current is None else stored.version(asked)
        view_id = version.view_id
    else:
        version, view_id = registry.on_demand(name).version(asked), None
    declared = version.declaration
    return ViewAnswer(
        name=name,
        kind="stored" if name in registry else "on_demand",
        version=version.number,
        branch=version.branch,
        description=str(declared.get("description", "")),
        owner=declared.get("owner"),
        definition=_definition(workspace, version, name),
        path=None,
        contract=_contract(version.contract),
        profile=_profile(workspace, view_id),
        lineage=_lineage(look, workspace, name),
        versions=_versions(registry, name),
        checks=[],
    )


def _definition(workspace: Workspace, version: Version | OnDemandVersion, name: str) -> str:
    """Return the text that a version was made from; empty where this copy of the repository does not have it."""
    try:
        blob = workspace.repository.folder(version.features)[f"{name}.py"]
        return workspace.repository.read_blob(blob).decode("utf-8", "replace")
    except (WorkbenchError, KeyError):
        return ""


def _contract(contract: Contract) -> list[ContractColumn]:
    from workbench.render import dtype_name

    return [
        ContractColumn(
            column=each.name,
            role=each.role,
            dtype=dtype_name(str(each.dtype)),
            unit=each.unit,
            nullable=each.nullable,
            rules=[*_rules(each)],
            description=each.description,
        )
        for each in contract.columns
    ]


def _rules(column: ColumnContract) -> list[str]:
    """Return what a column promises beside its dtype, as `Feature` would be told."""
    said = [(each.name, getattr(column, each.name)) for each in fields(column) if each.name not in _FACTS]
    told = [f"{name}={value!r}" for name, value in said if value is not None and value is not False]
    return [*told, *(rule.partition(" [")[0] for rule in column.rules)]


def _versions(registry: Registry, name: str) -> list[VersionInfo]:
    versions: Sequence[Version | OnDemandVersion] = ()
    with suppress(WorkbenchError):
        versions = registry.record(name).versions if name in registry else registry.on_demand(name).versions
    return [
        VersionInfo(
            number=each.number,
            status=each.status,
            category=each.category,
            published=each.published_at.isoformat(),
            published_by=each.published_by,
            branch=each.branch,
        )
        for each in reversed(versions)
    ]


def _profile(workspace: Workspace, view_id: str | None) -> ProfileInfo | None:
    from workbench.pipeline import known_profile
    from workbench.render import Drawn, profile_table

    profile = known_profile(workspace.facts, view_id) if view_id else None
    if profile is None:
        return None
    table = profile_table(profile)
    _, _, _, *titles = table.columns
    columns = []
    for name, dtype, figure, *measures in table.rows:
        facts = {title: str(measure) for title, measure in zip(titles, measures, strict=True) if measure != "-"}
        drawn = figure.html() if isinstance(figure, Drawn) else ""
        columns.append(ProfileColumn(name=str(name), dtype=str(dtype), figure=drawn, facts=facts))
    return ProfileInfo(rows=profile.rows, columns=columns)


def _lineage(look: Look, workspace: Workspace, name: str) -> LineageInfo:
    """Return what a view is made from and goes into, by the text of definitions and by records."""
    from workbench.lineage import trace_lineage
    from workbench.store import facts_of_saved, saved_sets

    try:
        saved = [facts_of_saved(workspace, each) for each in saved_sets(workspace.home)]
        branch = look.branch or "HEAD"
        found = trace_lineage(workspace, name, branch=branch, here=branch, training_sets=saved, by_text=True)
    except WorkbenchError:
        return LineageInfo(nodes=[], edges=[])
    nodes = [GraphNode(id=each.id, kind=each.kind, label=each.name) for each in found.nodes]
    return LineageInfo(nodes=nodes, edges=[(each.start, each.end) for each in found.edges])


def _check(name: str, state: str, view: str) -> CheckInfo:
    """Return what was noted of a check; what it showed is in the card, and in what ``check`` says."""
    if state == "pass":
        return CheckInfo(name=name, outcome="pass")
    if state == "fail":
        detail, remedy = "It failed when the view was last computed.", f"Run check {view}: it shows the rows."
        return CheckInfo(name=name, outcome="fail", detail=detail, remedy=remedy)
    detail, remedy = "It could not look when the view was last computed.", f"Run check {view}: it says why."
    return CheckInfo(name=name, outcome="not checked", detail=detail, remedy=remedy)
