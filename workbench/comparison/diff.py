"""`diff`: how a view differs between two of a branch, a published version, a release, a moment and a run."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from workbench.comparison.budgets import measure_drift
from workbench.comparison.cache import cached_compare
from workbench.comparison.creep import compare_with_first
from workbench.comparison.refs import places, side_at
from workbench.define import Contract
from workbench.diff import Side, diff_views
from workbench.errors import FeatureNotFound
from workbench.pipeline import VersionEvaluation, cached_profile
from workbench.registry import Registry
from workbench.render import (
    Finding,
    Fold,
    Mark,
    Report,
    Reported,
    ShareBar,
    Table,
    listings,
    overlays,
    profile_table,
    profiles_table,
)
from workbench.shares import percent
from workbench.times import duration_in_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from workbench.diff import ColumnDiff, RowCounts, ViewDiff
    from workbench.drift import DriftReport
    from workbench.profile import Profile
    from workbench.render import Figure, Tone
    from workbench.workspace import Workspace

_TONES: dict[str, Tone] = {"none": "good", "metadata": "good", "refactor": "good", "value": "warn", "breaking": "bad"}
_BREAKS = {
    "breaking": "readers break",
    "value": "no promise breaks",
    "additive": "nothing breaks",
    "refactor": "nothing breaks",
    "metadata": "nothing breaks",
}
_BROKEN = {"removed", "renamed", "retyped"}
WORST = 5
"""Rows of a feature that are shown where it differs most; `worst` has more."""
FEW_LINES = 20
"""Changed lines of code that are shown; more are folded."""
FIRST_VALUES = 10
FIRST_DRAWN = 3
"""Features whose differences and distributions are shown at first; the others are folded."""


@dataclass(frozen=True)
class Difference(Reported):
    """How a view differs between two sides; `diff` has all the numbers, exact and on all rows.

    Attributes
    ----------
    view
        The view.
    refs
        What was compared, as it was named.
    diff
        Code, contract, rows and values.
    """

    mime_kind: ClassVar[str] = "diff"

    view: str
    refs: tuple[str, str]
    diff: ViewDiff
    _workspace: Workspace = field(repr=False, compare=False)

    @property
    def category(self) -> str:
        """What kind of change it is, as a promotion would call it."""
        return self.diff.category

    @property
    def why(self) -> tuple[str, ...]:
        """What makes it that, a sentence each."""
        return self.diff.why

    @property
    def columns(self) -> tuple[ColumnDiff, ...]:
        """One for each column that is not a key."""
        return self.diff.columns

    @property
    def rows(self) -> RowCounts:
        """Rows by key: added, removed, changed, the same."""
        return self.diff.rows

    @cached_property
    def drift(self) -> DriftReport | None:
        """How far the distributions moved, of the features that both sides have and that differ; None without any.

        A renamed feature is measured under its new name.
        """
        left, right = self.diff.left, self.diff.right
        if left is None or right is None or not (self.rows.left and self.rows.right):
            return None
        before = {each.before: each.name for each in self.columns if each.before is not None}
        known = {before.get(name, name) for name in left.values}
        moved = [
            each.name
            for each in self.columns
            if each.name in known and each.name in right.values and (each.status != "same" or self._other_rows)
        ]
        if not moved:
            return None
        return measure_drift(self._workspace, self.view, (_rename(left, before), right), moved)

    @cached_property
    def profiles(self) -> tuple[Profile | None, Profile | None]:
        """What each side looks like: computed once for each view id; None where a side has no such view."""
        facts = self._workspace.facts

        def of(side: Side | None) -> Profile | None:
            return None if side is None else cached_profile(facts, side.view_id, side.contract, side.frame)

        return of(self.diff.left), of(self.diff.right)

    def changed_rows(self, **wanted: Any) -> pl.DataFrame:
        """Return a page of at most 100 rows that differ, both sides' values side by side.

        Takes what `compare.ViewDiff.changed_rows` takes: ``offset``, ``limit``, ``column``, ``entity``, ``kind``,
        ``period`` and more.
        """
        return self.diff.changed_rows(**wanted)

    def worst(self, column: str, *, limit: int = 20) -> pl.DataFrame:
        """Return the rows in which `column` differs most; none where it does not differ."""
        return self.diff.worst(column, limit=limit)

    def against(self, left: str | None = None, right: str | None = None) -> Difference:
        """Return the difference of the same view between other sides; a side that is not named stays."""
        return diff(self._workspace, self.view, left or self.refs[0], right or self.refs[1])

    def choices(self) -> tuple[str, ...]:
        """Return what the view can be compared with: branches, published versions, releases."""
        return places(self._workspace, self.view)

    def to_dict(self) -> dict[str, Any]:
        """Return the difference as JSON-ready values."""
        return {**self.diff.to_dict(), "drift": self.drift.to_dict() if self.drift else None}

    def to_frame(self) -> pl.DataFrame:
        """Return one row a column."""
        return self.diff.to_frame()

    def report(self) -> Report:
        """Return what differs, how much and whether it breaks; then what differs most, and folded all the rest."""
        left, right = self.diff.left, self.diff.right
        called = [
            side.label if side else f"nothing ({ref} has no such view)"
            for side, ref in zip((left, right), self.refs, strict=True)
        ]
        shown, folded = self._figures()
        return Report(
            f"{self.view}: {called[0]} against {called[1]}: {self._verdict()}",
            tone=_TONES.get(self.category),
            findings=self._findings(),
            facts=(("category", self.category), *((("rows", rows),) if (rows := self._rows()) else ())),
            figures=shown,
            folded=folded,
        )

    def _verdict(self) -> str:
        """Return what differs, how much, and whether that breaks what readers rely on."""
        if self.diff.left is None or self.diff.right is None:
            return "; ".join(self.why) or self.category
        breaks = _BREAKS.get(self.category)
        return f"{self._what()}; {breaks}" if breaks else self._what()

    def _what(self) -> str:
        differing = sum(each.status != "same" for each in self.columns)
        if differing:
            most = max(each.share for each in self.columns)
            much = f", in up to {percent(most)} of rows" if most else ""
            return f"{differing} of {len(self.columns)} features differ{'s' if differing == 1 else ''}{much}"
        rows = [
            f"{count:,} {word}" for count, word in ((self.rows.added, "added"), (self.rows.removed, "removed")) if count
        ]
        return f"rows {', '.join(rows)}" if rows else "no value differs"

    def _findings(self) -> tuple[Finding, ...]:
        """Return what breaks readers, and what else differs beside values, which have a table."""
        if self.diff.left is None or self.diff.right is None:
            return ()
        in_table = [each.why for each in self.columns if each.status == "changed"]
        broken = [change.sentence for change in self.diff.contract if change.breaking]
        broken += [each.why for each in self.columns if each.status in _BROKEN]
        rest = [said for said in self.why if not _begins(said, in_table)]
        breaking = [said for said in rest if _begins(said, broken) or (not self.diff.grain and said == self.why[0])]
        other = [said for said in rest if said not in breaking]
        found = []
        if breaking:
            found.append(Finding(Mark("✗ breaks", "bad"), "promises", "readers rely on what changed", tuple(breaking)))
        if other:
            tone: Tone = "warn" if self.category in {"breaking", "value"} else "dim"
            found.append(Finding(Mark("· differs", tone), "beside values", _counted(other), tuple(other)))
        return tuple(found)

    def _figures(self) -> tuple[tuple[Figure, ...], tuple[Fold, ...]]:
        """Return what is shown at first, and what is folded: the code too, if much of it differs beside values."""
        values, contract, code = self._values(), self._promises(), listings(self.diff.code)
        profiles = [table for table in self._profiles() if table.rows]
        if not values.rows:
            drawn = overlays(self.drift) if self.drift else ()
            return (*profiles, *code, *drawn), (Fold("Contract", (contract,)),) if contract.rows else ()
        first = overlays(self.drift, most=FIRST_DRAWN) if self.drift else ()
        more = overlays(self.drift, skip=FIRST_DRAWN) if self.drift else ()
        folds = {
            "Distributions of the others": more,
            "What both sides look like": tuple(profiles),
            "Contract": (contract,) if contract.rows else (),
            "Code": code if self._changed_lines() > FEW_LINES else (),
        }
        kept = tuple(Fold(title, figures) for title, figures in folds.items() if figures)
        return (values, *first, *self._worst(), *(code if "Code" not in {each.title for each in kept} else ())), kept

    def _changed_lines(self) -> int:
        return sum(file.added + file.removed for file in self.diff.code.files)

    @property
    def _other_rows(self) -> bool:
        return bool(self.rows.added or self.rows.removed or not self.diff.grain)

    def _values(self) -> Table:
        changed = sorted((each for each in self.columns if each.status != "same"), key=lambda each: -each.share)
        return Table(
            "Values",
            ("feature", "is", "values changed", "share", "mean change", "largest"),
            tuple((c.name, _status(c), *_differing_rows(c), *_sizes(c)) for c in changed),
            most=FIRST_VALUES,
        )

    def _rows(self) -> str:
        """Return how many rows became what."""
        counts = self.rows
        named = {
            "changed": counts.changed,
            "added": counts.added,
            "removed": counts.removed,
            "with a key that is not unique": counts.duplicates,
            "the same": counts.same,
        }
        return ", ".join(f"{count:,} {what}" for what, count in named.items() if count)

    def _promises(self) -> Table:
        return Table(
            "Contract",
            ("column", "what", "before", "after", ""),
            tuple(
                (c.column, c.what, c.before, c.after, "breaks readers" if c.breaking else "")
                for c in self.diff.contract
            ),
        )

    def _profiles(self) -> list[Table]:
        """Return what features that differ look like on both sides, or what all do where one side has none."""
        left, right = self.profiles
        if left is None or right is None:
            return [profile_table(profile) for profile in (left, right) if profile is not None]
        changed = [(c.before or c.name, c.name) for c in self.columns if c.status not in {"same", "added", "removed"}]
        features = {feature.name for feature in left.features}, {feature.name for feature in right.features}
        return [
            profiles_table(left, right, [pair for pair in changed if pair[0] in features[0] and pair[1] in features[1]])
        ]

    def _worst(self) -> list[Table]:
        """Return the rows that differ most, of the feature that differs most often."""
        changed = sorted((each for each in self.columns if each.changed), key=lambda each: -each.share)
        rows = self.worst(changed[0].name, limit=WORST) if changed else None
        if rows is None or rows.is_empty():
            return []
        return [Table(f"Where {changed[0].name} differs most", tuple(rows.columns), tuple(rows.iter_rows()))]

    def __repr__(self) -> str:
        return f"<Difference {self.view}: {self.refs[0]} against {self.refs[1]}, {self.category}>"


def diff(workspace: Workspace, view: str, left: str, right: str) -> Difference:
    """Return how `view` differs between two references, each as `side_at` takes it.

    A branch, release or moment that has no such view is empty.
    """
    sides: list[Side | None] = []
    missing: FeatureNotFound | None = None
    for ref in (left, right):
        try:
            sides.append(side_at(workspace, view, ref))
        except FeatureNotFound as error:
            if "@" in ref:
                raise  # a version is asked for by its number, and there is none
            sides.append(None)
            missing = error
    if missing is not None and not any(sides):
        raise missing
    found = diff_views(sides[0], sides[1], compared=cached_compare(workspace.facts))
    return Difference(view, (left, right), _as_promoted(workspace, view, left, found), workspace)


def _as_promoted(workspace: Workspace, view: str, left: str, found: ViewDiff) -> ViewDiff:
    """Return a difference from main as a promotion sees it: measured from the first version of the major, too."""
    if left != workspace.trunk or found.left is None or not found.stepped:
        return found
    registry = Registry(workspace.repository, workspace.repository.resolve(workspace.trunk))
    record = registry.record(view) if view in registry else None
    serving = record.serving if record else None
    if record is None or serving is None or serving.code_hash != found.left.code_hash:
        return found
    versions = VersionEvaluation(workspace, registry, workspace.sources)
    return compare_with_first(workspace, found, versions, record=record, serving=serving)


def _begins(sentence: str, reasons: Sequence[str]) -> bool:
    """Whether a reason is `sentence`, or begins with it and goes on about promises."""
    return any(f"{reason}; ".startswith(f"{sentence}; ") for reason in reasons)


def _counted(sentences: Sequence[str]) -> str:
    return "1 difference" if len(sentences) == 1 else f"{len(sentences)} differences"


def _status(column: ColumnDiff) -> str:
    return f"{column.status}, was {column.before}" if column.before else column.status


def _differing_rows(column: ColumnDiff) -> tuple[int | None, ShareBar | None]:
    """Return in how many rows values differ, and their share; nothing of a column that one side alone has."""
    if column.status in {"added", "removed"}:
        return None, None
    return column.changed, ShareBar(column.share)


def _sizes(column: ColumnDiff) -> tuple[float | str | None, float | str | None]:
    """Return the mean and the largest difference; of times, as lengths of time."""
    mean, largest = column.mean, column.largest
    if not column.is_temporal or mean is None or largest is None:
        return mean, largest
    return duration_in_words(mean), duration_in_words(largest)


def _rename(side: Side, names: dict[str, str]) -> Side:
    """Return a side's rows under the names that the other side has for them."""
    if not names:
        return side
    columns = tuple(replace(column, name=names.get(column.name, column.name)) for column in side.contract.columns)
    return Side(side.label, side.frame.rename(names), Contract(columns))
