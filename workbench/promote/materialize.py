"""`materialize`: published views up to date with new source data. One commit on main, after all data is in the lake."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from workbench.define import load_tree
from workbench.errors import FeatureNotFound, LakeError, ProjectError, PromotionError, WorkbenchError
from workbench.lake import LakeWriter
from workbench.loop.evaluate import Evaluation
from workbench.loop.failure import explained
from workbench.loop.remember import remembered_check
from workbench.promote.announce import announce
from workbench.promote.candidate import main_config
from workbench.promote.mainline import Mainline, in_line
from workbench.promote.refresh import Refreshing, refreshing, remember, sketches_of
from workbench.registry import InputRecord, record_path
from workbench.sources import Sources
from workbench.widgets import Report, Reported, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import polars as pl

    from workbench.compute import Progress
    from workbench.define import Definitions
    from workbench.loop.evaluate import Evaluated, Prepared
    from workbench.loop.rooms import Rooms
    from workbench.registry import Record, Registry, Version

MATERIALIZED = "Materialized"


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What became of one published version: what was done, its rows before and after, and why where nothing was."""

    view: str
    number: str
    state: str
    how: str
    before: int
    after: int
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return the entry as JSON-ready values."""
        return {
            "view": self.view,
            "version": self.number,
            "state": self.state,
            "how": self.how,
            "rows_before": self.before,
            "rows_after": self.after,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True, slots=True)
class Materialized(Reported):
    """What `materialize` did, version by version; `commit` is main's, None where nothing had to change."""

    views: tuple[Refreshed, ...]
    commit: str | None
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether no version was left behind."""
        return all(view.state != "left" for view in self.views)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-ready values."""
        return {
            "passed": self.passed,
            "commit": self.commit,
            "seconds": round(self.seconds, 3),
            "views": [view.to_dict() for view in self.views],
        }

    def report(self) -> Report:
        """Return one line a version."""
        rows = tuple((v.view, v.number, v.state, v.how, v.before, v.after, f"{v.seconds:.1f} s") for v in self.views)
        columns = ("view", "version", "is", "how", "rows before", "rows now", "took")
        done = sum(view.state == "updated" for view in self.views)
        return Report(
            f"{done} of {len(self.views)} published versions brought up to date" if done else "Up to date",
            facts=((("commit", f"{self.commit[:10]} on main"),) if self.commit else ()),
            tables=(Table("", columns, rows),) if rows else (),
            notes=() if rows else ("Nothing is published yet.",),
        )


def materialize(
    rooms: Rooms,
    views: Sequence[str] | None = None,
    *,
    full: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Materialized:
    """Bring published versions up to date with the sources, each after what it reads.

    A version whose new data fails its contract, or whose definition on main is another one, is left as it is, and so is
    what reads it. Run again after a kill it goes on where it was: what was computed is there.

    Parameters
    ----------
    rooms
        The project's rooms.
    views
        Their names, with what they read; all that are published if None.
    full
        Compute everything again, rather than what new data touches.
    progress
        Called while a view is computed.

    Raises
    ------
    FeatureNotFound
        For a view that is not published.
    ProjectError, LakeError
        Where the disk is full or may not be written; nothing changed for readers.
    """
    started = time.monotonic()
    with Mainline.open(rooms) as line:
        announce(line)

        def step() -> Materialized:
            work = _Work(line, line.registry(), full=full, progress=progress)
            return work.done(views, started)

        return in_line(line, step)


class _Work:
    """One run over the published versions, on one state of main and of the sources."""

    def __init__(
        self, line: Mainline, registry: Registry, *, full: bool, progress: Callable[[Progress], None] | None
    ) -> None:
        if registry.commit is None:
            raise PromotionError("Nothing was ever committed on main.", remedy="Promote something first.")
        self.line = line
        self.rooms = line.rooms
        self.registry = registry
        self.main: str = registry.commit
        self.full = full
        self.progress = progress
        self.sketches = sketches_of(self.rooms)
        self.writer = LakeWriter(self.rooms.lake)
        self.config = main_config(self.rooms, self.main)
        sources = Sources(self.config.sources, root=self.rooms.root, cache=self.rooms.hidden)
        self._first = Evaluation(self._tree(self.main), sources, self.rooms.cache)
        self._hows: dict[str, str] = {}

    def done(self, views: Sequence[str] | None, started: float) -> Materialized:
        """Refresh the versions of `views`, and commit the records that changed."""
        records: dict[str, Record] = {}
        found: list[Refreshed] = []
        for definitions, versions in self._by_definitions(views).items():
            found += self._refresh(definitions, versions, records)
        commit = self._commit(records) if records else None
        found.sort(key=lambda one: (one.view, one.number))
        return Materialized(tuple(found), commit, time.monotonic() - started)

    def _tree(self, commit_or_tree: str) -> Definitions:
        return load_tree(self.rooms.repository, commit_or_tree, cache=self.rooms.hidden)

    def _by_definitions(self, views: Sequence[str] | None) -> dict[str, list[tuple[str, Version]]]:
        """Return the versions to refresh by what defines them: main, or for older major versions their own tree."""
        for view in views or ():
            if view not in self.registry:
                raise FeatureNotFound.unpublished(view, self.registry.views)
        found: dict[str, list[tuple[str, Version]]] = {}
        for view in self.registry.views:
            record = self.registry.record(view)
            for version in record.versions:
                if version.status not in {"live", "deprecated"}:
                    continue
                where = self.main if version.number == record.current else version.features
                found.setdefault(where, []).append((view, version))
        wanted = set(views or self.registry.views)
        return {where: versions for where, versions in found.items() if any(view in wanted for view, _ in versions)}

    def _refresh(self, where: str, versions: list[tuple[str, Version]], records: dict[str, Record]) -> list[Refreshed]:
        served = dict(versions)
        definitions = self._first.definitions if where == self.main else self._tree(self._root(where))
        evaluation = Evaluation(
            definitions,
            self._first.sources,
            self.rooms.cache,
            progress=self.progress,
            beside=self._first,
            planner=lambda prepared: self._plan(prepared, served.get(prepared.view.name), evaluation),
        )
        found: list[Refreshed] = []
        left: set[str] = set()
        for view in self._ordered(definitions, served):
            if view not in served:
                continue
            begun = time.monotonic()
            state, how, version = self._one(evaluation, view, served[view], left)
            if state == "left":
                left.add(view)
            if version is not None:
                record = records.get(view, self.registry.record(view))
                records[view] = record.replaced(version)
            rows = served[view].rows if version is None else version.rows
            seconds = time.monotonic() - begun
            found.append(Refreshed(view, served[view].number, state, how, served[view].rows, rows, seconds))
        return found

    def _ordered(self, definitions: Definitions, served: Mapping[str, Version]) -> list[str]:
        """Return the served views, each after what it reads; those that do not load come last."""
        names = self._first.sources.names()
        good = []
        for view in served:
            try:
                definitions.order([view], names)
                good.append(view)
            except WorkbenchError:
                continue
        return [*definitions.order(good, names), *(view for view in served if view not in good)]

    def _one(
        self, evaluation: Evaluation, view: str, version: Version, left: set[str]
    ) -> tuple[str, str, Version | None]:
        """Return what became of one version: its state, how or why, and the version where it changed."""
        try:
            with explained(evaluation.definitions, {}):
                above = [name for name in evaluation.definitions.upstream(view) if name in left]
                if above:
                    return "left", f"{', '.join(above)}, which it reads, was left", None
                prepared = evaluation.prepare(view)
                if prepared.fingerprint.code_hash != version.code_hash:
                    return "left", "main's definition is another one: promote it, or roll the view back", None
                if prepared.view_id == version.view_id:
                    remember(prepared, evaluation, self.sketches)
                    return "current", "its sources did not move", None
                evaluated = evaluation.evaluate(view)
                check = remembered_check(self.rooms.hidden / "facts", prepared, evaluated.computed.stored)
        except (ProjectError, LakeError):
            raise  # the disk, not the view: what was computed is there when it is run again
        except WorkbenchError as error:
            return "left", error.message, None
        if not check.passed:
            return "left", f"the new data breaks its contract: {check.detail}", None
        remember(prepared, evaluation, self.sketches)
        new = self._published(evaluated, version)
        how = self._hows.get(prepared.view_id, "it was computed before")
        return ("updated" if new != version else "current"), how, new if new != version else None

    def _plan(self, prepared: Prepared, version: Version | None, evaluation: Evaluation) -> pl.LazyFrame | None:
        """Return the plan that computes what new data touches; None for all of it."""
        view = prepared.view.name
        if self.full or version is None or prepared.fingerprint.code_hash != version.code_hash:
            self._hows[prepared.view_id] = "computed in full"
            return None
        old = self.rooms.lake.scan(view, version.major, version.delta_version, version.contract)
        found = (
            refreshing(prepared, version, old=old, evaluation=evaluation, sketches=self.sketches)
            if prepared.contract.schema == version.contract.schema and prepared.parameters == version.parameters
            else "its columns are others"
        )
        if isinstance(found, Refreshing):
            self._hows[prepared.view_id] = found.how
            return found.plan
        self._hows[prepared.view_id] = f"computed in full: {found}"
        return None

    def _published(self, evaluated: Evaluated, version: Version) -> Version:
        """Write the data to the lake, unless it is there, and return the version that says so."""
        prepared, stored = evaluated.prepared, evaluated.computed.stored
        digest = stored.record.digest.view
        delta = version.delta_version
        if digest != version.data_digest:
            delta = self.writer.publish(
                stored.path,
                view=prepared.view.name,
                major=version.major,
                contract=prepared.contract,
                view_id=prepared.view_id,
                metadata={
                    "view": prepared.view.name,
                    "version": version.number,
                    "data_digest": digest,
                    "project": self.rooms.config.project.name,
                },
            )
        changed = replace(
            version,
            view_id=prepared.view_id,
            data_digest=digest,
            rows=stored.record.rows,
            period=stored.record.period,
            delta_version=delta,
            inputs=self._inputs(prepared, version),
        )
        return version if changed == version else replace(changed, materialized_at=datetime.now(UTC))

    def _inputs(self, prepared: Prepared, version: Version) -> tuple[InputRecord, ...]:
        known = {read.name: read.version for read in version.inputs}
        return tuple(InputRecord(d.name, d.kind, d.digest, known.get(d.name)) for d in prepared.inputs)

    def _root(self, features: str) -> str:
        """Return a root tree with the definitions of the folder's tree `features`."""
        repository = self.rooms.repository
        old = {f"features/{name}": blob for name, blob in repository.folder(features).items()}
        now = repository.files(self.main)
        changes: dict[str, str | None] = {path: None for path in now if path not in old}
        changes |= {
            path: repository.read_blob(blob).decode()
            for path, blob in old.items()
            if path.endswith(".py") and now.get(path) != blob
        }
        return repository.tree_with(self.main, changes)

    def _commit(self, records: Mapping[str, Record]) -> str:
        tree = self.rooms.repository.tree_with(
            self.main, {record_path(view): record.to_toml() for view, record in records.items()}
        )
        return self.line.commit(
            tree,
            expected=self.main,
            message=f"Materialize {', '.join(sorted(records))}",
            trailers=tuple((MATERIALIZED, f"{view} {record.current}") for view, record in sorted(records.items())),
            sign=self.config.policy.require_signed,
        )
