"""`TrainingFacts`: what a model was trained on, as lineage, experiments and MLflow need it; and who listens for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from workbench.records import Serialisable


class VersionedView(msgspec.Struct, frozen=True, kw_only=True):
    """A view as it was read: the address of its data, and its published version; None for a branch's own."""

    view: str
    view_id: str
    version: str | None = None

    @property
    def label(self) -> str:
        """The view as references name it: ``spend``, or ``spend@1.2`` where it is a published version."""
        return self.view if self.version is None else f"{self.view}@{self.version}"


class ReadView(VersionedView, frozen=True, kw_only=True):
    """A view as a training set read it: its features that were read, and the identity of the data."""

    features: tuple[str, ...]
    data_digest: str = ""

    @property
    def references(self) -> tuple[str, ...]:
        """Its features as ``view[@version]:feature``."""
        return tuple(f"{self.label}:{feature}" for feature in self.features)


class TrainingFacts(Serialisable, msgspec.Struct, frozen=True):
    """A training set, or features that were named, without their rows.

    Parameters
    ----------
    views
        What was read.
    branch, commit
        The definitions it was built with.
    name
        What it was saved as; None where it was not.
    rows
        Its number of rows; None where features were only named.
    label, time
        The spine's label and time column.
    data_digest, spine_digest
        The identity of its rows, and of the spine's, in their order; empty where features were only named.
    path
        Where it is saved, relative to the project.
    columns
        Dtype of each column, as text.
    computed
        The on-demand views whose features it has; what these read is among `views`.
    """

    views: tuple[ReadView, ...]
    branch: str
    commit: str
    name: str | None = None
    rows: int | None = None
    label: str | None = None
    time: str | None = None
    data_digest: str = ""
    spine_digest: str = ""
    path: str | None = None
    columns: Mapping[str, str] = {}
    computed: tuple[ReadView, ...] = ()

    @property
    def title(self) -> str:
        """Its name, or ``unsaved`` and the beginning of its digest."""
        return self.name or (f"unsaved {self.data_digest[:8]}" if self.data_digest else "features by name")

    @property
    def references(self) -> tuple[str, ...]:
        """The features it holds, as ``view[@version]:feature``."""
        return tuple(reference for view in (*self.views, *self.computed) for reference in view.references)


@dataclass(slots=True)
class TrainingListener:
    """Receives each training set that is built or saved: the open run of an experiment, or None."""

    hear: Callable[[TrainingFacts], None] | None = None

    def tell(self, facts: Callable[[], TrainingFacts]) -> None:
        """Notify the open run, if any; the digests among the facts cost a reading of the rows, so nobody else asks."""
        if self.hear is not None:
            self.hear(facts())
