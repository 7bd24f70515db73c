"""What a model is trained on, in the words of the loop: for experiments and lineage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from workbench.errors import UsageError
from workbench.loop.training import ReadView, TrainingFacts
from workbench.serve.references import Reference, parse_all
from workbench.serve.saved import in_order, names, saved_training_set
from workbench.serve.wanted import resolve

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workbench.loop.rooms import Rooms
    from workbench.loop.training import Describe
    from workbench.serve.saved import SavedTrainingSet
    from workbench.serve.served import Reading
    from workbench.serve.store import FeatureStore
    from workbench.serve.training import TrainingSet
    from workbench.serve.wanted import Wanted


def describe_built(rooms: Rooms, built: TrainingSet, reading: Reading, *, save: str | None) -> Describe:
    """Return what gives the facts of a training set when they are asked for; it does not keep the rows alive."""
    spine, question = built.spine_columns, built.question
    views = _read(built.wanted)
    known: list[TrainingFacts] = []

    def describe(frame: pl.DataFrame) -> TrainingFacts:
        if not known:
            known.append(
                TrainingFacts(
                    views=views,
                    branch=reading.branch,
                    commit=reading.commit,
                    name=save,
                    rows=frame.height,
                    label=question.label,
                    time=question.time,
                    data_digest=in_order(frame).view,
                    spine_digest=in_order(frame.select(spine)).view,
                    path=None if save is None else _place(rooms, saved_training_set(rooms.hidden, save)),
                    columns={column: str(dtype) for column, dtype in frame.schema.items()},
                )
            )
        return known[0]

    return describe


def facts_of_saved(rooms: Rooms, saved: SavedTrainingSet) -> TrainingFacts:
    """Return the facts of a saved training set."""
    digests = {view.label: view.data_digest for view in saved.views}
    views: dict[str, ReadView] = {}
    for entry in saved.ledger.views:
        read = ReadView(entry.view, entry.features, entry.view_id, version=entry.version)
        before = views[read.label].features if read.label in views else ()
        features = tuple(dict.fromkeys((*before, *entry.features)))
        digest = digests.get(read.label, "")
        views[read.label] = ReadView(entry.view, features, entry.view_id, digest, entry.version)
    return TrainingFacts(
        views=tuple(views.values()),
        branch=saved.branch,
        commit=saved.commit,
        name=saved.name,
        rows=saved.ledger.rows_out,
        label=saved.question.label,
        time=saved.question.time,
        data_digest=saved.data_digest,
        spine_digest=saved.spine_digest,
        path=_place(rooms, saved),
        columns=saved.columns,
    )


def saved_facts(rooms: Rooms) -> list[TrainingFacts]:
    """Return the facts of all saved training sets whose records can be read, by name."""
    found = []
    for name in names(rooms.hidden):
        try:
            found.append(facts_of_saved(rooms, saved_training_set(rooms.hidden, name)))
        except UsageError:
            continue  # a damaged record says so where it is asked for
    return found


def facts_of(rooms: Rooms, store: FeatureStore, what: object) -> TrainingFacts:
    """Return what a model is said to be trained on.

    Parameters
    ----------
    rooms
        The project's rooms.
    store
        Where references are looked up; views that are not computed yet are computed.
    what
        A frame that the store returned, the name of a saved training set, or a reference to features.

    Raises
    ------
    UsageError
        For any other frame, and for what is neither.
    FeatureNotFound
        For a name that is no training set, view, feature or feature set (did you mean).
    """
    if isinstance(what, pl.DataFrame | pl.LazyFrame):
        found = rooms.training_sets.of(what) if isinstance(what, pl.DataFrame) else None
        if found is None:
            raise UsageError(
                "This frame is no training set of this project's store.",
                remedy="Pass the frame that training_set returned, unchanged, or name the features you use.",
            )
        return found
    if isinstance(what, str) and what in names(rooms.hidden):
        return facts_of_saved(rooms, saved_training_set(rooms.hidden, what))
    references: tuple[Reference, ...] = parse_all(what)
    reading = store._reading()
    views = _read(resolve(references, reading, full_names=True))
    return TrainingFacts(views=views, branch=reading.branch, commit=reading.commit)


def _read(wanted: Iterable[Wanted]) -> tuple[ReadView, ...]:
    """Return the views of the features asked for, each once, with its features."""
    features: dict[str, dict[str, None]] = {}
    served = {}
    for item in wanted:
        view = served[item.joined.label] = item.joined.view
        features.setdefault(view.label, {})[item.feature] = None
    return tuple(
        ReadView(view.name, tuple(features[label]), view.data.view_id, view.data.data_digest, view.version)
        for label, view in served.items()
    )


def _place(rooms: Rooms, saved: SavedTrainingSet) -> str:
    return str(saved.path.relative_to(rooms.root))
