"""`rollback`: readers have an earlier version of a view again, or a version's earlier data. No data is moved."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from workbench.define import load_tree, reraise_user_errors
from workbench.errors import (
    DefinitionError,
    FeatureNotFound,
    PromotionError,
    PromotionRefused,
    SourceError,
    UsageError,
    WorkbenchError,
)
from workbench.lazy import deferred
from workbench.promote.impact import Readers
from workbench.promote.lifecycle import Standing, in_main, parse_version_ref, write
from workbench.promote.policy import require_permission
from workbench.promote.trunk import commit_of
from workbench.registry import Hold, VersionNumber, data_versions, lifecycle, split_version
from workbench.source_tree import data_of, parts_of, texts_of
from workbench.sources import Sources
from workbench.store import main_config

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    import polars as pl

    from workbench.define import Definitions
    from workbench.promote.trunk import TrunkWriter
    from workbench.registry import Record, Registry, Version
    from workbench.workspace import Workspace
else:
    pl = deferred("polars")

ROLLBACK = "Rolled-Back"


@dataclass(frozen=True, slots=True)
class Step:
    """One view that is rolled back: its record now and then, and the version that serves then."""

    view: str
    before: Record
    after: Record
    target: Version
    notes: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What readers have again."""
        serving = self.before.serving
        was = "" if serving is None or serving.number == self.target.number else f" (was {serving.number})"
        held = self.target.held
        data = f", with its data {self.target.delta_version}" if held is not None else ""
        return f"{self.view} is at {self.target.number} again{was}{data}"


def rollback(
    workspace: Workspace,
    view: str,
    to: str | None = None,
    *,
    data: int | str | None = None,
    with_downstream: bool = False,
    accept: Mapping[str, str] | None = None,
) -> Standing:
    """Let readers of `view` have version `to` again, or its earlier data. Nothing is computed and no data is moved.

    Main's definition becomes the one that this version was made from. The version that was rolled back stays readable
    by its number. Published views that read it go on with the versions that they were made from.
    """
    bare, number = _parse_target(view, to, data)

    def step(line: TrunkWriter) -> Standing:
        registry = line.registry()
        main = commit_of(registry)
        first = _target(workspace, registry, bare, number, data)
        if first.before == first.after:
            return Standing(f"{bare} is at {first.target.number} already", first.after, main)
        steps = [first, *(_downstream(registry, first) if with_downstream else ())]
        require_permission(workspace, main, [each.view for each in steps])
        tree, notes, same = restored_definitions(workspace, main, steps)
        accepted = _require_fit(workspace, registry, steps, main=main, tree=tree, same=same, accept=accept or {})
        commit = write(
            line,
            main,
            {each.view: each.after for each in steps},
            f"Roll {' and '.join(f'{each.view} back to {each.target.number}' for each in steps)}",
            tuple((ROLLBACK, f"{each.view} {each.target.number}") for each in steps),
            onto=tree,
            body=accepted,
        )
        notes += [note for each in steps for note in each.notes]
        notes += _dependent_notes(registry, steps)
        return Standing(
            "; ".join(each.sentence for each in steps),
            first.after,
            commit,
            tuple(notes),
            along=tuple(each.after for each in steps[1:]),
        )

    return in_main(workspace, step)


def _parse_target(view: str, to: str | None, data: int | str | None) -> tuple[str, str | None]:
    """Return the view's name and the version asked for."""
    name, version = parse_version_ref(view)
    if version is not None:
        raise UsageError(f"{view!r} contains a version.", remedy=f"Write: rollback {name} --to {version}.")
    if to is None and data is None:
        raise UsageError(
            "A rollback needs a version to go back to.", remedy=f"Write for example: rollback {name} --to 1.0."
        )
    if to is None:
        return name, None
    other, _, bare = str(to).rpartition("@")
    if other not in {"", name}:
        raise UsageError(f"{to!r} is a version of another view than {name!r}.", remedy=f"Write --to {bare}.")
    return name, split_version(f"{name}@{bare}")[1]


def _target(workspace: Workspace, registry: Registry, view: str, number: str | None, data: int | str | None) -> Step:
    record = registry.record(view)
    target = record.version(number, withdrawn=True)
    notes: list[str] = []
    if target.withdrawn is not None:
        notes.append(f"{view} {target.number} {target.withdrawn.sentence}. It is in service again.")
    if data is not None:
        target = _with_data(workspace, view, target, data)
    elif target.status == "superseded":
        notes += older_data(record, target)
    elif target.frozen is not None:
        since = target.frozen.since
        notes.append(f"{view} {target.number} was not refreshed since {since:%Y-%m-%d}: `materialize {view}` does now.")
    after = record if target.number == record.current else lifecycle.roll_back(record, target)
    served = next(version for version in after.versions if version.number == target.number)
    if data is not None and served != target:
        after = after.with_version(
            replace(target, status=served.status, until=served.until, successor=served.successor)
        )
        served = after.version(target.number)
    if served.status == "deprecated" and after.current != record.current:
        notes.append(
            f"{view} {served.number} stays deprecated: it is served until {served.until}. "
            f"`deprecate {view}@{served.major} --until never` undoes that."
        )
    return Step(view, record, after, served, tuple(notes))


def _with_data(workspace: Workspace, view: str, target: Version, data: int | str) -> Version:
    """Return `target` with the data that it had before, held there until somebody publishes."""
    known = data_versions(workspace.repository, workspace.trunk, view, target)
    found = next((one for one in known if str(one.number) == str(data)), None)
    if found is None:
        said = ", ".join(f"{one.number} ({one.version.rows:,} rows, {one.since:%Y-%m-%d %H:%M})" for one in known)
        raise PromotionError(
            f"{view} {target.number} has no data version {data}.", remedy=f"Its data versions: {said}."
        )
    if found.number == target.delta_version:
        return target
    workspace.require_rows(view, found.version)  # refuses what was cleaned away
    was = found.version
    held = Hold(datetime.now(UTC), workspace.repository.identity(), {read.name: read.digest for read in target.inputs})
    reads = {read.name: read.version for read in target.inputs}  # it goes on from these, when it goes on
    return replace(
        target,
        view_id=was.view_id,
        data_digest=was.data_digest,
        rows=was.rows,
        period=was.period,
        delta_version=was.delta_version,
        inputs=tuple(replace(read, version=reads.get(read.name, read.version)) for read in was.inputs),
        materialized_at=was.materialized_at,
        behind=None,
        held=held,
    )


def older_data(record: Record, target: Version) -> list[str]:
    """Return what is to be said where a version's data is older than what readers of its major version have now."""
    before = lifecycle.live_of(record, target.major)
    if before is None or before.data_digest == target.data_digest:
        return []
    name, since = record.view, (target.materialized_at or target.published_at).strftime("%Y-%m-%d %H:%M")
    fewer = before.rows - target.rows
    rows = f", {abs(fewer):,} rows {'fewer' if fewer > 0 else 'more'} than {before.number} has" if fewer else ""
    return [f"{name} {target.number} has its data of {since}{rows}. `materialize {name}` brings it up to date."]


def _downstream(registry: Registry, first: Step) -> Iterator[Step]:
    """Yield how each served view below is rolled back to its newest version that was made from what serves then."""
    readers = Readers(registry)
    targets = {first.view: first.target}
    for name in readers.below([first.view]):
        record = registry.record(name)
        serving = readers.serving[name]
        if _is_made_from(serving, targets):
            targets[name] = serving
            continue
        fitting = [one for one in record.versions if one.is_served and _is_made_from(one, targets)]
        if not fitting:
            made = " and ".join(f"{read} {version.number}" for read, version in targets.items())
            raise PromotionError(
                f"No version of {name} was computed from {made}.",
                remedy=f"Roll {first.view} back without --with-downstream: {name} {serving.number} goes on with the "
                "versions that it was made from.",
            )
        target = max(fitting, key=lambda one: (one.is_live, one.order))
        after = lifecycle.roll_back(record, target)
        notes = older_data(record, target) if target.status == "superseded" else []
        targets[name] = target
        yield Step(name, record, after, after.version(target.number), tuple(notes))


def _is_made_from(version: Version, targets: Mapping[str, Version]) -> bool:
    """Whether a version was made from the major versions of `targets`, as far as it reads them."""
    return all(
        read.version is not None and VersionNumber.parse(read.version).major == targets[read.name].major
        for read in version.inputs
        if read.kind == "view" and read.name in targets
    )


def restored_definitions(workspace: Workspace, main: str, steps: Sequence[Step]) -> tuple[str, list[str], set[str]]:
    """Return main's tree with the views defined as they were published, what to say, and which are all there.

    A view's own file is restored, with the data files that it alone declares: a helper or a data file that others share
    stays as it is, and then main's definition is not the version's, which is said. The version serves all the same, and
    is computed by its own code.
    """
    repository = workspace.repository
    changes: dict[str, str | bytes] = {}
    notes: list[str] = []
    same: set[str] = set()
    olds: dict[str, dict[str, bytes]] = {}
    shared = _data_of_others(workspace, main, [step.view for step in steps])
    for step in steps:
        old = {name: repository.read_blob(blob) for name, blob in repository.folder(step.target.features).items()}
        try:
            changes[f"features/{step.view}.py"] = old[f"{step.view}.py"].decode()
            olds[step.view] = old
            names = set(data_of(f"{step.view}.py", old)) - shared
            changes |= {f"features/{name}": old[name] for name in sorted(names & set(old))}
        except (KeyError, UnicodeDecodeError, DefinitionError) as error:
            notes.append(
                f"Main's definition of {step.view} stays unchanged: {step.target.number}'s cannot be restored "
                f"({error})."
            )
    tree = repository.tree_with(main, changes)
    definitions = load_tree(repository, tree, cache=workspace.hidden, written=main)
    for step in steps:
        if step.view not in olds:
            continue
        if _same_files(f"{step.view}.py", olds[step.view], definitions.files.sources):
            same.add(step.view)
            continue
        from workbench.fingerprint import SourceCodes, code_hash  # here and below: few rollbacks load a definition

        try:
            found = code_hash(definitions.view(step.view), sources=SourceCodes()).code_hash
        except WorkbenchError:
            found = ""
        if found != step.target.code_hash:
            path = f"{step.view}.py"
            others = [f"features/{name}" for name in parts_of(path, olds[step.view]) if name != path]
            helpers = ", ".join(others) or "what it imports"
            notes.append(
                f"Main's definition of {step.view} differs slightly from that of {step.target.number}: "
                f"{helpers} changed since. "
                "The version keeps its own code; experiments start from main's."
            )
    return tree, notes, same


def _same_files(path: str, old: Mapping[str, bytes], new: Mapping[str, bytes]) -> bool:
    """Whether a definition and all that it reads are the same: then so is its fingerprint, and nothing is loaded."""
    try:
        return all(old[name] == new.get(name) for name in parts_of(path, old))
    except (DefinitionError, KeyError):
        return False


def _data_of_others(workspace: Workspace, main: str, views: Collection[str]) -> set[str]:
    """Return the data files that main's definitions other than `views` declare."""
    definitions = load_tree(workspace.repository, main, cache=workspace.hidden)
    found: set[str] = set()
    for stem in set(definitions.files.stems()) - set(views):
        with suppress(DefinitionError):
            found |= set(data_of(f"{stem}.py", definitions.files.sources))
    return found


def _require_fit(
    workspace: Workspace,
    registry: Registry,
    steps: Sequence[Step],
    *,
    main: str,
    tree: str,
    same: Collection[str],
    accept: Mapping[str, str],
) -> str:
    """Refuse a rollback after which main could not compute what it serves, and return what is accepted by name.

    Nothing is computed: definitions are planned on inputs without rows.
    """
    unfit = dict(_unfit(workspace, registry, steps, main=main, tree=tree, same=same))
    for name, reason in accept.items():
        if name not in registry:
            raise FeatureNotFound.unpublished(name, registry.views)
        if not reason.strip():
            raise UsageError(f"{name!r} is accepted without a reason.", remedy=f"Write {name}=REASON.")
    refused = {name: said for name, said in unfit.items() if name not in accept}
    if refused:
        first = steps[0]
        raise PromotionRefused(
            f"Refused: with {first.view} {first.target.number} main could not compute the versions that it serves.",
            lines=[f"  {said}" for said in refused.values()],
            remedy=f"{_remedy(registry, first, refused)}, or accept each by name (--accept VIEW=REASON).",
        )
    accepted = [f"  {name}: {accept[name]}" for name in unfit if name in accept]
    return "\n".join(["Accepted by name", *accepted]) if accepted else ""


def _remedy(registry: Registry, first: Step, refused: Collection[str]) -> str:
    """Return which rollback leaves main fit: with what reads the view, or from what the version reads on."""
    if first.view not in refused:
        return "Roll these back with it (--with-downstream)"
    return (
        " or ".join(
            f"Roll back what it reads with it (rollback {read.name} --to {read.version} --with-downstream)"
            for read in first.target.inputs
            if read.version is not None and registry.record(read.name).current != read.version
        )
        or "Promote a compatible definition of what it reads"
    )


def _unfit(
    workspace: Workspace,
    registry: Registry,
    steps: Sequence[Step],
    *,
    main: str,
    tree: str,
    same: Collection[str],
) -> Iterator[tuple[str, str]]:
    """Yield each served view that could be computed before and could not afterwards, with a sentence of why.

    The views in `same` are on main with all their files as they were published.
    """
    sources = Sources(main_config(workspace, main).sources, root=workspace.root, cache=workspace.hidden)
    before = load_tree(workspace.repository, main, cache=workspace.hidden)
    after = load_tree(workspace.repository, tree, cache=workspace.hidden, written=main)
    targets = {step.view: step for step in steps}
    for name in registry.serving:
        if name in same and all(read.name in sources for read in targets[name].target.inputs):
            continue
        if name not in targets and not _mentions(after, name, targets):
            continue
        wrong = _fault(after, name, sources, near=targets)
        if wrong and not _fault(before, name, sources, near=targets):
            yield name, f"{name}, as main would define it: {wrong}"
    for name, version in Readers(registry).live:
        now = {read.name: registry.input_version(read) for read in version.inputs if read.kind == "view"}
        then = now | {
            read: step.target
            for read, step in targets.items()
            if read in now and now[read].major == step.target.major and now[read].number != step.target.number
        }
        moved = [read for read in now if now[read] is not then[read]]
        if not moved:
            continue
        from workbench.pipeline import published_definitions

        definitions = published_definitions(workspace, main, version.features)
        wrong = _fault(definitions, name, sources, near=moved, given=then)
        if wrong and not _fault(definitions, name, sources, near=moved, given=now):
            on = " and ".join(f"{read} {then[read].number}" for read in moved)
            yield name, f"{name} {version.number}, which would be computed from {on}: {wrong}"


def _mentions(definitions: Definitions, name: str, views: Collection[str]) -> bool:
    """Whether the text of a view names one of `views`: what it reads is named by a parameter."""
    try:
        texts = texts_of(f"{name}.py", definitions.files.sources)
    except KeyError:
        return True
    return any(not set(views).isdisjoint(re.findall(r"\w+", text)) for text in texts.values())


def _fault(
    definitions: Definitions,
    name: str,
    sources: Sources,
    *,
    near: Collection[str],
    given: Mapping[str, Version] | None = None,
) -> str:
    """Return why a view cannot be planned on the views that it reads; empty where it can, or it reads none of `near`.

    `given` are the versions that it reads; what the same tree defines if absent. What needs a source that cannot be
    read now is not tried: a rollback must be possible then too.
    """
    from workbench.compute import InputData, build

    if name not in definitions.files.stems():
        return ""
    try:
        with reraise_user_errors(definitions, {}):
            view = definitions.view(name)
            reads = [each for each in view.inputs if each not in sources]
            if not reads or (name not in near and not set(near) & set(reads)):
                return ""
            frames = {each: sources[each].frame() for each in view.inputs if each in sources}
            for each in reads:
                contract = definitions.view(each).contract if given is None else given[each].contract
                frames[each] = pl.LazyFrame(schema=contract.schema)
            build(view, [InputData(each, frame, digest="", kind="view") for each, frame in frames.items()])
    except SourceError:
        return ""
    except WorkbenchError as error:
        return error.message
    return ""


def _dependent_notes(registry: Registry, steps: Sequence[Step]) -> list[str]:
    """Return a sentence for each served view that was made from a version which serves no more."""
    found = []
    rolled = {step.view: step for step in steps}
    for name, version in Readers(registry).serving.items():
        for read in version.inputs:
            step = rolled.get(read.name) if read.kind == "view" and name not in rolled else None
            if step is None or step.before.serving is None or read.version in {None, step.target.number}:
                continue
            gone = step.before.serving.major
            if VersionNumber.parse(str(read.version)).major == gone:
                goes = (
                    f"reads {step.target.number} from now on"
                    if gone == step.target.major
                    else f"keeps reading {read.name}@{gone}; --with-downstream rolls it back too"
                )
                found.append(f"{name} {version.number} was computed from {read.name} {read.version}, and {goes}.")
    return found
