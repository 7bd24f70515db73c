"""`FeatureStore`: what models read features through."""

from __future__ import annotations

import warnings
import weakref
from typing import TYPE_CHECKING

import polars as pl

from workbench.config import valid_name
from workbench.errors import UsageError
from workbench.serve.explain import explain
from workbench.serve.history import latest, period
from workbench.serve.ledger import FailedCheckWarning, LowMatchWarning
from workbench.serve.reading import Reading
from workbench.serve.references import named_view, resolve, views_of
from workbench.serve.runs import training_run
from workbench.serve.saved import save_training_set, saved_training_set
from workbench.serve.training import Question, as_spine, build_training_set
from workbench.track import new_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from workbench.loop.rooms import Rooms
    from workbench.serve.explain import Explanation
    from workbench.serve.ledger import Ledger
    from workbench.serve.saved import SavedTrainingSet
    from workbench.serve.training import TrainingSet


class FeatureStore:
    """Reads the features of one branch: an experiment trains on its own. It writes nothing that is published.

    Get it as ``project.store``.

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
        self._last: Ledger | None = None
        self._ledgers: dict[int, tuple[weakref.ref[pl.DataFrame], Ledger]] = {}

    def __repr__(self) -> str:
        return f"<FeatureStore of {self._rooms.config.project.name!r}, reading {self.branch}>"

    def training_set(
        self,
        spine: pl.DataFrame | pl.LazyFrame,
        features: str | Sequence[str],
        *,
        time: str = "event_timestamp",
        label: str | None = None,
        full_names: bool = False,
        as_known: bool = True,
        release: str | None = None,
        save: str | None = None,
    ) -> pl.DataFrame:
        """Return `spine` with features set beside it, each as it stood, and was known, at the row's time.

        Views that are not computed yet are computed. What became of every row is in `ledger`.

        Parameters
        ----------
        spine
            One row for each example: `time`, the entity columns of the views under their names, the label, and whatever
            else.
        features
            References, mixed: ``view`` (all its features), ``view:feature``, names of feature sets.
        time
            The spine's time column: datetimes of any unit and zone (without one they are UTC), or dates.
        label
            The spine's label column. It must be there and stays as it is.
        full_names
            Call the columns ``view__feature`` rather than ``feature``.
        as_known
            False lets rows count that were recorded after a spine row's time.
        release
            A published release to read; there is none yet.
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
            For an unknown view or feature (did you mean), and for a version: nothing is published yet.
        JoinError
            For a spine without a key, time or label column, keys that cannot be compared (with the cast that helps),
            and a column that two views, or a view and the spine, would both give.
        UsageError
            For `release`, for what is no reference, and for a `save` that other content has.
        InvalidName
            For a `save` that could not be a folder's name.

        Warns
        -----
        FailedCheckWarning
            Where a view failed its contract or a probe when it was defined.
        LowMatchWarning
            Where a view has a value for fewer rows than ``minimum_match`` under ``[policy]`` wants.
        """
        if release is not None:
            raise UsageError(
                f"There is no release {release!r}: nothing is published yet.",
                remedy="Leave `release` out: features are read as the branch defines them.",
            )
        if save is not None:
            valid_name("training set", save)
        references = (features,) if isinstance(features, str) else tuple(features)
        question = Question(references, time=time, label=label, full_names=full_names, as_known=as_known)
        minimum = self._rooms.config.policy.minimum_match
        reading = self._reading()
        built = build_training_set(reading, as_spine(spine), question, minimum=minimum)
        if save is not None:
            self._save(save, built, reading)
        self._remember(built.frame, built.ledger)
        for sentence in built.ledger.warnings:
            warnings.warn(sentence, LowMatchWarning, stacklevel=2)
        for sentence in self._failed(reading, built.ledger):
            warnings.warn(sentence, FailedCheckWarning, stacklevel=2)
        return built.frame

    def _failed(self, reading: Reading, ledger: Ledger) -> list[str]:
        """Return a sentence for each view whose data failed a check when it was last defined on the branch."""
        found = []
        for entry in ledger.views:
            last = self._rooms.journal.last(entry.view, branch=reading.branch)
            if last is not None and last.view_id == entry.view_id and not last.passed:
                found.append(
                    f"View {entry.view!r} failed a check when it was defined: its values are not to be trusted."
                )
        return found

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
        known = self._ledgers.get(id(frame))
        if known is None or known[0]() is not frame:
            raise UsageError(
                "This frame is no training set of this store.",
                remedy="Pass the frame that training_set returned, unchanged; `store.ledger` is the last one's.",
            )
        return known[1]

    def saved(self, name: str) -> SavedTrainingSet:
        """Return the training set that was saved under `name`: its ``frame()``, lineage and row ledger.

        Raises
        ------
        UsageError
            Where there is none (did you mean).
        """
        return saved_training_set(self._rooms.hidden, name)

    def key_dtypes(self, features: str | Sequence[str]) -> dict[str, pl.DataType]:
        """Return the columns that a spine for `features` must have beside its time, with the dtypes they have there.

        Raises
        ------
        FeatureNotFound
            For an unknown view or feature (did you mean), and for a version.
        """
        definitions = self._reading().definitions
        wanted = resolve(features, definitions, full_names=True)
        views = [definitions.view(name) for name in views_of(wanted)]
        return {entity: view.contract[entity].dtype for view in views for entity in view.entities}

    def why(self, ref: str, entity: Mapping[str, object], at: datetime | date | str) -> Explanation:
        """Return which row gives `ref` its value for `entity` at a moment, and why no other row does.

        Parameters
        ----------
        ref
            ``view:feature``; ``view`` will do where it has one feature.
        entity
            The view's entity columns and their values. A whole row of a training set may be given:
            ``store.why("spend:total", train.row(3, named=True), train["event_timestamp"][3])``.
        at
            The moment; without a zone it is UTC.

        Returns
        -------
        Explanation
            Value, winner, losing candidates with their reasons, and the input rows behind the winner.

        Raises
        ------
        FeatureNotFound
            For an unknown view or feature, or a version.
        UsageError
            For an entity that lacks a key or has a value of another kind, and for what is no time.
        """
        reading = self._reading()
        view, _ = named_view(ref, reading.definitions)
        return explain(reading, ref, entity, at, run=self._run(reading, view.name))

    def snapshot(self, view: str, *, at: datetime | date | str | None = None) -> pl.DataFrame:
        """Return the latest row of each entity.

        Parameters
        ----------
        view
            ``view``, or ``view:feature`` for that feature alone.
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
            For an unknown view or feature, or a version.
        UsageError
            For an `at` that is no time.
        """
        return latest(self._reading(), view, at=at)

    def rows(
        self, view: str, start: datetime | date | str | None = None, end: datetime | date | str | None = None
    ) -> pl.DataFrame:
        """Return the rows of a view whose event time is from `start` on and before `end`.

        Parameters
        ----------
        view
            ``view``, or ``view:feature`` for that feature alone.
        start, end
            The period, half open; None is without limit.

        Returns
        -------
        polars.DataFrame
            Entity columns, event time, features; sorted by entity and event time.

        Raises
        ------
        FeatureNotFound
            For an unknown view or feature, or a version.
        UsageError
            For what is no time, or an `end` before `start`.
        """
        return period(self._reading(), view, start=start, end=end)

    def _reading(self) -> Reading:
        return Reading.of(self._rooms, self.branch)

    def _save(self, name: str, built: TrainingSet, reading: Reading) -> None:
        """Save `built`, and tell MLflow of it where it was not saved before."""
        key = new_key()
        saved = save_training_set(self._rooms.hidden, name, built, reading, run=key)
        if saved.run == key:
            self._rooms.tracker.submit(training_run(self._rooms, saved))

    def _run(self, reading: Reading, view: str) -> str | None:
        """Return the MLflow run (or the key of the queued one) that last recorded the data of `view`."""
        view_id = reading.view(view).prepared.view_id
        entries = [e for e in self._rooms.journal.entries(view) if e.view_id == view_id and e.run]
        own = [entry for entry in entries if entry.branch == reading.branch] or entries
        key = own[-1].run if own else None
        return key and (self._rooms.tracker.delivery(key).run_id or key)

    def _remember(self, frame: pl.DataFrame, ledger: Ledger) -> None:
        self._last = ledger
        self._ledgers = {key: known for key, known in self._ledgers.items() if known[0]() is not None}
        self._ledgers[id(frame)] = (weakref.ref(frame), ledger)
