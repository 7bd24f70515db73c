"""The sender: the one background process of a project that brings queued runs to MLflow.

``python -m workbench.tracking.sender HOME ROOT`` takes the project's sender lock (a second sender ends at once),
delivers the outbox in order, keeps trying while MLflow is down, and ends when nothing was queued for a
while. Killing it at any instruction loses nothing and doubles nothing: a record leaves the outbox after the journal
names its run, and a record that was attempted before is looked up by its key.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.files import replace_atomically
from workbench.records import from_json
from workbench.redaction import RedactedStream
from workbench.tracking.database import make_store
from workbench.tracking.journal import RunJournal
from workbench.tracking.limits import fit
from workbench.tracking.paths import VARIABLE, Places, Target, read_json
from workbench.tracking.process import try_lock
from workbench.tracking.queue import Corrupt, Outbox, Queued
from workbench.tracking.run_log import Begun, adopt, answer, requests

if TYPE_CHECKING:
    from workbench.tracking.deliver import Deliverer

_POLL = 0.1
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_GIVE_UP = 3600.0
_REFUSALS = 5
_ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # a repeated POST could make a second run: we look it up first
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
}


@dataclass(slots=True)
class Sender:
    """Delivers one project's outbox.

    Parameters
    ----------
    places
        The project's files.
    linger
        Seconds without anything queued after which the process ends.
    """

    places: Places
    linger: float
    outbox: Outbox = field(init=False)
    journal: RunJournal = field(init=False)
    _deliverer: Deliverer | None = field(default=None, init=False)
    _failures: int = field(default=0, init=False)
    _refused: dict[str, int] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.outbox = Outbox(self.places)
        self.journal = RunJournal(self.places)

    def run(self) -> None:
        """Deliver until there was nothing to do for `linger` seconds, or MLflow was down for an hour."""
        self._report(error=None, reachable=None)
        self.outbox.sweep()
        self._warm()
        quiet_since = time.monotonic()
        while self.places.home.is_dir():  # a project that was removed must not come back as an empty folder
            self._begin()
            if adopt(self.places):  # somebody is writing a run: be there if their process dies
                quiet_since = time.monotonic()
            newest = self._newest()
            if newest and not self.drain():
                if time.monotonic() - quiet_since > _GIVE_UP:
                    return
                self._pause(newest)
            elif newest:
                quiet_since = time.monotonic()
            elif time.monotonic() - quiet_since >= self.linger:
                return
            else:
                time.sleep(_POLL)

    @property
    def failing(self) -> bool:
        """Whether the last attempt failed."""
        return self._failures > 0

    def drain(self) -> bool:
        """Deliver what is queued, oldest first; return whether MLflow took it all."""
        for queued in self.outbox:
            self._begin()  # somebody waits for it
            try:
                self._one(queued)
            except Exception as error:  # noqa: BLE001  # the boundary: logged, reported, tried again
                traceback.print_exc()
                if not self._refuse(queued, error):
                    self._failures += 1
                    self._report(error=_explain(error), reachable=_reached(error))
                    return False
        return True

    def _one(self, queued: Queued) -> None:
        if queued.key in self.journal.runs():  # killed between the journal and the removal
            self.outbox.remove(queued.path)
            return
        try:
            record = fit(self.outbox.read(queued.path))
        except FileNotFoundError:
            return
        except Corrupt as error:
            self.outbox.set_aside(queued.path, str(error))
            return
        mark = self.outbox.attempt_mark(queued.path)
        attempted = record.begun or mark.exists()
        if not mark.exists():
            replace_atomically(mark, "", durable=True)
        delivered = self._client().deliver(record, attempted=attempted)
        self._failures = 0
        self._report(error=None, reachable=True)  # before anybody can see the run as sent
        self.journal.append(delivered.record, run_id=delivered.run_id, experiment_id=delivered.experiment_id)
        self.outbox.remove(queued.path)

    def _begin(self) -> None:
        """Make the runs in MLflow that are still being written and are to be there; each is tried once."""
        for key, record in requests(self.places):
            try:
                found = self._client().begin(fit(record))
            except Exception as error:  # noqa: BLE001  # the boundary: logged and told; the run is delivered later
                traceback.print_exc()
                self._report(error=_explain(error), reachable=_reached(error))
                answer(self.places, key, Begun(error=_explain(error)))
            else:
                self._report(error=None, reachable=True)
                answer(self.places, key, Begun(found.info.run_id, found.info.experiment_id))

    def _refuse(self, queued: Queued, error: Exception) -> bool:
        """Set a record aside that MLflow refused several times, so that the others pass; return whether it was."""
        from workbench.tracking.deliver import is_permanent

        if not is_permanent(error):
            return False
        self._refused[queued.key] = self._refused.get(queued.key, 0) + 1
        if self._refused[queued.key] < _REFUSALS:
            return False
        self.outbox.set_aside(queued.path, f"MLflow refused it: {_explain(error)}")
        return True

    def _client(self) -> Deliverer:
        """Return the deliverer for the store that the project names now."""
        from workbench.tracking.deliver import Deliverer

        target = self._target()
        os.environ.update(target.environment)
        make_store(target)
        if self._deliverer is None or self._deliverer.target != target:
            self._deliverer = Deliverer(target, places=self.places)
        return self._deliverer

    def _target(self) -> Target:
        """Return the store that is aimed at now."""
        values = read_json(self.places.target)
        named = Target(values["uri"], values["artifacts"])
        if named.key == values["key"]:
            return named
        given = from_json(os.environ.get(VARIABLE) or '{"uri": "", "artifacts": null}', Target)
        if given.key != values["key"]:
            raise SystemExit(0)
        return given

    def _warm(self) -> None:
        """Import MLflow and open the store before the first record needs them."""
        try:
            self._client().ping()
        except Exception as error:  # noqa: BLE001  # the boundary: delivery will report what stays wrong
            self._report(error=_explain(error), reachable=_reached(error))
            self._deliverer = None
        else:
            self._report(error=None, reachable=True)

    def _newest(self) -> str:
        """Return the name of the record queued last; empty where nothing is queued."""
        return max((queued.path.name for queued in self.outbox), default="")

    def _pause(self, newest: str) -> None:
        """Wait before the next attempt, longer each time; a newly queued record ends the wait."""
        pause = min(_FIRST_PAUSE * 2 ** min(self._failures - 1, 10), _LONGEST_PAUSE)
        until = time.monotonic() + pause
        time.sleep(min(pause, _FIRST_PAUSE))
        while time.monotonic() < until and self._newest() == newest and not any(True for _ in requests(self.places)):
            time.sleep(_POLL)

    def _report(self, *, error: str | None, reachable: bool | None) -> None:
        state = {
            "pid": os.getpid(),
            "error": error,
            "reachable": reachable,
            "failures": self._failures,
            "time": time.time(),
        }
        if not self.places.home.is_dir():
            return
        with suppress(OSError):  # a full disk must not end the sender
            replace_atomically(self.places.sender_state, json.dumps(state))


def _explain(error: Exception) -> str:
    """Return what went wrong in one line; the log has the rest."""
    text = str(error).strip()
    refused = re.search(r"\[Errno -?\d+\] [^'\")]+|timed out", text)
    address = re.search(r"https?://[^/\s]+", text)
    if refused and address:
        return f"no answer from {address[0].rpartition('@')[2].rpartition('/')[2]}: {refused[0]}"
    return f"{type(error).__name__}: {text.splitlines()[0][:500]}" if text else type(error).__name__


def _reached(error: Exception) -> bool:
    """Return whether the store answered, although with an error."""
    return getattr(error, "error_code", None) not in {None, "INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the sender of one project until it is idle."""
    parser = argparse.ArgumentParser(prog="python -m workbench.tracking.sender", description=__doc__)
    parser.add_argument("home", type=Path, help="the folder of tracking's files")
    parser.add_argument("root", type=Path, help="the project's folder")
    parser.add_argument("--linger", type=float, default=60.0, help="seconds to stay without work")
    options = parser.parse_args(arguments)
    places = Places(options.home.absolute(), options.root.absolute())
    os.chdir(places.root)
    os.nice(5)
    os.environ.update(_ENVIRONMENT)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    secret = json.loads(os.environ.get(VARIABLE, "{}")).get("uri")
    sys.stdout, sys.stderr = RedactedStream(sys.stdout, url=secret), RedactedStream(sys.stderr, url=secret)
    work = True
    while work:  # a record queued while the lock was let go of must not wait for the next one
        work = _run_alone(Sender(places, options.linger)) and any(True for _ in Outbox(places))


def _run_alone(sender: Sender) -> bool:
    """Run `sender` if no other holds the lock; return whether it ran and stopped without giving up."""
    for _ in range(20):  # whoever merely looks whether the lock is held, holds it for a moment
        with try_lock(sender.places.sender_lock) as handle:
            if handle is not None:
                sender.run()
                return not sender.failing
        time.sleep(0.05)
    return False


if __name__ == "__main__":
    main()
