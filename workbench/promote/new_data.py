"""What is looked at before new source data is published: rows that got lost, and values that moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import polars as pl

from workbench.comparison import Limits
from workbench.diff import Side
from workbench.drivers import require_uninterrupted
from workbench.errors import WorkbenchError
from workbench.promote.samples import Published, Samples, collect_sample, finer, sampled
from workbench.shares import percent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from workbench.compute import Amendment
    from workbench.config import NewDataSettings, PolicySettings
    from workbench.define import Contract
    from workbench.drift import FeatureDrift
    from workbench.registry import Version


MOST_MISSING = 0.1
"""By how much the share of nulls, NaNs or infinities may rise."""
LEAST_CONSTANT = 20
"""The row count from which a constant column is reported."""
SCALE = 5.0
"""How far outside of the published range, as a factor, values are taken to be in another unit."""


@dataclass(frozen=True, slots=True)
class DataFinding:
    """Something about new data: what, in a sentence without a full stop, and what the policy makes of it.

    What could not be judged is noted.
    """

    sentence: str
    action: Literal["refuse", "warn", "note"]


@dataclass(frozen=True, slots=True)
class Change:
    """What is known of how new data differs from what is published.

    Attributes
    ----------
    touched
        Which rows may differ; any may if None.
    amendment
        Which rows went and which came, where that is known.
    those
        The new data, where a sample of it may be kept.
    """

    touched: pl.Expr | None = None
    amendment: Amendment | None = None
    those: Published | None = None


def lost_rows(version: Version, rows: int, sources: Mapping[str, int], policy: NewDataSettings) -> list[DataFinding]:
    """Return findings if the version, or one of its sources, lost more rows than the policy allows."""
    if policy.rows == "ignore":
        return []
    sizes = [("rows", version.rows, rows)]
    sizes += [
        (f"rows of {read.name}", read.rows, sources[read.name])
        for read in version.inputs
        if read.rows is not None and read.name in sources
    ]
    return [
        DataFinding(f"{what} fell from {old:,} to {new:,} (limit: {percent(policy.max_loss)})", policy.rows)
        for what, old, new in sizes
        if is_loss(old, new, policy.max_loss)
    ]


def is_loss(old: int, new: int, limit: float) -> bool:
    """Whether all rows are gone, or a larger share of them than `limit`."""
    return new < old and (new == 0 or (old - new) / old > limit)


def moved_values(
    view: str,
    version: Version,
    old: pl.LazyFrame,
    new: pl.LazyFrame,
    contract: Contract,
    policy: PolicySettings,
    *,
    change: Change,
    samples: Samples,
) -> list[DataFinding]:
    """Return which features moved further than they do by themselves, and which cannot be judged.

    What is newer than the published rows is compared with them; and where these changed too, as they are now. Features
    with a trend have no distribution that new rows could keep: of those, gross faults alone are found. Of many
    rows both sides are sampled alike: what moves far enough to be told of shows in a thousand rows.
    """
    action = policy.new_data.values
    names = [column.name for column in contract.features]
    if action == "ignore" or not names or not version.rows:
        return []
    limits = Limits.of(policy.drift, view, names)
    published = Published.of_version(version)
    found: list[DataFinding] = []
    for label, part, rows, known in _parts(version, old, new, change, samples):
        share = finer(published.share, rows)
        try:
            before = collect_sample(samples.of(published, old, share=share), published.rows // share)
            reference = Side(f"published {version.number}", before, contract)
            compared = Side(label, collect_sample(part(share), rows // share), contract)
            report = limits.measure_drift((reference, compared), names, touched=known)
        except WorkbenchError as error:
            found.append(DataFinding(f"{label} could not be compared with the published data: {error.message}", action))
            continue
        found += [DataFinding(f"{label}: {one.sentence.rstrip('.')}", action) for one in report.drifted]
        for one in report.features:
            fault = "" if one.drifted else gross_fault(one)
            if fault:
                found.append(DataFinding(f"{label}: {one.name} {fault}", action))
            elif one.verdict == "cannot judge":
                found.append(DataFinding(f"{label}: {one.sentence.rstrip('.')}", "note"))
    return found


def gross_fault(one: FeatureDrift) -> str:
    """Return what is wrong with values whatever their trend: null, all the same, or of another scale; empty if nothing.

    Of the published values the mean and three standard deviations count as their range.
    """
    old, new = one.reference, one.current
    for share, what in (("null_share", "null"), ("nan_share", "NaN"), ("infinity_share", "infinite")):
        before, after = getattr(old, share), getattr(new, share)
        if after - before > MOST_MISSING:
            return f"is {what} in {percent(after)} of them, and was in {percent(before)}"
    if one.kind != "numeric" or old.mean is None or new.mean is None or old.std is None:
        return ""
    if new.std == 0 and old.std > 0 and new.rows >= LEAST_CONSTANT:
        return f"is {new.mean:.4g} in all of them"
    is_large = abs(new.mean) > SCALE * (abs(old.mean) + 3 * old.std)
    is_small = abs(old.mean) > old.std and abs(new.mean) * SCALE * 2 < abs(old.mean)
    return f"has a different scale: mean {old.mean:.4g} to {new.mean:.4g}" if is_large or is_small else ""


def _parts(
    version: Version, old: pl.LazyFrame, new: pl.LazyFrame, change: Change, samples: Samples
) -> Iterator[tuple[str, Callable[[int], pl.LazyFrame], int, pl.Expr | None]]:
    """Yield the rows to look at: those that are newer than what is published, and the others where they changed.

    They come as what gives one in so many of them, with their number, and with which of them may differ from those that
    are published; any may if None.
    """

    def some_of(rows: pl.LazyFrame) -> Callable[[int], pl.LazyFrame]:
        return lambda share: sampled(rows, version.contract, share)

    if version.period is None:
        yield "all rows", some_of(new), _height(new), None
        return
    newer = pl.col(version.event_time) > version.period[1]
    amendment = change.amendment
    since = (new if amendment is None else amendment.added.lazy()).filter(newer)
    kept, touched = new.filter(~newer), change.touched
    if rows := _height(since):
        yield "new rows", some_of(since), rows, None
    if amendment is None:
        compared = (kept, old) if touched is None else (kept.filter(touched), old.filter(touched))
        is_other = _fingerprint(compared[0]) != _fingerprint(compared[1])
    else:
        is_other = not amendment.is_addition or not amendment.added.filter(~newer).is_empty()
    those = change.those
    if is_other and (rows := _height(kept) if those is None else those.rows - _height(since)):
        again = some_of(kept) if those is None else lambda share: samples.of(those, new, share=share).filter(~newer)
        yield "rows published before", again, rows, touched


def _height(frame: pl.LazyFrame) -> int:
    return int(frame.select(pl.len()).collect(engine="streaming").item())


def _fingerprint(frame: pl.LazyFrame) -> object:
    """Return what differs where rows do; rows that cannot be hashed are taken for others."""
    try:
        hashed = frame.select(pl.len().alias("rows"), pl.struct(pl.all()).hash().sum().alias("hash"))
        return hashed.collect(engine="streaming").row(0)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        require_uninterrupted(error)
        return object()
