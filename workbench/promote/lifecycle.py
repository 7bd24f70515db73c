"""What happens to a published version afterwards: deprecation and retirement. Data is never touched."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from workbench.errors import PromotionError, UsageError, did_you_mean
from workbench.promote.after_publish import announce
from workbench.promote.policy import require_permission
from workbench.promote.trunk import TrunkWriter, commit_of, in_line
from workbench.registry import lifecycle, record_path, split_version
from workbench.render import Report, Reported, Table, format_elapsed
from workbench.store import main_config

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from workbench.promote.pins import Pin
    from workbench.registry import Record, Registry, Version
    from workbench.workspace import Workspace

DEPRECATED, RETIRED = "Deprecated", "Retired"


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
    along
        The records of views that were changed with it.
    """

    what: str
    record: Record
    commit: str
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    along: tuple[Record, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-ready values."""
        return {
            "what": self.what,
            **_facts(self.record),
            "along": [_facts(record) for record in self.along],
            "commit": self.commit,
            "notes": list(self.notes),
            "seconds": round(self.seconds, 3),
        }

    def report(self) -> Report:
        """Return what was done, and the versions as they stand."""
        columns = ("version", "status", "change", "rows", "data", "until", "instead", "published (UTC)", "by")
        return Report(
            self.what,
            facts=(("commit", f"{self.commit[:10]} on main"), ("took", format_elapsed(self.seconds))),
            tables=tuple(Table(record.view, columns, _lines(record)) for record in (self.record, *self.along)),
            notes=self.notes,
        )

    def __repr__(self) -> str:
        return f"<Standing {self.what}>"


def _facts(record: Record) -> dict[str, Any]:
    versions = [
        {
            "number": v.number,
            "status": v.status,
            "until": None if v.until is None else v.until.isoformat(),
            "successor": v.successor,
            "rows": v.rows,
            "data": v.delta_version,
        }
        for v in record.versions
    ]
    return {"view": record.view, "current": record.current, "versions": versions}


def _lines(record: Record) -> tuple[tuple[object, ...], ...]:
    return tuple(
        (
            ("* " if v.number == record.current else "  ") + v.number,
            v.status,
            v.category,
            v.rows,
            v.delta_version,
            v.until,
            v.successor,
            v.published_at.strftime("%Y-%m-%d %H:%M"),
            v.published_by,
        )
        for v in reversed(record.versions)
    )


def deprecate(
    workspace: Workspace,
    ref: str,
    until: date | str | None = None,
    *,
    successor: str | None = None,
    now: datetime | None = None,
) -> Standing:
    """Announce the end of a major version: it serves until that day, and warns its readers."""
    from workbench.promote.pins import pins

    today = (now or datetime.now(UTC)).date()

    def step(line: TrunkWriter) -> Standing:
        registry = line.registry()
        record, version = _find_version(registry, ref)
        main = commit_of(registry)
        require_permission(workspace, main, [record.view])
        window = main_config(workspace, main).policy.deprecation_days
        end = _day(until, earliest=today + timedelta(days=window), window=window)
        if end is None and version.status != "deprecated":
            return Standing(f"{record.view} {version.number} is not deprecated", record, main)
        if end is None:
            new = lifecycle.reinstate(record, version)
            what, said = f"{record.view} {version.number} is no longer deprecated", "never"
        else:
            instead = _successor(registry, record, version, successor)
            new = lifecycle.deprecate(record, version, end, instead)
            what, said = f"{record.view} {version.number} is deprecated and served until {end}", end.isoformat()
        commit = write(
            line,
            main,
            {record.view: new},
            f"Deprecate {record.view} {version.number} until {said}",
            ((DEPRECATED, f"{record.view} {version.number} {said}"),),
        )
        return Standing(
            what, new, commit, tuple(pin.sentence for pin in pins(workspace, registry, record.view, version))
        )

    return in_main(workspace, step)


def retire(
    workspace: Workspace, ref: str, *, accept: Mapping[str, str] | None = None, now: datetime | None = None
) -> Standing:
    """Stop serving a deprecated major version whose last day is over. Its data stays until `gc` takes it."""
    from workbench.promote.pins import pins

    today = (now or datetime.now(UTC)).date()

    def step(line: TrunkWriter) -> Standing:
        registry = line.registry()
        record, version = _find_version(registry, ref)
        main = commit_of(registry)
        require_permission(workspace, main, [record.view])
        _over(record, version, today)
        pinned = pins(workspace, registry, record.view, version)
        lost = _accepted_pins(pinned, accept or {})
        refused = [pin for pin in pinned if pin not in lost]
        if refused:
            raise PromotionError(
                f"{record.view} {version.number} is still in use.",
                lines=[f"  {pin.sentence}" for pin in refused],
                remedy="Move these to its successor, or drop the release (`release drop NAME`); then retire it. What "
                "may lose it is accepted by name: --accept NAME=REASON.",
            )
        new = lifecycle.retire(record, version)
        commit = write(
            line,
            main,
            {record.view: new},
            f"Retire {record.view} {version.number}",
            ((RETIRED, f"{record.view} {version.number}"),),
            body="\n".join(f"{pin.sentence}: {(accept or {})[pin.name]}" for pin in lost),
        )
        notes = tuple(f"{pin.sentence}, and can no longer read it." for pin in lost)
        return Standing(f"{record.view} {version.number} is retired", new, commit, notes)

    return in_main(workspace, step)


def in_main(workspace: Workspace, step: Callable[[TrunkWriter], Standing]) -> Standing:
    """Run `step` on main, and again if another commit came first."""
    started = time.monotonic()
    with TrunkWriter.open(workspace) as line:
        announce(line)
        found = in_line(line, lambda: step(line))
        return replace(found, seconds=time.monotonic() - started)


def write(
    line: TrunkWriter,
    main: str,
    records: Mapping[str, Record],
    message: str,
    trailers: Sequence[tuple[str, str]],
    *,
    onto: str | None = None,
    body: str = "",
) -> str:
    """Write records into main's tree, or into the tree `onto`, in one commit on main, and return it."""
    changes = {record_path(view): record.to_toml() for view, record in records.items()}
    return line.commit(
        line.workspace.repository.tree_with(onto or main, changes),
        expected=main,
        message=f"{message}\n\n{body}" if body else message,
        trailers=trailers,
    )


def parse_version_ref(ref: object) -> tuple[str, str | None]:
    """Return the view and the version that `ref` names."""
    if not isinstance(ref, str) or not ref.partition("@")[0].strip():
        raise UsageError(f"{ref!r} does not name a view.", remedy="Write it as VIEW or VIEW@MAJOR, such as spend@1.")
    return split_version(ref)


def _find_version(registry: Registry, ref: object) -> tuple[Record, Version]:
    """Return the record and the live version of the major version that `ref` names."""
    view, asked = parse_version_ref(ref)
    record = registry.record(view)
    version = record.version(asked)
    if version.status == "superseded":
        live = record.version(str(version.major))
        raise PromotionError(
            f"{view} {version.number} is superseded; only a whole major version can be deprecated.",
            remedy=f"Write {view}@{live.major}.",
        )
    return record, version


def _successor(registry: Registry, record: Record, version: Version, named: str | None) -> str | None:
    """Return the successor that readers of an ending version should read."""
    if named is None and record.current != version.number:
        return record.current
    if named is None:
        others = [one.number for one in record.versions if one.is_live and one.number != version.number]
        name = others[-1].partition(".")[0] if others else "OTHER_VIEW"
        raise PromotionError(
            f"{record.view} {version.number} is the serving version, so its readers need a successor.",
            remedy=f"Publish a new version first, or name a successor: --successor {name}; or --successor none.",
        )
    if named == "none":
        return None
    bare = named.removeprefix("@")
    view, asked = split_version(f"{record.view}@{bare}" if bare[:1].isdigit() else bare)
    found = registry.version(view, asked)
    if view != record.view:
        return view if asked is None else f"{view}@{asked}"
    if found.major == version.major:
        raise PromotionError(
            f"{record.view} {found.number} is of the same major version as {version.number} and ends with it.",
            remedy="Name a version of another major, or another view.",
        )
    return found.number


def _accepted_pins(pinned: Sequence[Pin], accept: Mapping[str, str]) -> list[Pin]:
    """Return the pins that are accepted by name; what a published view is made from cannot be given up."""
    losable = [pin for pin in pinned if pin.kind != "view"]
    for name, reason in accept.items():
        if name not in {pin.name for pin in losable}:
            raise UsageError(
                f"{name!r} does not pin it.",
                remedy=did_you_mean(name, {pin.name for pin in losable}) or "Remove it.",
            )
        if not str(reason).strip():
            raise UsageError(f"{name!r} is accepted without a reason.", remedy=f"Write {name}=REASON.")
    return [pin for pin in losable if pin.name in accept]


def _over(record: Record, version: Version, today: date) -> None:
    ref = f"{record.view}@{version.major}"
    if version.status != "deprecated" or version.until is None:
        raise PromotionError(
            f"{record.view} {version.number} is not deprecated, so its readers have not been warned.",
            remedy=f"Deprecate it first: deprecate {ref}.",
        )
    if today <= version.until:
        raise PromotionError(
            f"{record.view} {version.number} is served until {version.until}.",
            remedy=f"It can be retired from {version.until + timedelta(days=1)} on.",
        )


def _day(until: date | str | None, *, earliest: date, window: int) -> date | None:
    if until is None:
        return earliest
    if until == "never":
        return None
    try:
        day = date.fromisoformat(until) if isinstance(until, str) else until
        day = day.date() if isinstance(day, datetime) else day
        early = day < earliest
    except (ValueError, TypeError):
        raise UsageError(f"{until!r} is not a date.", remedy=f"Write it as {earliest.isoformat()}.") from None
    if early:
        raise PromotionError(
            f"{day} is too early: [policy] on main requires {window} days (deprecation_days).",
            remedy=f"Choose {earliest} or later.",
        )
    return day
