"""What happens to a published version afterwards: rollback, deprecation, retirement. Data is never touched."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from workbench.define import load_tree
from workbench.errors import FeatureNotFound, PromotionError, PromotionRefused, UsageError
from workbench.promote.announce import announce
from workbench.promote.candidate import main_config
from workbench.promote.mainline import Mainline, in_line
from workbench.promote.policy import policy_gates
from workbench.promote.restore import restored
from workbench.registry import Record, Version, record_path, split_version
from workbench.widgets import Report, Reported, Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.loop.rooms import Rooms
    from workbench.registry import Registry

ROLLBACK, DEPRECATED, RETIRED = "Rolled-Back", "Deprecated", "Retired"


@dataclass(frozen=True, slots=True)
class Standing(Reported):
    """A view's published versions after one of them changed its standing.

    Attributes
    ----------
    what
        What was done, in one sentence.
    record
        The view's record, as it stands now.
    commit
        The commit on main; the one before, where nothing had to change.
    notes
        What follows from it.
    seconds
        How long it took.
    """

    what: str
    record: Record
    commit: str
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-ready values."""
        versions = [
            {
                "number": v.number,
                "status": v.status,
                "until": None if v.until is None else v.until.isoformat(),
                "successor": v.successor,
            }
            for v in self.record.versions
        ]
        return {
            "what": self.what,
            "view": self.record.view,
            "current": self.record.current,
            "versions": versions,
            "commit": self.commit,
            "notes": list(self.notes),
            "seconds": round(self.seconds, 3),
        }

    def report(self) -> Report:
        """Return what was done, and the versions as they stand."""
        rows = tuple(
            (
                ("* " if v.number == self.record.current else "  ") + v.number,
                v.status,
                v.category,
                v.rows,
                v.until,
                v.successor,
                v.published_at.strftime("%Y-%m-%d %H:%M"),
                v.published_by,
            )
            for v in reversed(self.record.versions)
        )
        columns = ("version", "status", "change", "rows", "until", "instead", "published (UTC)", "by")
        return Report(
            self.what,
            facts=(("commit", f"{self.commit[:10]} on main"), ("took", f"{self.seconds:.2f} s")),
            tables=(Table(self.record.view, columns, rows),),
            notes=self.notes,
        )


def rollback(rooms: Rooms, view: str, to: str) -> Standing:
    """Let readers of `view` have version `to` again. Nothing is computed and no data is moved.

    Main's definition becomes the one that this version was made from. The version that was rolled back stays readable
    by its number.

    Raises
    ------
    FeatureNotFound
        Where there is no such view or version, or it is retired.
    PromotionRefused
        Where policy does not let this person.
    """

    def step(line: Mainline) -> Standing:
        registry = line.registry()
        record = registry.record(_bare(view))
        target = record.version(_number(to))
        main = _commit_of(registry)
        if record.current == target.number:
            return Standing(f"{record.view} is at {target.number} already", record, main)
        _permitted(rooms, main, record.view)
        serving = record.serving
        new = _serving(record, target)
        changes, notes = restored(rooms, main, record.view, target)
        commit = _write(
            line,
            main,
            new,
            f"Roll {record.view} back to {target.number}",
            (ROLLBACK, f"{record.view} {target.number}"),
            **changes,
        )
        notes += _built_on(registry, record.view, serving)
        was = f" (was {serving.number})" if serving else ""
        return Standing(f"{record.view} is at {target.number} again{was}", new, commit, tuple(notes))

    return _done(rooms, step)


def deprecate(rooms: Rooms, ref: str, until: date | str | None = None, *, now: datetime | None = None) -> Standing:
    """Announce the end of a major version: it serves until that day, and warns its readers.

    Parameters
    ----------
    rooms
        The project's rooms.
    ref
        ``view@major``; ``view`` for the one that serves.
    until
        The last day, at the earliest after the window that policy sets; that day if absent. ``"never"`` takes an
        announcement back.
    now
        The present; the clock's if absent.

    Raises
    ------
    FeatureNotFound
        Where there is no such version.
    UsageError
        For what is no date.
    PromotionError
        For a day before the window's end.
    """
    today = (now or datetime.now(UTC)).date()

    def step(line: Mainline) -> Standing:
        registry = line.registry()
        record, version = _asked(registry, ref)
        main = _commit_of(registry)
        _permitted(rooms, main, record.view)
        window = main_config(rooms, main).policy.deprecation_days
        end = _day(until, earliest=today + timedelta(days=window), window=window)
        if end is None:
            new = record.replaced(replace(version, status="live", until=None, successor=None))
            what, said = f"{record.view} {version.number} is no longer deprecated", "never"
        else:
            successor = record.current if record.current != version.number else None
            new = record.replaced(replace(version, status="deprecated", until=end, successor=successor))
            what, said = f"{record.view} {version.number} is deprecated and served until {end}", end.isoformat()
        trailer = (DEPRECATED, f"{record.view} {version.number} {said}")
        commit = _write(line, main, new, f"Deprecate {record.view} {version.number} until {said}", trailer)
        return Standing(what, new, commit, tuple(pins(rooms, registry, record.view, version)))

    return _done(rooms, step)


def retire(rooms: Rooms, ref: str, *, now: datetime | None = None) -> Standing:
    """Stop serving a deprecated major version whose last day is over. Its data stays until `gc` takes it.

    Raises
    ------
    FeatureNotFound
        Where there is no such version.
    PromotionError
        Where it is not deprecated, its window is not over, or a feature set, a view or a release pins it.
    """
    today = (now or datetime.now(UTC)).date()

    def step(line: Mainline) -> Standing:
        registry = line.registry()
        record, version = _asked(registry, ref)
        main = _commit_of(registry)
        _permitted(rooms, main, record.view)
        _over(record, version, today)
        pinned = pins(rooms, registry, record.view, version)
        if pinned:
            raise PromotionError(
                f"{record.view} {version.number} is still in use.",
                lines=[f"  {line}" for line in pinned],
                remedy="Move these to its successor, or drop the release (`release drop NAME`); then retire it.",
            )
        gone = {v.number for v in record.versions if v.major == version.major}
        versions = tuple(
            replace(v, status="retired", successor=version.successor) if v.number in gone else v
            for v in record.versions
        )
        new = Record(record.view, None if record.current in gone else record.current, versions)
        trailer = (RETIRED, f"{record.view} {version.number}")
        commit = _write(line, main, new, f"Retire {record.view} {version.number}", trailer)
        return Standing(f"{record.view} {version.number} is retired", new, commit)

    return _done(rooms, step)


def pins(rooms: Rooms, registry: Registry, view: str, version: Version) -> list[str]:
    """Return who asks for `version` of `view`, a sentence each: feature sets, views, releases."""
    from workbench.promote.release import releases

    found = []
    definitions = load_tree(rooms.repository, _commit_of(registry), cache=rooms.hidden)
    record = registry.record(view)
    for name in definitions.set_files:
        for reference in definitions.feature_set(name).features:
            bare, asked = split_version(reference.partition(":")[0])
            if bare == view and _gives(record, asked, version):
                found.append(f"feature set {name} reads {reference}")
    for other in registry.serving:
        serving = registry.record(other).serving
        inputs = serving.inputs if serving else ()
        if any(read.kind == "view" and read.name == view and record.current == version.number for read in inputs):
            found.append(f"view {other} is made from {view}")
    pinned = f"{view} {version.number}"
    return [*found, *(f"release {release.name} pins it" for release in releases(rooms) if pinned in release.versions)]


def _done(rooms: Rooms, step: Callable[[Mainline], Standing]) -> Standing:
    started = time.monotonic()
    with Mainline.open(rooms) as line:
        announce(line)
        found = in_line(line, lambda: step(line))
        return replace(found, seconds=time.monotonic() - started)


def _write(line: Mainline, main: str, record: Record, message: str, trailer: tuple[str, str], **files: str) -> str:
    rooms = line.rooms
    tree = rooms.repository.tree_with(main, {record_path(record.view): record.to_toml(), **files})
    signs = main_config(rooms, main).policy.require_signed
    return line.commit(tree, expected=main, message=message, trailers=(trailer,), sign=signs)


def _serving(record: Record, target: Version) -> Record:
    """Return `record` with `target` serving, and live in its major version."""
    versions = []
    for version in record.versions:
        if version.number == target.number:
            status = version.status if version.status == "deprecated" else "live"
            versions.append(replace(version, status=status))
        elif version.major == target.major and version.status in {"live", "deprecated"}:
            versions.append(replace(version, status="superseded"))
        else:
            versions.append(version)
    return Record(record.view, target.number, tuple(versions))


def _asked(registry: Registry, ref: str) -> tuple[Record, Version]:
    """Return the record and the live version of the major version that `ref` names."""
    view, asked = split_version(ref)
    record = registry.record(view)
    version = record.version(asked)
    if version.status == "superseded":
        live = record.version(str(version.major))
        raise PromotionError(
            f"{view} {version.number} is superseded; a major version ends as a whole.",
            remedy=f"Name it: {view}@{live.major}.",
        )
    return record, version


def _permitted(rooms: Rooms, main: str, view: str) -> None:
    results = policy_gates(
        rooms,
        main_config(rooms, main).policy,
        views=(view,),
        main=main,
        commit=None,
        now=datetime.now(UTC),
        rollback=True,
    )
    refusals = [result.refusal for result in results if not result.passed]
    if refusals:
        raise PromotionRefused.of(None, refusals)


def _over(record: Record, version: Version, today: date) -> None:
    ref = f"{record.view}@{version.major}"
    if version.status != "deprecated" or version.until is None:
        raise PromotionError(
            f"{record.view} {version.number} is not deprecated, so its readers do not know that it ends.",
            remedy=f"Announce it first: deprecate {ref}.",
        )
    if today <= version.until:
        raise PromotionError(
            f"{record.view} {version.number} is served until {version.until}.",
            remedy=f"Retire it from {version.until + timedelta(days=1)} on.",
        )


def _day(until: date | str | None, *, earliest: date, window: int) -> date | None:
    if until is None:
        return earliest
    if until == "never":
        return None
    try:
        day = date.fromisoformat(until) if isinstance(until, str) else until
    except ValueError:
        raise UsageError(f"{until!r} is no day.", remedy=f"Write it as {earliest.isoformat()}.") from None
    day = day.date() if isinstance(day, datetime) else day
    if day < earliest:
        raise PromotionError(
            f"{day} is too soon: the policy on main gives readers {window} days (deprecation_days).",
            remedy=f"Choose {earliest} or later.",
        )
    return day


def _gives(record: Record, asked: str | None, version: Version) -> bool:
    try:
        return record.version(asked).number == version.number
    except FeatureNotFound:
        return False


def _built_on(registry: Registry, view: str, serving: Version | None) -> list[str]:
    """Return a sentence for each view that was computed from the version that no longer serves."""
    if serving is None:
        return []
    versions = {other: registry.version(other) for other in registry.serving}
    return [
        f"{other} {version.number} was computed from {view} {serving.number}."
        for other, version in versions.items()
        for read in version.inputs
        if read.kind == "view" and read.name == view and read.version == serving.number
    ]


def _bare(view: str) -> str:
    name, asked = split_version(view)
    if asked is not None:
        raise UsageError(f"{view!r} names a version.", remedy=f"Write: rollback {name} --to {asked}.")
    return name


def _number(to: str) -> str:
    return split_version(f"v@{to}")[1] or to


def _commit_of(registry: Registry) -> str:
    if registry.commit is None:
        raise PromotionError("Nothing was ever committed on main.", remedy="Promote something first.")
    return registry.commit
