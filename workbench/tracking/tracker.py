"""The kernel's side of tracking: submit, ask, list, compare. Nothing here imports MLflow or waits for it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from msgspec.structs import replace

from workbench.config import TrackingSettings
from workbench.files import replace_atomically, stamp, stamps
from workbench.records import to_json
from workbench.tracking import ui as ui_process
from workbench.tracking.comparison import Comparison, compare_pages, pick, sides_of_runs
from workbench.tracking.journal import Facts, RunJournal, RunSummary, summary
from workbench.tracking.limits import fit
from workbench.tracking.paths import VARIABLE, Places, Target, read_json
from workbench.tracking.process import is_held, reap, spawn
from workbench.tracking.queue import Corrupt, Outbox, Queued
from workbench.tracking.run_log import Begun, OpenRun
from workbench.tracking.runs import RunRecord, RunStatus

if TYPE_CHECKING:
    from workbench.tracking.sides import RunSide
    from workbench.tracking.ui import Ui

PIN_TAG = "workbench.pin"
"""An experiment's tag whose value ``true`` keeps what its runs computed from being collected."""
_VIEW_ID = re.compile(r'"view_id":\s*"([0-9a-f]{64})"')
_WAIT = 0.05
_STARTING = 3.0
"""Seconds within which a sender that was started takes its lock."""
_KEPT_IN_MEMORY = 100
_BEGINNING, _BEGINNING_AFTER_FAILURE = 20.0, 1.0
"""Seconds that the beginning of a run waits for MLflow; a sender that must start takes several."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """How far a record got.

    Parameters
    ----------
    state
        ``queued`` (safe on disk), ``sent`` (MLflow has it), or ``failing`` (`error` says why; unless it was refused,
        it is tried again).
    run_id
        MLflow's id once it is sent.
    error
        What is wrong; None unless failing.
    """

    state: Literal["queued", "sent", "failing"]
    run_id: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Ticket:
    """A submitted record, to ask what became of it.

    Parameters
    ----------
    key
        The record's key.
    tracker
        Where it was submitted.
    """

    key: str
    tracker: Tracker

    def poll(self) -> Delivery:
        """Return the state of the record without waiting."""
        return self.tracker.delivery(self.key)

    def run_id(self, timeout: float = 30.0) -> str | None:
        """Wait until MLflow has the record; return the run's id, or None after `timeout` seconds."""
        until = time.monotonic() + timeout
        while (delivery := self.poll()).run_id is None and time.monotonic() < until:
            time.sleep(_WAIT)
        return delivery.run_id

    def __repr__(self) -> str:
        return f"<Ticket {self.key[:8]}: {self.poll().state}>"


@dataclass(frozen=True, slots=True)
class TrackingStatus:
    """How tracking is, from files alone.

    Parameters
    ----------
    uri
        The store, without a password.
    reachable
        Whether MLflow answered the sender's last attempt; None before the first.
    queued
        Records not delivered yet.
    last_error
        Why the last attempt failed; None if it did not.
    set_aside
        Files that hold no record or were refused, in ``outbox/rejected`` of the project's home.
    sending
        Whether the sender is running.
    ui
        The address of MLflow's UI; None where none was started.
    """

    uri: str
    reachable: bool | None
    queued: int
    last_error: str | None
    set_aside: tuple[str, ...]
    sending: bool
    ui: str | None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know, one sentence each; empty when all is well."""
        found = []
        if self.last_error and self.queued:
            found.append(
                f"MLflow does not have {self.queued} run(s) yet; they are kept and sent later: {self.last_error}"
            )
        elif self.last_error:
            found.append(f"MLflow cannot be used: {self.last_error}")
        if self.set_aside:
            names = ", ".join(self.set_aside[:5])
            found.append(f"{len(self.set_aside)} run(s) were set aside in outbox/rejected: {names}")
        return tuple(found)


class Tracker:
    """Tracks one project's runs in MLflow without importing it.

    Parameters
    ----------
    settings
        ``[tracking]`` of the project.
    home
        The folder that tracking keeps its files in.
    root
        The project's folder.
    project
        The project's name; the experiment's too unless `settings` names another.
    linger
        Seconds that the sender stays without work.

    Raises
    ------
    TrackingError
        `settings` names a store that cannot be used.
    """

    def __init__(
        self, settings: TrackingSettings, *, home: Path, root: Path, project: str, linger: float = 60.0
    ) -> None:
        self.project = project
        self.experiment = settings.experiment or project
        self._sends = settings.send
        self.places = Places(home.absolute(), root.absolute())
        self.target = Target.of(settings, self.places)
        self._linger = linger
        self._outbox = Outbox(self.places)
        self._journal = RunJournal(self.places)
        self._unsaved: dict[str, RunRecord] = {}
        self._trouble: str | None = None
        self._spawned: dict[int, float] = {}

    def submit(self, record: RunRecord) -> Ticket:
        """Queue `record` for MLflow and return at once; never raises.

        A record with an empty experiment goes to the project's. Where the disk is full the ticket says so, the
        record stays in memory, and the next submission tries again.
        """
        record = record if record.experiment else replace(record, experiment=self.experiment)
        self._unsaved[record.key] = record
        self._save()
        return Ticket(record.key, self)

    def open(self, record: RunRecord) -> OpenRun:
        """Return a run to be written step by step, on disk from now on: if this process dies it is sent as killed."""
        run = OpenRun(self.places, record if record.experiment else replace(record, experiment=self.experiment))
        self.warm()
        return run

    def begin(self, run: OpenRun) -> Begun:
        """Have MLflow make `run` while it is being written, and wait for it a bounded time."""
        try:
            run.request()
        except OSError as error:
            return Begun(error=f"{self.places.open} cannot be written: {error.strerror or error}")
        failed = read_json(self.places.sender_state).get("error") and is_held(self.places.sender_lock)
        seconds = _BEGINNING_AFTER_FAILURE if failed else _BEGINNING
        until = time.monotonic() + seconds
        while (begun := run.answer()) is None and time.monotonic() < until:
            self.warm()
            time.sleep(_WAIT)
        return begun or Begun(error=self._trouble or f"no answer within {seconds:.0f} seconds")

    @property
    def sends(self) -> bool:
        """Whether runs are sent to MLflow now."""
        return self._sends

    def close(self, run: OpenRun, status: RunStatus) -> Ticket:
        """Queue `run` as it stands and return at once; never raises."""
        ticket = self.submit(run.closed(status))
        if ticket.key not in self._unsaved:
            run.forget()
        return ticket

    def warm(self) -> None:
        """Start the sender ahead of need, so that it has imported MLflow when the first record comes; never raises."""
        try:
            self._aim()
            self._wake()
            if not self._unsaved:
                self._trouble = None
        except OSError as error:
            self._trouble = f"the sender cannot be started: {error}"

    def delivery(self, key: str) -> Delivery:
        """Return the state of the record `key`; restart a sender that was killed."""
        if key in self._unsaved:
            return Delivery("failing", error=self._trouble)
        sent = self._journal.runs().get(key)
        if sent is None and self._outbox.find(key) is not None:
            self.warm()
            error = self._trouble or read_json(self.places.sender_state).get("error")
            return Delivery("failing" if error else "queued", error=error)
        sent = sent or self._journal.runs().get(key)  # it may have been sent between the two looks
        if sent is not None:
            return Delivery("sent", run_id=sent.run_id)
        reason = self._outbox.reason(key) or "its file is missing from the outbox"
        return Delivery("failing", error=reason)

    def pending(self) -> int:
        """Return how many records MLflow does not have yet."""
        return len(self._outbox) + len(self._unsaved)

    def status(self) -> TrackingStatus:
        """Return how tracking is, from files alone: milliseconds, no network."""
        sender = read_json(self.places.sender_state)
        found = ui_process.current(self.places, self.target, probe=False)
        return TrackingStatus(
            uri=self.target.shown,
            reachable=sender.get("reachable"),
            queued=self.pending(),
            last_error=self._trouble or sender.get("error"),
            set_aside=self._outbox.set_aside_names(),
            sending=is_held(self.places.sender_lock),
            ui=found.url if found else None,
        )

    def requeue(self) -> int:
        """Queue again what was set aside; return how many."""
        count = self._outbox.requeue()
        if count:
            self.warm()
        return count

    def runs(self, *, branch: str | None = None, view: str | None = None, limit: int = 50) -> list[RunSummary]:
        """Return runs submitted from this project folder, newest first, those still queued included."""
        found = {queued.key: run for queued in self._outbox if (run := self._queued(queued))}
        found |= self._journal.runs()
        wanted = [run for run in found.values() if branch in {None, run.branch} and view in {None, run.view}]
        return sorted(wanted, key=lambda run: run.start, reverse=True)[:limit]

    def experiment_id(self) -> str | None:
        """Return MLflow's id of the project's experiment; None before the first run of it was delivered."""
        sent = (run for run in self._journal.runs().values() if run.experiment == self.experiment)
        return next((run.experiment_id for run in sent), None)

    def compare(
        self,
        *,
        run_ids: Sequence[str] | None = None,
        branch: str | None = None,
        view: str | None = None,
        limit: int = 10,
    ) -> Comparison:
        """Return some runs side by side."""
        if run_ids is not None:
            runs = pick(self.runs(limit=1_000_000), run_ids)
        else:
            runs = self.runs(branch=branch, view=view, limit=limit)
        return self.compare_sides(sides_of_runs(runs, map(self.facts, runs)))

    def compare_sides(self, sides: Sequence[RunSide], *, baseline: int = 0) -> Comparison:
        """Return `sides` side by side, with the link to MLflow's page that compares their runs."""
        found = ui_process.current(self.places, self.target, probe=False)
        runs = [run for side in sides for run in side.runs]
        return Comparison(tuple(sides), compare_pages(runs, server=found.url if found else None), baseline)

    def facts(self, run: RunSummary) -> Facts:
        """Return what `run` logged; empty where its file is gone."""
        path = self._outbox.find(run.key) if run.state == "queued" else None
        if path is not None:
            try:
                record = fit(self._outbox.read(path))
            except (Corrupt, OSError):
                return self._journal.facts(run.key)
            return Facts.of(record)
        return self._journal.facts(run.key)

    def views_in_use(self) -> set[str]:
        """Return the view ids that runs hold on to: those trained on, and those of runs tagged ``workbench.pin``."""
        found: set[str] = set()
        for run in self.runs(limit=1_000_000):
            facts = self.facts(run)
            if facts.tags.get(PIN_TAG, "").lower() in {"true", "yes", "1"} and run.view_id:
                found.add(run.view_id)
            for text in facts.artifacts.values():
                found |= set(_VIEW_ID.findall(text))
        return found

    def ui(self) -> Ui:
        """Return MLflow's UI, started in the background if need be; does not wait until it answers."""
        return ui_process.start(self.places, self.target)

    def mark(self) -> object:
        """Return what is another value after a run was queued or sent, or MLflow's UI was started."""
        places = self.places
        return stamps(places.outbox), stamp(places.journal), stamp(places.sender_state), stamp(places.ui_state)

    def current_ui(self) -> Ui | None:
        """Return MLflow's UI where there is one; none is started, and it is not asked whether it answers."""
        return ui_process.current(self.places, self.target, probe=False)

    def stop_ui(self) -> bool:
        """End the UI that `ui` started; return whether there was one."""
        return ui_process.stop(self.places)

    def _save(self) -> None:
        """Write what is not on disk yet, and wake the sender."""
        try:
            for key, record in list(self._unsaved.items()):
                self._outbox.put(record)
                del self._unsaved[key]
        except OSError as error:
            self._trouble = f"the run cannot be written to {self.places.outbox}: {error.strerror or error}"
            for key in list(self._unsaved)[:-_KEPT_IN_MEMORY]:
                del self._unsaved[key]
            return
        self.warm()

    def _aim(self) -> None:
        """Tell the sender which store to use."""
        aim = {"uri": self.target.shown, "artifacts": self.target.artifacts, "key": self.target.key}
        if read_json(self.places.target) != aim:
            replace_atomically(self.places.target, json.dumps(aim))

    def _wake(self) -> None:
        """Start a sender unless one runs or is about to; a second one would find the lock held and end."""
        if not self._sends:
            return
        now = time.monotonic()
        self._spawned = {pid: when for pid, when in self._spawned.items() if not reap(pid)}
        if any(now - when < min(_STARTING, self._linger) for when in self._spawned.values()):
            return
        if is_held(self.places.sender_lock):
            return
        places = [str(self.places.home), str(self.places.root)]
        arguments = ["-m", "workbench.tracking.sender", *places, "--linger", str(self._linger)]
        secret = {VARIABLE: to_json(self.target)} if self.target.is_secret else {}
        self._spawned[spawn(arguments, log=self.places.log("sender"), extra=secret)] = now

    def _queued(self, queued: Queued) -> RunSummary | None:
        try:
            return summary(fit(self._outbox.read(queued.path)))
        except (Corrupt, OSError):
            return None  # the sender sets it aside, or has just sent it
