"""`profile_table`: what a view's columns look like, a row each; `profiles_table`: the same of two sides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.render.format import amount, dtype, escape_html, figure, plain, unit_text, within
from workbench.render.sparkline import blocks, instead, sparkline
from workbench.render.table import Drawn, Table
from workbench.shares import percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.profile import FeatureProfile, Profile


@dataclass(frozen=True, slots=True)
class DistributionCell(Drawn):
    """A column's histogram, or its commonest categories, in a cell."""

    column: FeatureProfile

    def html(self) -> str:
        """Return a small drawing; it has its colour from here, since a report's style is taken away in places."""
        drawn = sparkline(self.column).replace("<svg ", "<svg width='110' height='18' style='display:block' ", 1)
        return f"<div style='fill:#0072b2'>{drawn}</div>" if drawn else escape_html(instead(self.column), limit=60)

    def __str__(self) -> str:
        if len(self.column.categories) < 2:
            return blocks(self.column, width=14) or plain(instead(self.column), limit=18)
        value, count = self.column.categories[0]
        return f"{plain(value, limit=9)} {percent(count, self.column.sampled or self.column.rows - self.column.nulls)}"


def profile_table(profile: Profile) -> Table:
    """Return a table of the columns of a view, keys first: distribution, middle, bulk, different values, nulls."""
    return Table(
        "Profile",
        ("column", "type", "distribution", "median", "5 to 95%", "distinct", "null"),
        tuple(
            (one.name, _type(one), *_drawn(one), *_measures(one))
            for column in (*profile.keys, *profile.features)
            for one in column.lines
        ),
    )


def profiles_table(left: Profile, right: Profile, names: Sequence[tuple[str, str]]) -> Table:
    """Return a table of features on two sides, each measure as ``left → right``, or once where it is the same."""
    rows = []
    for before, name in names:
        pairs = zip(_measures(left[before]), _measures(right[name]), strict=True)
        rows.append((name, *(one if one == other else f"{one} → {other}" for one, other in pairs)))
    return Table("Profiles", ("feature", "median", "5 to 95%", "distinct", "null"), tuple(rows))


def _drawn(column: FeatureProfile) -> tuple[Drawn | None]:
    return (None if column.nulls == column.rows else DistributionCell(column),)


def _type(column: FeatureProfile) -> str:
    return " ".join(filter(None, (dtype(column), column.unit and unit_text(column.unit), within(column.tolerance))))


def _measures(column: FeatureProfile) -> tuple[str, str, str, str]:
    distinct = "-" if column.distinct is None else figure(float(column.distinct))
    nulls = percent(column.nulls, column.rows)
    if not column.quantiles:
        return "-", "-", distinct, nulls
    low, high = column.quantiles["p05"], column.quantiles["p95"]
    bulk = [amount(value, column, near=high - low) for value in (low, high)]
    return amount(column.quantiles["p50"], column), " to ".join(bulk), distinct, nulls
