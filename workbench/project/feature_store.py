"""`FeatureStore`: what models read features through."""

from __future__ import annotations

import asyncio
import warnings
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

import polars as pl

from workbench.config import valid_name
from workbench.drivers import speaks_plainly
from workbench.errors import JoinError, UsageError
from workbench.pipeline import on_steady_sources
from workbench.project.notebook import shown_in_notebook
from workbench.store import (
    BranchReader,
    FailedCheckWarning,
    LowMatchWarning,
    NaiveTimeWarning,
    Question,
    Reference,
    RegistryReader,
    SavedTrainingSet,
    TrainingSet,
    as_spine,
    commit_at,
    computed_views,
    explain,
    facts_of_built,
    facts_of_saved,
    failed_checks,
    join_features,
    joined_views,
    latest,
    named_view,
    names,
    on_demand_function,
    parse_all,
    period,
    release_commit,
    resolve_all,
    run_of,
    saved_training_set,
    views_read,
    warn_of,
)
from workbench.times import moment
from workbench.tracking import TrainingFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date, datetime

    import pyarrow as pa

    from workbench.catalog import Catalog, CatalogPage, OnDemandPage
    from workbench.online import Answers, FeatureValue, OnDemandFunctions, OnlineReader
    from workbench.sql import Answer
    from workbench.store import Explanation, IntoSpine, JoinedSpine, Reference, ViewReader
    from workbench.workspace import Workspace

    Entities: TypeAlias = Sequence[Mapping[str, object]] | Mapping[str, Sequence[object]] | pl.DataFrame


@cache
def _reader_of_entities() -> Callable[[Entities], Sequence[Mapping[str, object]]]:
    """Return the function, which is asked for once: a package that loads its names later finds them anew each time."""
    from workbench.online import as_entities

    return as_entities


def facts_of(workspace: Workspace, store: FeatureStore, what: object) -> TrainingFacts:
    """Return the record of a model's training data."""
    if isinstance(what, TrainingSet):
        return facts_of_built(workspace, what)
    if isinstance(what, SavedTrainingSet):
        return facts_of_saved(workspace, what)
    if isinstance(what, pl.DataFrame | pl.LazyFrame) or hasattr(what, "__arrow_c_stream__"):
        raise UsageError(
            f"A {type(what).__name__} does not record its features.",
            remedy="Pass the object that training_set returned, not its frame, or list the features that you use.",
        )
    if isinstance(what, str) and what in names(workspace.home):
        return facts_of_saved(workspace, saved_training_set(workspace.home, what))
    references: tuple[Reference, ...] = parse_all(what)
    reading = store._reading()
    asked = resolve_all(references, reading, full_names=True)
    views, computed = views_read(asked.stored), computed_views(asked)
    return TrainingFacts(views=views, branch=reading.branch, commit=reading.commit, computed=computed)


def _functions(workspace: Workspace) -> OnDemandFunctions:
    """Return what gives the functions of published on-demand views: the repository has them, not the online store."""
    return lambda _, name, version: on_demand_function(workspace, name, version)


@speaks_plainly
class FeatureStore:
    """Reads features; it writes nothing that is published. Get it as ``project.store``.

    On main it reads what is published: ``spend`` is the current version, ``spend@2`` the newest of major 2 and
    ``spend@2.1`` that one. On an experiment's branch ``spend`` is the view as the branch defines it, and versions are
    the published ones. A store that `at` returned reads what was published then.

    Parameters
    ----------
    opened
        Gives the project's workspace, as `workbench.toml` describes them now.
    branch
        The branch, or commit, whose views are read.
    """

    def __init__(self, opened: Callable[[], Workspace], branch: str) -> None:
        self.branch = branch
        self._opened = opened
        self._pinned: RegistryReader | None = None
        self._published: tuple[Workspace, RegistryReader] | None = None
        self._reader: tuple[Workspace, OnlineReader] | None = None

    def __repr__(self) -> str:
        return f"<FeatureStore of {self._workspace.config.project.name!r}, reading {self._place()}>"

    @property
    def _workspace(self) -> Workspace:
        return self._opened()

    @property
    def release(self) -> str | None:
        """The release that is read, if it is one."""
        return self._pinned.release if self._pinned else None

    def at(self, *, release: str | None = None, time: datetime | date | str | None = None) -> FeatureStore:
        """Return a store that reads a release, or what was published at a time.

        Everything is read as it was, feature sets included; later versions, deprecations and rollbacks change nothing.

        Parameters
        ----------
        release
            A release's name, as in ``2026.11``.
        time
            The moment; without a zone it is UTC.

        Raises
        ------
        PromotionError
            For a release that there is not (did you mean), that no `release` verb made, or whose signature the policy
            wants and git cannot verify.
        UsageError
            For neither or both, for what is not a time, and for a moment before anything was published.
        """
        if (release is None) == (time is None):
            raise UsageError(
                "A store reads one release or one time, not both.",
                remedy='Write at(release="2026.11") or at(time="2026-11-05").',
            )
        store = FeatureStore(self._opened, self._workspace.trunk)
        if release is not None:
            commit = release_commit(self._workspace, release)
        else:
            commit = commit_at(self._workspace, moment(time, what="time"))
        store._pinned = RegistryReader.of(self._workspace, commit, release=release)
        return store

    def training_set(
        self,
        spine: IntoSpine,
        features: str | Reference | Sequence[str | Reference],
        *,
        time: str = "event_timestamp",
        time_zone: str | None = None,
        label: str | None = None,
        full_names: bool = False,
        as_known: bool = True,
        release: str | None = None,
        save: str | None = None,
    ) -> TrainingSet:
        """Return `spine` with feature columns, each value as it was known at the row's time.

        A branch's views that are not computed yet are computed; published versions are read from the lake. Within
        ``with project.experiment(...)`` the run records it as what the model was trained on.

        Parameters
        ----------
        spine
            One row for each example: `time`, the entity columns of the views under their names, the label, and whatever
            else. A table of Polars (lazy or not), pandas or Arrow, or whatever exports an Arrow C stream, as a query of
            DuckDB. The index of a pandas frame is not a column, which the ledger says unless it is a plain range; NaN
            and NaT in pandas are null.
        features
            References, mixed: ``view`` (all its features), ``view:feature``, ``view@2:feature``, names of feature sets,
            and ``wb.use(...)`` for a view that is joined under another name or with other keys.
        time
            The spine's time column: datetimes of any unit and zone, or dates, which are their first instant.
        time_zone
            The zone of times that state none, as ``America/New_York``; UTC, with a warning, if absent. Of an hour that
            its clock shows twice, the first is meant.
        label
            The spine's label column. It must be there and stays as it is.
        full_names
            Call the columns ``view__feature`` (``alias__feature``) rather than ``feature``.
        as_known
            False lets rows count that were recorded after a spine row's time.
        release
            Read everything as this release has it; see `at`.
        save
            Keep the training set under this name, immutable, with its lineage; MLflow gets a run with it as a
            dataset. `saved` returns it.

        Returns
        -------
        TrainingSet
            Its ``frame`` has the spine's rows in their order with all their columns (`time` in UTC), then one column
            for each feature, in the order they were asked for; ``features`` and ``label`` are what a model takes, the
            ``ledger`` says what became of every row, ``why_row`` why one has its value.

        Raises
        ------
        FeatureNotFound
            For an unknown view, version or feature (did you mean), and a retired version (with its successor).
        JoinError
            For what is not a table, a spine without a key, time or label column, keys that cannot be compared (with the
            cast that helps), and a column that two views, or a view and the spine, would both give.
        UsageError
            For what is no reference, a `save` that other content has, what is no zone, and times that the zone's clock
            skips.
        PromotionError
            For a `release` that there is not.
        LakeError
            Where a published version's data is missing or damaged.
        InvalidName
            For a `save` that could not be a folder's name.

        Warns
        -----
        DeprecatedVersionWarning
            Where a version is deprecated, with its end date and successor.
        FailedCheckWarning
            Where a branch's view failed its contract or a probe when it was defined.
        NaiveTimeWarning
            Where the spine's times state no zone and no `time_zone` is given.
        LowMatchWarning
            Where a view has a value for fewer rows than ``minimum_match`` under ``[policy]`` wants.
        """
        if save is not None:
            valid_name("training set", save)
        question = Question(parse_all(features), time=time, label=label, full_names=full_names, as_known=as_known)
        minimum = self._workspace.config.policy.minimum_match
        rows = as_spine(spine, time=time, time_zone=time_zone)

        def build() -> JoinedSpine:
            reading = self._reading() if release is None else self.at(release=release)._reading()
            return join_features(reading, rows, question, minimum=minimum)

        workspace = self._workspace
        with shown_in_notebook("training set"):
            joined = on_steady_sources(build)
            train = TrainingSet(workspace, joined)
            if save is not None:
                train.save(save)
        if save is None:
            workspace.training_listener.tell(lambda: facts_of_built(workspace, train))
        warn_of((part.view.deprecation for part in joined_views(joined.wanted)), stacklevel=3)
        if rows.guess is not None:
            warnings.warn(rows.guess, NaiveTimeWarning, stacklevel=3)
        for sentence in joined.ledger.warnings:
            warnings.warn(sentence, LowMatchWarning, stacklevel=3)
        for sentence in failed_checks(workspace, joined.reading, joined.ledger):
            warnings.warn(sentence, FailedCheckWarning, stacklevel=3)
        return train

    def saved(self, name: str) -> SavedTrainingSet:
        """Return the training set that was saved under `name`, with its lineage.

        Returns
        -------
        SavedTrainingSet
            With ``frame``, ``features``, ``label``, ``ledger`` and what else `TrainingSet` gives to models, read from
            its file each time they are asked for.

        Raises
        ------
        UsageError
            Where there is none (did you mean).
        """
        return saved_training_set(self._workspace.home, name)

    def key_dtypes(self, features: str | Reference | Sequence[str | Reference]) -> dict[str, pl.DataType]:
        """Return the columns that a spine for `features` must have beside its time, with the dtypes they have there.

        They are keys of the views, and values that on-demand views take from the request.

        Raises
        ------
        FeatureNotFound
            For an unknown view, version or feature (did you mean).
        """
        asked = resolve_all(parse_all(features), self._reading(), full_names=True)
        joined = joined_views(asked.stored)
        keys = {column: part.view.contract[entity].dtype for part in joined for entity, column in part.keys}
        return keys | {each.name: each.dtype for part in asked.parts for each in part.view.request}

    def key_values(
        self, features: str | Reference | Sequence[str | Reference], entity: Mapping[str, object]
    ) -> dict[str, object]:
        """Return `entity` with texts turned into values of the keys' dtypes, as a command line gives them.

        Raises
        ------
        FeatureNotFound
            For an unknown view, version or feature (did you mean).
        JoinError
            Where a text is not a value of its key.
        """
        dtypes = self.key_dtypes(features)
        found = dict(entity)
        for name, value in entity.items():
            dtype = dtypes.get(name)
            if dtype is None or not isinstance(value, str) or dtype == pl.String:
                continue
            try:
                found[name] = pl.Series([value]).cast(dtype, strict=True).item()
            except pl.exceptions.PolarsError:
                raise JoinError(
                    f"The key {name!r} is {dtype}; {value!r} is not a value of it.",
                    remedy=f"Give a value that is {dtype}.",
                ) from None
        return found

    def why(self, ref: str, entity: Mapping[str, object], at: datetime | date | str) -> Explanation:
        """Return the row that gives `ref` its value for `entity` at a time, and why other rows do not.

        Parameters
        ----------
        ref
            ``view:feature``, ``view@2:feature``; ``view`` will do where it has one feature.
        entity
            The view's entity columns and their values. A whole row of a training set may be given; its own `why_row`
            is shorter.
        at
            The moment; without a zone it is UTC.

        Returns
        -------
        Explanation
            Value, winner, losing candidates with their reasons, and the input rows behind the winner.

        Raises
        ------
        FeatureNotFound
            For an unknown view, version or feature.
        UsageError
            For an entity that lacks a key or has a value of another kind, and for what is not a time.
        """
        reading = self._reading()
        view, features = named_view(ref, reading)
        found = explain(reading, view, features, entity, at, run=run_of(self._workspace, reading, view))
        warn_of([view.deprecation], stacklevel=3)
        return found

    def get_feature(
        self, ref: str | Reference, entity: Mapping[str, object], *, at: datetime | date | str | None = None
    ) -> FeatureValue:
        """Return one feature of one entity as it is known now, or was at a moment.

        On main, and where the reference names a version, it is read from the online store, and from the lake where the
        store does not have the version or does not reach back so far; else, on an experiment's branch, from the view as
        the branch defines it. It is the value that `training_set` gives for that instant, of the version that is asked
        for and of no other.

        Parameters
        ----------
        ref
            ``view:feature``, ``view@2:feature``; ``view`` will do where it has one feature.
        entity
            The view's entity columns and their values, of the kinds that the view declares; other columns may be there.
        at
            The moment; without a zone it is UTC. Now if absent.

        Returns
        -------
        FeatureValue
            Value, status, event time, version, and where it was read. A feature's declared default stands where no row
            holds; its status says so.

        Raises
        ------
        FeatureNotFound
            For an unknown view, version or feature (did you mean), and a retired version (with its successor).
        UsageError
            For a `ref` that names several features, and for what is no time.
        JoinError
            For an entity that lacks a key, or has a value of another kind.
        OnlineError
            Where the store cannot be read, or what it does not have may not be read from the lake.
        """
        (answers,) = self._answers(ref, [entity], at).values()
        if len(answers) != 1:
            raise UsageError(
                f"{str(ref)!r} names {len(answers)} features.",
                remedy=f"Name one, such as {ref!s}:{next(iter(answers), 'feature')}, or call batch_get_features.",
            )
        return next(iter(answers.values()))

    @overload
    def batch_get_features(
        self,
        refs: str | Reference | Sequence[str | Reference],
        entities: Entities,
        *,
        at: datetime | date | str | None = None,
        as_: Literal["dict"] = "dict",
        full_names: bool = False,
        details: bool = False,
    ) -> list[dict[str, FeatureValue]]: ...

    @overload
    def batch_get_features(
        self,
        refs: str | Reference | Sequence[str | Reference],
        entities: Entities,
        *,
        at: datetime | date | str | None = None,
        as_: Literal["polars"],
        full_names: bool = False,
        details: bool = False,
    ) -> pl.DataFrame: ...

    @overload
    def batch_get_features(
        self,
        refs: str | Reference | Sequence[str | Reference],
        entities: Entities,
        *,
        at: datetime | date | str | None = None,
        as_: Literal["arrow"],
        full_names: bool = False,
        details: bool = False,
    ) -> pa.Table: ...

    def batch_get_features(
        self,
        refs: str | Reference | Sequence[str | Reference],
        entities: Entities,
        *,
        at: datetime | date | str | None = None,
        as_: Literal["dict", "polars", "arrow"] = "dict",
        full_names: bool = False,
        details: bool = False,
    ) -> list[dict[str, FeatureValue]] | pl.DataFrame | pa.Table:
        """Return features of many entities as they are known now, or were at a moment; see `get_feature`.

        Parameters
        ----------
        refs
            References, mixed: ``view`` (all its features), ``view:feature``, ``view@2:feature``, names of feature sets,
            and ``wb.use(...)`` for a view under another name or with other keys.
        entities
            One mapping an entity, ``[{"carrier": "UA"}, ...]``; or its columns, ``{"carrier": ["UA", ...]}``; or a
            Polars frame. Each is answered, in the order given, repeated ones and unknown ones too.
        at
            The moment for all of them; without a zone it is UTC. Now if absent.
        as_
            ``"dict"``: one dictionary an entity, each feature's `FeatureValue` by its column. ``"polars"`` or
            ``"arrow"``: one row an entity, the keys and then a column a feature with its dtype; null where none holds.
        full_names
            Call the columns ``view__feature`` (``alias__feature``) rather than ``feature``.
        details
            In a frame, add ``<column>__status`` (String) and each view's ``<view>__event_time`` (UTC).

        Raises
        ------
        FeatureNotFound, JoinError, OnlineError
            As `get_feature`; and where two features would give one column.
        UsageError
            For what is no reference, gives no entities, or is no time; and for an `as_` that there is not.
        """
        answers = self._answers(refs, _reader_of_entities()(entities), at, full_names=full_names)
        match as_:
            case "dict":
                return answers.values()
            case "polars":
                return answers.frame(details=details)
            case "arrow":
                return answers.arrow(details=details)
        raise UsageError(f"as_={as_!r} is not a form.", remedy='Use "dict", "polars" or "arrow".')

    async def get_feature_async(
        self, ref: str | Reference, entity: Mapping[str, object], *, at: datetime | date | str | None = None
    ) -> FeatureValue:
        """Return what `get_feature` returns, without holding up the event loop: a thread reads."""
        return await asyncio.to_thread(self.get_feature, ref, entity, at=at)

    async def batch_get_features_async(
        self,
        refs: str | Reference | Sequence[str | Reference],
        entities: Entities,
        **options: Any,
    ) -> list[dict[str, FeatureValue]] | pl.DataFrame | pa.Table:
        """Return what `batch_get_features` returns, with its options, without holding up the event loop."""
        return await asyncio.to_thread(partial(self.batch_get_features, refs, entities, **options))

    def _answers(
        self,
        refs: str | Reference | Sequence[str | Reference],
        entities: Sequence[Mapping[str, object]],
        at: datetime | date | str | None,
        *,
        full_names: bool = False,
    ) -> Answers:
        references = parse_all(refs)
        instant = None if at is None else moment(at)
        reader = self._online(references)
        if reader is not None:
            release = self.release
            answers = reader.find(references, entities, at=instant, full_names=full_names, release=release)
            if answers is not None:
                return answers
        from workbench.online import read_offline

        reading = self._reading()
        return read_offline(resolve_all(references, reading, full_names=full_names), reading, entities, instant)

    def _online(self, references: Sequence[Reference]) -> OnlineReader | None:
        """Return the reader of the online store; None where something is read that is never loaded."""
        workspace = self._workspace
        if self._pinned is not None and self._pinned.release is None:
            return None
        if self._pinned is None and self.branch not in workspace.protected and not all(r.version for r in references):
            return None  # the branch's own definitions
        if self._reader is None or self._reader[0] is not workspace:
            self._reader = workspace, self._open_reader(workspace)
        return self._reader[1]

    @staticmethod
    def _open_reader(workspace: Workspace) -> OnlineReader:
        from workbench.online import OnlineReader, open_backend

        settings = workspace.config.online
        lake = None if settings is not None and settings.fallback == "error" else workspace.lake
        return OnlineReader(open_backend(workspace), lake=lake, on_demand=_functions(workspace))

    def snapshot(self, view: str, *, at: datetime | date | str | None = None) -> pl.DataFrame:
        """Return the latest row of each entity.

        Parameters
        ----------
        view
            ``view``, ``view@2``, or ``view:feature`` for that feature alone.
        at
            As it was known at this moment, without what has expired by then. If absent, the last row there is of each
            entity, whatever its age.

        Returns
        -------
        polars.DataFrame
            One row for each entity, sorted by it: its columns, event time, features. One row for a view without
            entities.

        Raises
        ------
        FeatureNotFound
            For an unknown view, version or feature.
        UsageError
            For an `at` that is not a time.
        """
        found, features = named_view(view, self._reading())
        frame = latest(found, features, at=at)
        warn_of([found.deprecation], stacklevel=3)
        return frame

    def rows(
        self, view: str, start: datetime | date | str | None = None, end: datetime | date | str | None = None
    ) -> pl.DataFrame:
        """Return the rows of a view whose event time is from `start` on and before `end`.

        Parameters
        ----------
        view
            ``view``, ``view@2``, or ``view:feature`` for that feature alone.
        start, end
            The period, half open; None is without limit.

        Returns
        -------
        polars.DataFrame
            Entity columns, event time, features; sorted by entity and event time.

        Raises
        ------
        FeatureNotFound
            For an unknown view, version or feature.
        UsageError
            For what is not a time, or an `end` before `start`.
        """
        found, features = named_view(view, self._reading())
        frame = period(found, features, start=start, end=end)
        warn_of([found.deprecation], stacklevel=3)
        return frame

    def catalog(self, search: str | None = None) -> Catalog:
        """Return the views that can be used: those that are published, and the branch's unpublished ones.

        Parameters
        ----------
        search
            Words, each of which has to be found in a view's name, description, owner, tags or entities, or in its
            features' names, units and descriptions.

        Returns
        -------
        Catalog
            ``catalog["spend"]`` is all that is known of one view (``catalog.on_demand("ratio")`` of an on-demand view),
            ``catalog.to_frame()`` the list as a frame.
        """
        from workbench.catalog import open_catalog

        return open_catalog(self._workspace, self._reading(), search)

    def look_up(self, words: str) -> Catalog | CatalogPage | OnDemandPage:
        """Return all that is known of the view (or ``view@2``) that `words` name, else the views they are found in."""
        from workbench.catalog import look_up

        return look_up(self._workspace, self._reading(), words)

    def answer(self, query: str, *, write: Callable[[pl.LazyFrame], None] | None = None) -> Answer:
        """Return the result of a query over views and sources, as ``sql`` shows it; see `Project.sql`.

        With `write` all rows go there, however many they are, and the answer has the first hundred.
        """
        from workbench.sql import run_sql

        return on_steady_sources(lambda: run_sql(self._workspace, self._reading(), query, write))

    def _reading(self) -> ViewReader:
        if self._pinned is not None:
            return self._pinned
        if self.branch not in self._workspace.protected:
            return BranchReader.of(self._workspace, self.branch)
        workspace = self._workspace
        now = RegistryReader.of(workspace)
        if self._published is None or self._published[0] is not workspace or self._published[1].commit != now.commit:
            self._published = workspace, now
        return self._published[1]

    def _place(self) -> str:
        if self._pinned is None:
            return self.branch
        named = f"release {self._pinned.release}" if self._pinned.release else self._pinned.commit[:10]
        return f"{self.branch} as of {named}"
