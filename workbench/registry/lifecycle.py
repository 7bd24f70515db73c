"""What becomes of a view's versions when one is published, rolled back to, deprecated or retired.

The end that was announced of a major version is its own, whichever minor version it gives: nothing but `reinstate`
takes it back.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from workbench.registry.record import Record, Version, Withdrawal
from workbench.registry.versions import VersionNumber

if TYPE_CHECKING:
    from datetime import date


def publish(record: Record, version: Version) -> Record:
    """Return `record` with `version` published and serving; the one of its major version before it is superseded."""
    before = live_of(record, version.major)
    new = version if before is None else _with_end_of(before, version)
    versions = [_supersede(old) if old.is_live and old.major == version.major else old for old in record.versions]
    found = Record(record.view, version.number, tuple(versions)).with_version(new)
    return _set_successors(found, gone=None, by=version)


def roll_back(record: Record, target: Version) -> Record:
    """Return `record` with `target` serving, and given by its major version.

    A deprecated version does not name the one that was rolled back from as its successor.
    """
    before = live_of(record, target.major)
    versions = []
    for version in record.versions:
        if version.number == target.number:
            back = replace(version, status="live", withdrawn=None, in_place_of=None)
            versions.append(back if before is None else _with_end_of(before, back))
        elif version.is_live and version.major == target.major:
            versions.append(_supersede(version))
        else:
            versions.append(version)
    gone = record.serving.major if record.serving is not None and record.serving.major != target.major else None
    return _set_successors(Record(record.view, target.number, tuple(versions)), gone=gone, by=target)


def deprecate(record: Record, version: Version, until: date, successor: str | None) -> Record:
    """Return `record` with the end of a version's major version announced."""
    return record.with_version(replace(version, status="deprecated", until=until, successor=successor))


def reinstate(record: Record, version: Version) -> Record:
    """Return `record` with the announced end of a version's major version taken back."""
    return record.with_version(replace(version, status="live", until=None, successor=None))


def retire(record: Record, version: Version) -> Record:
    """Return `record` with no minor version of a version's major version served any more."""
    versions = tuple(
        replace(old, status="retired", successor=version.successor) if old.major == version.major else old
        for old in record.versions
    )
    serving = record.serving
    if serving is None or serving.major == version.major:
        return Record(record.view, None, versions)
    return _set_successors(replace(record, versions=versions), gone=version.major, by=serving)


def withdraw(record: Record, version: Version, withdrawal: Withdrawal) -> Record:
    """Return `record` with `version` out of service; where it was live, the one before it of its major is again."""
    gone = replace(version, status="withdrawn", withdrawn=withdrawal, in_place_of=None, until=None, successor=None)
    found = record.with_version(gone)
    if not version.is_live:
        return found
    before = _before(record, version)
    if before is not None:
        live = replace(before, status="live", in_place_of=withdrawal)
        found = found.with_version(_with_end_of(version, live))
    number = None if before is None else before.number
    others = tuple(replace(one, successor=number) if one.successor == version.number else one for one in found.versions)
    return Record(record.view, number if record.current == version.number else record.current, others)


def _before(record: Record, version: Version) -> Version | None:
    """Return the version that served before one of the same major version, by what each followed, else by number."""
    for earlier in reversed(record.lineage(version)[:-1]):
        if earlier.status == "superseded":
            return earlier
    others = [
        one
        for one in record.versions
        if one.major == version.major and one.status == "superseded" and one.order < version.order
    ]
    return max(others, key=lambda one: one.order, default=None)


def live_of(record: Record, major: int) -> Version | None:
    """Return the version that ``view@major`` gives; None where there is none."""
    return next((version for version in record.versions if version.is_live and version.major == major), None)


def _with_end_of(before: Version, version: Version) -> Version:
    """Return `version` with the end that was announced of its major version."""
    if before.status != "deprecated":
        return version
    return replace(version, status="deprecated", until=before.until, successor=before.successor)


def _supersede(version: Version) -> Version:
    return replace(version, status="superseded", until=None, successor=None, in_place_of=None)


def _set_successors(record: Record, *, gone: int | None, by: Version) -> Record:
    """Return `record` whose deprecated versions name a successor that is served."""

    def of(version: Version) -> Version:
        if version.status != "deprecated":
            return version
        sent = _major(version.successor)
        if sent is not None and sent != gone:
            return version
        if version.successor is not None and sent is None:
            return version  # another view
        return replace(version, successor=None if version.major == by.major else by.number)

    return replace(record, versions=tuple(map(of, record.versions)))


def _major(successor: str | None) -> int | None:
    """Return the major version of this view that a successor is; None for another view, or none."""
    return VersionNumber.parse(successor).major if successor and successor[0].isdigit() else None
