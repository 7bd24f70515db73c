"""Whether what is stored of a view, in the cache and in the lake, is what its definition gives in full."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from workbench.checks import Check, find_unequal
from workbench.compute import build, digest_frame, remove, write_parquet
from workbench.errors import LakeError, WorkbenchError
from workbench.memory import scratch_folder
from workbench.pipeline.versions import VersionEvaluation
from workbench.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from workbench.compute import OutputDigest, Replaced, StoredView
    from workbench.pipeline.evaluate import Evaluation, Prepared
    from workbench.registry import Version
    from workbench.workspace import Workspace

NAME = "stored values"


def replaced(facts: Path) -> Replaced:
    """Return what says whether a stored view is to be replaced; what was found out of wrong rows is forgotten.

    Rows that are equal but for the noise of floats stay: other bits would have all that reads them computed again.
    """

    def why(stored: StoredView, computed: StoredView) -> str:
        if stored.record.order != computed.record.order:
            wrong = "it has other columns"
        else:
            wrong = wrong_rows(stored.frame(), stored.record.digest.exact, computed)
        if wrong:
            remove(facts / stored.view_id)
        return wrong

    return why


def wrong_rows(rows: pl.LazyFrame, digest: str, computed: StoredView) -> str:
    """Return how rows, recorded with an exact digest, differ from what was computed in full; empty if by noise only."""
    check = _compare(NAME, rows, digest, computed.frame(), computed.record.keys)
    return check.detail if check.failed else ""


def check_stored(workspace: Workspace, evaluation: Evaluation, views: Sequence[str]) -> list[Check]:
    """Return whether the stored data of `views` and of their published versions is what their definitions give."""
    *above, view = views
    evaluated = {one.prepared.view.name: one for one in evaluation.evaluated}
    checks = []
    for name in (view, *above):
        prepared, stored = evaluated[name].prepared, evaluated[name].computed.stored
        label = NAME if name == view else f"{NAME} of {name}"
        check = _check(prepared, stored.frame(), stored.record.digest.exact, label=label)
        evaluation.confirm(prepared.view)
        checks.append(_with_remedy(check, f"`compute {name} --full` replaces them"))
    return [*checks, *(check for name in (view, *above) for check in _check_published(workspace, name))]


def _check_published(workspace: Workspace, view: str) -> list[Check]:
    """Return whether the lake holds of each live version what its definition gives of the data it was made from."""
    registry = Registry.at(workspace.repository, workspace.trunk)
    if view not in registry:
        return []
    versions = VersionEvaluation(workspace, registry, workspace.sources)
    return [
        _with_remedy(_version(workspace, versions, view, version), f"`materialize {view} --full` replaces them")
        for version in registry.record(view).versions
        if version.is_live and version.frozen is None
    ]


def _version(workspace: Workspace, versions: VersionEvaluation, view: str, version: Version) -> Check:
    label = f"{NAME} of {view}@{version.number}"
    try:
        prepared = _as_published(versions, view, version)
        if prepared.view_id != version.view_id:
            is_code = prepared.fingerprint.code_hash != version.code_hash
            why = "its code does not have the recorded fingerprint" if is_code else "its sources changed since"
            return Check(label, passed=False, checked=False, detail=f"{why}: `materialize {view}` first")
        place = (view, version.major, version.delta_version, version.contract)
        rows = workspace.lake.scan(*place, digest=version.data_digest)  # the lake's own, not those computed here
        check = _check(prepared, rows, version.data_digest, label=label)
        versions.evaluation(view, version).confirm(prepared.view)
    except LakeError as error:
        return Check(label, passed=False, detail=error.message)
    except WorkbenchError as error:
        return Check(label, passed=False, checked=False, detail=f"it cannot be computed: {error.message}")
    return check


def _as_published(versions: VersionEvaluation, view: str, version: Version) -> Prepared:
    """Return a version on today's sources, made from the published rows of what it reads where these are current."""
    for name, read in versions.inputs(version).items():
        if _as_published(versions, name, read).view_id == read.view_id:
            versions.replace(name, read, versions.published_rows(name, read))
    return versions.prepare(view, version)


def _check(prepared: Prepared, stored: pl.LazyFrame, digest: str, *, label: str) -> Check:
    """Compute a view in full, from the inputs it was stored for, and compare what is stored with that."""
    view = prepared.view
    with scratch_folder("again") as folder:
        path = folder / "data.parquet"
        write_parquet(build(view, prepared.inputs).select(prepared.contract.names), path, view=view.name)
        computed = pl.scan_parquet(path, glob=False)
        return _compare(label, stored, digest, computed, (*view.entities, *view.known_since))


def _compare(label: str, stored: pl.LazyFrame, recorded: str, computed: pl.LazyFrame, keys: Sequence[str]) -> Check:
    """Return whether `stored`, with the digest that was recorded, holds the rows that were `computed`."""
    started = time.perf_counter()

    def check(detail: str, *, passed: bool, **found: object) -> Check:
        return Check(label, passed=passed, detail=detail, seconds=time.perf_counter() - started, **found)  # type: ignore[arg-type]  # fields of a check

    try:
        digest: OutputDigest = digest_frame(stored, keys=keys)
        right = digest_frame(computed, keys=keys)
        if digest.exact == right.exact == recorded:
            return check(f"{right.rows:,} rows, identical", passed=True)
        found = find_unequal(stored.collect(), computed.collect(), keys=keys)
    except pl.exceptions.PolarsError as error:
        return check(f"the stored rows cannot be read: {str(error).splitlines()[0][:200]}", passed=False)
    if found:
        what = f"{found.total:,} stored value{'s' if found.total != 1 else ''} or rows differ from a full computation"
        return check(f"{what}: {found.example()}", passed=False, failures=found.rows, counts=found.counts)
    if digest.exact != recorded:
        return check("the stored rows differ from their record", passed=False)
    return check(f"{right.rows:,} rows, equal except for the last digits of floats", passed=True)


def _with_remedy(check: Check, remedy: str) -> Check:
    return replace(check, detail=f"{check.detail}; {remedy}") if check.failed else check
