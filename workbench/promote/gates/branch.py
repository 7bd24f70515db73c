"""The gates on where a view stands: what it is made from, what is said of it, how it was merged, what reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.errors import WorkbenchError
from workbench.promote.gates.result import GateResult

if TYPE_CHECKING:
    from workbench.promote.gates.context import GateSubject
    from workbench.promote.view_change import Impact


def upstream_gate(subject: GateSubject) -> GateResult:
    """Ask that each view that it reads is published with the data that it was computed from."""
    missing = [name for name, version in subject.upstream.items() if version is None]
    if missing:
        return GateResult(
            "upstream",
            passed=False,
            view=subject.view,
            detail=f"it is made from {_list_names(missing)} as {'it is' if len(missing) == 1 else 'they are'} on "
            f"{subject.branch.name}, and no published version has that data",
            remedy=f"Promote {_list_names([*missing, subject.view])} together.",
            failures=tuple(f"{name}: the data that it reads is not published" for name in missing),
        )
    made = ", ".join(f"{name}@{version}" for name, version in subject.upstream.items())
    return GateResult(
        "upstream", passed=True, view=subject.view, detail=f"made from {made}" if made else "reads only sources"
    )


def metadata_gate(subject: GateSubject) -> GateResult:
    """Ask that the experiment says its objective, and the view its owner and what it is."""
    if not subject.policy.require_metadata:
        detail = "not required by [policy] on main"
        return GateResult("metadata", passed=True, applies=False, view=subject.view, detail=detail)
    view = subject.definitions.view(subject.view)
    wanted = {
        "an objective": (subject.branch.objective, f'%feature branch {subject.branch.name} --objective "..."'),
        "an owner": (view.owner, '@feature_view(..., owner="...")'),
        "a description": (view.description, "a docstring, or @feature_view(..., description=...)"),
    }
    missing = {what: how for what, (said, how) in wanted.items() if not (said or "").strip()}
    if missing:
        whose = {"an objective": f"the experiment {subject.branch.name}"}
        lines = tuple(f"{whose.get(what, f'the view {subject.view}')} has no {what.split()[1]}" for what in missing)
        return GateResult(
            "metadata",
            passed=False,
            view=subject.view,
            detail=f"missing: {_list_names(list(missing))}",
            remedy=f"Write {'; '.join(missing.values())}.",
            failures=lines,
        )
    return GateResult(
        "metadata", passed=True, view=subject.view, detail=f"owner {view.owner}; objective and description"
    )


def merge_gate(subject: GateSubject) -> GateResult:
    """Ask that what was tried on the branch is what would be on main."""
    if subject.merge_changed:
        return GateResult(
            "merge",
            passed=False,
            view=subject.view,
            detail=f"merged with main, its code differs from {subject.branch.name}, where it was checked",
            remedy=f"Merge main into {subject.branch.name}, check the view there, then promote again.",
        )
    return GateResult("merge", passed=True, view=subject.view, detail="merged with main, its code is the same")


def downstream_gate(subject: GateSubject) -> GateResult:
    """Ask that what reads it on main still fits it: it is promoted with it, or accepted by name."""
    left = {impact.name: impact for impact in subject.left_out}
    if not left:
        return GateResult("downstream", passed=True, view=subject.view, detail="every view that reads it still works")
    accepted = {name: _reason(subject, name) for name in left}
    refused = [name for name in left if not accepted[name]]
    if not refused:
        said = "; ".join(f"{name}: {reason}" for name, reason in accepted.items())
        detail = "; ".join(f"{name} {impact.sentence}" for name, impact in left.items())
        return GateResult("downstream", passed=True, view=subject.view, detail=detail, accepted=said)
    broken = _broken_views(subject, refused)
    read = "reads" if len(refused) == 1 else "read"
    return GateResult(
        "downstream",
        passed=False,
        view=subject.view,
        detail=f"{_list_names(refused)} {read} it, and main's definition of "
        f"{'it' if len(refused) == 1 else 'them'} would differ from what is published",
        remedy=_downstream_remedy([left[name] for name in refused]),
        failures=tuple(f"{name}: {broken.get(name, left[name].sentence)}" for name in refused),
        acceptable=tuple(refused),
    )


def _downstream_remedy(refused: list[Impact]) -> str:
    remedies = []
    if any(impact.kind == "view" and impact.moves is None for impact in refused):
        remedies.append("publish the views together (--with-downstream)")
    if any(impact.kind == "feature set" for impact in refused):
        remedies.append("change the references in the feature sets, or pin them to a version (view@1:feature)")
    said = "; ".join([*remedies, "or accept each by name with a reason"])
    return f"{said[:1].upper()}{said[1:]}."


def _broken_views(subject: GateSubject, names: list[str]) -> dict[str, str]:
    """Return why a view that is left behind could not even be computed on main, by its name."""
    evaluation = subject.reopened()
    found = {}
    for name in names:
        if name not in evaluation.definitions.files.stems() or name in evaluation.definitions.set_files:
            continue
        try:
            evaluation.prepare(name)
        except WorkbenchError as error:
            found[name] = f"on main, {error.message}"
        except Exception as error:  # noqa: BLE001  # a definition is the user's code and may raise anything
            found[name] = f"on main, {type(error).__name__}: {error}"
    return found


def _reason(subject: GateSubject, name: str) -> str:
    return subject.accept.get(name, "").strip()


def _list_names(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)
