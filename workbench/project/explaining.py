"""`Explaining`: what a project's handle tells of features: how they differ, how they drift, where they come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime
    from pathlib import Path

    import polars as pl

    from workbench.compare import Period
    from workbench.loop import Lineage, RunComparison, WhyChanged
    from workbench.loop.rooms import Rooms
    from workbench.serve import Difference, Drift, Explanation, FeatureStore, Reproduction


class Explaining:
    """The verbs that compare and look up; they write nothing but views that are not computed yet."""

    @property
    def _rooms(self) -> Rooms:
        raise NotImplementedError

    @property
    def store(self) -> FeatureStore:
        """What models read features through."""
        raise NotImplementedError

    def _revision(self, branch: str | None) -> str:
        raise NotImplementedError

    def diff(self, view: str, left: str | None = None, right: str | None = None) -> Difference:
        """Return how `view` differs between two sides: code, contract, rows and values, exactly and on all rows.

        Parameters
        ----------
        view
            The view's name.
        left, right
            A branch (its definition, computed), ``@1.2`` (a published version), ``release/NAME``, a moment (what was
            published then), or a run's id (what it computed, or what its model was trained on). Left is main if absent,
            right this handle's branch.

        Raises
        ------
        FeatureNotFound
            Where neither side has the view.
        BranchNotFound
            Where a side is nothing of these (did you mean).
        """
        from workbench.serve import diff

        return diff(self._rooms, view, left or self._rooms.trunk, right or self._revision(None))

    def drift(
        self,
        view: str,
        *,
        reference: str | Period | Path | pl.DataFrame | pl.LazyFrame,
        current: str | Period | Path | pl.DataFrame | pl.LazyFrame,
        by: str | Sequence[str] = (),
        branch: str | None = None,
    ) -> Drift:
        """Return how far the features of `view` moved between two sets of rows, and which moved unusually far.

        A feature has drifted where the measure that ``[policy.drift]`` on main names (the population stability index
        if absent) is over its budget there, or, without one, over what the reference's own stretches of time differ by.

        Parameters
        ----------
        view
            The view, or ``view:feature`` for one feature.
        reference, current
            A period (``2013-01..2013-03``, both ends included), a branch, ``@1.2``, ``release/NAME``, a run's id, a
            saved training set, a file of Parquet, CSV or NDJSON, or ``column=value``; several of them between commas,
            as in ``"main, 2013-01, carrier=UA"``. Or rows, whose columns are called like the features or
            ``view__feature``, e.g. what serving returned.
        by
            Columns, each combination of whose values is compared by itself too; at most 100, those with the most rows.
        branch
            Whose rows are meant where only a period or some entities are named; this handle's if absent.

        Raises
        ------
        FeatureNotFound
            For an unknown view, feature or column (did you mean).
        UsageError
            For a side that names no set of rows, or one without any.
        """
        from workbench.serve import drift

        wanted = [by] if isinstance(by, str) else list(by)
        return drift(self._rooms, view, reference, current, otherwise=self._revision(branch), by=wanted)

    def why(
        self, ref: str, entity: Mapping[str, object], at: datetime | date | str, *, branch: str | None = None
    ) -> Explanation:
        """Return why a feature has its value for an entity at a moment: the winning row, and why the others lost.

        Parameters
        ----------
        ref
            ``view:feature``; ``view`` will do where it has one feature.
        entity
            The view's entity columns and their values, or a whole row of a training set.
        at
            The moment; without a zone it is UTC.
        branch
            The branch; this handle's if absent.

        Raises
        ------
        FeatureNotFound
            For an unknown view or feature, or a version.
        UsageError
            For an entity that lacks a key or has a value of another kind, and for what is no time.
        """
        from workbench.serve import FeatureStore

        store = self.store if branch is None else FeatureStore(self._rooms, branch)
        return store.why(ref, entity, at)

    def why_changed(self, view: str, *, branch: str | None = None, against: str | None = None) -> WhyChanged:
        """Return what moved `view`: a line, a helper, a constant, a parameter, a source's data.

        Parameters
        ----------
        view
            The view's name.
        branch
            The branch; this handle's if absent.
        against
            A branch or commit to compare with; the view's computation before its last one if absent.
        """
        from workbench.loop import why_changed

        return why_changed(self._rooms, view, branch=self._revision(branch), against=against)

    def compare(
        self, *what: str, branch: str | None = None, view: str | None = None, all_rows: bool = False
    ) -> RunComparison:
        """Return branches, experiments or runs side by side, and the link to MLflow's compare page for their runs.

        Parameters
        ----------
        what
            Branches, names of experiments with models, and run ids, mixed; the first is what the others are compared
            with, and one branch alone is compared with main. If absent, the newest runs of `branch`.
        branch
            The branch; this handle's if absent.
        view
            Only runs of this view.
        all_rows
            Also rows in which all agree.

        Raises
        ------
        UsageError
            For a name that is no branch, experiment or run (did you mean).
        """
        from workbench.loop import compare_runs

        return compare_runs(self._rooms, what, branch=self._revision(branch), view=view, all_rows=all_rows)

    def lineage(self, ref: str | None = None, *, branch: str | None = None, by_column: bool = False) -> Lineage:
        """Return where the branch's features come from and where they go: sources to models. No view is computed.

        Parameters
        ----------
        ref
            A source, view, ``view:feature``, ``source:column``, feature set, version, saved training set, experiment,
            or the beginning of a run's id; everything if absent.
        branch
            The branch; this handle's if absent.
        by_column
            Show columns; a feature is always shown so.

        Returns
        -------
        Lineage
            With ``.nodes``, ``.edges``, ``.upstream(x)``, ``.downstream(x)``, ``.changed`` (against main).

        Raises
        ------
        FeatureNotFound
            Where nothing is called `ref` (did you mean).
        """
        from workbench.loop import trace_lineage
        from workbench.serve import saved_facts

        saved = saved_facts(self._rooms)
        return trace_lineage(self._rooms, ref, branch=self._revision(branch), by_column=by_column, training_sets=saved)

    def reproduce(self, what: str) -> Reproduction:
        """Build a view or training set again from its commit and its data, and compare it with what was computed then.

        Parameters
        ----------
        what
            A view id or an MLflow run id (six characters are enough), a published version such as ``view@2``, or the
            name of a saved training set.

        Returns
        -------
        Reproduction
            Whether the same came out, within the declared tolerances; which values differ; and what is not as it was:
            code, data, library versions.

        Raises
        ------
        UsageError
            Where nothing was recorded under it here, or its commit is gone.
        SourceError
            Where a source is gone altogether.
        """
        from workbench.serve import reproduce

        return reproduce(self._rooms, what)

    def sql(self, query: str) -> pl.DataFrame:
        """Return what a query over published views, any branch's views and the sources returns.

        DuckDB runs it in memory, over the tables that it names: ``spend`` and ``"spend@1"`` are what `store` reads
        under these names, ``"exp/carry-over".spend`` is a branch's view (computed where it is not computed yet),
        ``main.spend`` the published one, ``"release/2026.11".spend`` a release's; a name that is no view's may be a
        source's. It reads nothing else and writes nothing. Times with a zone are UTC.

        Parameters
        ----------
        query
            One SELECT in DuckDB's dialect.

        Raises
        ------
        QueryError
            For a name that is no view or source (did you mean), for what is not one SELECT, and for what DuckDB
            refuses.
        LakeError
            Where a published version's data is missing or damaged.

        Warns
        -----
        DeprecatedVersionWarning
            Where a version that it reads is deprecated.

        Examples
        --------
        ``project.sql('select carrier, avg(delay_mean_7d) from carrier_delay group by all')``
        """
        from workbench.serve import warn_of

        answer = self.store.answer(query)
        warn_of(answer.deprecations, stacklevel=2)
        return answer.frame
