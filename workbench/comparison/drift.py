"""`drift`: how far a view's features moved between two sets of rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from workbench.comparison.budgets import measure_drift
from workbench.comparison.drift_rows import RowSelection, stretch
from workbench.comparison.refs import places
from workbench.errors import FeatureNotFound
from workbench.measures import MEASURES
from workbench.render import Report, Reported, Table, overlays
from workbench.shares import percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from workbench.diff import Side
    from workbench.drift import DriftReport, FeatureDrift, Verdict
    from workbench.workspace import Workspace

_MARKED: dict[Verdict, str] = {"drifted": "✗ drifted", "no drift": "✓ no drift", "cannot judge": "? cannot judge"}

_APPROXIMATE = (
    "± is how far a distance is at most from that of the values in order: of very many rows they are counted in fine "
    "bins, not sorted. No verdict depends on it, and all else is exact."
)

SEGMENTS = 20
"""Segments that are shown, those that moved farthest; `to_frame` has all."""


@dataclass(frozen=True, slots=True)
class Drift(Reported):
    """How far features moved from the reference to the current rows.

    Attributes
    ----------
    view
        The view.
    refs
        What was compared, as it was named; empty texts for rows that were given.
    sides
        The two sets of rows.
    of
        The place whose rows are meant where a side names none.
    drift
        All that was measured.
    added
        Features that only the current rows have.
    """

    mime_kind: ClassVar[str] = "drift"

    view: str
    refs: tuple[str, str]
    sides: tuple[Side, Side]
    of: str
    drift: DriftReport
    added: tuple[str, ...]
    _workspace: Workspace = field(repr=False, compare=False)

    def __getitem__(self, feature: str) -> FeatureDrift:
        return self.drift[feature]

    @property
    def drifted(self) -> tuple[FeatureDrift, ...]:
        """The features that moved further than their budget, or than they do by themselves; the farthest first."""
        return self.drift.drifted

    @property
    def features(self) -> tuple[FeatureDrift, ...]:
        """One a feature, over all rows."""
        return self.drift.features

    def between(self, reference: object = None, current: object = None) -> Drift:
        """Return the drift of the same features between other rows; what is not named stays."""
        names = [feature.name for feature in self.features]
        kept = [ref or side.frame for ref, side in zip(self.refs, self.sides, strict=True)]
        one = kept[0] if reference is None else reference
        other = kept[1] if current is None else current
        return drift(self._workspace, self.view, one, other, otherwise=self.of, features=names, by=self.drift.by)

    def choices(self) -> tuple[str, ...]:
        """Return places whose rows the view can be compared with: branches, published versions, releases."""
        return places(self._workspace, self.view)

    def to_dict(self) -> dict[str, Any]:
        """Return all measures as JSON-ready values."""
        return {"view": self.view, **self.drift.to_dict()}

    def to_frame(self) -> pl.DataFrame:
        """Return one row a feature, then one a feature and segment."""
        return self.drift.to_frame()

    def report(self) -> Report:
        """Return what moved, drawn and measured, the farthest first."""
        found = self.drift
        reference, current = found.labels
        return Report(
            f"{self.view}: {found.headline}",
            facts=(
                *((("rows of", self.of),) if not all(map(_has_place, self.refs)) else ()),
                ("reference", f"{reference} ({found.rows[0]:,} rows)"),
                ("current", f"{current} ({found.rows[1]:,} rows)"),
            ),
            notes=(
                *(f"{name} is only in {current} and cannot be compared." for name in self.added),
                *((_APPROXIMATE,) if any(one.bounds for one in (*self.features, *found.segments)) else ()),
            ),
            figures=overlays(found),
            tables=tuple(table for table in (self._measures(), *self._segments()) if table.rows),
        )

    def _measures(self) -> Table:
        ordered = sorted(self.features, key=lambda one: -one.excess)
        return Table(
            "Measures",
            ("feature", "verdict", *(each.short for each in MEASURES.values()), "null share", "mean", "std"),
            tuple(
                (
                    one.name,
                    _MARKED[one.verdict],
                    *(f"{_short(one.measures.get(name))}{one.give_or_take(name)}" for name in MEASURES),
                    f"{percent(one.reference.null_share)} → {percent(one.current.null_share)}",
                    f"{_short(one.reference.mean)} → {_short(one.current.mean)}",
                    f"{_short(one.reference.std)} → {_short(one.current.std)}",
                )
                for one in ordered
            ),
        )

    def _segments(self) -> list[Table]:
        moved = self.drift.drifted_segments
        if not self.drift.by:
            return []
        title = f"Segments by {', '.join(self.drift.by)}: {len(moved)} of {len(self.drift.segments)} drifted"
        rows = tuple(
            (", ".join(f"{key}={value}" for key, value in one.segment), one.name, one.sentence.partition(": ")[2])
            for one in moved[:SEGMENTS]
        )
        return [Table(title, ("segment", "feature", "says"), rows or (("-", "-", "no single segment moved"),))]

    def __repr__(self) -> str:
        return f"<Drift of {self.view}: {self.drift.headline}>"


def drift(
    workspace: Workspace,
    view: str,
    reference: object,
    current: object,
    *,
    otherwise: str,
    features: Sequence[str] = (),
    by: Sequence[str] = (),
) -> Drift:
    """Return how far the features of `view` moved between two sets of rows, each as `stretch` takes it."""
    name, _, feature = view.partition(":")
    sides = (
        stretch(workspace, name, reference, otherwise=otherwise),
        stretch(workspace, name, current, otherwise=otherwise),
    )
    known = [[column.name for column in side.contract.features] for side in sides]
    wanted = list(features) or ([feature] if feature else known[0])
    for each in wanted:
        for side, names in zip(sides, known, strict=True):
            if each not in names:
                raise _missing_feature(each, name, side.label, names, [one for one in wanted if one in known[1]])
    added = () if features or feature else tuple(each for each in known[1] if each not in known[0])
    refs = _feature_name(reference), _feature_name(current)
    return Drift(name, refs, sides, otherwise, measure_drift(workspace, name, sides, wanted, by=by), added, workspace)


def _missing_feature(feature: str, view: str, where: str, known: Sequence[str], held: Sequence[str]) -> FeatureNotFound:
    """Return the error for a feature that one side lacks: it is not left out, since that is how a pipeline breaks."""
    error = FeatureNotFound.absent(feature, where=where, known=known)
    how = f"Name the features that both sides have: `drift {view}:{held[0]} ...`." if held else ""
    return FeatureNotFound(error.message, remedy=f"{error.remedy} {how}".strip())


def _has_place(ref: str) -> bool:
    """Whether a side names whose rows it means; rows that were given are nobody's."""
    return not ref or RowSelection.parse(ref).place is not None


def _feature_name(asked: object) -> str:
    return "" if hasattr(asked, "collect_schema") else str(asked)


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
