"""MLflow's own functions inside an experiment's block: ``mlflow.log_metric`` and autologging go to the block's run.

MLflow keeps its store, experiment and active runs in module state, and has no public way to put it back. This is the
one place that touches it; MLflow is imported by the user alone, before the block or in it.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import TrackingError, UsageError
from workbench.redaction import redact

if TYPE_CHECKING:
    from workbench.tracking.run_log import OpenRun
    from workbench.tracking.tracker import Tracker

_URI, _RUN = "MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID"
_EXPERIMENT, _EXPERIMENT_ID = "MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID"
_USER, _PASSWORD = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"
_RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
_FLAVORS = {"torch": "pytorch", "pyspark": "spark", "mlflow": "pyfunc"}
"""The flavors that are not called as the package whose models they know."""
_VARIABLES = (_URI, _RUN, _EXPERIMENT, _EXPERIMENT_ID, _USER, _PASSWORD, _RETRIES)
PARENT_TAG = "mlflow.parentRunId"


class TrackingWarning(UserWarning):
    """What MLflow's own functions do in an experiment's block is not what one might expect."""


@dataclass(slots=True)
class FluentBlock:
    """MLflow's module state and variables for the time of one block.

    Parameters
    ----------
    tracker
        Where the block's run goes.
    """

    tracker: Tracker
    run_id: str | None = None
    """MLflow's id of the block's run, from when MLflow is used in the block."""
    _run: OpenRun | None = None
    _environment: Mapping[str, str | None] = field(default_factory=dict)
    _state: _State | None = None
    _finder: _Finder | None = None

    def parent(self) -> dict[str, str]:
        """Return the tag by which the user's active run becomes the parent of the block's."""
        if not self.tracker.sends:
            return {}
        active = _active_runs()
        run_id = active[-1].info.run_id if active else os.environ.get(_RUN)
        if not run_id:
            return {}
        name = f"{active[-1].info.run_name} {run_id[:8]}" if active else run_id[:8]
        if self._elsewhere():
            _warn(f"MLflow's run {name} is in another store: it stays as it is, and is active again after the block.")
            return {}
        _warn(f"MLflow's run {name} is active: the run of this block becomes its child.")
        return {PARENT_TAG: run_id}

    def enter(self, run: OpenRun) -> None:
        """Let what MLflow logs from now on go to `run`; where MLflow is not imported, from its import on."""
        if not self.tracker.sends:
            return
        self._run = run
        target = self.tracker.target
        if uri := self._elsewhere():
            _warn(
                f"MLflow's tracking URI is {redact(uri)}, but this block logs to the project's, {target.shown}; "
                "[tracking] uri in workbench.toml sets it."
            )
        self._environment = {name: os.environ.get(name) for name in _VARIABLES}
        os.environ.pop(_RUN, None)  # a nested run would resume it
        os.environ.pop(_EXPERIMENT_ID, None)
        os.environ.update({_URI: target.uri, _EXPERIMENT: run.record.experiment, **target.environment})
        if "mlflow" in sys.modules:
            self.join()
        else:
            self._finder = _Finder(self.join)
            sys.meta_path.insert(0, self._finder)

    def join(self) -> None:
        """Make the block's run MLflow's active one; say so where MLflow has no such run."""
        if self._run is None or self._state is not None:
            return
        self._state = _State.now()
        begun = self.tracker.begin(self._run)
        error = begun.error
        try:
            self._state.aim(self.tracker.target.uri, begun.experiment_id or None)
            if begun.run_id:
                self._state.activate(begun.run_id)
                self.run_id = begun.run_id
        except Exception as failure:  # noqa: BLE001 - the boundary to MLflow: a training goes on without it
            said = redact(f"{type(failure).__name__}: {failure}", url=self.tracker.target.uri)
            error = said.splitlines()[0][:300]
        if error:
            os.environ.setdefault(_RETRIES, "1")  # else each call retries for minutes
            _warn(f"mlflow.log_* will fail in this block ({error}); what is logged to `run` is kept and sent later.")

    def log_model(self, model: object, **options: Any) -> Any:
        """Log a model to the block's run by the flavor that knows its class; return MLflow's `ModelInfo`."""
        if not self.tracker.sends:
            raise TrackingError(
                "MLflow is not used with `send = false` under [tracking].",
                remedy="Keep the model's file: run.log_model_file(path).",
            )
        try:
            import mlflow  # noqa: F401 - the block meets it here
        except ImportError as error:
            raise TrackingError(
                f"MLflow cannot be imported: {error}.", remedy="Keep the model's file: run.log_model_file(path)."
            ) from None
        self.join()
        flavor, argument = _flavor(model)
        if self.run_id is None:
            raise TrackingError(
                "MLflow does not have this run, so it cannot take its model.",
                remedy="Keep the model's file, which is sent later: run.log_model_file(path).",
            )
        given = {argument: model} if argument else {}
        return flavor.log_model(*([] if argument else [model]), **given, **options)

    def leave(self, *, failed: bool) -> None:
        """Put back what was there before the block."""
        if self._run is None:
            return
        self._run = None
        if self._finder is not None and self._finder in sys.meta_path:
            sys.meta_path.remove(self._finder)
        os.environ.setdefault(_RETRIES, "1")
        try:
            if self._state is not None:
                self._state.restore(self.run_id, failed=failed)
        except Exception as error:  # noqa: BLE001 - the boundary to MLflow: the block's own run is closed whatever happens
            said = redact(str(error), url=self.tracker.target.uri)
            _warn(f"A run that was left open in this block could not be ended: {said}".splitlines()[0][:300])
        finally:
            for name, value in self._environment.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value

    def _elsewhere(self) -> str | None:
        """Return the store that the user has MLflow speak to, where it is not the project's."""
        uri = _uri()
        return None if uri is None or _plain(uri) == _plain(self.tracker.target.uri) else uri


@dataclass(frozen=True, slots=True)
class _State:
    """What MLflow's module state was."""

    uri: str | None
    experiment: str | None
    runs: tuple[Any, ...]

    @classmethod
    def now(cls) -> _State:
        from mlflow.tracking import fluent
        from mlflow.tracking._tracking_service import utils

        return cls(utils._tracking_uri, fluent._active_experiment_id, tuple(fluent._active_run_stack.get()))

    def aim(self, uri: str, experiment: str | None) -> None:
        import mlflow
        from mlflow.tracking import fluent

        mlflow.set_tracking_uri(uri)
        if experiment is None:
            fluent._active_experiment_id = None
        else:
            mlflow.set_experiment(experiment_id=experiment)

    def activate(self, run_id: str) -> None:
        import mlflow

        mlflow.start_run(run_id=run_id, nested=bool(self.runs))

    def restore(self, run_id: str | None, *, failed: bool) -> None:
        """End the runs that were started in the block and left open; the block's own is ended by its sender."""
        import mlflow
        from mlflow.tracking import fluent

        stack = fluent._active_run_stack.get()
        known = {run.info.run_id for run in self.runs} | {run_id}
        try:
            while stack and stack[-1].info.run_id not in known:
                mlflow.end_run("FAILED" if failed else "FINISHED")
        finally:
            left = {run.info.run_id for run in stack}
            stack[:] = [run for run in self.runs if run.info.run_id in left]
            monitor = fluent.run_id_to_system_metrics_monitor.pop(run_id, None)
            if monitor is not None:
                monitor.finish()
            if run_id is not None:
                fluent._last_active_run_id.set(run_id)
            mlflow.set_tracking_uri(self.uri)
            fluent._active_experiment_id = self.experiment


class _Finder:
    """Notices that MLflow is imported, and calls `then` when it is."""

    def __init__(self, then: Callable[[], None]) -> None:
        self._then = then

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != "mlflow":
            return None
        spec = PathFinder.find_spec(name, path, target)
        loader: Any = spec and spec.loader
        if loader is None:
            return None
        execute = loader.exec_module

        def exec_module(module: Any) -> None:
            execute(module)
            self._then()

        loader.exec_module = exec_module
        return spec


def _flavor(model: object) -> tuple[Any, str | None]:
    """Return MLflow's module for the class of `model` or what that is derived from, and the argument it takes it by."""
    for kind in type(model).__mro__:
        package = kind.__module__.partition(".")[0]
        name = _FLAVORS.get(package, package)
        if not package.startswith("_") and find_spec(f"mlflow.{name}") is not None:
            module = import_module(f"mlflow.{name}")
            if hasattr(module, "log_model"):
                return module, "python_model" if name == "pyfunc" else None
    kind = type(model)
    raise UsageError(
        f"MLflow has no flavor for a {kind.__module__}.{kind.__qualname__}.",
        remedy="Keep its file with run.log_model_file(path), or log it by mlflow.pyfunc.log_model in this block.",
    )


def _active_runs() -> list[Any]:
    if "mlflow" not in sys.modules:
        return []
    from mlflow.tracking import fluent

    return list(fluent._active_run_stack.get())


def _uri() -> str | None:
    """Return the store that the user named to MLflow; None where there is none."""
    found = None
    if "mlflow" in sys.modules:
        from mlflow.tracking._tracking_service import utils

        found = utils._tracking_uri
    return found or os.environ.get(_URI) or None


def _plain(uri: str) -> str:
    """Return `uri` so that two spellings of one store are equal."""
    scheme, _, rest = redact(uri).rstrip("/").partition("://")
    if scheme != "sqlite":
        return f"{scheme}://{rest.rpartition('@')[2]}"
    return f"sqlite:{Path(rest.removeprefix('/').partition('?')[0]).absolute()}"


def _warn(message: str) -> None:
    frame, level = sys._getframe(1), 2
    while frame.f_back and frame.f_globals.get("__name__", "").startswith(("workbench.", "importlib.", "mlflow")):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, TrackingWarning, stacklevel=level - 1)
