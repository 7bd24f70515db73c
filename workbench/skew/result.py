"""`SkewReport`: what of the logged reads a training set does not give, feature by feature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import msgspec

from workbench.protocol import key_to_json
from workbench.render import Report, Reported, ShareBar, Table

Cause = Literal["store", "behind", "later", "unknown"]
"""``store``: the answer is not what its own data gives. ``behind``: newer data was published already. ``later``: data
that was published after the request says otherwise. ``unknown``: the data that answered is no longer in the lake."""
CAUSES: Mapping[Cause, str] = {
    "store": "the store answered something else than its own data gives: `workbench online verify --full`; or an "
    "on-demand view's function gave something else than it does here.",
    "behind": "newer data was published when the store still answered with older: see `workbench online`.",
    "later": "data that was published after the request reaches back before it. With a `created` column, which says "
    "since when a row is known, training sets leave such rows out.",
    "unknown": "the data that answered is no longer in the lake, so the cause is not known.",
}
EXAMPLES = 5
"""Examples of a feature, at most."""
SHOWN = 12
"""Examples that a report shows."""


@dataclass(frozen=True, slots=True)
class SkewExample:
    """One read whose answer a training set does not give.

    Attributes
    ----------
    entity
        The view's entity columns and their values.
    instant
        The instant that was asked for, in UTC.
    served, served_status
        The answer.
    right, right_status
        What a training set has there.
    cause
        See `Cause`.
    generation
        The load of the online store that answered; None where it did not.
    """

    entity: Mapping[str, object]
    instant: datetime
    served: Any
    served_status: str
    right: Any
    right_status: str
    cause: Cause
    generation: int | None


@dataclass(frozen=True, slots=True)
class FeatureSkew:
    """The reads of one feature.

    Attributes
    ----------
    view, feature
        ``view@major.minor``, and the feature.
    compared, mismatches
        How many reads were compared, and how many have another value or status than a training set.
    causes
        How many mismatches each cause has.
    mean_difference, max_difference
        Of the mismatches that have finite numbers on both sides, the absolute difference; None where there is none.
    examples
        Some mismatches, the newest first.
    """

    view: str
    feature: str
    compared: int
    mismatches: int
    causes: Mapping[Cause, int]
    mean_difference: float | None
    max_difference: float | None
    examples: tuple[SkewExample, ...]

    @property
    def share(self) -> float:
        """The share of mismatches."""
        return self.mismatches / self.compared


@dataclass(frozen=True, slots=True)
class Uncompared:
    """Reads of a view's version that could not be compared, and why not."""

    view: str
    reads: int
    reason: str


@dataclass(frozen=True, slots=True)
class SkewReport(Reported):
    """What of the logged reads a training set does not give.

    Attributes
    ----------
    folder
        Where the reads were logged.
    reads
        How many entities' reads of views were looked at.
    first, last
        When the first and the last of them was asked for; None without any.
    features
        What was compared.
    uncompared
        What was not.
    damaged
        Lines of the log that cannot be understood.
    has_more
        Whether there are older reads that were left out.
    """

    folder: str
    reads: int
    first: datetime | None
    last: datetime | None
    features: tuple[FeatureSkew, ...]
    uncompared: tuple[Uncompared, ...]
    damaged: int = 0
    has_more: bool = False

    @property
    def compared(self) -> int:
        """How many values were compared."""
        return sum(each.compared for each in self.features)

    @property
    def mismatches(self) -> int:
        """How many of them a training set has otherwise."""
        return sum(each.mismatches for each in self.features)

    @property
    def passed(self) -> bool:
        """Whether something was compared, and nothing differs."""
        return self.compared > 0 and self.mismatches == 0

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values; floats that are no numbers, and what JSON has no form for, as texts."""
        found = {
            "passed": self.passed,
            "folder": self.folder,
            "reads": self.reads,
            "first": self.first,
            "last": self.last,
            "compared": self.compared,
            "mismatches": self.mismatches,
            "features": [{**_fields(each), "share": each.share} for each in self.features],
            "uncompared": self.uncompared,
            "damaged": self.damaged,
            "has_more": self.has_more,
        }
        plain: dict[str, Any] = _with_texts(msgspec.to_builtins(found, enc_hook=str))
        return plain

    def report(self) -> Report:
        """Return one line a feature, examples, and what was not compared."""
        tables = [self._by_feature()] if self.features else []
        examples = [(each, example) for each in self.features for example in each.examples]
        if examples:
            tables.append(_examples(examples[:SHOWN]))
        if self.uncompared:
            rows = tuple((each.view, f"{each.reads:,}", each.reason) for each in self.uncompared)
            tables.append(Table("Not compared", ("view", "reads", "why"), rows))
        return Report(
            self._title,
            facts=(("reads", f"{self.reads:,}"), ("log", self.folder)) if self.reads else (("log", self.folder),),
            tables=tuple(tables),
            notes=tuple(self._notes()),
            tone="good" if self.passed else "bad" if self.mismatches else "warn",
        )

    @property
    def _title(self) -> str:
        if self.passed:
            return f"Served as trained: {self.compared:,} values are those of a training set"
        if self.mismatches:
            return f"Skew: {self.mismatches:,} of {self.compared:,} values are not those of a training set"
        return "Nothing was logged, so nothing was compared" if self._is_empty else "Nothing was compared"

    @property
    def _is_empty(self) -> bool:
        return not self.reads and not self.uncompared

    def _by_feature(self) -> Table:
        rows = tuple(
            (
                each.view,
                each.feature,
                f"{each.compared:,}",
                f"{each.mismatches:,}",
                ShareBar(each.share),
                "" if each.mean_difference is None else each.mean_difference,
                "" if each.max_difference is None else each.max_difference,
                ", ".join(each.causes),
            )
            for each in self.features
        )
        columns = ("view", "feature", "compared", "differ", "share", "mean difference", "largest", "cause")
        return Table("", columns, rows)

    def _notes(self) -> list[str]:
        notes = [f"{cause}: {CAUSES[cause]}" for cause in CAUSES if any(cause in each.causes for each in self.features)]
        if self.has_more:
            notes.append("Older reads were left out: raise --limit, or set --since.")
        if self.damaged:
            notes.append(f"{self.damaged:,} lines of the log cannot be understood and were left out.")
        if self._is_empty:
            notes.append("`log_reads` under [serve] is the share of answers that `workbench serve` keeps.")
        return notes


def _examples(found: list[tuple[FeatureSkew, SkewExample]]) -> Table:
    rows = tuple(
        (
            f"{each.view}:{each.feature}",
            ", ".join(f"{name}={value}" for name, value in example.entity.items()),
            f"{example.instant:%Y-%m-%d %H:%M:%S.%f}",
            _shown(example.served, example.served_status),
            _shown(example.right, example.right_status),
            example.cause,
        )
        for each, example in found
    )
    return Table("Examples", ("feature", "entity", "instant (UTC)", "served", "training set", "cause"), rows)


def _shown(value: Any, status: str) -> str:
    return f"{value} ({status})" if status not in ("present", "stale") else str(value)


def _fields(each: FeatureSkew) -> dict[str, Any]:
    return {name: getattr(each, name) for name in each.__slots__}


def _with_texts(value: Any) -> Any:
    """Return the value with ``"NaN"``, ``"Infinity"`` and ``"-Infinity"`` for what JSON has no number for."""
    if isinstance(value, dict):
        return {name: _with_texts(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_with_texts(each) for each in value]
    return key_to_json(value)
