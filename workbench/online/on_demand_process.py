"""Computing on-demand views away from the process that serves: each version in a worker process of its own.

User code may loop for ever, crash or eat memory. A worker that does not answer in time is killed and another one is
forked for the next request. The service holds tokens and passwords, which a worker's environment does not have, and
loads neither pandera nor any definition.
"""

from __future__ import annotations

import io
import os
import sys
import threading
import time
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.errors import ComputeError, ContractViolation, OnDemandTimeout, WorkbenchError, WorkerEnded
from workbench.online.catalog import DefinitionFiles, definition_key
from workbench.source_tree import TreeFiles, install, package_name, read_tree
from workbench.worker import pool

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.online.catalog import OnlineCatalog
    from workbench.registry import OnDemandVersion
    from workbench.worker import Worker

MOST = 16
"""Versions that have a process at a time; the one that was asked for longest ago makes room."""
LOADING_SECONDS = 60.0
"""How long a process may take to load a definition: that is no request's time."""
_KEPT = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "TZ", "XDG_CACHE_HOME")
"""What is left of the environment in a process that runs definitions."""


class OnDemandProcesses:
    """Worker processes that compute on-demand views of main, one a version.

    Parameters
    ----------
    seconds
        How long a batch may take.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        prefix = f"workbench-on-demand-{os.getpid()}-"
        self._folder = TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True)
        self._processes: OrderedDict[str, _Process] = OrderedDict()
        self._changing = threading.Lock()

    def function(
        self, catalog: OnlineCatalog, name: str, version: OnDemandVersion
    ) -> Callable[[pl.DataFrame], pl.DataFrame]:
        """Return what computes a version of an on-demand view, by the files that the catalogue has of it."""

        def compute(rows: pl.DataFrame) -> pl.DataFrame:
            if rows.is_empty():
                return pl.DataFrame(schema=version.contract.schema)
            return self._process(catalog, name, version).compute(rows)

        return compute

    def warm(self, catalog: OnlineCatalog) -> None:
        """Load what is published in the background, so that the first requests need not wait for it."""

        def load() -> None:
            for name in catalog.registry.on_demand_views:
                with suppress(WorkbenchError, OSError):  # whoever asks is told
                    self._process(catalog, name, catalog.registry.on_demand(name).version()).warm()

        threading.Thread(target=load, name="on demand", daemon=True).start()

    def close(self) -> None:
        """End all processes."""
        with self._changing:
            for process in self._processes.values():
                process.close()
            self._processes.clear()
        self._folder.cleanup()

    def _process(self, catalog: OnlineCatalog, name: str, version: OnDemandVersion) -> _Process:
        key, cache = definition_key(name, version), Path(self._folder.name)
        with self._changing:
            if key not in self._processes:
                files = read_tree(DefinitionFiles(catalog), key, tree=key, cache=cache)
                label, package = f"{name}@{version.number}", package_name(cache, key)
                self._processes[key] = _Process(label, name, package, files, self._seconds)
            self._processes.move_to_end(key)
            found = self._processes[key]
            oldest = self._processes.popitem(last=False)[1] if len(self._processes) > MOST else None
        if oldest is not None:
            oldest.close()
        return found


class _Process:
    """The process of one version: forked when it is asked for, and again after its end."""

    def __init__(self, label: str, name: str, package: str, files: TreeFiles, seconds: float) -> None:
        self._label = label
        self._definition = package, files, name
        self._seconds = seconds
        self._worker: Worker | None = None
        self._computing = threading.Lock()

    def compute(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the features of `rows`."""
        end = time.monotonic() + self._seconds
        if not self._computing.acquire(timeout=self._seconds):
            raise self._late()
        try:
            worker = self._ready()
            buffer = io.BytesIO()
            rows.write_ipc_stream(buffer)
            worker.start(_compute, buffer.getvalue())
            return self._result(worker.receive(max(0.001, end - time.monotonic()))[1])
        except TimeoutError:
            self._end()
            raise self._late() from None
        except WorkerEnded as error:
            self._end()
            raise self._failed(error.message) from None
        finally:
            self._computing.release()

    def warm(self) -> None:
        """Have the process loaded."""
        with self._computing:
            self._ready()

    def close(self) -> None:
        """End the process."""
        with self._computing:
            self._end()

    def _ready(self) -> Worker:
        if self._worker is None:
            worker = pool().worker()
            worker.start(_load, *self._definition)
            try:
                said = worker.receive(LOADING_SECONDS)[1]
            except BaseException:
                worker.close()
                raise
            if said:
                worker.close()
                raise self._failed(said)
            self._worker = worker
        return self._worker

    def _end(self) -> None:
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def _result(self, found: tuple[str, Any]) -> pl.DataFrame:
        kind, value = found
        if kind == "made":
            return pl.read_ipc_stream(io.BytesIO(value))
        if kind == "contract":
            raise ContractViolation(
                f"On-demand view {self._label} gives values that its contract does not allow: {value}.",
                remedy="Check the values of the request; or ask who owns the view.",
            )
        raise self._failed(value)

    def _failed(self, said: str) -> ComputeError:
        error = ComputeError(
            f"On-demand view {self._label} cannot be computed for these values.", remedy="Ask who owns the view."
        )
        error.__cause__ = RuntimeError(said)  # for the log, not for who asked
        return error

    def _late(self) -> OnDemandTimeout:
        return OnDemandTimeout(
            f"On-demand view {self._label} was not computed within {self._seconds:g} seconds.",
            remedy="Ask for fewer entities at once, or later.",
        )


def _load(state: SimpleNamespace, package: str, files: TreeFiles, name: str) -> str:
    """Load a definition in a worker; return what it raises, empty where nothing."""
    from workbench.define import Definitions

    for variable in [each for each in os.environ if each not in _KEPT]:
        del os.environ[variable]
    sys.stdout = sys.stderr = io.StringIO()
    try:
        install(package, files)
        state.view = Definitions(package, files).on_demand(name)
        state.view.contract  # noqa: B018 - made once, not by the first request
    except Exception as error:  # noqa: BLE001 - the user's code may raise anything
        return f"{type(error).__name__}: {error}"
    return ""


def _compute(state: SimpleNamespace, rows: bytes) -> tuple[str, Any]:
    """Compute rows in a worker."""
    from workbench.compute import compute_on_demand

    try:
        made = compute_on_demand(state.view, pl.read_ipc_stream(io.BytesIO(rows)))
    except ContractViolation as error:
        return "contract", "; ".join(line.strip() for line in error.lines)[:400]
    except Exception as error:  # noqa: BLE001 - the user's code may raise anything
        said = error.message if isinstance(error, WorkbenchError) else str(error)
        return "raised", f"{type(error).__name__}: {said}"
    buffer = io.BytesIO()
    made.write_ipc_stream(buffer)
    return "made", buffer.getvalue()
