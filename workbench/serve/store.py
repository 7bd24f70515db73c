"""`FeatureStore`: what models read features through."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import polars as pl

from workbench.config import valid_name
from workbench.errors import UsageError
from workbench.serve.asked import asked_of_row
from workbench.serve.branch import BranchReading
from workbench.serve.built import BuiltFrames
from workbench.serve.catalog import look_up, open_catalog
from workbench.serve.deprecation import warn_of
from workbench.serve.explain import explain
from workbench.serve.history import latest, period
from workbench.serve.ledger import FailedCheckWarning, LowMatchWarning
from workbench.serve.moments import moment
from workbench.serve.published import PublishedReading
from workbench.serve.references import parse_all
from workbench.serve.releases import commit_at, release_commit
from workbench.serve.runs import failed_checks, run_of, training_run
from workbench.serve.saved import save_training_set, saved_training_set
from workbench.serve.sql import run_sql
from workbench.serve.trained import describe_built
from workbench.serve.training import Question, as_spine, build_training_set
from workbench.serve.wanted import joined_views, named_view, resolve
from workbench.track import new_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from workbench.loop.rooms import Rooms
    from workbench.serve.catalog import Catalog, CatalogPage
    from workbench.serve.explain import Explanation
    from workbench.serve.ledger import Ledger
    from workbench.serve.references import Reference
    from workbench.serve.saved import SavedTrainingSet
    from workbench.serve.served import Reading
    from workbench.serve.sql import Answer
    from workbench.serve.training import TrainingSet


class FeatureStore:
    """Reads features; it writes nothing that is published. Get it as ``project.store``.

    On main it reads what is published: ``spend`` is the current version, ``spend@2`` the newest of major 2 and
    ``spend@2.1`` that one. On an experiment's branch ``spend`` is the view as the branch defines it, and versions are
    the published ones. A store that `at` returned reads what was published then.

    Parameters
    ----------
    rooms
        The project's rooms.
    branch
        The branch, or commit, whose views are read.
    """

    def __init__(self, rooms: Rooms, branch: str) -> None:
        self.branch = branch
        self._rooms = rooms
        self._pinned: PublishedReading | None = None
        self._published: PublishedReading | None = None
        self._last: Ledger | None = None
        self._built = BuiltFrames()

    def __repr__(self) -> str:
        return f"<FeatureStore of {self._rooms.config.project.name!r}, reading {self._place()}>"

    @property
    def release(self) -> str | None:
        """The release that is read, if it is one."""
        return self._pinned.release if self._pinned else None

    def at(self, *, release: str | None = None, time: datetime | date | str | None = None) -> FeatureStore:
        """Return a store of what was published then: in a release, or at a moment.

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
            For neither or both, for what is no time, and for a moment before anything was published.
        """
        if (release is None) == (time is None):
            raise UsageError(
                "A store is of one release or of one moment.",
                remedy='Write at(release="2026.11") or at(time="2026-11-05").',
            )
        store = FeatureStore(self._rooms, self._rooms.trunk)
        if release is not None:
            commit = release_commit(self._rooms, release)
        else:
            commit = commit_at(self._rooms, moment(time, what="time"))
        store._pinned = PublishedReading.of(self._rooms, commit, release=release)
        return store

    def training_set(
        self,
        spine: pl.DataFrame | pl.LazyFrame,
        features: str | Reference | Sequence[str | Reference],
        *,
        time: str = "event_timestamp",
        label: str | None = None,
        full_names: bool = False,
        as_known: bool = True,
        release: str | None = None,
        save: str | None = None,
    ) -> pl.DataFrame:
        """Return `spine` with features set beside it, each as it stood, and was known, at the row's time.

        A branch's views that are not computed yet are computed; published versions are read from the lake. What became
        of every row is in `ledger`, why a row has its value in `why_row`.

        Parameters
        ----------
        spine
            One row for each example: `time`, the entity columns of the views under their names, the label, and whatever
            else.
        features
            References, mixed: ``view`` (all its features), ``view:feature``, ``view@2:feature``, names of feature sets,
            and ``wb.use(...)`` for a view that is joined under another name or with other keys.
        time
            The spine's time column: datetimes of any unit and zone (without one they are UTC), or dates.
        label
            The spine's label column. It must be there and stays as it is.
        full_names
            Call the columns ``view__feature`` (``alias__feature``) rather than ``feature``.
        as_known
            False lets rows count that were recorded after a spine row's time.
        release
            Read everything as this release has it; see `at`.
        save
            Keep the training set under this name, for ever as it is, with its lineage; MLflow gets a run with it as a
            dataset. `saved` returns it.

        Returns
        -------
        polars.DataFrame
            The spine's rows in its order with all its columns (`time` in UTC), then one column a feature, in the order
            they were asked for.

        Raises
        ------
        FeatureNotFound
            For an unknown view, version or feature (did you mean), and a retired version (with its successor).
        JoinError
            For a spine without a key, time or label column, keys that cannot be compared (with the cast that helps),
            and a column that two views, or a view and the spine, would both give.
        UsageError
            For what is no reference, and for a `save` that other content has.
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
        LowMatchWarning
            Where a view has a value for fewer rows than ``minimum_match`` under ``[policy]`` wants.
        """
        if save is not None:
            valid_name("training set", save)
        question = Question(parse_all(features), time=time, label=label, full_names=full_names, as_known=as_known)
        minimum = self._rooms.config.policy.minimum_match
        reading = self._reading() if release is None else self.at(release=release)._reading()
        built = build_training_set(reading, as_spine(spine), question, minimum=minimum)
        if save is not None:
            self._save(save, built, reading)
        self._last = built.ledger
        self._built.remember(built, reading)
        self._rooms.training_sets.tell(built.frame, describe_built(self._rooms, built, reading, save=save))
        warn_of((part.view.deprecation for part in joined_views(built.wanted)), stacklevel=2)
        for sentence in built.ledger.warnings:
            warnings.warn(sentence, LowMatchWarning, stacklevel=2)
        for sentence in failed_checks(self._rooms, reading, built.ledger):
            warnings.warn(sentence, FailedCheckWarning, stacklevel=2)
        return built.frame

    @property
    def ledger(self) -> Ledger | None:
        """The row ledger of the last training set; None before the first."""
        return self._last

    def explain(self, frame: pl.DataFrame) -> Ledger:
        """Return the row ledger of a training set that this store returned.

        Raises
        ------
        UsageError
            For any other frame, as one that was filtered since.
        """
        return self._built.known(frame).ledger

    def why_row(self, frame: pl.DataFrame, row: int, feature: str) -> Explanation:
        """Return why a row of a training set has its value: the winning row of the view, and why the others lost.

        Parameters
        ----------
        frame
            A training set that this store returned, unchanged.
        row
            The number of the row, from 0.
        feature
            The column, or the feature as it was asked for: ``view:feature``.

        Returns
        -------
        Explanation
            As `why` gives it, for the row's time and keys, by the options of the training set. Its ``value`` is the
            row's.

        Raises
        ------
        UsageError
            For any other frame, a row that it does not have or that lacks a key or its time, and a column that no
            feature fills.

        Examples
        --------
        ``store.why_row(train, 3, "total")``
        """
        known = self._built.known(frame)
        view, name, entity, at = asked_of_row(frame, row, feature, known.wanted, time=known.question.time)
        run = run_of(self._rooms, known.reading, view)
        as_known = known.question.as_known
        return explain(known.reading, view, [name], entity, at, run=run, as_known=as_known)

    def saved(self, name: str) -> SavedTrainingSet:
        """Return the training set that was saved under `name`: its ``frame()``, lineage and row ledger.

        Raises
        ------
        UsageError
            Where there is none (did you mean).
        """
        return saved_training_set(self._rooms.hidden, name)

    def key_dtypes(self, features: str | Reference | Sequence[str | Reference]) -> dict[str, pl.DataType]:
        """Return the columns that a spine for `features` must have beside its time, with the dtypes they have there.

        Raises
        ------
        FeatureNotFound
            For an unknown view, version or feature (did you mean).
        """
        wanted = resolve(parse_all(features), self._reading(), full_names=True)
        joined = joined_views(wanted)
        return {column: part.view.contract[entity].dtype for part in joined for entity, column in part.keys}

    def why(self, ref: str, entity: Mapping[str, object], at: datetime | date | str) -> Explanation:
        """Return which row gives `ref` its value for `entity` at a moment, and why no other row does.

        Parameters
        ----------
        ref
            ``view:feature``, ``view@2:feature``; ``view`` will do where it has one feature.
        entity
            The view's entity columns and their values. A whole row of a training set may be given, but for one that
            this store built `why_row` is shorter.
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
            For an entity that lacks a key or has a value of another kind, and for what is no time.
        """
        reading = self._reading()
        view, features = named_view(ref, reading)
        found = explain(reading, view, features, entity, at, run=run_of(self._rooms, reading, view))
        warn_of([view.deprecation], stacklevel=2)
        return found

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
            For an `at` that is no time.
        """
        found, features = named_view(view, self._reading())
        frame = latest(found, features, at=at)
        warn_of([found.deprecation], stacklevel=2)
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
            For what is no time, or an `end` before `start`.
        """
        found, features = named_view(view, self._reading())
        frame = period(found, features, start=start, end=end)
        warn_of([found.deprecation], stacklevel=2)
        return frame

    def catalog(self, search: str | None = None) -> Catalog:
        """Return the views that can be used: those that are published, and the branch's own that nobody published.

        Parameters
        ----------
        search
            Words, each of which has to be found in a view's name, description, owner, tags or entities, or in its
            features' names, units and descriptions.

        Returns
        -------
        Catalog
            ``catalog["spend"]`` is all that is known of one view, ``catalog.to_frame()`` the list as a frame.
        """
        return open_catalog(self._rooms, self._reading(), search)

    def look_up(self, words: str) -> Catalog | CatalogPage:
        """Return all that is known of the view (or ``view@2``) that `words` name, else the views they are found in."""
        return look_up(self._rooms, self._reading(), words)

    def answer(self, query: str) -> Answer:
        """Return what a query over views and sources returns, as the verb ``sql`` shows it; see `Project.sql`."""
        return run_sql(self._rooms, self._reading(), query)

    def _reading(self) -> Reading:
        if self._pinned is not None:
            return self._pinned
        if self.branch not in self._rooms.protected:
            return BranchReading.of(self._rooms, self.branch)
        now = PublishedReading.of(self._rooms)
        if self._published is None or self._published.commit != now.commit:
            self._published = now
        return self._published

    def _place(self) -> str:
        if self._pinned is None:
            return self.branch
        named = f"release {self._pinned.release}" if self._pinned.release else self._pinned.commit[:10]
        return f"{self.branch} as of {named}"

    def _save(self, name: str, built: TrainingSet, reading: Reading) -> None:
        """Save `built`, and tell MLflow of it where it was not saved before."""
        key = new_key()
        saved = save_training_set(self._rooms.hidden, name, built, reading, run=key)
        if saved.run == key:
            self._rooms.tracker.submit(training_run(self._rooms, saved))
