"""`TrainingSet`: a spine with its features, what became of every row, and why a row has its value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.drivers import speaks_plainly
from workbench.errors import UsageError, did_you_mean
from workbench.render import Report, Table
from workbench.store.explanation import explain
from workbench.store.saved import save_training_set
from workbench.store.tracking import facts_of_joined, run_of, training_run
from workbench.store.training_rows import TrainingRows
from workbench.tracking import new_key

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    import polars as pl
    from rich.console import Group

    from workbench.store.explanation import Explanation
    from workbench.store.join import JoinedSpine, Question
    from workbench.store.ledger import Ledger
    from workbench.store.reader import ReadableView
    from workbench.store.resolve import ComputedFeature, Resolution, ResolvedFeature
    from workbench.store.saved import SavedTrainingSet
    from workbench.tracking import TrainingFacts
    from workbench.workspace import Workspace

SHOWN_ROWS, SHOWN_COLUMNS, SHOWN_LETTERS = 5, 12, 40


@speaks_plainly
class TrainingSet(TrainingRows):
    """A spine with its features, what became of every row, and where the values came from.

    Get one by ``store.training_set(...)``. Polars, pyarrow, DuckDB and pandas take it as a table of theirs:
    ``pl.DataFrame(train)``, ``pa.table(train)``, ``duckdb.sql("from train")``, ``pd.DataFrame.from_arrow(train)``.
    Two of them are equal if they are the same object; ``train.frame.equals(...)`` compares values.

    Parameters
    ----------
    workspace
        The project's workspace.
    joined
        The rows, and how they were made.

    Attributes
    ----------
    frame : polars.DataFrame
        The spine's rows in its order with all its columns (the time in UTC), then one column for each feature.
    features : polars.DataFrame
        The columns of the features alone, in the order they were asked for.
    label : polars.Series or None
        The label column.
    ledger
        For each view, how many rows matched, expired or had no value; what to look at.
    columns, shape
        Names of the columns; numbers of rows and columns.
    """

    __slots__ = ("__weakref__", "_joined", "_saved", "_workspace")

    def __init__(self, workspace: Workspace, joined: JoinedSpine) -> None:
        self._workspace = workspace
        self._joined = joined
        self._saved: SavedTrainingSet | None = None

    def _select(self, columns: Sequence[str] | None) -> pl.DataFrame:
        frame = self._joined.frame
        return frame if columns is None else frame.select(columns)

    @property
    def question(self) -> Question:
        """The features, time, label and options that were asked for."""
        return self._joined.question

    @property
    def spine_columns(self) -> tuple[str, ...]:
        """The columns that were the spine's."""
        return self._joined.spine_columns

    @property
    def columns(self) -> list[str]:
        """Names of the columns: the spine's, then one for each feature."""
        return self._joined.frame.columns

    @property
    def ledger(self) -> Ledger:
        """What became of every row of the spine, view by view."""
        return self._joined.ledger

    @property
    def name(self) -> str | None:
        """What it was saved as, last; None where it was not."""
        return None if self._saved is None else self._saved.name

    def why_row(self, row: int, feature: str) -> Explanation:
        """Return why a row has its value: the winning row of the view, and why the others lost.

        Parameters
        ----------
        row
            The number of the row, from 0.
        feature
            The column, or the feature as it was asked for: ``view:feature``.

        Returns
        -------
        Explanation
            As ``store.why`` gives it, for the row's time and keys, by the options of the training set. Its ``value`` is
            the row's.

        Raises
        ------
        UsageError
            For a row that is not there or that lacks a key or its time, and a column that no feature fills.
        LakeError
            Where a published version's data is missing or damaged.

        Examples
        --------
        ``train.why_row(3, "total")``
        """
        joined = self._joined
        for item in joined.asked.computed:
            if feature in {item.column, item.ref, f"{item.view.name}:{item.feature}"}:
                raise _on_demand_error(item, joined.asked)
        view, name, entity, at = _asked_of_row(joined.frame, row, feature, joined.wanted, time=joined.question.time)
        run = run_of(self._workspace, joined.reading, view)
        return explain(joined.reading, view, [name], entity, at, run=run, as_known=joined.question.as_known)

    def save(self, name: str) -> SavedTrainingSet:
        """Save it under `name`, immutable, with its lineage, and send MLflow a run with it as a dataset.

        Saving the same content under the same name again changes nothing.

        Parameters
        ----------
        name
            What ``store.saved(name)`` returns it by.

        Returns
        -------
        SavedTrainingSet
            The record, which reads the rows from its file.

        Raises
        ------
        InvalidName
            For a name that could not be a folder's.
        UsageError
            Where the name is taken by other content, or a column cannot be stored.
        ProjectError
            Where the project cannot be written.
        """
        key = new_key()
        saved = save_training_set(self._workspace.home, name, self._joined, run=key)
        if saved.run == key:
            self._workspace.tracker.submit(training_run(self._workspace, saved))
        self._saved = saved
        self._workspace.training_listener.tell(lambda: facts_of_built(self._workspace, self))
        return saved

    def to_dict(self) -> dict[str, Any]:
        """Return the ledger, the columns and the first rows as JSON-ready values."""
        return {
            "ledger": self.ledger.to_dict(),
            "name": self.name,
            "time": self.question.time,
            "label": self.question.label,
            "features": self._feature_columns,
            "columns": {name: str(dtype) for name, dtype in self._joined.frame.schema.items()},
            "head": [
                {name: _plain(value) for name, value in row.items()}
                for row in self._joined.frame.head(SHOWN_ROWS).iter_rows(named=True)
            ],
        }

    def _reports(self) -> tuple[Report, ...]:
        """Return the ledger, and the first rows."""
        return self.ledger.report(), self._head()

    def _head(self) -> Report:
        keys = [column for item in self._joined.wanted for column in item.joined.columns]
        asked, label = self.question, self.question.label
        first = [*keys, asked.time, *([] if label is None else [label]), *self._feature_columns, *self.columns]
        chosen = set(list(dict.fromkeys(first))[:SHOWN_COLUMNS])
        shown = [column for column in self.columns if column in chosen]
        left = [column for column in self.columns if column not in chosen]
        rows = self._joined.frame.select(shown).head(SHOWN_ROWS).rows()
        named = ", ".join([*left[:SHOWN_COLUMNS], *(["..."] if len(left) > SHOWN_COLUMNS else [])])
        return Report(
            f"The first {len(rows)} of {len(self):,} rows, {len(self.columns):,} columns",
            tables=(Table("", tuple(shown), tuple(tuple(map(_short, row)) for row in rows)),) if rows else (),
            notes=(f"{len(left):,} more columns: {named}",) if left else (),
        )

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        from workbench.render import mime_bundle

        drawn = self._reports()
        html = "".join(report.html() for report in drawn)
        return mime_bundle("ledger", drawn[0].title, html=html, text="\n\n".join(report.text() for report in drawn))

    def __rich__(self) -> Group:
        from rich.console import Group
        from rich.text import Text

        ledger, head = self._reports()
        return Group(ledger.rich(), Text(), head.rich())

    def __repr__(self) -> str:
        name = f" {self.name!r}" if self.name else ""
        asked = ", ".join(map(str, self.question.features))
        return f"<TrainingSet{name} of {len(self):,} rows, {len(self.columns):,} columns: {asked[:80]}>"


def facts_of_built(workspace: Workspace, train: TrainingSet) -> TrainingFacts:
    """Return what lineage and the runs of experiments record of a training set, without its rows."""
    if train._workspace.home != workspace.home:
        raise UsageError(
            "This training set belongs to another project.",
            remedy="Build it with this project's store, or name the features you use.",
        )
    return facts_of_joined(workspace, train._joined, train._saved)


def _short(value: object) -> object:
    """Return a value as one cell shows it: of long texts, lists and structs the beginning."""
    if value is None or isinstance(value, bool | int | float) or hasattr(value, "utcoffset"):
        return value
    text = str(value)
    return text if len(text) <= SHOWN_LETTERS else f"{text[: SHOWN_LETTERS - 1]}…"


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _asked_of_row(
    frame: pl.DataFrame, row: int, feature: str, wanted: Sequence[ResolvedFeature], *, time: str
) -> tuple[ReadableView, str, dict[str, object], datetime | date]:
    """Return the view, the feature, the entity's keys and the moment that row number `row` of `frame` is about."""
    item = _find_feature(feature, wanted)
    if not 0 <= row < frame.height:
        raise UsageError(
            f"The training set has no row {row!r}.", remedy=f"Rows are numbered from 0 to {frame.height - 1}."
        )
    values = frame.row(row, named=True)
    for column in (time, *item.joined.columns):
        if values[column] is None:
            raise UsageError(
                f"Row {row} has no {column!r}: it does not match any row.",
                remedy="Only a row with keys and time has values.",
            )
    entity = {name: values[column] for name, column in item.joined.keys}
    return item.joined.view, item.feature, entity, values[time]


def _find_feature(feature: str, wanted: Sequence[ResolvedFeature]) -> ResolvedFeature:
    """Return the feature that a column, or a reference as it was asked for, names."""
    own = [item for item in wanted if item.column == feature]
    found = own or [item for item in wanted if feature in _spellings(item)]
    if len(found) == 1:
        return found[0]
    columns = [item.column for item in wanted if " " not in item.column]
    if len({(item.ref, item.joined.name, item.joined.keys) for item in found}) == 1:
        return found[0]  # asked for, and read by an on-demand view too
    if found:
        raise UsageError(
            f"{feature!r} is more than one column of this training set.",
            remedy=f"Name the column: {' or '.join(repr(item.column) for item in found)}.",
        )
    raise UsageError(
        f"This training set has no feature column {feature!r}.", remedy=did_you_mean(str(feature), columns)
    )


def _on_demand_error(item: ComputedFeature, asked: Resolution) -> UsageError:
    part = next(part for part in asked.parts if part.view is item.view)
    inputs = [each.ref for each in part.inputs]
    request = [each.name for each in item.view.request]
    return UsageError(
        f"{item.ref!r} is computed on demand from {', '.join([*inputs, *request])} of the row.",
        remedy=f"Ask why one of these has its value: {' or '.join(map(repr, inputs))}." if inputs else "",
    )


def _spellings(item: ResolvedFeature) -> set[str]:
    joined = item.joined
    return {item.ref, f"{joined.view.name}:{item.feature}", f"{joined.name}:{item.feature}"}
